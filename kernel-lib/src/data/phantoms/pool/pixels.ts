import type { RasterImage } from "../../../base/types";
import { wordFor } from "../attributes";
import { SLOPE_STRENGTH } from "../render";

/** A part of a picture, as shares of its width and height. */
interface Part {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const WHOLE: Part = { left: 0, right: 1, top: 0, bottom: 1 };
const MIDDLE: Part = { left: 0.4, right: 0.6, top: 0.4, bottom: 0.6 };
/** The middles of the four edges: corners may be dark by the device. */
const EDGES: readonly Part[] = [
  { ...MIDDLE, top: 0, bottom: 0.1 },
  { ...MIDDLE, top: 0.9, bottom: 1 },
  { ...MIDDLE, left: 0, right: 0.1 },
  { ...MIDDLE, left: 0.9, right: 1 },
];

/** Mean grey level of a part, 0 to 1. */
function levelOf({ width, height, channels, data }: RasterImage, { left, right, top, bottom }: Part): number {
  const [first, end] = [Math.floor(left * width) * channels, Math.ceil(right * width) * channels];
  const [firstRow, endRow] = [Math.floor(top * height), Math.ceil(bottom * height)];
  let sum = 0;
  for (let row = firstRow; row < endRow; row++) {
    for (let i = first; i < end; i++) sum += data[row * width * channels + i]!;
  }
  return sum / ((endRow - firstRow) * (end - first)) / 255;
}

/** "dark", "dim" or "bright": the mean grey level, within the bounds of the general world. */
export const brightnessOf = (image: RasterImage): string => wordFor("brightness", levelOf(image, WHOLE));

/** "falling", "level" or "rising" from left to right, within the bounds of the general world. */
export function slopeOf(image: RasterImage): string {
  const difference = levelOf(image, { ...WHOLE, left: 0.5 }) - levelOf(image, { ...WHOLE, right: 0.5 });
  return wordFor("slope", difference / SLOPE_STRENGTH);
}

/** Whether the picture's middle is darker than the middles of its edges. */
export function isDarkInside(image: RasterImage): boolean {
  const edges = EDGES.reduce((sum, part) => sum + levelOf(image, part), 0) / EDGES.length;
  return levelOf(image, MIDDLE) < edges;
}
