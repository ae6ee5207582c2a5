// A program of its own, built and started by the test: MIMIC-CXR as the corpus and BRSET and VinDr-PCXR as tasks, from their folders to predictions.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findLeaks } from "../../../src/data/leaks/find-leaks";
import { planGrid } from "../../../src/experiments/grid/plan";
import { runGrid } from "../../../src/experiments/grid/run-grid";
import { loadCorpus } from "../../../src/phantoms/load-corpus";
import { loadTask } from "../../../src/phantoms/load-task";
import { tinyWorld } from "../grid/tiny-world";

async function work(folder: string): Promise<void> {
  const dataDir = join(folder, "data");
  const cacheDir = join(folder, "cache");
  const world = {
    ...tinyWorld(join(folder, "models")),
    loadTask: (name: string) => loadTask(name, { source: "real", dataDir }),
    isDrawn: () => false,
    corpusOf: () => "mimic-cxr",
    loadCorpus: () => loadCorpus("mimic-cxr", { dataDir, cacheDir }),
  };
  const vindr = await world.loadTask("vindr-pcxr");
  const corpus = await world.loadCorpus();
  await findLeaks(corpus, vindr);
  const asked = { profile: "test", source: "real", tasks: ["brset"], systems: ["closed-book", "ft-rag"] } as const;
  const plan = await planGrid({ ...asked, artifactsDir: join(folder, "artifacts") }, { world });
  const { computed, failures } = await runGrid(plan, { world });
  for (const { stage, error } of failures) throw new Error(`${stage.id}: ${error}`);
  writeFileSync(join(folder, "done"), computed.map(({ id }) => id).join("\n"));
}

const [folder] = process.argv.slice(2);
if (process.env["CREDENTIALED_CHILD"] === "1" && folder !== undefined)
  work(folder).catch((error: unknown) => {
    process.stdout.write(`crashed ${(error as Error).stack}\n`);
    process.exitCode = 1;
  });
