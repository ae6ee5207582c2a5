import { type CodedSamples, codecFault, type PictureShape } from "./codec-fault";
import { decodeInWasm } from "./wasm-codec";
import { samplesOf } from "./wasm-samples";

const MOST_TILES = 4096;
const JP2 = "0000000c6a502020";
const HEAD = 40;

/** Sizes, tiles, and precision of all components from the SIZ segment (ISO 15444-1, A.5.1), before anything is decoded. */
function assertSize(bytes: Buffer, { width, height, samples, bitsAllocated }: PictureShape, isSigned: boolean): void {
  if (bytes.toString("hex", 0, 8) === JP2) codecFault("be a JPEG 2000 codestream", "a .jp2 file around it");
  if (bytes.length < HEAD + 3 || bytes.toString("hex", 0, 4) !== "ff4fff51")
    codecFault("begin as a JPEG 2000", "other bytes");
  const [x, y, left, top, tileX, tileY, tileLeft, tileTop] = Array.from({ length: 8 }, (_, k) =>
    bytes.readUInt32BE(8 + 4 * k),
  ) as [number, number, number, number, number, number, number, number];
  const count = bytes.readUInt16BE(HEAD);
  const found = `${x - left} x ${y - top} x ${count}`;
  if (found !== `${width} x ${height} x ${samples}`) codecFault(`be ${width} x ${height} x ${samples}`, found);
  const tiles = Math.ceil((x - tileLeft) / tileX) * Math.ceil((y - tileTop) / tileY);
  if (!(tiles >= 1 && tiles <= MOST_TILES)) codecFault(`have 1 to ${MOST_TILES} tiles`, tiles);
  if (bytes.length < HEAD + 2 + 3 * count) codecFault("hold a whole picture", "a truncated head");
  for (let k = 0; k < count; k++) {
    const [depth, across, down] = bytes.subarray(HEAD + 2 + 3 * k);
    if (across !== 1 || down !== 1) codecFault("hold all components in full", "reduced ones");
    if ((depth! & 127) + 1 > bitsAllocated)
      codecFault(`have at most ${bitsAllocated} bits a sample`, (depth! & 127) + 1);
    if (depth! >> 7 !== Number(isSigned)) codecFault(`be ${isSigned ? "" : "un"}signed`, "the other");
  }
}

/**
 * Decodes a JPEG 2000 codestream (ISO 15444-1), reversible or not, by OpenJPEG in WebAssembly. A warning of the decoder counts as
 * damage: it would go on with a part of the picture.
 *
 * @param isSigned whether the samples must be.
 * @throws CodecFault for another size, sign or precision, for damaged data, and for one that takes too much time or memory.
 */
export async function decodeJpeg2000(bytes: Uint8Array, shape: PictureShape, isSigned: boolean): Promise<CodedSamples> {
  assertSize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), shape, isSigned);
  return samplesOf(await decodeInWasm("openjpeg", bytes), shape);
}
