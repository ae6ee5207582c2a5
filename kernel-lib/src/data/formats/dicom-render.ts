import type { RasterImage } from "../../base/types";
import type { DicomPicture } from "./dicom";

/** Lowest and highest rescaled value inside the picture; padding is left out. */
function rangeOf({ values, slope, intercept, padding }: DicomPicture): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value === padding) continue;
    const rescaled = slope * value + intercept;
    if (rescaled < low) low = rescaled;
    if (rescaled > high) high = rescaled;
  }
  return low <= high ? [low, high] : [0, 0];
}

/** Where black and white lie, in rescaled values (DICOM PS3.3, C.11.2.1.2). */
function blackAndWhite(picture: DicomPicture): [number, number] {
  if (picture.window === null) return rangeOf(picture);
  const { center, width, shape } = picture.window;
  if (shape === "LINEAR_EXACT") return [center - width / 2, center + width / 2];
  return [center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2];
}

/**
 * A DICOM picture as it is shown: rescaled, windowed (the file's first window, else the whole range), MONOCHROME1 turned round.
 *
 * @returns bytes, 1 channel for grey, 3 for colour, which is not windowed.
 */
export function renderDicom(picture: DicomPicture): RasterImage {
  const { width, height, samples, values, photometric, slope, intercept } = picture;
  if (samples === 3) return { width, height, channels: 3, data: Uint8Array.from(values) };
  const [black, white] = blackAndWhite(picture);
  const range = white - black;
  const data = new Uint8Array(values.length);
  for (let p = 0; p < values.length; p++) {
    const rescaled = slope * values[p]! + intercept;
    // a window of width 1 is a threshold: everything above black is white
    const level = range > 0 ? ((rescaled - black) * 255) / range : rescaled > black ? 255 : 0;
    const byte = Math.round(Math.min(255, Math.max(0, level)));
    data[p] = photometric === "MONOCHROME1" ? 255 - byte : byte;
  }
  return { width, height, channels: 1, data };
}
