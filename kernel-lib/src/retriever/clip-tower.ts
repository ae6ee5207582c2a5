import * as tf from "@tensorflow/tfjs-core";
import { DataError } from "../base/errors";
import { readSafetensors, writeSafetensors } from "../compute/safetensors";
import { type Clip, copyVisionTower } from "../models/clip";
import { clipPixels } from "../models/clip-encode";
import { clipImageEmbeddings } from "../models/clip-towers";
import type { LearnedTower } from "./learned-tower";

/** A learned tower that can be written to disk. */
export interface ClipLearnedTower extends LearnedTower {
  /** Writes all its weights under their Hugging Face names. */
  save(file: string): void;
}

/**
 * A head's trainable query tower: a copy of the frozen CLIP image tower, so that training starts from the frozen head.
 *
 * Memory: owns its copy; the model stays the caller's and is not changed.
 */
export function createClipTower(clip: Clip): ClipLearnedTower {
  const tower = copyVisionTower(clip);
  const names = tower.parameters.names();
  return {
    variables: names.map((name) => tower.parameters.get(name)),
    embed: (images) => tf.tidy(() => clipImageEmbeddings(tower, clipPixels(clip, images))),
    save: (file) =>
      writeSafetensors(
        file,
        [...tower.parameters.export()].map(([name, weight]) => [name, { dtype: "F32", ...weight }] as const),
      ),
    dispose: () => tower.dispose(),
  };
}

/**
 * Loads a tower that was saved with `save`.
 *
 * @throws DataError when the file holds other weights than the model's image tower.
 */
export function loadClipTower(clip: Clip, file: string): ClipLearnedTower {
  const { tensors } = readSafetensors(file);
  const tower = copyVisionTower(clip);
  const names = tower.parameters.names();
  try {
    for (const name of names) {
      const data = tensors.get(name)?.data;
      if (data instanceof Float32Array && tensors.size === names.length) tower.parameters.assign(name, data);
      else
        throw new DataError(
          `loadClipTower: ${file} must hold the ${names.length} weights of the image tower; got ${tensors.size}, ${name} ${data === undefined ? "missing" : "present"}. Train the head again.`,
          { file, name },
        );
    }
    return createClipTower({ ...clip, parameters: tower.parameters });
  } finally {
    tower.dispose();
  }
}
