import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { createOwnAnswerScores, openScoreCache } from "../../src/reader/score-cache";
import { PAPER_LEARNED_WEIGHT } from "../../src/retriever/mix";
import { PAPER_RETRIEVER_OPTIONS } from "../../src/training/retriever-options";
import { toyReader, toyWorld } from "./toy-retriever";

beforeAll(async () => {
  await openBackend();
});

test("the paper's values", () => {
  expect(PAPER_RETRIEVER_OPTIONS).toEqual({
    steps: 50_000,
    batchSize: 2,
    numCandidates: 50,
    learningRate: 1e-4,
    warmupSteps: 1000,
    evaluateEvery: 100,
    refreshEvery: 10,
    weightDecay: 0.01,
    learnedWeight: 0.15,
    temperature: 1,
  });
  expect(PAPER_LEARNED_WEIGHT).toBe(0.15);
});

test("two questions on one prompt with different answers are two entries of the cache", async () => {
  const world = await toyWorld();
  const [example] = world.inputs.train.examples;
  const [passage] = world.inputs.corpus.passages;
  const cache = openScoreCache({ fingerprint: "toy", numValues: 2 });
  const scoreLabels: ReturnType<typeof toyReader>["scoreLabels"] = async (pairs, labels) =>
    pairs.map(() => ({ logits: Float32Array.of(1), logLikelihoods: Float32Array.of(-labels[0]!.answer.length) }));
  const scores = createOwnAnswerScores({ ...toyReader(), scoreLabels }, cache);
  const pair = (answer: string) => ({ example: { ...example!, answer }, passage: passage! });
  const found = await scores.score([pair("left"), pair("upper left"), pair("left")]);
  expect(found.map(({ logLikelihoods }) => logLikelihoods[0])).toEqual([-4, -10, -4]);
  expect(scores.stats()).toEqual({ asked: 3, read: 2, saved: 1 });
  world.dispose();
});
