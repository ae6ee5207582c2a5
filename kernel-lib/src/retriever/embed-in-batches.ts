import { setImmediate as yieldToEvents } from "node:timers/promises";
import { assertNotInterrupted } from "../base/check";
import type { Control, Matrix, RasterImage } from "../base/types";
import type { LearnedTower } from "./learned-tower";

const BATCH_SIZE = 64;

/** Embeds images with a learned tower, no gradient: [n, D], L2-normalised. Memory: disposes what it creates. */
export async function embedInBatches(
  tower: LearnedTower,
  images: readonly RasterImage[],
  control?: Control,
): Promise<Matrix> {
  const parts: Float32Array[] = [];
  let cols = 0;
  for (let from = 0; from < images.length; from += BATCH_SIZE) {
    assertNotInterrupted("embedInBatches", control?.signal);
    const embedded = tower.embed(images.slice(from, from + BATCH_SIZE));
    cols = embedded.shape[1];
    parts.push((await embedded.data()) as Float32Array);
    embedded.dispose();
    await yieldToEvents();
  }
  const data = new Float32Array(images.length * cols);
  parts.forEach((part, i) => {
    data.set(part, i * BATCH_SIZE * cols);
  });
  return { data, rows: images.length, cols };
}
