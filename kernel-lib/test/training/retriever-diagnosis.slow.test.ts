import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import type { Reader } from "../../src/reader/reader";
import { createCachedScores, openScoreCache } from "../../src/reader/score-cache";
import { diagnoseRetriever } from "../../src/training/health";
import type { RetrieverStageOptions } from "../../src/training/retriever-options";
import { trainRetrieverHead } from "../../src/training/retriever-stage";
import { TOY_LABELS, TOY_STAGE, toyReader, toyWorld } from "./toy-retriever";

beforeAll(async () => {
  await openBackend();
});

async function signsOf(change: Partial<RetrieverStageOptions>, scoreLabels?: Reader["scoreLabels"]): Promise<string[]> {
  const world = await toyWorld();
  const reader: Reader = scoreLabels === undefined ? world.reader : { ...toyReader(), scoreLabels };
  const scores = createCachedScores(reader, TOY_LABELS, openScoreCache({ fingerprint: "toy", numValues: 4 }));
  const { curve, bestStep } = await trainRetrieverHead({ ...world.inputs, scores }, { ...TOY_STAGE, ...change });
  world.dispose();
  return diagnoseRetriever(curve, { numCandidates: TOY_STAGE.numCandidates, bestStep }).findings.map(
    ({ sign }) => sign,
  );
}

test("a head that learns is well", async () => {
  expect(await signsOf({})).toEqual([]);
});

test("a head that hardly steps finds what the frozen head finds, at a flat loss", async () => {
  expect(await signsOf({ learningRate: 1e-7 })).toEqual(["lists-unmoved", "loss-flat"]);
});

test("a reader that reads all candidates alike is seen", async () => {
  const indifferent: Reader["scoreLabels"] = async (pairs) =>
    pairs.map(() => ({ logits: Float32Array.of(0, 0), logLikelihoods: Float32Array.of(-1, -1) }));
  expect(await signsOf({ prior: "off" }, indifferent)).toContain("reader-indifferent");
});
