import sharp, { type Sharp } from "sharp";
import type { RasterImage } from "../../../src/base/types";
import { cropImage } from "../../../src/data/leaks/near-duplicates";

function open(image: RasterImage): Sharp {
  const { width, height, channels } = image;
  return sharp(Buffer.from(image.data), { raw: { width, height, channels } });
}

async function decode(picture: Sharp, channels: 1 | 3): Promise<RasterImage> {
  const pipeline = picture.toColourspace(channels === 1 ? "b-w" : "srgb").raw();
  const { data, info } = await pipeline.toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, channels, data: Uint8Array.from(data) };
}

const mirrored = (image: RasterImage): Sharp => open(image).flop();

async function jpeg(picture: Sharp, quality: number, channels: 1 | 3): Promise<RasterImage> {
  return decode(sharp(await picture.jpeg({ quality }).toBuffer()), channels);
}

function resized(image: RasterImage, factor: number): Promise<RasterImage> {
  const [width, height] = [image.width, image.height].map((side) => Math.max(8, Math.round(side * factor)));
  return decode(open(image).resize(width!, height!, { fit: "fill" }), image.channels);
}

function cropped(image: RasterImage, share: number, corner: 0 | 0.5): RasterImage {
  const [width, height] = [image.width, image.height].map((side) => Math.round(side * (1 - share)));
  const left = Math.floor((image.width - width!) * corner);
  const top = Math.floor((image.height - height!) * corner);
  return cropImage(image, { left, top, width: width!, height: height! });
}

/** The ways in which a picture comes back in another archive. */
export const COPIES: Readonly<Record<string, (image: RasterImage) => Promise<RasterImage>>> = {
  mirrored: (image) => decode(mirrored(image), image.channels),
  "JPEG 75": (image) => jpeg(open(image), 75, image.channels),
  "JPEG 50": (image) => jpeg(open(image), 50, image.channels),
  "half size": (image) => resized(image, 0.5),
  "double size": (image) => resized(image, 2),
  "mirrored, JPEG 75": (image) => jpeg(mirrored(image), 75, image.channels),
};

/** Crops: harder, looked at apart. */
export const CROPS: Readonly<Record<string, (image: RasterImage) => Promise<RasterImage>>> = {
  "5 % cut off at a corner": async (image) => cropped(image, 0.05, 0),
  "10 % cut off around": async (image) => cropped(image, 0.1, 0.5),
};
