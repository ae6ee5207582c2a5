import { beforeAll, describe, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { createCachedScores, createOwnAnswerScores, openScoreCache, scoreWidth } from "../../src/reader/score-cache";
import type { LoopResult } from "../../src/training/loop";
import type { RetrieverStageInputs, RetrieverStageOptions } from "../../src/training/retriever-options";
import { trainRetrieverHead } from "../../src/training/retriever-stage";
import { TOY_LABELS, toyAgreement, toyReader, toyWorld } from "./toy-retriever";

beforeAll(async () => {
  await openBackend();
});

const options: RetrieverStageOptions = {
  steps: 12,
  batchSize: 4,
  numCandidates: 6,
  learningRate: 0.05,
  warmupSteps: 2,
  evaluateEvery: 3,
  refreshEvery: 2,
};

async function train(
  change: Partial<RetrieverStageOptions> = {},
  inputs: Partial<RetrieverStageInputs> = {},
): Promise<LoopResult & { readonly read: number }> {
  const world = await toyWorld();
  const used = { ...world.inputs, ...inputs };
  const result = await trainRetrieverHead(used, { ...options, ...change });
  world.dispose();
  return { ...result, read: used.scores.stats().read };
}

test("what is left out has the paper's value", async () => {
  const spelled = {
    weightDecay: 0.01,
    learnedWeight: 0.15,
    temperature: 1,
    targetTemperature: 1,
    loss: "contrastive",
    prior: "on",
    reduction: "batchMean",
    preference: "labels",
    preferenceSoftmax: "once",
    bestBy: "likelihood",
    validationTop: 4,
  } as const;
  expect(await train(spelled)).toEqual(await train());
});

describe("every option is read: changed, it changes the training", () => {
  let unchanged: LoopResult | undefined;
  const changes: Partial<RetrieverStageOptions>[] = [
    { steps: 9 },
    { batchSize: 2 },
    { numCandidates: 5 },
    { learningRate: 0.02 },
    { warmupSteps: 6 },
    { evaluateEvery: 2 },
    { weightDecay: 0.5 },
    { learnedWeight: 0.5 },
    { temperature: 0.5 },
    { targetTemperature: 2 },
    { prior: "off" },
    { reduction: "dividedByK" },
    { preferenceSoftmax: "twice" },
    { loss: "perplexityDistillation" },
    { loss: "leaveOneOut" },
    { loss: "emdr2" },
    { loss: "attentionDistillation" },
    { loss: "reveal" },
    { validationTop: 1 },
  ];
  test.each(changes.map((change) => [JSON.stringify(change), change] as const))("%s", async (_name, change) => {
    unchanged ??= await train();
    expect((await train(change)).curve).not.toEqual(unchanged.curve);
  });

  test("refreshEvery: candidates of the moved head are other ones", async () => {
    const fast = { steps: 40, learningRate: 0.1, learnedWeight: 0.8 };
    expect((await train({ ...fast, refreshEvery: 1 })).read).not.toBe(
      (await train({ ...fast, refreshEvery: 1000 })).read,
    );
  });

  test("bestBy: the loss decides, not the likelihood", async () => {
    const byLoss = await train({ bestBy: "loss" });
    const losses = byLoss.curve.filter(({ split, metric }) => split === "validation" && metric === "loss");
    expect(byLoss.bestScore).toBe(-Math.min(...losses.map(({ value }) => value)));
  });

  test("leftWeights and gate, each with its loss", async () => {
    const curveOf = async (change: Partial<RetrieverStageOptions>) => (await train(change)).curve;
    expect(await curveOf({ loss: "leaveOneOut", leftWeights: "retriever" })).not.toEqual(
      await curveOf({ loss: "leaveOneOut" }),
    );
    expect(await curveOf({ loss: "reveal", gate: "probabilities" })).not.toEqual(await curveOf({ loss: "reveal" }));
  });
});

describe("the head moves to the candidates the reader reads well", () => {
  const helpful: Partial<RetrieverStageOptions>[] = [
    { loss: "emdr2" },
    { loss: "reveal" },
    { loss: "reveal", gate: "probabilities" },
    { loss: "leaveOneOut", targetTemperature: 0.05 }, // one of ten left out changes little
    { prior: "off", preferenceSoftmax: "twice" },
    { reduction: "dividedByK" },
  ];
  test.each(helpful.map((change) => [JSON.stringify(change), change] as const))("%s", async (_name, change) => {
    const world = await toyWorld();
    const before = await toyAgreement(world.inputs);
    const learning = {
      steps: 60,
      batchSize: 8,
      numCandidates: 10,
      evaluateEvery: 10,
      learnedWeight: 0.5,
      validationTop: 2,
    };
    await trainRetrieverHead(world.inputs, { ...options, ...learning, ...change });
    expect(await toyAgreement(world.inputs)).toBeGreaterThan(before + 0.15);
    world.dispose();
  });
});

test("attention distillation reads each query closed-book once more", async () => {
  const reader = toyReader();
  const alone: string[] = [];
  const scoreLabels: typeof reader.scoreLabels = async (pairs, labels, control) => {
    alone.push(...pairs.filter(({ passage }) => passage === null).map(({ example }) => example.id));
    const read = pairs.map((pair) => ({ ...pair, passage: pair.passage ?? ({ truth: "0" } as never) }));
    return reader.scoreLabels(read, labels, control);
  };
  const cache = openScoreCache({ fingerprint: "toy", numValues: 4 });
  const scores = createCachedScores({ ...reader, scoreLabels }, TOY_LABELS, cache);
  await train({ loss: "attentionDistillation", steps: 30 }, { scores });
  expect(alone.length).toBe(new Set(alone).size);
  expect(alone.length).toBe(40 + 20); // every training and validation query
});

test("open questions train by the likelihood of their own answers", async () => {
  const world = await toyWorld();
  const asked: string[] = [];
  const reader = toyReader();
  const scoreLabels: typeof reader.scoreLabels = async (pairs, labels) =>
    pairs.map(({ example, passage }) => {
      asked.push(labels.map(({ answer }) => answer).join());
      expect(labels[0]!.answer).toBe(example.answer);
      const fits = `class ${passage!.truth}` === example.answer;
      return { logits: Float32Array.of(0), logLikelihoods: Float32Array.of(fits ? -0.1 : -4) };
    });
  const open = <T extends RetrieverStageInputs["train"]>(set: T): T => ({
    ...set,
    examples: set.examples.map((example) => ({ ...example, labels: [], answer: `class ${example.answer}` })),
  });
  const cache = openScoreCache({ fingerprint: "toy", numValues: 2 });
  const inputs = {
    train: open(world.inputs.train),
    validation: open(world.inputs.validation),
    scores: createOwnAnswerScores({ ...reader, scoreLabels }, cache),
  };
  const { curve } = await train({ preference: "tokens", steps: 60, learnedWeight: 0.5 }, inputs);
  expect(new Set(asked)).toEqual(new Set(["class 0", "class 1"]));
  const likelihood = curve.filter(({ metric }) => metric === "likelihood").map(({ value }) => value);
  expect(likelihood.at(-1)!).toBeGreaterThan(likelihood[0]! + 0.1);
  world.dispose();
});

test("several true labels: the head moves to candidates that prefer all of them", async () => {
  const world = await toyWorld();
  const reader = toyReader();
  const labels = [...TOY_LABELS, { index: 2, name: "class 2", answer: "2" }];
  // a candidate of class 0 speaks for labels 0 and 1 of the three, one of class 1 for label 2
  const scoreLabels: typeof reader.scoreLabels = async (pairs) =>
    pairs.map(({ passage }) => {
      const logits = passage!.truth === "0" ? Float32Array.of(2, 2, 0) : Float32Array.of(0, 0, 2);
      return { logits, logLikelihoods: logits.map((value) => value - 3) };
    });
  const both = <T extends RetrieverStageInputs["train"]>(set: T): T => ({
    ...set,
    examples: set.examples.map((example) => ({ ...example, labels: example.answer === "0" ? [0, 1] : [2] })),
  });
  const cache = openScoreCache({ fingerprint: "toy", numValues: 6 });
  const scores = createCachedScores({ ...reader, scoreLabels }, labels, cache);
  const inputs = { train: both(world.inputs.train), validation: both(world.inputs.validation), scores };
  const { curve } = await train({ steps: 60, learnedWeight: 0.5 }, inputs);
  const likelihood = curve.filter(({ metric }) => metric === "likelihood").map(({ value }) => value);
  expect(likelihood.at(-1)!).toBeGreaterThan(likelihood[0]! + 0.1);
  world.dispose();
});

test("yes/no and open questions in one task: each is judged its own way, from one cache", async () => {
  const world = await toyWorld();
  const reader = toyReader();
  const asked = new Map<string, string>();
  const scoreLabels: typeof reader.scoreLabels = async (pairs, labels) =>
    pairs.map(({ example, passage }) => {
      asked.set(example.id, labels.map(({ answer }) => answer).join());
      const fits = labels.map(({ answer }) => (answer.endsWith(passage!.truth!) ? 2 : 0));
      return { logits: Float32Array.from(fits), logLikelihoods: Float32Array.from(fits, (logit) => logit - 3) };
    });
  const mixed = <T extends RetrieverStageInputs["train"]>(set: T): T => ({
    ...set,
    examples: set.examples.map((example, i) =>
      i % 4 < 2 ? example : { ...example, labels: [], form: "words", answer: `words ${example.answer}` },
    ),
  });
  const cache = openScoreCache({ fingerprint: "toy", numValues: scoreWidth(TOY_LABELS) });
  const scores = createCachedScores({ ...reader, scoreLabels }, TOY_LABELS, cache);
  const inputs = { train: mixed(world.inputs.train), validation: mixed(world.inputs.validation), scores };
  const { curve } = await train({ steps: 60, learnedWeight: 0.5 }, inputs);
  expect([0, 1, 2, 3].map((i) => asked.get(`train-${i}`))).toEqual(["0,1", "0,1", "words 0", "words 1"]);
  const likelihood = curve.filter(({ metric }) => metric === "likelihood").map(({ value }) => value);
  expect(likelihood.at(-1)!).toBeGreaterThan(likelihood[0]! + 0.1);
  world.dispose();
});
