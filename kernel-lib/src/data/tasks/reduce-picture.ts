import sharp from "sharp";
import type { RasterImage } from "../../base/types";

/** The picture with at most `longestSide` pixels on the long side; a smaller one stays as it is. */
export async function reducePicture(image: RasterImage, longestSide: number): Promise<RasterImage> {
  const { width, height, channels } = image;
  if (Math.max(width, height) <= longestSide) return image;
  const { data, info } = await sharp(image.data, { raw: { width, height, channels } })
    .resize({ width: longestSide, height: longestSide, fit: "inside" })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, channels, data: Uint8Array.from(data) };
}
