/** Bytes of one tar block: headers and contents are padded to it. */
export const BLOCK = 512;

/** What a tar header says of one member. */
export interface TarHeader {
  readonly name: string;
  readonly size: number;
  /** "0" file, "5" folder, "1" and "2" links, "x" and "g" extended headers, "L" and "K" long names, others devices. */
  readonly type: string;
}

function textAt(block: Uint8Array, start: number, length: number): string {
  const field = Buffer.from(block.buffer, block.byteOffset + start, length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}

/** A number in octal digits; NaN when it is none. GNU's base-256 form, for members above 8 GiB, is not read. */
function octalAt(block: Uint8Array, start: number, length: number): number {
  const digits = textAt(block, start, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** The sum of a header's bytes, its own checksum field counted as blanks. */
function sumOf(block: Uint8Array): number {
  return block.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 0x20 : byte), 0);
}

/** Reads a header block; null for the empty block that ends an archive, a reason when it is no sound header. */
export function parseTarHeader(block: Uint8Array): TarHeader | null | { readonly fault: string } {
  if (block.every((byte) => byte === 0)) return null;
  if (octalAt(block, 148, 8) !== sumOf(block)) return { fault: "a header with a wrong checksum" };
  const size = octalAt(block, 124, 12);
  if (!Number.isSafeInteger(size)) return { fault: "a header without a size" };
  const prefix = textAt(block, 257, 5) === "ustar" && block[262] === 0 ? textAt(block, 345, 155) : "";
  const name = textAt(block, 0, 100);
  const type = String.fromCharCode(block[156] === 0 ? 0x30 : block[156]!);
  return { name: prefix === "" ? name : `${prefix}/${name}`, size, type };
}

/** A ustar header for a file; dates and owners are 0, so that the same content gives the same bytes. */
export function formatTarHeader(name: string, size: number, type = "0"): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100, "utf8");
  const octal = (value: number, start: number, digits: number) =>
    block.write(`${value.toString(8).padStart(digits, "0")}\0`, start, "latin1");
  octal(0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.write(type, 156, "latin1");
  block.write("ustar\0" + "00", 257, "latin1");
  block.write(`${sumOf(block).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** The records of a pax extended header: `length key=value\n`. Null when they are damaged. */
export function parsePaxRecords(bytes: Uint8Array): Map<string, string> | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records = new Map<string, string>();
  for (let at = 0; at < buffer.length; ) {
    const blank = buffer.indexOf(0x20, at);
    const length = Number(buffer.toString("latin1", at, blank < 0 ? at : blank));
    const end = at + length;
    if (!Number.isSafeInteger(length) || length < 5 || end > buffer.length || buffer[end - 1] !== 0x0a) return null;
    const record = buffer.toString("utf8", blank + 1, end - 1);
    const equals = record.indexOf("=");
    if (equals < 1) return null;
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}
