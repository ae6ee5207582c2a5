import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import type { VisionLanguageModel } from "../../src/models/vision-language/model";
import { trainPairs } from "../../src/replicas/pretrain-pairs";
import { PAIR_RECIPE, type PairRecipe } from "../../src/replicas/recipes";
import { createReplicaPixtral, createReplicaQwen2Vl } from "../../src/replicas/replica-readers";

beforeAll(() => openBackend(), 60_000);

function shortRecipe(steps: number): PairRecipe {
  const { pairs } = PAIR_RECIPE;
  const short = { steps, warmupSteps: 2, holdSteps: 0, evaluateEvery: steps, batchSize: 6, numPairs: 4 };
  return { pairs: { ...pairs, ...short, shares: { copyWord: 1 } }, numHeldOut: 8, seed: 7 };
}

const weightOf = (model: VisionLanguageModel) => [
  ...(model.parameters.get("model.language_model.norm.weight").dataSync() as Float32Array),
];

test("the loss falls in 40 steps, the modes at stake are measured, and the probes are freed", async () => {
  const model = createReplicaQwen2Vl(7);
  const before = tf.memory().numTensors;
  const losses: number[] = [];
  const control = {
    onProgress: ({ values }: { values?: Readonly<Record<string, number>> }) => losses.push(values!["loss"]!),
  };
  const curve = await trainPairs(model, shortRecipe(40), { control });
  expect(tf.memory().numTensors).toBe(before);
  const mean = (part: readonly number[]) => part.reduce((sum, loss) => sum + loss, 0) / part.length;
  expect(mean(losses.slice(-5))).toBeLessThan(0.8 * mean(losses.slice(0, 5)));
  expect(new Set(curve.map(({ metric }) => metric))).toEqual(
    new Set(["loss", "answer NLL", "accuracy compare", "accuracy copyWord"]),
  );
  model.dispose();
});

test.each([
  ["qwen2-vl", createReplicaQwen2Vl],
  ["pixtral", createReplicaPixtral],
] as const)("%s: the same seed gives the same weights", async (_name, create) => {
  const runs = [];
  for (let time = 0; time < 2; time++) {
    const model = create(7);
    const untrained = weightOf(model);
    await trainPairs(model, shortRecipe(3));
    runs.push(weightOf(model));
    expect(runs.at(-1)).not.toEqual(untrained);
    model.dispose();
  }
  expect(runs[1]).toEqual(runs[0]);
});
