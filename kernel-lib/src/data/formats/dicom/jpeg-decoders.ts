import { assertSameSize, type CodedSamples, codecFault, codecLimit, type PictureShape } from "./codec";
import { BitReader, type HuffmanTable, type JpegScan, readJpegScan } from "./jpeg-scan";

/**
 * The two kinds of JPEG of medical archives that everyday decoders do not read: lossless, and 12 bits a sample.
 *
 * Their own decoders: `jpeg-lossless-decoder-js` gives the same samples, bit for bit, of every stored picture, but it takes three
 * of four damaged ones as if they were sound, and no package reads 12 bits.
 */

/** Throws unless the coded bytes restart as often as they should; `units` are samples, or blocks of 8 x 8. */
function assertIntervals({ restartInterval, intervals }: JpegScan, units: number): void {
  const wanted = restartInterval === 0 ? 1 : Math.ceil(units / restartInterval);
  if (intervals.length !== wanted) codecFault(`hold ${wanted} restart intervals`, intervals.length);
}

function assertEnd(bits: BitReader): void {
  if (bits.unread > 0) codecFault("end with its last sample", `${bits.unread} bytes more`);
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

function assertLossless(scan: JpegScan, shape: PictureShape): void {
  const { frame, start, shift, restartInterval } = scan;
  if (frame.marker !== LOSSLESS) codecLimit("be a lossless JPEG", `frame type ${frame.marker.toString(16)}`);
  assertSameSize({ ...frame, samples: frame.components.length }, shape);
  const { precision, components, width, height } = frame;
  if (precision < 2 || precision > shape.bitsAllocated) {
    codecLimit(`have 2 to ${shape.bitsAllocated} bits a sample`, precision);
  }
  if (components.some(({ sampling }) => sampling !== 0x11)) codecLimit("hold all components in full", "reduced ones");
  if (start < 1 || start > 7) codecFault("have a predictor from 1 to 7", start);
  if (shift >= precision) codecFault(`have a point transform below ${precision}`, shift);
  if (restartInterval % width !== 0)
    codecLimit("restart at the beginning of lines", `after ${restartInterval} samples`);
  assertIntervals(scan, width * height);
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
  assertEnd(bits);
}

/**
 * Decodes a lossless JPEG picture (ITU-T T.81, annex H): one or three components in one scan, 2 to 16 bits, all seven predictors,
 * point transform, restarts.
 *
 * @throws CodecFault for another kind, size or precision, and for damaged data. Nothing is made before size and precision are checked.
 */
export function decodeJpegLossless(bytes: Uint8Array, shape: PictureShape): CodedSamples {
  const scan = readJpegScan(bytes);
  assertLossless(scan, shape);
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

const EXTENDED = 0xc1;
const PRECISION = 12;
const SIDE = 8;
const AC = 16;

/** Place of each coefficient of a block in the order in which they are coded. */
const ZIGZAG = zigzag();

function zigzag(): Uint8Array {
  const cells = Array.from({ length: 64 }, (_, at) => ({ at, row: at >> 3, column: at & 7 }));
  const diagonal = (cell: { row: number; column: number }) => cell.row + cell.column;
  cells.sort((a, b) => diagonal(a) - diagonal(b) || (diagonal(a) % 2 === 0 ? b.row - a.row : a.row - b.row));
  return Uint8Array.from(cells, ({ at }) => at);
}

/** [frequency, place]: C(u) / 2 · cos((2x + 1) u π / 16). */
const COSINES = Float64Array.from({ length: 64 }, (_, k) => {
  const [u, x] = [k >> 3, k & 7];
  return ((u === 0 ? Math.SQRT1_2 : 1) / 2) * Math.cos(((2 * x + 1) * u * Math.PI) / 16);
});

/** Inverse cosine transform of a block, lines first, then columns. Both [8, 8]. */
function invert(coefficients: Float64Array, half: Float64Array, out: Float64Array): void {
  for (let v = 0; v < SIDE; v++) {
    for (let x = 0; x < SIDE; x++) {
      let sum = 0;
      for (let u = 0; u < SIDE; u++) sum += coefficients[SIDE * v + u]! * COSINES[SIDE * u + x]!;
      half[SIDE * v + x] = sum;
    }
  }
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      let sum = 0;
      for (let v = 0; v < SIDE; v++) sum += half[SIDE * v + x]! * COSINES[SIDE * v + y]!;
      out[SIDE * y + x] = sum;
    }
  }
}

interface Tables {
  readonly dc: HuffmanTable;
  readonly ac: HuffmanTable;
  readonly divisors: Uint16Array;
}

/** Reads the coefficients of one block. @returns its constant part before division, for the next block. */
function readBlock(bits: BitReader, tables: Tables, before: number, out: Float64Array): number {
  out.fill(0);
  const size = bits.symbol(tables.dc);
  if (size > 15) codecFault("hold differences of at most 15 bits", size);
  const constant = before + bits.difference(size);
  out[0] = constant * tables.divisors[0]!;
  for (let k = 1; k < 64; k++) {
    const symbol = bits.symbol(tables.ac);
    const [run, length] = [symbol >> 4, symbol & 15];
    if (length === 0 && run < 15) break; // the rest is 0
    k += run;
    if (k > 63) codecFault("hold 64 coefficients a block", "more");
    if (length > 0) out[ZIGZAG[k]!] = bits.difference(length) * tables.divisors[k]!;
  }
  return constant;
}

function assertExtended(scan: JpegScan, shape: PictureShape): void {
  const { frame } = scan;
  const kind = `frame type ${frame.marker.toString(16)} of ${frame.precision} bits`;
  if (frame.marker !== EXTENDED || frame.precision !== PRECISION) codecLimit("be an extended JPEG of 12 bits", kind);
  assertSameSize({ ...frame, samples: frame.components.length }, shape);
  if (shape.samples !== 1) codecLimit("be grey with 12 bits", "colour");
  if (shape.bitsAllocated !== 16) codecLimit("stand in 16 bits", shape.bitsAllocated);
  assertIntervals(scan, Math.ceil(shape.width / SIDE) * Math.ceil(shape.height / SIDE));
}

function tablesOf({ parts, huffman, quantization }: JpegScan): Tables {
  const { component, dc, ac } = parts[0]!;
  return {
    dc: huffman.get(dc) ?? codecFault(`hold the Huffman table ${dc}`, "none"),
    ac: huffman.get(AC + ac) ?? codecFault(`hold the Huffman table ${ac} of coefficients`, "none"),
    divisors:
      quantization.get(component.quantization) ??
      codecFault(`hold the quantization table ${component.quantization}`, "none"),
  };
}

/** Levels of a block, moved up from around 0, where they lie within the picture. */
function place(block: Float64Array, values: Uint16Array, shape: PictureShape, [left, top]: [number, number]): void {
  const { width, height } = shape;
  const most = 2 ** PRECISION - 1;
  for (let y = 0; y < Math.min(SIDE, height - top); y++) {
    for (let x = 0; x < Math.min(SIDE, width - left); x++) {
      const level = Math.round(block[SIDE * y + x]! + 2 ** (PRECISION - 1));
      values[(top + y) * width + left + x] = Math.min(most, Math.max(0, level));
    }
  }
}

/**
 * Decodes a grey JPEG picture of 12 bits a sample, sequential and Huffman-coded (ITU-T T.81, extended process). The inverse
 * transform is computed in floating point: other decoders may differ from it by a level.
 *
 * @throws CodecFault for another kind or size, and for damaged data. Nothing is made before they are checked.
 */
export function decodeJpegExtended(bytes: Uint8Array, shape: PictureShape): CodedSamples {
  const scan = readJpegScan(bytes);
  assertExtended(scan, shape);
  const tables = tablesOf(scan);
  const { width, height } = shape;
  const across = Math.ceil(width / SIDE);
  const blocks = across * Math.ceil(height / SIDE);
  const step = scan.restartInterval === 0 ? blocks : scan.restartInterval;
  const values = new Uint16Array(width * height);
  const [coefficients, half, block] = [new Float64Array(64), new Float64Array(64), new Float64Array(64)];
  let bits = new BitReader(new Uint8Array(0));
  let constant = 0;
  for (let k = 0; k < blocks; k++) {
    if (k % step === 0) [bits, constant] = [new BitReader(scan.intervals[k / step]!), 0];
    constant = readBlock(bits, tables, constant, coefficients);
    invert(coefficients, half, block);
    place(block, values, shape, [SIDE * (k % across), SIDE * Math.floor(k / across)]);
    if ((k + 1) % step === 0 || k + 1 === blocks) assertEnd(bits);
  }
  return { values, precision: PRECISION };
}
