import * as tf from "@tensorflow/tfjs-core";
import { DataError } from "../base/errors";
import { readSafetensors, writeSafetensors } from "../compute/safetensors";
import { copyImageWeights, type DualEncoder } from "../models/dual-encoder";
import type { LearnedTower } from "./learned-tower";

/** A learned tower that can be written to disk. */
export interface ClipLearnedTower extends LearnedTower {
  /** Writes all its weights under their Hugging Face names. */
  save(file: string): void;
}

/** What a tower is copied from. */
type Source = Pick<DualEncoder, "parameters" | "towers">;

/**
 * A head's trainable query tower: a copy of the frozen encoder's image tower, so that training starts from the frozen head.
 *
 * Memory: owns its copy; the model stays the caller's and is not changed.
 */
export function createClipTower(encoder: Source): ClipLearnedTower {
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
export function loadClipTower(encoder: DualEncoder, file: string): ClipLearnedTower {
  const { tensors } = readSafetensors(file);
  const parameters = copyImageWeights(encoder);
  const names = parameters.names();
  try {
    for (const name of names) {
      const data = tensors.get(name)?.data;
      if (data instanceof Float32Array && tensors.size === names.length) parameters.assign(name, data);
      else
        throw new DataError(
          `loadClipTower: ${file} must hold the ${names.length} weights of the image tower; got ${tensors.size}, ${name} ${data === undefined ? "missing" : "present"}. Train the head again.`,
          { file, name },
        );
    }
    return createClipTower({ towers: encoder.towers, parameters });
  } finally {
    parameters.dispose();
  }
}
