import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { measureExpectations } from "../../src/analysis/expectations";
import type { Measurement } from "../../src/analysis/measurement";
import { repositoryRoot } from "../../src/base/paths";
import type { Corpus, Example, Head, Matrix, Task } from "../../src/base/types";
import { openBackend } from "../../src/compute/backend";
import { type Clip, loadClip } from "../../src/models/clip/weights";
import { encodeImages, encodeTexts } from "../../src/models/dual-encoder/encoder";
import { PHANTOM_DIALS } from "../../src/phantoms/knowledge/dials";
import { corpusFor, loadCorpus } from "../../src/phantoms/load-corpus";
import { loadPhantomFacts } from "../../src/phantoms/load-facts";
import { loadTask } from "../../src/phantoms/load-task";

/** JOMED_RULE_TABLE names the file that the rows of docs/phantoms.md are written to: means of three seeds instead of one. */
const table = process.env["JOMED_RULE_TABLE"];
const SEEDS = table === undefined ? [101] : [101, 102, 103];
/** Different pictures that are looked at. */
const MOST = { train: 600, validation: 250 } as const;

let clip: Clip;
const cacheDir = mkdtempSync(join(tmpdir(), "rule-"));
const corpora = new Map<string, { readonly corpus: Corpus; readonly embeddings: Record<Head, Matrix> }>();
const lines: string[] = [];

beforeAll(async () => {
  await openBackend();
  clip = loadClip(join(repositoryRoot(), "data", "checkpoints", "clip"));
});
afterAll(() => {
  clip.dispose();
  rmSync(cacheDir, { recursive: true });
  if (table !== undefined) writeFileSync(table, `${lines.join("\n")}\n`);
});

const picturesOf = (list: readonly Pick<Example, "image">[]) =>
  encodeImages(
    clip,
    list.map(({ image }) => image),
  );

async function corpusOf(task: string, seed: number) {
  const name = corpusFor(task);
  const found = corpora.get(`${name} ${seed}`);
  if (found !== undefined) return found;
  const corpus = await loadCorpus(name, { seed, cacheDir });
  const text = await encodeTexts(
    clip,
    corpus.passages.map((passage) => passage.text),
  );
  const made = { corpus, embeddings: { image: await picturesOf(corpus.passages), text } };
  corpora.set(`${name} ${seed}`, made);
  return made;
}

/** Different pictures; of tasks that are not of one label nothing is asked but their signs. */
function lookedAt({ splits }: Task, split: "train" | "validation"): Example[] {
  const seen = new Set<unknown>();
  const pictures = splits[split].filter(({ image }) => !seen.has(image) && seen.add(image)).slice(0, MOST[split]);
  return pictures.map((example) =>
    (example.form ?? "label") === "label" ? example : { ...example, form: "words", labels: [] },
  );
}

async function measured(name: string, seed: number): Promise<{ rows: Measurement[]; signs: readonly string[] }> {
  const task = await loadTask(name, { source: "phantom", seed, cacheDir });
  const [train, validation] = [lookedAt(task, "train"), lookedAt(task, "validation")];
  const frozen = {
    task: { ...task, splits: { ...task.splits, train, validation } },
    queries: { train: await picturesOf(train), validation: await picturesOf(validation) },
    ...(await corpusOf(name, seed)),
  };
  const facts = loadPhantomFacts(name, { seed });
  const rows = await measureExpectations(frozen, { facts, bootstrap: { numDraws: 1 } });
  return { rows, signs: facts.signs };
}

test.each(Object.keys(PHANTOM_DIALS))("a linear probe of the frozen encoder sees every sign of %s", async (name) => {
  const seeds = [];
  for (const seed of SEEDS) seeds.push(await measured(name, seed));
  const rows = seeds.flatMap((each) => each.rows);
  const mean = (system: string, subset: string): number | null => {
    const found = rows.filter((row) => row.system === system && row.subset === subset).map(({ value }) => value);
    return found.length === 0 ? null : found.reduce((sum, value) => sum + value, 0) / found.length;
  };
  const { signs } = seeds[0]!;
  const probes = signs.map((sign) => mean("linear probe", `sign ${sign}`)!);
  const cells = [
    ...probes,
    mean("chance", "sign shown"),
    ...["image head", "text head"].map((head) => mean("frozen", `${head}, sign pattern`)),
    mean("linear probe", "label"),
    mean("chance", "label"),
    mean("caption vote", "all"),
  ].map((share) => (share === null ? "–" : String(Math.round(100 * share))));
  lines.push(`| ${[name, ...cells].join(" | ")} |`);
  for (const [i, probe] of probes.entries()) if (signs[i] !== "shown") expect(probe, signs[i]).toBeGreaterThan(0.7);
});
