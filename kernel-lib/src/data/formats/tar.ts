import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { DataError, isKernelError } from "../../base/errors";
import { plainPathWithin } from "../../base/path-within";
import { BLOCK, formatTarHeader, parsePaxRecords, parseTarHeader, type TarHeader } from "./tar-header";

/** How much an archive may hold. */
export interface TarLimits {
  /** Most bytes of one member. Default 64 MiB. */
  readonly maxMemberBytes?: number;
  /** Most bytes out per byte in of a .gz archive, once 16 MiB are out. Default 200. */
  readonly maxRatio?: number;
}

/** One file of an archive. */
export interface TarMember {
  readonly name: string;
  readonly content: Uint8Array;
  /** Bytes of the archive file read so far. */
  readonly bytesRead: number;
}

const MEBIBYTE = 2 ** 20;
const EXTENDED = ["x", "g", "L", "K"];
const AGAIN = "Download the archive again.";

function refuse(place: string, rule: string, got: string, next = AGAIN, cause?: unknown): never {
  throw new DataError(`readTar: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got }, cause);
}

/** Hands out exact amounts of a stream of pieces. */
class ByteQueue {
  private held: Buffer = Buffer.alloc(0);
  constructor(private readonly pieces: AsyncGenerator<Buffer>) {}

  /** Closes the stream, wherever it stands. */
  async close(): Promise<void> {
    await this.pieces.return(undefined);
  }

  /** The next `count` bytes; fewer at the end of the stream. */
  async take(count: number): Promise<Buffer> {
    const parts = [this.held];
    let length = this.held.length;
    while (length < count) {
      const { value, done } = await this.pieces.next();
      if (done === true) break;
      parts.push(value);
      length += value.length;
    }
    const all = parts.length === 1 ? this.held : Buffer.concat(parts);
    this.held = all.subarray(count);
    return all.subarray(0, count);
  }
}

/** The archive's bytes, unpacked where it is a .gz; `counter.in` counts the bytes of the file. */
async function* piecesOf(path: string, counter: { in: number }, maxRatio: number): AsyncGenerator<Buffer> {
  const source = createReadStream(path);
  source.on("data", (piece) => {
    counter.in += piece.length;
  });
  const packed = /\.t?gz$/.test(path);
  const stream = packed ? source.pipe(createGunzip()) : source;
  if (packed) source.on("error", (error) => stream.destroy(error));
  let out = 0;
  try {
    for await (const piece of stream) {
      out += (piece as Buffer).length;
      if (packed && out > 16 * MEBIBYTE && out > maxRatio * counter.in) {
        const next = "If you trust the archive, raise maxRatio; it may be a gzip bomb.";
        refuse(path, `unfold at most ${maxRatio} times`, `${counter.in} to more than ${out} bytes`, next);
      }
      yield piece as Buffer;
    }
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    refuse(path, "be a readable archive", (cause as Error).message, AGAIN, cause);
  } finally {
    source.destroy();
  }
}

/** The member's name, if it stays in the folder it would be unpacked to. */
function assertInside(name: string, path: string): string {
  const plain = plainPathWithin(name);
  if (plain !== null) return plain;
  return refuse(path, "hold names that stay in its folder", JSON.stringify(name), "Do not use this archive.");
}

/** Takes the name, and the size, from extended headers that stood before. */
function applyExtended(header: TarHeader, extended: ReadonlyMap<string, string>, path: string): TarHeader {
  const size = extended.get("size");
  if (size !== undefined && !/^\d{1,15}$/.test(size)) refuse(path, "hold sizes in digits", JSON.stringify(size));
  return {
    ...header,
    name: extended.get("path") ?? header.name,
    size: size === undefined ? header.size : Number(size),
  };
}

async function takeContent(queue: ByteQueue, header: TarHeader, path: string, most: number): Promise<Buffer> {
  const place = `${path}, member ${header.name}`;
  if (header.size > most) {
    refuse(place, `have at most ${most} bytes`, String(header.size), "If you trust it, raise maxMemberBytes.");
  }
  const padded = Math.ceil(header.size / BLOCK) * BLOCK;
  const bytes = await queue.take(padded);
  if (bytes.length < padded) refuse(place, `have its ${header.size} bytes`, "a truncated archive");
  return bytes.subarray(0, header.size);
}

function extendedRecords(header: TarHeader, content: Buffer, path: string): ReadonlyMap<string, string> {
  if (header.type === "g") return new Map(); // says nothing about one member
  if (header.type === "L") return new Map([["path", content.toString("utf8").replace(/\0+$/, "")]]);
  if (header.type === "K") return new Map(); // the target of a link, which is refused when it comes
  return parsePaxRecords(content) ?? refuse(path, "have sound extended headers", "a damaged one");
}

/**
 * The files of a .tar or .tar.gz archive in their order, one at a time in memory. Folders are passed over.
 *
 * Read: ustar, pax names and sizes, GNU long names.
 * @throws DataError naming archive and member: damage, a truncated end, a name that leaves the folder, a link or device, a member
 * that is too large, a .gz that unfolds beyond the limit.
 * @example for await (const { name, content } of readTar("00000.tar")) …
 */
export async function* readTar(path: string, limits: TarLimits = {}): AsyncGenerator<TarMember> {
  const { maxMemberBytes = 64 * MEBIBYTE, maxRatio = 200 } = limits;
  const counter = { in: 0 };
  const queue = new ByteQueue(piecesOf(path, counter, maxRatio));
  try {
    for await (const { name, content } of membersOf(queue, path, maxMemberBytes)) {
      yield { name, content, bytesRead: counter.in };
    }
  } finally {
    await queue.close();
  }
}

async function* membersOf(queue: ByteQueue, path: string, most: number): AsyncGenerator<Omit<TarMember, "bytesRead">> {
  let extended: ReadonlyMap<string, string> = new Map();
  for (let headers = 0; ; headers++) {
    const block = await queue.take(BLOCK);
    if (block.length === 0 && headers > 0) return; // some writers leave out the two empty blocks at the end
    if (block.length < BLOCK) refuse(path, "consist of 512-byte blocks", "a truncated archive or another format");
    const found = parseTarHeader(block);
    if (found === null) return;
    if ("fault" in found) refuse(path, "be a tar archive", found.fault);
    const header = applyExtended(found, extended, path);
    const content = await takeContent(queue, header, path, EXTENDED.includes(header.type) ? MEBIBYTE : most);
    if (EXTENDED.includes(header.type)) {
      extended = new Map([...extended, ...extendedRecords(header, content, path)]);
      continue;
    }
    extended = new Map();
    const name = assertInside(header.name, path);
    if (header.type === "5") continue;
    if (header.type !== "0" && header.type !== "7") {
      refuse(`${path}, member ${name}`, "be a file or a folder", "a link or device", "Do not use this archive.");
    }
    yield { name, content };
  }
}

/** The bytes of a tar archive of these files: the same bytes for the same files. Names have at most 100 bytes. */
export function formatTar(files: Iterable<readonly [string, Uint8Array]>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [name, content] of files) {
    if (Buffer.byteLength(name) > 100) {
      throw new DataError(`formatTar: name must have at most 100 bytes; got ${name}. Shorten it.`, { name });
    }
    const padding = (BLOCK - (content.length % BLOCK)) % BLOCK;
    parts.push(formatTarHeader(name, content.length), content, new Uint8Array(padding));
  }
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK)]);
}
