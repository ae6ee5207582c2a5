import type { FileHandle } from "node:fs/promises";
import { DataError } from "../../base/errors";

const END_SIZE = 22;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const FULL = 0xffffffff;
const MOST_DIRECTORY_BYTES = 2 ** 30;
const AGAIN = "Download it again.";

/** @throws DataError naming archive or member, rule and what was found, always. */
export function refuseZip(place: string, rule: string, got: string | number, next = AGAIN): never {
  throw new DataError(`readZipFile: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got });
}

interface Directory {
  readonly count: number;
  readonly size: number;
  readonly offset: number;
}

/** Bytes of a file; fewer at its end. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** Where the central directory lies; archives above 4 GiB say it in a second record. */
async function findDirectory(file: FileHandle, path: string, length: number): Promise<Directory> {
  const start = Math.max(0, length - END_SIZE - 0xffff);
  const tail = await readAt(file, start, length - start);
  let at = tail.length - END_SIZE;
  // a comment may follow, which holds no such record that fits its own length
  while (at >= 0 && !(tail.readUInt32LE(at) === END && at + END_SIZE + tail.readUInt16LE(at + 20) === tail.length))
    at--;
  if (at < 0) return refuseZip(path, "end with a zip directory", "a truncated file or another format");
  const [count, size, offset] = [tail.readUInt16LE(at + 10), tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
  if (count !== 0xffff && size !== FULL && offset !== FULL) return { count, size, offset };
  const locator = start + at - 20;
  const pointer = locator < 0 ? Buffer.alloc(0) : await readAt(file, locator, 20);
  if (pointer.length < 20 || pointer.readUInt32LE(0) !== LOCATOR_64) return { count, size, offset };
  const record = await readAt(file, Number(pointer.readBigUInt64LE(8)), 56);
  if (record.length < 56 || record.readUInt32LE(0) !== END_64)
    refuseZip(path, "have a whole zip directory", "a damaged one");
  const [count64, size64, offset64] = [32, 40, 48].map((k) => Number(record.readBigUInt64LE(k)));
  return { count: count64!, size: size64!, offset: offset64! };
}

/** A member as the directory at the end of an archive describes it. */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly flags: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  readonly offset: number;
  readonly mode: number;
}

/** Numbers that do not fit into 32 bits stand in an extra field, in this order, those that fit left out. */
function wideNumbers(extra: Buffer, narrow: readonly number[]): number[] | null {
  if (!narrow.includes(FULL)) return [...narrow];
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let next = at + 4;
    const end = Math.min(extra.length, next + extra.readUInt16LE(at + 2));
    return narrow.map((value) => {
      if (value !== FULL || next + 8 > end) return value;
      next += 8;
      return Number(extra.readBigUInt64LE(next - 8));
    });
  }
  return null;
}

function* entriesOf(bytes: Buffer, count: number, path: string): Generator<ZipEntry> {
  let at = 0;
  for (let k = 0; k < count; k++) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== ENTRY)
      refuseZip(path, "have a whole zip directory", "a damaged one");
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const extraStart = at + 46 + nameLength!;
    const extra = bytes.subarray(extraStart, extraStart + extraLength!);
    const numbers = wideNumbers(
      extra,
      [24, 20, 42].map((field) => bytes.readUInt32LE(at + field)),
    );
    if (numbers === null) return refuseZip(path, "have a whole zip directory", "a damaged one");
    yield {
      name: bytes.toString("utf8", at + 46, extraStart),
      flags: bytes.readUInt16LE(at + 8),
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      mode: bytes.readUInt16LE(at + 40),
      size: numbers[0]!,
      packedSize: numbers[1]!,
      offset: numbers[2]!,
    };
    at = extraStart + extraLength! + commentLength!;
  }
  if (at !== bytes.length) refuseZip(path, "have a whole zip directory", "more bytes than members");
}

/**
 * The members of a zip archive on disk, one after the other.
 *
 * @param length bytes of the archive.
 * @returns where the directory begins, and its entries.
 * @throws DataError when the directory is damaged, or larger than 1 GiB.
 */
export async function readZipDirectory(
  file: FileHandle,
  path: string,
  length: number,
): Promise<{ readonly start: number; readonly entries: Generator<ZipEntry> }> {
  const { count, size, offset } = await findDirectory(file, path, length);
  if (!(offset >= 0 && offset + size <= length && count * 46 <= size && size <= MOST_DIRECTORY_BYTES)) {
    refuseZip(path, "have a whole zip directory", "a damaged one");
  }
  return { start: offset, entries: entriesOf(await readAt(file, offset, size), count, path) };
}
