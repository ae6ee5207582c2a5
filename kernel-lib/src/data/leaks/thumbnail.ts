import type { RasterImage } from "../../base/types";
import { resizeBicubic } from "../../models/resize-bicubic";

/** Side of a thumbnail, pixels. */
export const SIDE = 32;

/** Brightness as in ITU-R BT.601, rounded: the grey that JPEG files keep. */
function toGrey(image: RasterImage): RasterImage {
  if (image.channels === 1) return image;
  const data = new Uint8Array(image.width * image.height);
  for (let p = 0; p < data.length; p++) {
    const [red, green, blue] = [image.data[3 * p]!, image.data[3 * p + 1]!, image.data[3 * p + 2]!];
    data[p] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  }
  return { ...image, channels: 1, data };
}

/** The 32 by 32 grey picture that all comparisons are made on, [32, 32]: size, colour and fine detail are left out. */
export function thumbnailOf(image: RasterImage): Uint8Array {
  return resizeBicubic(toGrey(image), SIDE, SIDE).data;
}

/** A thumbnail, left and right exchanged. */
export function mirror(thumbnail: Uint8Array): Uint8Array {
  return Uint8Array.from(thumbnail, (_, p) => thumbnail[p - (p % SIDE) + (SIDE - 1 - (p % SIDE))]!);
}

/** A part of a picture. */
export function cropImage(
  image: RasterImage,
  part: { readonly left: number; readonly top: number; readonly width: number; readonly height: number },
): RasterImage {
  const { channels } = image;
  const data = new Uint8Array(part.width * part.height * channels);
  for (let row = 0; row < part.height; row++) {
    const start = ((part.top + row) * image.width + part.left) * channels;
    data.set(image.data.subarray(start, start + part.width * channels), row * part.width * channels);
  }
  return { width: part.width, height: part.height, channels, data };
}
