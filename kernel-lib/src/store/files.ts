import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { assertNotInterrupted } from "../base/check";
import { DataError, EnvironmentError } from "../base/errors";
import type { Control } from "../base/types";

/**
 * Files that are never seen half-written. Whoever keeps a file writes it beside its place, and only here is it given its name:
 * a reader, or a process that starts after a crash, sees the old file or the new one.
 */

/** The name of a file that is being written; its end tells what a crash left from what was kept. */
export const besideOf = (file: string): string => `${file}.${randomUUID()}.part`;
const HALF_WRITTEN = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.part$/;

/** Writes a file beside its place and renames it when it is complete. Makes missing folders. */
export function writeFileAtomic(file: string, ...parts: readonly (Uint8Array | string)[]): void {
  writePartsAtomic(file, parts);
}

/**
 * As `writeFileAtomic`, with parts that may be made one after the other, so that only one is in memory.
 *
 * @param options.sync "later" does not wait until the disk has the file: for one of a hundred thousand of a folder that gets its
 * name when all are there. Default "now".
 */
export function writePartsAtomic(
  file: string,
  parts: Iterable<Uint8Array | string>,
  { sync = "now" }: { readonly sync?: "now" | "later" } = {},
): void {
  makeFolder(dirname(file));
  const beside = besideOf(file);
  try {
    const handle = openSync(beside, "wx");
    try {
      for (const part of parts) writeAll(handle, part);
      if (sync === "now") fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(beside, file);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

function writeAll(handle: number, part: Uint8Array | string): void {
  const bytes = typeof part === "string" ? Buffer.from(part, "utf8") : part;
  for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done);
}

/**
 * As `writeFileAtomic`, for a file that somebody else writes, a native library for example. Two files that belong together are
 * given their names together when one call stands inside the other's `write`.
 *
 * @param write fills the file it is given the name of, or throws; then nothing is left.
 */
export async function publishFile(file: string, write: (beside: string) => Promise<unknown>): Promise<void> {
  makeFolder(dirname(file));
  const beside = besideOf(file);
  try {
    await write(beside);
    await placeFile(beside, file);
  } finally {
    await rm(beside, { force: true });
  }
}

/** Gives a complete file its name: one that was written over several attempts, as a download is. An older one gives way. */
export async function placeFile(complete: string, file: string): Promise<void> {
  const handle = await open(complete, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(complete, file);
}

/**
 * Appends to a file that grows for as long as it is used (a log, a cache): all of the bytes, or, when the disk is full, none.
 * Makes missing folders. A crash may leave a part at the end: who reads such a file passes over it.
 */
export function appendWhole(file: string, part: Uint8Array | string): void {
  makeFolder(dirname(file));
  const handle = openSync(file, "a");
  const { size } = fstatSync(handle);
  try {
    writeAll(handle, part);
  } catch (error) {
    if (fstatSync(handle).size > size) ftruncateSync(handle, size);
    throw error;
  } finally {
    closeSync(handle);
  }
}

/** Runs with a folder of its own in the system's place for them, and removes it afterwards with all it holds. */
export async function withTemporaryFolder<T>(prefix: string, run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  try {
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An open file; closed when the last of what reads from it is gone. */
export interface StoredBytes {
  readonly handle: number;
}

const closer = new FinalizationRegistry<number>((handle) => closeSync(handle));

/** Opens a file for good: it stays readable after its name is gone. */
export function openStoredBytes(path: string): StoredBytes {
  const file = { handle: openSync(path, "r") };
  closer.register(file, file.handle);
  return file;
}

/** A part of the file, or null when it ends before. */
export function readStoredBytes(file: StoredBytes, start: number, length: number): Buffer | null {
  const bytes = Buffer.allocUnsafeSlow(length);
  return readSync(file.handle, bytes, 0, length, start) === length ? bytes : null;
}

/**
 * Makes a folder and those above it, from the top. Node's own recursive way reports a read-only file system as "not found", and
 * does not end where the file system keeps saying so.
 */
export function makeFolder(path: string): void {
  if (!existsSync(dirname(path))) makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // it is there, or another process was faster
  }
}

/** Removes what writes that never ended left below a folder, so that it is no part of the result. */
export async function removeHalfWritten(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const rests = entries.filter((entry) => entry.isFile() && HALF_WRITTEN.test(entry.name));
  for (const { parentPath, name } of rests) await rm(join(parentPath, name), { force: true });
}

/**
 * Throws EnvironmentError unless the disk of a folder has this many bytes free.
 *
 * @param advice what else could be done than making room, e.g. "name another folder with --dir".
 */
export function assertDiskRoom(where: string, folder: string, bytes: number, advice: string): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bytes <= bavail * bsize) return;
  const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
  throw new EnvironmentError(
    `${where}: ${folder} must have ${gigabytes(bytes)} free; got ${gigabytes(bavail * bsize)}. Make room, or ${advice}.`,
    { folder, needed: bytes },
  );
}

/** "gitBlob" is the SHA-1 that git names a file's content by. MD5 and SHA-1 name a file; only SHA-256 proves what it is. */
type DigestKind = "md5" | "sha256" | "gitBlob";

const SEAL = "seal";

const sealOf = (value: object): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** JSON of an object, and behind its fields the SHA-256 of them, so that a change of the file shows. */
export function sealedJson(value: object, indent = 0): string {
  return JSON.stringify({ ...value, [SEAL]: sealOf(value) }, null, indent);
}

/** Whether an object is as it was sealed; one without a seal comes from an older program and passes. */
export function isUnbroken(found: object): boolean {
  const { [SEAL]: seal, ...value } = found as Readonly<Record<string, unknown>>;
  return seal === undefined || seal === sealOf(value);
}

/** What a publisher says of a file's content. */
export interface FileDigest {
  readonly kind: DigestKind;
  /** Hexadecimal digits, small letters. */
  readonly value: string;
}

const ALGORITHMS: Readonly<Record<DigestKind, string>> = { md5: "md5", sha256: "sha256", gitBlob: "sha1" };

/**
 * Digest of a file as publishers print it, read in pieces.
 *
 * @throws DataError when there is no such file. InterruptedError on abort.
 */
export async function digestOfFile(file: string, kind: DigestKind, control: Control = {}): Promise<string> {
  const hash = createHash(ALGORITHMS[kind]);
  try {
    const { size } = statSync(file);
    if (kind === "gitBlob") hash.update(`blob ${size}\0`);
    // a buffer no larger than the file: thousands of small pictures are hashed one after the other
    for await (const piece of createReadStream(file, { highWaterMark: Math.max(1, Math.min(size, 2 ** 20)) })) {
      assertNotInterrupted("digestOfFile", control.signal);
      hash.update(piece as Buffer);
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
    const problem = `digestOfFile: file must be readable; got ${file}. Check the folder.`;
    throw new DataError(problem, { file }, cause);
  }
  return hash.digest("hex");
}

/** Writes plain data as JSON into a folder. */
export function writeJson(folder: string, name: string, value: unknown): void {
  writeFileAtomic(join(folder, name), `${JSON.stringify(value)}\n`);
}

/** Reads what `writeJson` wrote; artifacts are checked by their manifest, so the type is taken as given. */
export function readJson<T>(folder: string, name: string): T {
  const file = join(folder, name);
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch (cause) {
    throw new DataError(
      `readJson: ${file} must be JSON. Delete the artifact's folder to compute it again.`,
      { file },
      cause,
    );
  }
}

/** What lies in a folder, sorted by name; nothing where there is none. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
