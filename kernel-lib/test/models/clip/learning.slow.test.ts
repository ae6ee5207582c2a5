import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RasterImage } from "../../../src/base/types";
import { createAdamW } from "../../../src/compute/adamw";
import { openBackend } from "../../../src/compute/backend";
import { clipImageEmbeddings, clipTextEmbeddings } from "../../../src/models/clip/model";
import { clipTexts } from "../../../src/models/clip/processor";
import { type Clip, createClip, loadClip } from "../../../src/models/clip/weights";
import { contrastiveLoss, copyImageWeights, encodeImages } from "../../../src/models/dual-encoder/encoder";

interface Reference {
  texts: string[];
  images: { height: number; width: number; data: number[] }[];
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

function lossOf(model: Clip): tf.Scalar {
  const imageEmbeddings = clipImageEmbeddings(model, model.towers.pixels(images));
  const textEmbeddings = clipTextEmbeddings(model, clipTexts(model, reference.texts));
  return contrastiveLoss(imageEmbeddings, textEmbeddings, model.parameters.get("logit_scale"));
}

describe("CLIP", () => {
  it("overfits one batch, with the same losses on every run", () => {
    const train = (): number[] => {
      const model = createClip(clip.parts, 7);
      const variables = model.parameters.unfreeze();
      const optimiser = createAdamW(variables);
      const losses = Array.from({ length: 12 }, () => {
        const { value, grads } = tf.variableGrads(() => lossOf(model), variables);
        optimiser.step(
          variables.map((variable) => grads[variable.name]!),
          3e-3,
        );
        return value.dataSync()[0]!;
      });
      optimiser.dispose();
      model.dispose();
      return losses;
    };
    const losses = train();
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
    expect(train()).toEqual(losses);
  });

  it("trains a copy of the image tower and leaves the model as it was", async () => {
    const before = (await encodeImages(clip, images)).data;
    const tower = { config: clip.config, parameters: copyImageWeights(clip) };
    expect(tower.parameters.names()).not.toContain("logit_scale");
    const pixels = clip.towers.pixels(images);
    const variables = tower.parameters.names().map((name) => tower.parameters.get(name));
    const { value, grads } = tf.variableGrads(
      () => tf.sum(tf.slice(clipImageEmbeddings(tower, pixels), 0, 2)),
      variables,
    );
    const optimiser = createAdamW(variables);
    optimiser.step(
      variables.map((variable) => grads[variable.name]!),
      1e-2,
    );
    expect(clipImageEmbeddings(tower, pixels).dataSync()).not.toEqual(before);
    expect((await encodeImages(clip, images)).data).toEqual(before);
    tf.dispose([value, grads, pixels]);
    optimiser.dispose();
    tower.parameters.dispose();
  });
});
