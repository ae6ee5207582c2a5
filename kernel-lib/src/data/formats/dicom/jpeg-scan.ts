import { codecFault, codecLimit } from "./codec";

/**
 * A JPEG picture taken apart (ITU-T T.81, annex B): its segments, its tables, and the bits of its scan. Nothing is decoded here.
 */

const SOI = 0xd8;
const EOI = 0xd9;
const SCAN = 0xda;
const JPEG_LS = 0xf7;
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;

const damaged = (got: string): never => codecFault("have sound JPEG segments", got);

/** One segment: its marker, its content without the length, and where the next one begins. */
interface Segment {
  readonly marker: number;
  readonly content: Buffer;
  readonly next: number;
}

function segmentAt(bytes: Buffer, position: number): Segment {
  let at = position;
  if (bytes[at] !== 0xff) damaged("no marker where one must stand");
  while (bytes[at] === 0xff) at++; // fill bytes
  const marker = bytes[at] ?? damaged("an end without marker");
  if (marker === EOI) return { marker, content: bytes.subarray(0, 0), next: at + 1 };
  if (at + 3 > bytes.length) damaged("a truncated segment");
  const length = bytes.readUInt16BE(at + 1);
  if (length < 2 || at + 1 + length > bytes.length) damaged("a truncated segment");
  return { marker, content: bytes.subarray(at + 3, at + 1 + length), next: at + 1 + length };
}

/** The segments of a JPEG picture up to its first coded data. @throws CodecFault for damaged ones. */
export function* jpegHead(file: Uint8Array): Generator<Segment> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes[0] !== 0xff || bytes[1] !== SOI) codecFault("begin as a JPEG", "other bytes");
  for (let at = 2; ; ) {
    const segment = segmentAt(bytes, at);
    if (segment.marker === EOI) return;
    yield segment;
    if (segment.marker === SCAN) return;
    at = segment.next;
  }
}

/** Component of a JPEG frame. */
interface JpegComponent {
  readonly id: number;
  readonly sampling: number;
  readonly quantization: number;
}

/** The frame of a JPEG picture (SOF). */
interface JpegFrame {
  /** Last byte of its marker: 0xc0 baseline, 0xc1 extended, 0xc3 lossless … */
  readonly marker: number;
  readonly precision: number;
  readonly height: number;
  readonly width: number;
  readonly components: readonly JpegComponent[];
}

function readFrame({ marker, content }: Segment): JpegFrame {
  const count = content[5] ?? 0;
  if (content.length !== 6 + 3 * count || count === 0) damaged("a frame header of another length");
  const components = Array.from({ length: count }, (_, k) => {
    const [id, sampling, quantization] = content.subarray(6 + 3 * k, 9 + 3 * k);
    return { id: id!, sampling: sampling!, quantization: quantization! };
  });
  const [height, width] = [content.readUInt16BE(1), content.readUInt16BE(3)];
  return { marker, precision: content[0]!, height, width, components };
}

/** The frame of a JPEG or JPEG-LS picture; null where there is none. @throws CodecFault for damaged segments. */
export function readJpegFrame(file: Uint8Array): JpegFrame | null {
  for (const segment of jpegHead(file))
    if (isFrame(segment.marker) || segment.marker === JPEG_LS) return readFrame(segment);
  return null;
}

const CODES = 2 ** 16;

/** A Huffman table by the next 16 bits: code length in the upper byte, symbol in the lower; 0 where no code begins so. */
export type HuffmanTable = Uint16Array;

/**
 * A table from a DHT segment (ITU-T T.81, annex C).
 *
 * @param counts how many codes there are of 1 to 16 bits.
 * @throws CodecFault when the codes do not fit into their bits.
 */
function buildHuffmanTable(counts: Uint8Array, symbols: Uint8Array): HuffmanTable {
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

function readHuffman(content: Buffer, tables: Map<number, HuffmanTable>): void {
  for (let at = 0; at < content.length; ) {
    const counts = content.subarray(at + 1, at + 17);
    const total = counts.reduce((sum, n) => sum + n, 0);
    const end = at + 17 + total;
    if (counts.length < 16 || total > 256 || end > content.length) damaged("a truncated Huffman table");
    tables.set(content[at]!, buildHuffmanTable(counts, content.subarray(at + 17, end)));
    at = end;
  }
}

function readQuantization(content: Buffer, tables: Map<number, Uint16Array>): void {
  for (let at = 0; at < content.length; ) {
    const width = content[at]! >> 4 === 0 ? 1 : 2;
    if (at + 1 + 64 * width > content.length) damaged("a truncated quantization table");
    const values = Uint16Array.from({ length: 64 }, (_, k) =>
      width === 1 ? content[at + 1 + k]! : content.readUInt16BE(at + 1 + 2 * k),
    );
    tables.set(content[at]! & 15, values);
    at += 1 + 64 * width;
  }
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

/** The only scan of a JPEG picture, with the tables that hold for it. */
export interface JpegScan {
  readonly frame: JpegFrame;
  /** For each component of the scan: its place in the frame, and its tables. */
  readonly parts: readonly { readonly component: JpegComponent; readonly dc: number; readonly ac: number }[];
  /** Ss, the predictor of a lossless scan. */
  readonly start: number;
  /** Al, the point transform of a lossless scan. */
  readonly shift: number;
  /** By class and number: 0 to 3 for DC and lossless, 16 to 19 for AC. */
  readonly huffman: ReadonlyMap<number, HuffmanTable>;
  /** Divisors in zigzag order, by number. */
  readonly quantization: ReadonlyMap<number, Uint16Array>;
  /** Units between restarts; 0 without. */
  readonly restartInterval: number;
  /** The coded bytes without stuffing, one entry for each restart. */
  readonly intervals: readonly Uint8Array[];
}

/** The coded bytes up to the end of the picture, without stuffing; parted where it restarts. */
function readIntervals(file: Uint8Array, start: number): Uint8Array[] {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const intervals: Uint8Array[] = [];
  let plain = Buffer.alloc(bytes.length - start);
  let length = 0;
  for (let at = start; at < bytes.length; at++) {
    const [byte, following] = [bytes[at]!, bytes[at + 1]];
    if (byte !== 0xff) plain[length++] = byte;
    else if (following === 0) {
      plain[length++] = byte;
      at++;
    } else if (following === 0xff) continue;
    else {
      intervals.push(plain.subarray(0, length));
      if (following === EOI) return intervals;
      if (following === undefined || !isRestart(following)) codecLimit("end after one scan", "more segments");
      if (following !== 0xd0 + ((intervals.length - 1) % 8)) damaged("restarts out of order");
      plain = plain.subarray(length);
      length = 0;
      at++;
    }
  }
  return codecFault("hold a whole picture", "data without an end marker");
}

function readScanHeader(content: Buffer, frame: JpegFrame) {
  const count = content[0] ?? 0;
  if (content.length !== 4 + 2 * count) damaged("a scan header of another length");
  if (count !== frame.components.length) codecLimit(`hold one scan of ${frame.components.length} components`, count);
  const parts = Array.from({ length: count }, (_, k) => {
    const component = frame.components.find(({ id }) => id === content[1 + 2 * k]);
    const tables = content[2 + 2 * k]!;
    return { component: component ?? damaged("a scan of a component that is none"), dc: tables >> 4, ac: tables & 15 };
  });
  return { parts, start: content[1 + 2 * count]!, shift: content[3 + 2 * count]! & 15 };
}

/**
 * Takes a JPEG picture of one scan apart (ITU-T T.81, annex B). Nothing is decoded, and nothing larger than the file is made.
 *
 * @throws CodecFault for damaged segments, several scans, or an end before the picture's.
 */
export function readJpegScan(file: Uint8Array): JpegScan {
  const huffman = new Map<number, HuffmanTable>();
  const quantization = new Map<number, Uint16Array>();
  let frame: JpegFrame | null = null;
  let restartInterval = 0;
  for (const segment of jpegHead(file)) {
    const { marker, content } = segment;
    if (isFrame(marker)) frame = frame === null ? readFrame(segment) : damaged("two frames");
    else if (marker === 0xc4) readHuffman(content, huffman);
    else if (marker === 0xdb) readQuantization(content, quantization);
    else if (marker === 0xdd) restartInterval = content.length === 2 ? content.readUInt16BE(0) : damaged("no interval");
    else if (marker === SCAN) {
      if (frame === null) return damaged("a scan before its frame");
      const intervals = readIntervals(file, segment.next);
      return { frame, ...readScanHeader(content, frame), huffman, quantization, restartInterval, intervals };
    }
  }
  return codecFault("hold a picture", "an end before its data");
}
