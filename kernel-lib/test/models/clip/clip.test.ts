import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../../src/base/random";
import type { RasterImage } from "../../../src/base/types";
import { openBackend } from "../../../src/compute/backend";
import { clipImageEmbeddings, clipTextEmbeddings } from "../../../src/models/clip/model";
import { clipTexts } from "../../../src/models/clip/processor";
import { type Clip, createClip, loadClip, saveClip } from "../../../src/models/clip/weights";
import { contrastiveLoss, encodeImages, encodeTexts } from "../../../src/models/dual-encoder/encoder";
import { createParameterStore } from "../../../src/models/weights/parameters";
import { expectNoLeak } from "../../helpers/tensors";

interface Reference {
  texts: string[];
  ids: number[][];
  images: { height: number; width: number; data: number[] }[];
  imageEmbeddings: number[];
  textEmbeddings: number[];
  loss: number;
  gradients: Record<string, number[]>;
}
const folder = join(__dirname, "..", "..", "reference", "clip");
const reference = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8")) as Reference;
const images = reference.images.map(
  ({ height, width, data }): RasterImage => ({ height, width, channels: 3, data: Uint8Array.from(data) }),
);

let clip: Clip;
beforeAll(async () => {
  await openBackend();
  clip = loadClip(join(folder, "model"));
});
afterAll(() => clip.dispose());

function largestDifference(a: ArrayLike<number>, b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return b.reduce((max, value, i) => Math.max(max, Math.abs(value - a[i]!)), 0);
}

function lossOf(model: Clip): tf.Scalar {
  const imageEmbeddings = clipImageEmbeddings(model, model.towers.pixels(images));
  const textEmbeddings = clipTextEmbeddings(model, clipTexts(model, reference.texts));
  return contrastiveLoss(imageEmbeddings, textEmbeddings, model.parameters.get("logit_scale"));
}

describe("against transformers", () => {
  it("reads the same tokens, long texts cut before their end", () => {
    const texts = clipTexts(clip, reference.texts);
    expect([...texts.ids]).toEqual(reference.ids.flat());
    expect([...texts.ends]).toEqual(reference.ids.map((ids) => ids.indexOf(257)));
  });

  it("gives the same embeddings", async () => {
    const imageRows = await encodeImages(clip, images);
    expect([imageRows.rows, imageRows.cols]).toEqual([4, 16]);
    expect(largestDifference(imageRows.data, reference.imageEmbeddings)).toBeLessThan(1e-5);
    const textRows = await encodeTexts(clip, reference.texts);
    expect(largestDifference(textRows.data, reference.textEmbeddings)).toBeLessThan(1e-5);
  });

  it("gives the same loss and gradients", () => {
    clip.parameters.unfreeze();
    const { value, grads } = tf.variableGrads(() => lossOf(clip));
    clip.parameters.freeze();
    expect(value.dataSync()[0]).toBeCloseTo(reference.loss, 5);
    for (const [name, expected] of Object.entries(reference.gradients)) {
      const largest = expected.reduce((max, gradient) => Math.max(max, Math.abs(gradient)), 0);
      const gradient = grads[clip.parameters.get(name).name]!.dataSync();
      expect([name, largestDifference(gradient, expected) / largest < 1e-3]).toEqual([name, true]);
    }
    value.dispose();
    tf.dispose(grads);
  });
});

describe("CLIP", () => {
  it("embeds the same bits on every run", async () => {
    expect((await encodeImages(clip, images)).data).toEqual((await encodeImages(clip, images)).data);
    expect((await encodeTexts(clip, reference.texts)).data).toEqual((await encodeTexts(clip, reference.texts)).data);
  });

  it("has a tower without layers read out its embedded tokens", () => {
    const sizes = { numHeads: 1, intermediateSize: 4, hiddenSize: 4, layerNormEpsilon: 1e-5, activation: "gelu" };
    const vision = { ...clip.config.vision, ...sizes, numLayers: 0, imageSize: 2, patchSize: 1 } as const;
    const config = { ...clip.config, vision } as Clip["config"];
    const one = (shape: number[]) => {
      const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
      return { shape, data: data.map((_, i) => Math.sin(i + 1)) };
    };
    const parameters = createParameterStore([
      ["vision_model.embeddings.class_embedding", one([4])],
      ["vision_model.embeddings.patch_embedding.weight", one([4, 3, 1, 1])],
      ["vision_model.embeddings.position_embedding.weight", { shape: [5, 4], data: new Float32Array(20) }],
      ...["pre_layrnorm", "post_layernorm"].flatMap((part): [string, { shape: number[]; data: Float32Array }][] => [
        [`vision_model.${part}.weight`, { shape: [4], data: Float32Array.of(1, 1, 1, 1) }],
        [`vision_model.${part}.bias`, { shape: [4], data: new Float32Array(4) }],
      ]),
      ["visual_projection.weight", { shape: [2, 4], data: Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0) }],
    ]);
    const [a, b] = clipImageEmbeddings({ config, parameters }, tf.ones([1, 2, 2, 3]) as tf.Tensor4D).dataSync();
    const token = [1, 2, 3, 4].map(Math.sin); // the class token, whatever the picture; norms keep its direction from the mean
    const mean = (token[0]! + token[1]! + token[2]! + token[3]!) / 4;
    const [first, second] = [token[0]! - mean, token[1]! - mean];
    expect(a).toBeCloseTo(first / Math.hypot(first, second), 3);
    expect(b).toBeCloseTo(second / Math.hypot(first, second), 3);
    parameters.dispose();
  });

  it("gives the same embeddings after saving and loading", async () => {
    const copy = mkdtempSync(join(tmpdir(), "clip-"));
    saveClip(clip, copy);
    const loaded = loadClip(copy);
    expect((await encodeImages(loaded, images)).data).toEqual((await encodeImages(clip, images)).data);
    expect(loaded.parts).toEqual(clip.parts);
    loaded.dispose();
    rmSync(copy, { recursive: true });
  });

  it("is drawn the same from the same seed, and differently from another", () => {
    const [a, b, c] = [7, 7, 8].map((seed) => createClip(clip.parts, seed));
    expect(a!.parameters.export()).toEqual(b!.parameters.export());
    expect(a!.parameters.export()).not.toEqual(c!.parameters.export());
    for (const model of [a, b, c]) model!.dispose();
  });

  it("leaves no tensors behind", async () => {
    clip.parameters.unfreeze();
    expectNoLeak(() => tf.dispose(tf.variableGrads(() => lossOf(clip)) as unknown as tf.TensorContainer));
    clip.parameters.freeze();
    expectNoLeak(() => createClip(clip.parts, 1).dispose());
    const before = tf.memory().numTensors;
    await encodeImages(clip, images);
    await encodeTexts(clip, reference.texts);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("reports progress, warns of cut texts and stops when asked to", async () => {
    const seen: unknown[] = [];
    await encodeTexts(clip, reference.texts, {
      onProgress: ({ stage, done, total }) => seen.push([stage, done, total]),
      onWarn: (code, message) => seen.push([code, message]),
    });
    expect(seen).toEqual([
      ["text-cut", "2 of 4 texts are longer than 11 tokens and were cut."],
      ["encode texts", 4, 4],
    ]);
    await expect(encodeImages(clip, images, { signal: AbortSignal.abort() })).rejects.toThrow("interrupted");
  });

  it("reads a text out at its highest id where the configuration has the end token of older files, 2", async () => {
    const text = clip.parts.config["text_config"] as object;
    const folder = mkdtempSync(join(tmpdir(), "clip-"));
    saveClip(
      {
        ...clip,
        parts: { ...clip.parts, config: { ...clip.parts.config, text_config: { ...text, eos_token_id: 2 } } },
      },
      folder,
    );
    const older = loadClip(folder);
    expect(await encodeTexts(older, reference.texts)).toEqual(await encodeTexts(clip, reference.texts));
    older.dispose();
    rmSync(folder, { recursive: true });
  });

  it("refuses a configuration that does not fit the weights or the tokenizer", () => {
    const text = clip.parts.config["text_config"] as object;
    const make = (config: object) => () =>
      createClip({ ...clip.parts, config: { ...clip.parts.config, ...config } }, 1);
    expect(make({ text_config: { ...text, vocab_size: 200 } })).toThrow(
      "vocab_size must be at least the tokenizer's 258",
    );
    expect(make({ text_config: { ...text, hidden_act: "relu" } })).toThrow(
      'text_config.hidden_act must be "quick_gelu" or "gelu"; got "relu"',
    );
    expect(make({ projection_dim: "16" })).toThrow("projection_dim must be a whole number");
    expect(() => clipImageEmbeddings(clip, tf.zeros([1, 8, 8, 3]) as tf.Tensor4D)).toThrow(
      "must have shape [any, 12, 12, 3]",
    );
  });
});

describe("contrastiveLoss", () => {
  it("is log B for embeddings that are all the same", () => {
    const same = tf.tensor2d([1, 0, 1, 0, 1, 0], [3, 2]);
    expect(contrastiveLoss(same, same, tf.scalar(2)).dataSync()[0]).toBeCloseTo(Math.log(3), 6);
  });

  it("does not depend on which side is which", () => {
    const random = createRandom("loss");
    const draw = () =>
      tf.tensor2d(
        Float32Array.from({ length: 8 }, () => random.normal()),
        [4, 2],
      );
    const [a, b] = [draw(), draw()];
    const value = contrastiveLoss(a, b, tf.scalar(0.5)).dataSync()[0]!;
    expect(contrastiveLoss(b, a, tf.scalar(0.5)).dataSync()[0]).toBeCloseTo(value, 6);
  });
});
