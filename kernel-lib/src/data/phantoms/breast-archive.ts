import { assertInRange } from "../../base/check";
import { createRandom } from "../../base/random";
import type { NpyArray } from "../formats/npy";
import { formatNpz } from "../formats/npz";
import { BREAST_SIZE, type BreastOptions, drawBreastPhantom } from "./breast-phantom";

/** Options of the archive. */
export interface BreastArchiveOptions extends BreastOptions {
  /** Share of malignant pictures in each split. Default 0.4. The real data set has 0.27: see data/README.md. */
  readonly malignantShare?: number;
}

export const BREAST_COUNTS = { train: 546, val: 78, test: 156 } as const;
export const MALIGNANT_SHARE = 0.4;

function drawSplit(split: keyof typeof BREAST_COUNTS, seed: number, options: BreastArchiveOptions): NpyArray[] {
  const { malignantShare = MALIGNANT_SHARE } = options;
  const { width, height } = BREAST_SIZE;
  const random = createRandom(`breast-phantom/${seed}`).fork(split);
  const count = BREAST_COUNTS[split];
  const malignant = Math.round(count * malignantShare);
  const labels = Uint8Array.from(random.shuffle(Array.from({ length: count }, (_, i) => (i < malignant ? 0 : 1))));
  const images = new Uint8Array(count * width * height);
  labels.forEach((label, i) => {
    const phantom = drawBreastPhantom(label === 0 ? "malignant" : "benign", random.fork(String(i)), options);
    images.set(phantom.image.data, i * width * height);
  });
  return [
    { type: "|u1", shape: [count, height, width], data: images },
    { type: "|u1", shape: [count, 1], data: labels },
  ];
}

/**
 * The bytes of a stand-in for breastmnist.npz: the same six arrays, shapes, types and labels (0 malignant, 1 normal or benign).
 *
 * @throws ConfigError when the share or the contrast is out of range.
 */
export function writeBreastArchive(seed: number, options: BreastArchiveOptions = {}): Uint8Array {
  assertInRange("writeBreastArchive: malignantShare", options.malignantShare ?? MALIGNANT_SHARE, 0.05, 0.95);
  assertInRange("writeBreastArchive: contrast", options.contrast ?? 0, 0, 5);
  const arrays = new Map<string, NpyArray>();
  for (const split of ["train", "val", "test"] as const) {
    const [images, labels] = drawSplit(split, seed, options);
    arrays.set(`${split}_images`, images!);
    arrays.set(`${split}_labels`, labels!);
  }
  return formatNpz(arrays, "stored");
}
