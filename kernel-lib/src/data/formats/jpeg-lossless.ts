import { type CodedSamples, codecFault, type PictureShape } from "./codec-fault";
import { assertFrameSize, type JpegScan, readJpegScan } from "./jpeg-markers";

const CODES = 2 ** 16;

/** A Huffman table by the next 16 bits: code length in the upper byte, symbol in the lower; 0 where no code begins so. */
export type HuffmanTable = Uint16Array;

/**
 * A table from a DHT segment (ITU-T T.81, annex C).
 *
 * @param counts how many codes there are of 1 to 16 bits.
 * @throws CodecFault when the codes do not fit into their bits.
 */
export function buildHuffmanTable(counts: Uint8Array, symbols: Uint8Array): HuffmanTable {
  const table = new Uint16Array(CODES);
  let [at, next] = [0, 0];
  for (let length = 1; length <= 16; length++) {
    const span = 2 ** (16 - length);
    for (let k = 0; k < counts[length - 1]!; k++, at++) {
      if (next + span > CODES) codecFault("hold sound Huffman tables", "more codes than their bits allow");
      table.fill((length << 8) | symbols[at]!, next, next + span);
      next += span;
    }
  }
  return table;
}

/** Reads bits, the highest first, from bytes without stuffing. */
export class BitReader {
  private at = 0;
  private readonly end: number;

  constructor(private readonly bytes: Uint8Array) {
    this.end = 8 * bytes.length;
  }

  /** The next 16 bits without taking them; zeros behind the end. */
  private peek(): number {
    const byte = this.at >>> 3;
    const three = (this.bytes[byte]! << 16) | (this.bytes[byte + 1]! << 8) | this.bytes[byte + 2]!;
    return (three >>> (8 - (this.at & 7))) & 0xffff;
  }

  private skip(count: number): void {
    this.at += count;
    if (this.at > this.end) codecFault("hold a whole picture", "data that ends before it");
  }

  /** The next symbol. */
  symbol(table: HuffmanTable): number {
    const entry = table[this.peek()]!;
    if (entry === 0) codecFault("hold codes of its Huffman tables", "another one");
    this.skip(entry >>> 8);
    return entry & 0xff;
  }

  /** A difference of this category (T.81, F.2.2.1): `size` bits, the lower half of their range being negative. */
  difference(size: number): number {
    if (size === 0) return 0;
    if (size === 16) return 2 ** 15; // without bits of its own (T.81, H.1.2.2)
    const value = this.peek() >>> (16 - size);
    this.skip(size);
    return value < 2 ** (size - 1) ? value - 2 ** size + 1 : value;
  }

  /** Bytes that nothing was read from. */
  get unread(): number {
    return (this.end - this.at) >>> 3;
  }
}

const LOSSLESS = 0xc3;

/** What the neighbours left (a), above (b) and above left (c) predict (T.81, table H.1). */
const PREDICTORS: readonly ((a: number, b: number, c: number) => number)[] = [
  () => 0, // of hierarchical pictures only
  (a) => a,
  (_a, b) => b,
  (_a, _b, c) => c,
  (a, b, c) => a + b - c,
  (a, b, c) => a + ((b - c) >> 1),
  (a, b, c) => b + ((a - c) >> 1),
  (a, b) => (a + b) >> 1,
];

function assertReadable({ frame, start, shift, restartInterval, intervals }: JpegScan, shape: PictureShape): void {
  if (frame.marker !== LOSSLESS) codecFault("be a lossless JPEG", `frame type ${frame.marker.toString(16)}`);
  assertFrameSize(frame, shape);
  const { precision, components, width, height } = frame;
  if (precision < 2 || precision > shape.bitsAllocated) {
    codecFault(`have 2 to ${shape.bitsAllocated} bits a sample`, precision);
  }
  if (components.some(({ sampling }) => sampling !== 0x11)) codecFault("hold all components in full", "reduced ones");
  if (start < 1 || start > 7) codecFault("have a predictor from 1 to 7", start);
  if (shift >= precision) codecFault(`have a point transform below ${precision}`, shift);
  if (restartInterval % width !== 0)
    codecFault("restart at the beginning of lines", `after ${restartInterval} samples`);
  const wanted = restartInterval === 0 ? 1 : Math.ceil((width * height) / restartInterval);
  if (intervals.length !== wanted) codecFault(`hold ${wanted} restart intervals`, intervals.length);
}

/** Decodes some lines, which know nothing of those before them. [lines, width, samples] */
function decodeLines(bits: BitReader, scan: JpegScan, tables: readonly HuffmanTable[], out: Uint16Array): void {
  const { width, precision } = scan.frame;
  const samples = tables.length;
  const line = width * samples;
  const predict = PREDICTORS[scan.start]!;
  const first = 2 ** (precision - scan.shift - 1);
  const limit = 2 ** (precision - scan.shift);
  for (let at = 0; at < out.length; at++) {
    const inLine = at % line;
    const [hasLeft, hasAbove] = [inLine >= samples, at >= line];
    const left = hasLeft ? out[at - samples]! : 0;
    const above = hasAbove ? out[at - line]! : 0;
    const predicted = !hasAbove
      ? hasLeft
        ? left
        : first
      : !hasLeft
        ? above
        : predict(left, above, out[at - line - samples]!);
    const size = bits.symbol(tables[at % samples]!);
    if (size > 16) codecFault("hold differences of at most 16 bits", size);
    const value = (predicted + bits.difference(size)) & 0xffff;
    if (value >= limit) codecFault(`hold samples below ${limit}`, value);
    out[at] = value;
  }
  if (bits.unread > 0) codecFault("end with its last sample", `${bits.unread} bytes more`);
}

/**
 * Decodes a lossless JPEG picture (ITU-T T.81, annex H): one or three components in one scan, 2 to 16 bits, all seven predictors,
 * point transform, restarts.
 *
 * @throws CodecFault for another kind, size or precision, and for damaged data. Nothing is made before size and precision are checked.
 */
export function decodeJpegLossless(bytes: Uint8Array, shape: PictureShape): CodedSamples {
  const scan = readJpegScan(bytes);
  assertReadable(scan, shape);
  const { frame, parts, huffman, shift, restartInterval, intervals } = scan;
  const tables = parts.map(({ dc }) => huffman.get(dc) ?? codecFault(`hold the Huffman table ${dc}`, "none"));
  const values = new Uint16Array(shape.width * shape.height * shape.samples);
  const step = restartInterval === 0 ? values.length : restartInterval * shape.samples;
  for (const [k, interval] of intervals.entries()) {
    decodeLines(new BitReader(interval), scan, tables, values.subarray(k * step, (k + 1) * step));
  }
  if (shift > 0) for (let at = 0; at < values.length; at++) values[at]! <<= shift;
  return { values, precision: frame.precision };
}
