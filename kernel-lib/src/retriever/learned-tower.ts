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

/** Values of pictures, all of a tower, that are remembered: 64 MiB. */
const MOST_REMEMBERED = 2 ** 24;

/** As `towers.pixels`; a picture is prepared once, since a training sees it again and again, as long as there is room. */
function rememberPixels({ pixels }: Pick<DualEncoder["towers"], "pixels">) {
  const known = new WeakMap<RasterImage, Float32Array>();
  let room = MOST_REMEMBERED;
  let shape: [number, number, number] = [0, 0, 0]; // of one picture: height, width, channels
  const prepare = (images: readonly RasterImage[]): Map<RasterImage, Float32Array> => {
    if (images.length === 0) return new Map();
    const batch = pixels(images);
    shape = batch.shape.slice(1) as typeof shape;
    const values = batch.dataSync() as Float32Array;
    const size = values.length / images.length;
    batch.dispose();
    return new Map(images.map((image, i) => [image, values.slice(i * size, (i + 1) * size)]));
  };
  return (images: readonly RasterImage[]): tf.Tensor4D => {
    const fresh = prepare([...new Set(images)].filter((image) => !known.has(image)));
    for (const [image, values] of fresh) {
      if (values.length > room) break;
      known.set(image, values);
      room -= values.length;
    }
    const [height, width, channels] = shape;
    const size = height * width * channels;
    const all = new Float32Array(images.length * size);
    images.forEach((image, i) => {
      all.set(fresh.get(image) ?? known.get(image)!, i * size);
    });
    return tf.tensor4d(all, [images.length, ...shape]);
  };
}

/**
 * A head's trainable query tower: a copy of the frozen encoder's image tower, so that training starts from the frozen head.
 *
 * Memory: owns its copy; the model stays the caller's and is not changed.
 */
export function createLearnedTower(encoder: Pick<DualEncoder, "parameters" | "towers">): EncoderTower {
  const { towers } = encoder;
  const parameters = copyImageWeights(encoder);
  const pixels = rememberPixels(towers);
  return {
    variables: parameters.names().map((name) => parameters.get(name)),
    embed: (images) => tf.tidy(() => towers.imageEmbeddings(parameters, pixels(images))),
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
