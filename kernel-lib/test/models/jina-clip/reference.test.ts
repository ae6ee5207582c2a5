import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { encodeImages, encodeTexts } from "../../../src/models/dual-encoder/encoder";
import { expectNoLeak } from "../../helpers/tensors";
import { JINA_CASES, type JinaCase, loadJinaCase, lossOf, sampleError } from "./case";

beforeAll(() => openBackend(), 60_000);

function largestDifference(a: ArrayLike<number>, b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return b.reduce((max, value, i) => Math.max(max, Math.abs(value - a[i]!)), 0);
}

describe.each(JINA_CASES)("%s, against PyTorch", (name) => {
  let stored: JinaCase;
  beforeAll(() => {
    stored = loadJinaCase(name);
  });
  afterAll(() => stored.model.dispose());

  test("the same tokens, long texts cut before their end", () => {
    const { model, numbers } = stored;
    const texts = model.towers.texts(numbers.texts);
    expect([...texts.ids]).toEqual(numbers.ids.flat());
    expect([...texts.ends]).toEqual(numbers.ids.map((ids) => ids.indexOf(3)));
  });

  test("the same pixels, odd margins included", () => {
    const { model, images, numbers } = stored;
    const pixels = model.towers.pixels(images);
    expect(sampleError(pixels.dataSync(), numbers.pixels)).toBeLessThan(1e-6);
    pixels.dispose();
  });

  test("the same embeddings", async () => {
    const { model, images, numbers } = stored;
    const imageRows = await encodeImages(model, images);
    expect(imageRows.rows).toBe(images.length);
    expect(largestDifference(imageRows.data, numbers.imageEmbeddings)).toBeLessThan(5e-6);
    const textRows = await encodeTexts(model, numbers.texts);
    expect(largestDifference(textRows.data, numbers.textEmbeddings)).toBeLessThan(5e-6);
  });

  test("the same loss, and the same gradient of every weight", () => {
    const { model, numbers } = stored;
    const variables = model.parameters.unfreeze();
    const { value, grads } = tf.variableGrads(() => lossOf(model, stored), variables);
    model.parameters.freeze();
    expect(value.dataSync()[0]).toBeCloseTo(numbers.loss, 4);
    expect(Object.keys(numbers.gradients).sort()).toEqual(model.parameters.names().sort());
    for (const [weight, sample] of Object.entries(numbers.gradients)) {
      const gradient = grads[model.parameters.get(weight).name]!.dataSync();
      expect([weight, sampleError(gradient, sample) < 1e-4]).toEqual([weight, true]);
    }
    value.dispose();
    tf.dispose(grads);
  });

  test("no tensor is left behind", async () => {
    const { model, images, numbers } = stored;
    const variables = model.parameters.unfreeze();
    expectNoLeak(() => {
      const { value, grads } = tf.variableGrads(() => lossOf(model, stored), variables);
      tf.dispose([value, ...Object.values(grads)]);
    });
    model.parameters.freeze();
    const before = tf.memory().numTensors;
    await encodeImages(model, images);
    await encodeTexts(model, numbers.texts);
    expect(tf.memory().numTensors).toBe(before);
  });
});
