import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isKernelError } from "../../../src/base/errors";
import type { Control } from "../../../src/base/types";
import { predict } from "../../../src/experiments/stages/predictions";
import { attachLora } from "../../../src/models/lora/lora";
import { type PreferencePair, trainPreferences } from "../../../src/training/preference-stage";
import { tinyReader } from "../../helpers/tiny-reader";
import { bytesOf, type SmallWorld, smallWorld } from "../helpers/small-world";

let world: SmallWorld;
beforeAll(async () => {
  world = await smallWorld();
});
afterAll(() => world.dispose());

const FILES = ["domain-0.safetensors", "domain-1.safetensors", "adapter/adapter_model.safetensors", "choice.json"];

async function answered(artifacts: string, control: Control = {}) {
  const run = await world.openRun(artifacts, control);
  const index = await world.index(run);
  const reader = await world.reader(run, index);
  try {
    const stages = { reader: { steps: 8 }, retriever: { learningRate: 1e-2 } };
    const { predictions, artifact } = await predict(run, {
      ...{ system: "mmed-rag-like", task: world.task, index, reader, stages },
    });
    const folder = join(run.artifactsDir, "system", artifact.manifest.inputs.at(-1)!);
    return { predictions, folder, trained: FILES.map((file) => bytesOf({ folder }, file)), corpus: index.corpus };
  } finally {
    index.dispose();
    reader.dispose();
  }
}

test("domains, preferences and the number of contexts are learned, and each question is read with its domain's captions", async () => {
  const before = tf.memory().numTensors;
  const { predictions, folder, corpus } = await answered("mmed");
  expect(tf.memory().numTensors).toBe(before);
  const read = (file: string) => JSON.parse(readFileSync(join(folder, file), "utf8"));
  const { domainOf } = read("domains.json") as { domainOf: number[] };
  const places = new Map(corpus.passages.map(({ id }, row) => [id, row]));
  for (const { readings } of predictions) {
    expect(readings.length).toBeGreaterThan(0);
    expect(readings.length).toBeLessThanOrEqual(4);
    expect(new Set(readings.map(({ retrieved }) => domainOf[places.get(retrieved!.passageId)!])).size).toBe(1);
    expect(new Set(readings.map(({ retrieved }) => retrieved!.head))).toEqual(new Set(["text"]));
  }
  // every question of training and validation: once alone, with four contexts, and with each but noise; then validation again
  expect(read("cost.json").readerPasses).toBe((24 + 8) * 9 + 8 * 4);
});

test("interrupted in the training of a domain, it goes on to the same bytes", async () => {
  const stop = new AbortController();
  const control: Control = {
    signal: stop.signal,
    onProgress: ({ stage, done }) => {
      if (stage === "domain retriever" && done === 3) stop.abort();
    },
  };
  const stopped = await answered("stopped", control).catch((error) => error);
  expect(isKernelError(stopped, "interrupted")).toBe(true);
  const [resumed, undisturbed] = [await answered("stopped"), await answered("mmed")];
  expect(resumed.trained).toEqual(undisturbed.trained);
  expect(resumed.predictions).toEqual(undisturbed.predictions);
});

test("preferences are learned: the chosen answers gain on the rejected ones, the model's own weights stay", async () => {
  const model = tinyReader(6);
  const adapter = attachLora(model.parameters, { rank: 2, seed: 1 });
  const own = [...model.parameters.entries()].map(([, { data }]) => data.slice());
  const [passage] = world.corpus.passages;
  const pairsOf = (examples: typeof world.task.splits.train): PreferencePair[] =>
    examples.map((example) => ({ pair: { example, passage: passage! }, chosen: "0", rejected: "1" }));
  const pairs = { train: pairsOf(world.task.splits.train), validation: pairsOf(world.task.splits.validation) };
  const options = { steps: 12, batchSize: 4, learningRate: 1e-2, evaluateEvery: 6, beta: 0.5 };
  const tensors = tf.memory().numTensors;
  const { curve, bestStep } = await trainPreferences({ model, adapter, ...pairs, seed: 3 }, options);
  expect(tf.memory().numTensors).toBe(tensors);
  const values = (metric: string) =>
    curve.filter((p) => p.split === "validation" && p.metric === metric).map((p) => p.value);
  expect(values("loss")[0]).toBeCloseTo(Math.log(2), 5); // at the reference
  expect(values("preferred").at(-1)).toBe(1);
  expect(bestStep).toBe(12);
  expect([...model.parameters.entries()].map(([, { data }]) => data)).toEqual(own);
  const none = trainPreferences({ model, adapter, train: [], validation: pairs.validation, seed: 3 }, options);
  await expect(none).rejects.toThrow(/train must hold at least one pair/);
  adapter.dispose();
  model.dispose();
});
