import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import type { RasterImage } from "../../../src/base/types";
import { contrastiveLoss } from "../../../src/models/dual-encoder/encoder";
import { type JinaClip, loadJinaClip } from "../../../src/models/jina-clip/weights";

/** Every `step`th value of a tensor, and its largest one. */
export interface Sample {
  readonly largest: number;
  readonly step: number;
  readonly values: number[];
}

/** Numbers PyTorch computed, see reference/jina-clip/make-reference.py. */
interface Numbers {
  readonly texts: string[];
  readonly ids: number[][];
  readonly images: { height: number; width: number; data: number[] }[];
  /** [images, H, W, 3] */
  readonly pixels: Sample;
  readonly imageEmbeddings: number[];
  readonly textEmbeddings: number[];
  readonly loss: number;
  readonly gradients: Record<string, Sample>;
}

export const JINA_CASES = ["published", "plain", "mixed"] as const;

export interface JinaCase {
  readonly folder: string;
  readonly model: JinaClip;
  readonly images: readonly RasterImage[];
  readonly numbers: Numbers;
}

/** Loads one stored folder; the caller disposes `model`. */
export function loadJinaCase(name: (typeof JINA_CASES)[number]): JinaCase {
  const folder = join(__dirname, "../../reference/jina-clip", name);
  const numbers = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8")) as Numbers;
  const images = numbers.images.map(
    ({ height, width, data }): RasterImage => ({ height, width, channels: 3, data: Uint8Array.from(data) }),
  );
  return { folder, model: loadJinaClip(folder), images, numbers };
}

/** The contrastive loss of the first pictures with the texts. */
export function lossOf({ parameters, towers }: JinaClip, { images, numbers }: JinaCase): tf.Scalar {
  return tf.tidy(() => {
    const rows = towers.imageEmbeddings(parameters, towers.pixels(images.slice(0, numbers.texts.length)));
    const texts = towers.textEmbeddings(parameters, towers.texts(numbers.texts));
    return contrastiveLoss(rows, texts, parameters.get("logit_scale"));
  });
}

/** Largest difference of a sample and the values it was taken from, as a share of the largest value. */
export function sampleError(values: ArrayLike<number>, { largest, step, values: expected }: Sample): number {
  if (Math.ceil(values.length / step) !== expected.length) return Number.POSITIVE_INFINITY;
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - values[i * step]!)), 0) / largest;
}
