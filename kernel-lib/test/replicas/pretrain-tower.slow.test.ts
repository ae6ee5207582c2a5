import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { clipImageEmbeddings } from "../../src/models/clip/model";
import type { Clip } from "../../src/models/clip/weights";
import { ATTRIBUTES } from "../../src/phantoms/general/world";
import { type ImageTower, pretrainTower } from "../../src/replicas/pretrain-tower";
import { createReplicaClip } from "../../src/replicas/replica-encoders";

const PHASE = { steps: 30, batchSize: 16, learningRate: 2e-3, warmupSteps: 3, evaluateEvery: 15 };
const RUN = { numHeldOut: 80, seed: 7, hooks: {} };

beforeAll(async () => {
  await openBackend();
});

function towerOf(clip: Clip): ImageTower {
  return {
    stage: "test, vision",
    variables: clip.parameters.unfreeze((name) => name.startsWith("vi")),
    width: clip.config.projectionSize,
    features: (images) => tf.mul(clipImageEmbeddings(clip, clip.towers.pixels(images)), 8),
  };
}

describe("pretrainTower", () => {
  test("learns the easiest attribute in 30 steps, measures every one, and frees its probe", async () => {
    const clip = createReplicaClip(7);
    const tower = towerOf(clip);
    const before = tf.memory().numTensors;
    const { curve } = await pretrainTower(tower, PHASE, RUN);
    expect(tf.memory().numTensors).toBe(before);
    const last = (metric: string) => curve.filter((point) => point.metric === metric).at(-1)!.value;
    const first = curve.find(({ metric }) => metric === "attribute loss")!.value;
    expect(last("attribute loss")).toBeLessThan(first);
    expect(last("accuracy color")).toBeGreaterThan(0.6); // two fifths are grey
    for (const { name } of ATTRIBUTES) expect(last(`accuracy ${name}`)).toBeGreaterThan(0);
    clip.dispose();
  });

  test("the same seed gives the same curve and weights", async () => {
    const runs = [];
    for (let time = 0; time < 2; time++) {
      const clip = createReplicaClip(7);
      const { curve } = await pretrainTower(towerOf(clip), { ...PHASE, steps: 4, evaluateEvery: 4 }, RUN);
      runs.push({ curve, weight: [...(await clip.parameters.get("visual_projection.weight").data())] });
      clip.dispose();
    }
    expect(runs[1]).toEqual(runs[0]);
  });
});
