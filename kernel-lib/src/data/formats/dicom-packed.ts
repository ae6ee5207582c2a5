import sharp from "sharp";
import { DataError } from "../../base/errors";

/** What a packed picture has to unfold to. */
export interface PackedLayout {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly samples: 1 | 3;
  readonly bitsAllocated: 8 | 16;
}

function refuse(file: string, rule: string, got: string, cause?: unknown): never {
  const field = "PixelData (7FE0,0010)";
  const message = `readDicom: ${file}, ${field}, must ${rule}; got ${got}. Download the file again.`;
  throw new DataError(message, { file, field, rule, got }, cause);
}

/** Unpacks one run-length segment (PackBits) to exactly `size` bytes. A single byte may pad the end. */
function unpackBits(bytes: Uint8Array, size: number, file: string): Uint8Array {
  const out = new Uint8Array(size);
  let [at, done] = [0, 0];
  while (at < bytes.length && done < size) {
    const head = bytes[at++]!;
    if (head === 128) continue;
    const count = head < 128 ? head + 1 : 257 - head;
    const taken = head < 128 ? count : 1;
    if (at + taken > bytes.length || done + count > size) refuse(file, "hold whole run lengths", "a damaged segment");
    if (head < 128) out.set(bytes.subarray(at, at + count), done);
    else out.fill(bytes[at]!, done, done + count);
    at += taken;
    done += count;
  }
  if (done < size) refuse(file, `unfold to ${size} bytes a segment`, String(done));
  return out;
}

/**
 * Unpacks an RLE Lossless frame (DICOM PS3.5, annex G): one segment per byte of a sample, the high byte first.
 *
 * @returns little-endian bytes, plane by plane: [samples, height, width].
 */
export function decodeDicomRle(bytes: Uint8Array, layout: PackedLayout): Uint8Array {
  const { file, width, height, samples, bitsAllocated } = layout;
  const perSample = bitsAllocated / 8;
  const pixels = width * height;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wanted = samples * perSample;
  if (bytes.length < 64 || view.getUint32(0, true) !== wanted) {
    refuse(file, `have ${wanted} segments`, bytes.length < 64 ? "a truncated header" : String(view.getUint32(0, true)));
  }
  const starts = Array.from({ length: wanted }, (_, k) => view.getUint32(4 + 4 * k, true));
  const out = new Uint8Array(pixels * wanted);
  for (const [k, start] of starts.entries()) {
    const end = starts[k + 1] ?? bytes.length;
    if (start < 64 || end < start || end > bytes.length) refuse(file, "have segments in order", "a damaged header");
    const plane = unpackBits(bytes.subarray(start, end), pixels, file);
    const sample = Math.floor(k / perSample);
    const place = perSample - 1 - (k % perSample);
    for (let p = 0; p < pixels; p++) out[(sample * pixels + p) * perSample + place] = plane[p]!;
  }
  return out;
}

/** Decodes a JPEG Baseline frame. @returns [height, width, samples], colour as RGB. */
export async function decodeDicomJpeg(bytes: Uint8Array, layout: PackedLayout): Promise<Uint8Array> {
  const { file, width, height, samples } = layout;
  try {
    const picture = sharp(bytes, { limitInputPixels: width * height }).toColourspace(samples === 1 ? "b-w" : "srgb");
    const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
    const found = `${info.width} x ${info.height} x ${info.channels}`;
    if (found === `${width} x ${height} x ${samples}`) return data;
    return refuse(file, `hold a JPEG of ${width} x ${height} x ${samples}`, found);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    return refuse(file, "hold a sound JPEG", (cause as Error).message.slice(0, 80), cause);
  }
}
