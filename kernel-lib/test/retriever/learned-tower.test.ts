import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { createRandom } from "../../src/base/random";
import type { RasterImage } from "../../src/base/types";
import { createAdamW } from "../../src/compute/adamw";
import { openBackend } from "../../src/compute/backend";
import { writeSafetensors } from "../../src/compute/safetensors";
import { type Clip, loadClip } from "../../src/models/clip/weights";
import { encodeImages } from "../../src/models/dual-encoder/encoder";
import { createDualHead } from "../../src/retriever/dual-head";
import type { LearnedTower } from "../../src/retriever/learned-tower";
import { createLearnedTower, embedInBatches, loadLearnedTower } from "../../src/retriever/learned-tower";

let clip: Clip;
let folder: string;
beforeAll(async () => {
  await openBackend();
  clip = loadClip(join(__dirname, "..", "reference", "clip", "model"));
  folder = mkdtempSync(join(tmpdir(), "tower-"));
});
afterAll(() => {
  clip.dispose();
  rmSync(folder, { recursive: true });
});

const random = createRandom("tower images");
const images = Array.from({ length: 5 }, (): RasterImage => {
  const data = Uint8Array.from({ length: 20 * 20 * 3 }, () => random.integer(256));
  return { width: 20, height: 20, channels: 3, data };
});

/** One step that turns the embeddings away from where they are. */
function move(tower: LearnedTower): void {
  const goal = tower.embed(images);
  const variables = [...tower.variables];
  const { value, grads } = tf.variableGrads(
    () => tf.tidy(() => tf.sum(tf.mul(tf.square(tower.embed(images)), tf.sign(goal))) as tf.Scalar),
    variables,
  );
  const optimiser = createAdamW(variables);
  const gradients = variables.map((variable) => grads[variable.name]!);
  optimiser.step(gradients, 0.05);
  optimiser.dispose();
  tf.dispose([goal, value, ...gradients]);
}

test("a tower starts as the frozen one, moves on its own, and leaves the model bit-identical", async () => {
  const frozen = await encodeImages(clip, images);
  const tower = createLearnedTower(clip);
  expect([...(await embedInBatches(tower, images)).data]).toEqual([...frozen.data]);
  move(tower);
  const moved = await embedInBatches(tower, images);
  expect(Math.max(...moved.data.map((value, i) => Math.abs(value - frozen.data[i]!)))).toBeGreaterThan(0.01);
  expect([...(await encodeImages(clip, images)).data]).toEqual([...frozen.data]);
  tower.dispose();
});

test("save and load give the same embeddings, bit for bit; disposing frees everything", async () => {
  const before = tf.memory().numTensors;
  const tower = createLearnedTower(clip);
  move(tower);
  const file = join(folder, "tower.safetensors");
  tower.save(file);
  const loaded = loadLearnedTower(clip, file);
  expect([...(await embedInBatches(loaded, images)).data]).toEqual([...(await embedInBatches(tower, images)).data]);
  tower.dispose();
  loaded.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test("a head with a tower mixes 0.15 learned and 0.85 frozen; the other head stays frozen", async () => {
  const tower = createLearnedTower(clip);
  move(tower);
  const retriever = createDualHead({ encodeFrozen: (shown) => encodeImages(clip, shown), towers: { text: tower } });
  expect(retriever.learnedHeads).toEqual(["text"]);
  const frozen = await encodeImages(clip, images);
  const learned = await embedInBatches(tower, images);
  const text = await retriever.queryEmbeddings(images, "text");
  const image = await retriever.queryEmbeddings(images, "image");
  frozen.data.forEach((value, i) => {
    expect(text.data[i]).toBeCloseTo(0.15 * learned.data[i]! + 0.85 * value, 5);
    expect(image.data[i]).toBeCloseTo(value, 5);
  });
  retriever.dispose();
});

test("weights of another model are refused", () => {
  const file = join(folder, "other.safetensors");
  writeSafetensors(file, [["x", { dtype: "F32", shape: [1], data: Float32Array.of(1) }]]);
  const before = tf.memory().numTensors;
  let error: unknown;
  try {
    loadLearnedTower(clip, file);
  } catch (caught) {
    error = caught;
  }
  expect(isKernelError(error, "data") && error.message).toMatch(/weights of the image tower; got 1/);
  expect(tf.memory().numTensors).toBe(before);
});
