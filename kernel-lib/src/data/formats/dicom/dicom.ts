import { isKernelError } from "../../../base/errors";
import type { RasterImage } from "../../../base/types";
import { AGAIN, refuseDicom } from "./data-set";
import { type DicomDisplay, readDisplay, renderGrey } from "./display";
import { DicomHeader, type DicomReading, readLayout, readPacking, readPhotometric } from "./header";
import { applyPalette } from "./lookup-table";
import { assertPixels, readStoredValues } from "./pixel-data";

/** The stored values of a DICOM picture and what is needed to show them. */
export interface DicomPicture extends DicomDisplay {
  readonly width: number;
  readonly height: number;
  readonly samples: 1 | 3;
  /** Stored values, [height, width, samples], before rescaling; colour as red, green and blue from 0 to 255. */
  readonly values: Int32Array;
  readonly photometric: "MONOCHROME1" | "MONOCHROME2" | "RGB";
}

/** Red, green and blue of brightness and colour differences, all 0 to 255 (DICOM PS3.3, C.7.6.3.1.2). In place. */
function ybrToRgb(values: Int32Array): Int32Array {
  const byte = (value: number) => Math.min(255, Math.max(0, Math.floor(value + 0.5)));
  for (let at = 0; at < values.length; at += 3) {
    const [y, b, r] = [values[at]!, values[at + 1]! - 128, values[at + 2]! - 128];
    values[at] = byte(y + 1.402 * r);
    values[at + 1] = byte(y - ((0.114 * 1.772) / 0.587) * b - ((0.299 * 1.402) / 0.587) * r);
    values[at + 2] = byte(y + 1.772 * b);
  }
  return values;
}

/** Values and form in which they are shown: grey, or red, green and blue. */
async function readShown(reading: DicomReading): Promise<Pick<DicomPicture, "values" | "samples" | "photometric">> {
  const { header, packing, layout, photometric } = reading;
  const values = await readStoredValues(reading);
  if (photometric === "MONOCHROME1" || photometric === "MONOCHROME2") return { values, samples: 1, photometric };
  const colour = { samples: 3, photometric: "RGB" } as const;
  if (photometric === "PALETTE COLOR") {
    return { values: applyPalette(header, values, layout, packing === "bigEndian" ? "big" : "little"), ...colour };
  }
  const isStillYbr = photometric.startsWith("YBR_FULL") && packing !== "jpeg" && packing !== "jpegExtended";
  return { values: isStillYbr ? ybrToRgb(values) : values, ...colour };
}

/**
 * Reads the picture of a DICOM file: one frame, 1 to 16 bits, grey, RGB, brightness with colour differences, or a palette; as it is,
 * deflated, big-endian, or packed as RLE, JPEG (8 and 12 bits, lossless), JPEG-LS or JPEG 2000.
 *
 * @param file what to call it in an error.
 * @throws DataError naming file, field, rule and value; a transfer syntax that is not read is named.
 */
export async function readDicom(bytes: Uint8Array, file: string): Promise<DicomPicture> {
  try {
    const header = new DicomHeader(bytes, file);
    assertPixels(header); // first: what is no picture has no size either
    const packing = readPacking(header);
    const layout = readLayout(header, packing);
    const reading: DicomReading = { header, packing, layout, photometric: readPhotometric(header, packing, layout) };
    return {
      width: layout.width,
      height: layout.height,
      ...(await readShown(reading)),
      ...readDisplay(reading),
    };
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    const got = String((cause as Error).message ?? cause).slice(0, 120);
    return refuseDicom(file, { field: "data set", rule: "be sound DICOM", got, next: AGAIN }, cause);
  }
}

/**
 * A DICOM picture as a viewer shows it: grey as display.ts says, colour as it is.
 *
 * @returns bytes, 1 channel for grey, 3 for colour.
 */
export function renderDicom(picture: DicomPicture): RasterImage {
  const { width, height, values, photometric } = picture;
  if (photometric === "RGB") return { width, height, channels: 3, data: Uint8Array.from(values) };
  return { width, height, channels: 1, data: renderGrey(picture, photometric) };
}
