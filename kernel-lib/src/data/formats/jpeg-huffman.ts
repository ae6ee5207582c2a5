import { codecFault } from "./codec-fault";

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
