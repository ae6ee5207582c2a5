import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { pretrainEncoder } from "../../src/replicas/pretrain-encoder";
import { createReplicaJinaClip } from "../../src/replicas/replica-encoders";

beforeAll(() => openBackend(), 60_000);

test("its losses fall within a few steps of pre-training, the same on every run", async () => {
  const phase = { learningRate: 1e-3, warmupSteps: 2 };
  const before = tf.memory().numTensors;
  const runs: (readonly unknown[])[] = [];
  for (let time = 0; time < 2; time++) {
    const model = createReplicaJinaClip(7);
    const { curve } = await pretrainEncoder(model, {
      vision: { ...phase, steps: 8, batchSize: 16, evaluateEvery: 8 },
      pairs: { ...phase, steps: 6, batchSize: 24, evaluateEvery: 6 },
      numHeldOut: 24,
      seed: 7,
    });
    for (const metric of ["attribute loss", "contrastive loss"]) {
      const points = curve.filter((point) => point.metric === metric);
      expect([metric, points.at(-1)!.value < points[0]!.value]).toEqual([metric, true]);
    }
    runs.push(curve);
    model.dispose();
  }
  expect(runs[1]).toEqual(runs[0]);
  expect(tf.memory().numTensors).toBe(before);
});
