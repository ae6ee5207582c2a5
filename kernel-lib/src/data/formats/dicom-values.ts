import type { Element } from "dicom-parser";
import type { CodedSamples } from "./codec-fault";
import type { DicomHeader } from "./dicom-header";
import type { DicomLayout } from "./dicom-layout";

const PIXEL_DATA = "PixelData (7FE0,0010)";

/** The bytes of a picture that is not packed, little-endian. */
export function nativeBytes(header: DicomHeader, element: Element, size: number, order: "little" | "big"): Uint8Array {
  const found = element.length;
  // an odd number of bytes is padded to an even one
  if (found !== size && found !== size + (size % 2)) header.refuse(PIXEL_DATA, `hold ${size} bytes`, `${found} bytes`);
  const { byteArray } = header.data;
  if (element.dataOffset + size > byteArray.length) header.refuse(PIXEL_DATA, "be whole", "a truncated file");
  if (order === "little" || element.vr === "OB") {
    return byteArray.subarray(element.dataOffset, element.dataOffset + size);
  }
  // words of two bytes, whatever a sample is
  return Buffer.from(byteArray.subarray(element.dataOffset, element.dataOffset + found))
    .swap16()
    .subarray(0, size);
}

/** Stored numbers from little-endian bytes: bits outside BitsStored cut off, the sign extended. [height, width, samples] */
export function toValues(bytes: Uint8Array, layout: DicomLayout): Int32Array {
  const { bitsAllocated, bitsStored, lowBit, isSigned, isPlanar, samples, width, height } = layout;
  const pixels = width * height;
  const shift = 32 - bitsStored;
  const values = new Int32Array(pixels * samples);
  for (let p = 0; p < pixels; p++) {
    for (let s = 0; s < samples; s++) {
      const at = isPlanar ? s * pixels + p : p * samples + s;
      const raw = bitsAllocated === 8 ? bytes[at]! : bytes[2 * at]! | (bytes[2 * at + 1]! << 8);
      const bits = (raw >> lowBit) << shift;
      values[p * samples + s] = isSigned ? bits >> shift : bits >>> shift;
    }
  }
  return values;
}

/**
 * Stored numbers from what a codec gives: two's complement of its precision, or signed already.
 *
 * @throws DataError when a number does not fit into BitsStored.
 */
export function fitValues(header: DicomHeader, { values, precision }: CodedSamples, layout: DicomLayout): Int32Array {
  const { bitsStored, isSigned } = layout;
  const shift = 32 - precision;
  const mustExtend = isSigned && !(values instanceof Int16Array);
  const [low, high] = isSigned ? [-(2 ** (bitsStored - 1)), 2 ** (bitsStored - 1) - 1] : [0, 2 ** bitsStored - 1];
  const out = new Int32Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const value = mustExtend ? (values[at]! << shift) >> shift : values[at]!;
    if (value < low || value > high)
      header.refuse(PIXEL_DATA, `hold values from ${low} to ${high} (BitsStored)`, value);
    out[at] = value;
  }
  return out;
}
