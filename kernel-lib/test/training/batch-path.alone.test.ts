import { join } from "node:path";
import { beforeAll, beforeEach, expect, test, vi } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { openBackend } from "../../src/compute/backend";
import type * as FusedOps from "../../src/compute/ops/fused-op";
import { loadDualEncoder, loadReaderModel } from "../../src/models/architectures";
import { createCachedScores, openScoreCache } from "../../src/reader/score-cache";
import { createLearnedTower, embedInBatches } from "../../src/retriever/learned-tower";
import { trainReader } from "../../src/training/reader-stage";
import type { RetrieverStageInputs } from "../../src/training/retriever-options";
import { trainRetrieverHead } from "../../src/training/retriever-stage";
import { brightnessExamples, brightnessPassages } from "../helpers/toy-task";
import { TOY_LABELS, TOY_STAGE, toyReader } from "./toy-retriever";

/** Files between the loop and compute/ on the stack of each fused operation, the loop's first. */
const paths = vi.hoisted(() => [] as string[][]);

vi.mock("../../src/compute/ops/fused-op", async (original) => {
  const real = await original<typeof FusedOps>();
  const runFused: typeof real.runFused = (op) => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 100;
    const stack = new Error().stack ?? "";
    Error.stackTraceLimit = stackTraceLimit;
    const files = [...stack.matchAll(/kernel-lib\/src\/([\w/-]+)\.ts/g)].map((found) => found[1]!).reverse();
    const path = files.slice(files.indexOf("training/loop")).filter((file) => !file.startsWith("compute/"));
    paths.push(path.filter((file, i) => file !== path[i - 1]));
    return real.runFused(op);
  };
  return { ...real, runFused };
});

const folderOf = (name: string): string => join(repositoryRoot(), "data", "checkpoints", name);
const examples = brightnessExamples(4, "q");
const passages = brightnessPassages(4, "p");

beforeAll(async () => {
  await openBackend();
});
beforeEach(() => {
  paths.length = 0;
});

/** At most seven files from the loop to the operations, none of them twice on the way. */
function expectShort(first: string): void {
  expect(paths.length).toBeGreaterThan(0);
  for (const path of paths) {
    expect(path.slice(0, 2)).toEqual(["training/loop", first]);
    expect(path.length).toBeLessThanOrEqual(7);
    expect(new Set(path).size, path.join(" > ")).toBe(path.length);
  }
}

test.each(["qwen2-vl", "pixtral"])("%s: a batch of stage 1 passes at most seven files, each once", async (name) => {
  const model = loadReaderModel(folderOf(name));
  const readable = examples.map((example, i) => ({ example, passages: [passages[i]!] }));
  const options = { steps: 1, batchSize: 2, learningRate: 1e-3, evaluateEvery: 1, dropout: 0.1 };
  const { adapter } = await trainReader({ model, train: readable, validation: readable, seed: 1 }, options);
  adapter.dispose();
  model.dispose();
  expectShort("training/reader-stage");
});

test.each(["clip", "jina-clip"])("%s: a batch of stage 2 passes at most seven files, each once", async (name) => {
  const encoder = loadDualEncoder(folderOf(name));
  const tower = createLearnedTower(encoder);
  const embed = (shown: readonly { image: (typeof examples)[number]["image"] }[]) =>
    embedInBatches(
      tower,
      shown.map(({ image }) => image),
    );
  const queries = { examples, frozen: await embed(examples) };
  const corpus = {
    passages: passages.map((passage) => ({ ...passage, truth: "0" })),
    embeddings: await embed(passages),
  };
  const cache = openScoreCache({ fingerprint: "toy", numValues: 4 });
  paths.length = 0;
  const inputs: RetrieverStageInputs = {
    head: "text",
    tower,
    train: queries,
    validation: queries,
    corpus,
    scores: createCachedScores(toyReader(), TOY_LABELS, cache),
    search: async () => examples.map(() => [0, 1, 2]),
    seed: 1,
  };
  await trainRetrieverHead(inputs, { ...TOY_STAGE, steps: 1, warmupSteps: 0, batchSize: 2, numCandidates: 3 });
  tower.dispose();
  encoder.dispose();
  expectShort("training/retriever-stage");
});
