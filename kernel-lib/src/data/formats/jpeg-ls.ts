import { type CodedSamples, codecFault, type PictureShape } from "./codec-fault";
import { assertFrameSize, readJpegFrame } from "./jpeg-markers";
import { decodeInWasm } from "./wasm-codec";
import { samplesOf } from "./wasm-samples";

const JPEG_LS = 0xf7;

/**
 * Decodes a JPEG-LS picture (ITU-T T.87), lossless or nearly so, by CharLS in WebAssembly.
 *
 * @throws CodecFault for another size or precision, for damaged data, and for one that takes too much time or memory.
 */
export async function decodeJpegLs(bytes: Uint8Array, shape: PictureShape): Promise<CodedSamples> {
  const frame = readJpegFrame(bytes);
  if (frame?.marker !== JPEG_LS) return codecFault("be a JPEG-LS picture", "another kind of JPEG");
  assertFrameSize(frame, shape);
  const { precision } = frame;
  if (precision < 2 || precision > shape.bitsAllocated) {
    codecFault(`have 2 to ${shape.bitsAllocated} bits a sample`, precision);
  }
  return samplesOf(await decodeInWasm("charls", bytes), shape);
}
