import { setImmediate as nextTick } from "node:timers/promises";
import { assertNotInterrupted } from "../base/check";
import type { Control, RasterImage } from "../base/types";
import { groupPatches, type ImageTokens } from "./picture-album";
import type { PatchGroup, VisionLanguageModel } from "./vision-language";

const BATCH_SIZE = 64;

/**
 * Runs the vision tower over pictures, without gradient: what a frozen tower needs once per picture.
 *
 * Each pass has the same shape, so an image's tokens are the same bits whatever else is asked for with it.
 * Put the results into a map and give it to `collatePrompts` as `vision`. Pictures of one size are read 64 at a time.
 *
 * @throws InterruptedError when the control's signal is aborted.
 */
export async function encodeVision(
  model: VisionLanguageModel,
  images: readonly RasterImage[],
  control?: Control,
): Promise<ImageTokens[]> {
  const width = model.config.text.hiddenSize;
  const known = new Map<RasterImage, ImageTokens>();
  const different = [...new Set(images)];
  for (let start = 0; start < different.length; start += BATCH_SIZE) {
    await nextTick(); // tfjs-node computes synchronously: let signals and displays through
    assertNotInterrupted("encodeVision", control?.signal);
    for (const { members, group } of groupPatches(model, different.slice(start, start + BATCH_SIZE))) {
      const output = model.pictures.run(model.parameters, fillUp(group));
      const values = (await output.data()) as Float32Array;
      output.dispose();
      const size = (output.shape[0] / BATCH_SIZE) * width;
      members.forEach((image, i) => {
        known.set(image, { tokens: values.slice(i * size, (i + 1) * size), grid: group.grid });
      });
    }
    const done = Math.min(start + BATCH_SIZE, different.length);
    control?.onProgress?.({ stage: "encodeVision", done, total: different.length });
  }
  return images.map((image) => known.get(image)!);
}

/** The group with empty pictures added up to a full batch: a matrix product's rounding depends on its shape. */
function fillUp(group: PatchGroup): PatchGroup {
  const perImage = group.patches.length / group.numImages;
  const patches = new Float32Array(BATCH_SIZE * perImage);
  patches.set(group.patches);
  return { ...group, numImages: BATCH_SIZE, patches };
}
