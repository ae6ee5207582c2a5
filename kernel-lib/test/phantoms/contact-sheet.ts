import sharp from "sharp";
import type { RasterImage } from "../../src/base/types";

const GAP = 4;

async function tile(image: RasterImage, side: number): Promise<Buffer> {
  const { width, height, channels } = image;
  return sharp(Buffer.from(image.data), { raw: { width, height, channels } })
    .resize(side, side, { fit: "contain", kernel: "nearest", background: "#ffffff" })
    .toColourspace("srgb")
    .png()
    .toBuffer();
}

/** A PNG with the pictures in rows, each `side` pixels large, on white. */
export async function contactSheet(rows: readonly (readonly RasterImage[])[], side: number): Promise<Buffer> {
  const columns = Math.max(...rows.map((row) => row.length));
  const tiles = rows.flatMap((row, y) =>
    row.map(async (image, x) => ({
      input: await tile(image, side),
      left: x * (side + GAP),
      top: y * (side + GAP),
    })),
  );
  const width = columns * (side + GAP) - GAP;
  const height = rows.length * (side + GAP) - GAP;
  return sharp({ create: { width, height, channels: 3, background: "#ffffff" } })
    .composite(await Promise.all(tiles))
    .png({ palette: true, compressionLevel: 9 })
    .toBuffer();
}
