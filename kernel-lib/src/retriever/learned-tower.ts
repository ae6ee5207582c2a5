import { setImmediate as yieldToEvents } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { assertNotInterrupted } from "../base/check";
import { DataError } from "../base/errors";
import type { Control, Matrix, RasterImage } from "../base/types";
import { readSafetensors, writeSafetensors } from "../compute/safetensors";
import { copyImageWeights, type DualEncoder } from "../models/dual-encoder/encoder";

/** One head's trainable copy of the frozen image tower. */
export interface LearnedTower {
  /** What learns, in a fixed order. */
  readonly variables: readonly tf.Variable[];
  /** Shapes: B images -> [B, D], L2-normalised; differentiable when called inside a tape. The caller disposes the result. */
  embed(images: readonly RasterImage[]): tf.Tensor2D;
  dispose(): void;
}

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

/** A copy of an encoder's image tower, which can be written to disk. */
export interface EncoderTower extends LearnedTower {
  /** Writes all its weights under their Hugging Face names. */
  save(file: string): void;
}

/**
 * A head's trainable query tower: a copy of the frozen encoder's image tower, so that training starts from the frozen head.
 *
 * Memory: owns its copy; the model stays the caller's and is not changed.
 */
export function createLearnedTower(encoder: Pick<DualEncoder, "parameters" | "towers">): EncoderTower {
  const { towers } = encoder;
  const parameters = copyImageWeights(encoder);
  return {
    variables: parameters.names().map((name) => parameters.get(name)),
    embed: (images) => tf.tidy(() => towers.imageEmbeddings(parameters, towers.pixels(images))),
    save: (file) =>
      writeSafetensors(
        file,
        [...parameters.export()].map(([name, weight]) => [name, { dtype: "F32", ...weight }] as const),
      ),
    dispose: () => parameters.dispose(),
  };
}

/**
 * Loads a tower that was saved with `save`.
 *
 * @throws DataError when the file holds other weights than the model's image tower.
 */
export function loadLearnedTower(encoder: DualEncoder, file: string): EncoderTower {
  const { tensors } = readSafetensors(file);
  const parameters = copyImageWeights(encoder);
  const names = parameters.names();
  try {
    for (const name of names) {
      const data = tensors.get(name)?.data;
      if (data instanceof Float32Array && tensors.size === names.length) parameters.assign(name, data);
      else
        throw new DataError(
          `loadLearnedTower: ${file} must hold the ${names.length} weights of the image tower; got ${tensors.size}, ${name} ${data === undefined ? "missing" : "present"}. Train the head again.`,
          { file, name },
        );
    }
    return createLearnedTower({ towers: encoder.towers, parameters });
  } finally {
    parameters.dispose();
  }
}
