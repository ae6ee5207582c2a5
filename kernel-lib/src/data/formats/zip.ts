import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { DataError } from "../../base/errors";

/** How much an archive may unfold to. */
export interface ZipLimits {
  /** Most bytes of all members together, declared or real. Default 512 MiB. */
  readonly maxBytes?: number;
  /** Most bytes out per byte in, for members above 1 MiB. Default 200. */
  readonly maxRatio?: number;
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  readonly offset: number;
}

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED_FLAG = 1;
const MIBIBYTE = 2 ** 20;
const AGAIN = "Download the file again.";
const SUSPECT = "If you trust the file, raise the limit; it may be a zip bomb.";

function refuse(place: string, rule: string, got: string, next: string): never {
  throw new DataError(`readZip: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got });
}

/** Where the central directory lies. Nothing may follow the archive and nothing may stand before it. */
function findDirectory(bytes: Buffer, file: string): { count: number; offset: number; end: number } {
  const end = bytes.length - 22;
  if (end < 0 || bytes.readUInt32LE(end) !== END_SIGNATURE) {
    refuse(file, "end with a zip directory", "a truncated file, trailing bytes or another format", AGAIN);
  }
  const [disk, startDisk, here, count] = [4, 6, 8, 10].map((at) => bytes.readUInt16LE(end + at));
  const size = bytes.readUInt32LE(end + 12);
  const offset = bytes.readUInt32LE(end + 16);
  const whole = disk === 0 && startDisk === 0 && here === count && bytes.readUInt16LE(end + 20) === 0;
  if (!whole || offset + size !== end) refuse(file, "have one whole zip directory", "a damaged one", AGAIN);
  return { count: count!, offset, end };
}

function readEntry(bytes: Buffer, at: number, end: number, file: string): { entry: Entry; next: number } {
  if (at + 46 > end || bytes.readUInt32LE(at) !== ENTRY_SIGNATURE) {
    refuse(file, "have one whole zip directory", "a damaged one", AGAIN);
  }
  const nameEnd = at + 46 + bytes.readUInt16LE(at + 28);
  const next = nameEnd + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  if (next > end) refuse(file, "have one whole zip directory", "a damaged one", AGAIN);
  const name = bytes.toString("utf8", at + 46, nameEnd);
  if ((bytes.readUInt16LE(at + 8) & ENCRYPTED_FLAG) !== 0) {
    refuse(`${file}, member ${name}`, "not be encrypted", "an encrypted member", "Save it without a password.");
  }
  const entry: Entry = {
    name,
    method: bytes.readUInt16LE(at + 10),
    crc: bytes.readUInt32LE(at + 16),
    packedSize: bytes.readUInt32LE(at + 20),
    size: bytes.readUInt32LE(at + 24),
    offset: bytes.readUInt32LE(at + 42),
  };
  return { entry, next };
}

function readEntries(bytes: Buffer, file: string): Entry[] {
  const { count, offset, end } = findDirectory(bytes, file);
  const entries = new Map<string, Entry>();
  let at = offset;
  for (let k = 0; k < count; k++) {
    const { entry, next } = readEntry(bytes, at, end, file);
    if (entries.has(entry.name)) refuse(file, "name each member once", `"${entry.name}" twice`, AGAIN);
    entries.set(entry.name, entry);
    at = next;
  }
  if (at !== end) refuse(file, "have one whole zip directory", "a damaged one", AGAIN);
  return [...entries.values()];
}

function assertDeclared(entries: readonly Entry[], file: string, limits: Required<ZipLimits>): void {
  let total = 0;
  for (const { name, size, packedSize } of entries) {
    total += size;
    const place = `${file}, member ${name}`;
    if (total > limits.maxBytes) {
      refuse(place, `keep the archive within ${limits.maxBytes} bytes`, `${total} declared`, SUSPECT);
    }
    if (size > MIBIBYTE && size > limits.maxRatio * packedSize) {
      refuse(place, `unfold at most ${limits.maxRatio} times`, `${packedSize} to ${size} bytes`, SUSPECT);
    }
  }
}

function unpack(packed: Buffer, entry: Entry, place: string): Uint8Array {
  if (entry.method === STORED) return packed;
  if (entry.method !== DEFLATED) {
    refuse(place, "be stored or deflated", `method ${entry.method}`, "Save it with numpy.savez_compressed.");
  }
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.size) });
  } catch (cause) {
    const rule = `unfold to its declared ${entry.size} bytes`;
    const got = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? "more than that" : "damaged data";
    throw new DataError(`readZip: ${place} must ${rule}; got ${got}. ${AGAIN}`, { place, rule, got }, cause);
  }
}

function readMember(bytes: Buffer, entry: Entry, file: string): Uint8Array {
  const place = `${file}, member ${entry.name}`;
  const { offset } = entry;
  if (offset + 30 > bytes.length || bytes.readUInt32LE(offset) !== LOCAL_SIGNATURE) {
    refuse(place, "have a local header", "none", AGAIN);
  }
  const nameEnd = offset + 30 + bytes.readUInt16LE(offset + 26);
  if (bytes.toString("utf8", offset + 30, nameEnd) !== entry.name) {
    refuse(place, "have the same name in both headers", "two names", AGAIN);
  }
  const start = nameEnd + bytes.readUInt16LE(offset + 28);
  if (start + entry.packedSize > bytes.length) refuse(place, "lie within the file", "a truncated file", AGAIN);
  const content = unpack(bytes.subarray(start, start + entry.packedSize), entry, place);
  if (content.length !== entry.size) {
    refuse(place, `unfold to its declared ${entry.size} bytes`, `${content.length}`, AGAIN);
  }
  if (crc32(content) !== entry.crc) refuse(place, "match its checksum", "other content", AGAIN);
  return content;
}

/**
 * Unpacks a zip archive held in memory, strictly; it never inflates beyond the limits or a member's declared size.
 *
 * @param file what to call the archive in an error.
 * @throws DataError for damaged, encrypted, doubled, oversized or trailing content.
 */
export function readZip(bytes: Uint8Array, file: string, limits: ZipLimits = {}): Map<string, Uint8Array> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = readEntries(buffer, file);
  const { maxBytes = 512 * MIBIBYTE, maxRatio = 200 } = limits;
  assertDeclared(entries, file, { maxBytes, maxRatio });
  return new Map(entries.map((entry) => [entry.name, readMember(buffer, entry, file)]));
}

/** 1 January 1980, the first day a zip archive knows: the same content gives the same bytes on every day. */
const DATE = 0x21;

function headerFields(content: Uint8Array, packed: Uint8Array, method: number): Buffer {
  const fields = Buffer.alloc(22);
  fields.writeUInt16LE(20, 0); // version needed
  fields.writeUInt16LE(method, 4);
  fields.writeUInt16LE(DATE, 8);
  fields.writeUInt32LE(crc32(content), 10);
  fields.writeUInt32LE(packed.length, 14);
  fields.writeUInt32LE(content.length, 18);
  return fields;
}

/** Packs members into a zip archive. Stored members give the same bytes on every machine. */
export function writeZip(members: ReadonlyMap<string, Uint8Array>, packing: "stored" | "deflated"): Uint8Array {
  const body: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, content] of members) {
    const packed = packing === "stored" ? content : deflateRawSync(content);
    const fields = headerFields(content, packed, packing === "stored" ? STORED : DEFLATED);
    const label = Buffer.from(name, "utf8");
    const local = Buffer.alloc(30);
    local.writeUInt32LE(LOCAL_SIGNATURE, 0);
    fields.copy(local, 4);
    local.writeUInt16LE(label.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(ENTRY_SIGNATURE, 0);
    entry.writeUInt16LE(20, 4); // version made by
    fields.copy(entry, 6);
    entry.writeUInt16LE(label.length, 28);
    entry.writeUInt32LE(offset, 42);
    body.push(local, label, packed);
    directory.push(entry, label);
    offset += local.length + label.length + packed.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END_SIGNATURE, 0);
  end.writeUInt16LE(members.size, 8);
  end.writeUInt16LE(members.size, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...body, list, end]);
}
