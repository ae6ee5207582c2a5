import { type CodedSamples, codecFault, type PictureShape } from "./codec-fault";
import type { WasmOutcome } from "./wasm-codec";

function viewOf(bytes: Uint8Array, precision: number, isSigned: boolean): Uint8Array | Uint16Array | Int16Array {
  if (precision <= 8) return isSigned ? Int16Array.from(new Int8Array(bytes.buffer)) : bytes;
  return isSigned ? new Int16Array(bytes.buffer) : new Uint16Array(bytes.buffer);
}

/**
 * The samples of a decoded picture, pixel by pixel.
 *
 * @throws CodecFault when the codec failed or gives another size than the picture declares.
 */
export function samplesOf(outcome: WasmOutcome, shape: PictureShape): CodedSamples {
  if ("fault" in outcome) return codecFault("be sound", outcome.fault.replace(/\s+/g, " ").trim().slice(0, 100));
  const { width, height, samples, precision, isSigned, isPlanar, bytes } = outcome.picture;
  const pixels = shape.width * shape.height;
  const size = pixels * shape.samples * (precision <= 8 ? 1 : 2);
  const [found, wanted] = [
    `${width} x ${height} x ${samples}, ${bytes.length} bytes`,
    `${shape.width} x ${shape.height} x ${shape.samples}, ${size} bytes`,
  ];
  if (found !== wanted) codecFault(`unfold to ${wanted}`, found);
  const values = viewOf(bytes, precision, isSigned);
  if (!isPlanar) return { values, precision };
  const mixed = values.slice();
  for (let p = 0; p < pixels; p++) for (let s = 0; s < samples; s++) mixed[p * samples + s] = values[s * pixels + p]!;
  return { values: mixed, precision };
}
