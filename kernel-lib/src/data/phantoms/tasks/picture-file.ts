import sharp from "sharp";
import type { RasterImage } from "../../../base/types";

/** The bytes of a picture file; the same for the same picture and version of sharp. JPEG keeps all of the colour. */
export async function encodePicture(image: RasterImage, format: "png" | "jpeg"): Promise<Buffer> {
  const { width, height, channels, data } = image;
  const picture = sharp(data, { raw: { width, height, channels } });
  return format === "png"
    ? picture.png({ compressionLevel: 6 }).toBuffer()
    : picture.jpeg({ quality: 92, chromaSubsampling: "4:4:4" }).toBuffer();
}
