import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { measureEvaluation } from "../../src/analysis/evaluation";
import type { Prediction } from "../../src/base/types";
import { openRun } from "../../src/experiments/run";
import { buildIndex } from "../../src/experiments/stages/corpus-index";
import { predict } from "../../src/experiments/stages/predictions";
import { tuneReader } from "../../src/experiments/stages/reader";
import { tuneRetriever } from "../../src/experiments/stages/retriever";
import type { CasebookOptions } from "../../src/phantoms/casebook/dials";
import { loadCasebook } from "../../src/phantoms/load-casebook";

/** The whole method on a small casebook: what it gains where the corpus knows something, and that it gains nothing where it does not. */

const folder = mkdtempSync(join(tmpdir(), "knowledge-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SIZES = { train: 400, validation: 100, test: 400, pairs: 2000 };
/** A development seed (data/protocol.json). */
const SEED = 103;
const READER = { steps: 200, evaluateEvery: 50 };
const HEADS = { steps: 60, warmupSteps: 6, evaluateEvery: 20, refreshEvery: 2, numCandidates: 10 };

/** Far more than it takes: a busy machine must not fail it. */
const TIMEOUT = 900_000;

async function gains(turned: CasebookOptions) {
  const run = await openRun({ profile: "quick", seed: SEED, source: "phantom", artifactsDir: folder });
  const { task, corpus } = await loadCasebook({
    ...turned,
    sizes: SIZES,
    seed: SEED,
    cacheDir: join(folder, "phantoms"),
  });
  const index = await buildIndex(run, { task, corpus });
  const answers: Prediction[] = [];
  const alone = await tuneReader(run, { task, mode: "closedBook", options: READER });
  answers.push(...(await predict(run, { system: "closed-book", task, reader: alone })).predictions);
  alone.dispose();
  const reader = await tuneReader(run, { task, index, options: READER });
  const heads = await tuneRetriever(run, { task, index, reader, options: HEADS });
  for (const system of ["ft-rag", "jomed"]) {
    answers.push(...(await predict(run, { system, task, index, reader, heads })).predictions);
  }
  reader.dispose();
  index.dispose();
  const { differences } = measureEvaluation(task, answers, { baseline: "ft-rag", bootstrap: { seed: SEED } });
  const over = (system: string) => differences.find((row) => row.system === system && row.metric === "accuracy")!;
  return { ofRetrieval: over("closed-book"), ofTraining: over("jomed") };
}

test(
  "where captions tell what pictures do not, retrieval gains, and training the retriever gains more",
  async () => {
    const { ofRetrieval, ofTraining } = await gains({});
    expect(ofRetrieval.high).toBeLessThan(0); // closed-book minus FT RAG
    expect(ofTraining.value).toBeGreaterThan(0);
  },
  TIMEOUT,
);

test.each([
  ["a corpus whose captions name the diagnosis of any pattern", { captionNoise: 1 }],
  ["training questions with the answer of any pattern", { labelNoise: 1 }],
])(
  "with %s, both gains vanish",
  async (_what, turned) => {
    const { ofRetrieval, ofTraining } = await gains(turned);
    expect(ofRetrieval.high).toBeGreaterThanOrEqual(0); // closed-book minus FT RAG: captions that mislead may even cost
    expect(ofTraining.low).toBeLessThanOrEqual(0);
  },
  TIMEOUT,
);
