import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  createReadStream,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { assertNotInterrupted } from "../base/check";
import { DataError, EnvironmentError } from "../base/errors";
import type { Control } from "../base/types";

/**
 * Writes a file beside its place and renames it when it is complete: a reader sees the old file or the new one, never
 * a part. Makes missing folders.
 */
export function writeFileAtomic(file: string, ...parts: readonly (Uint8Array | string)[]): void {
  writePartsAtomic(file, parts);
}

/** As `writeFileAtomic`, with parts that may be made one after the other, so that only one is in memory. */
export function writePartsAtomic(file: string, parts: Iterable<Uint8Array | string>): void {
  mkdirSync(dirname(file), { recursive: true });
  const beside = `${file}.${randomUUID()}.part`;
  const handle = openSync(beside, "wx");
  try {
    for (const part of parts) {
      const bytes = typeof part === "string" ? Buffer.from(part, "utf8") : part;
      for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done);
    }
    fsyncSync(handle);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  } finally {
    closeSync(handle);
  }
  renameSync(beside, file);
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
export type DigestKind = "md5" | "sha256" | "gitBlob";

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
    if (kind === "gitBlob") hash.update(`blob ${statSync(file).size}\0`);
    for await (const piece of createReadStream(file, { highWaterMark: 2 ** 20 })) {
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

/** One file of an artifact: its path inside the folder (always with "/"), size in bytes and SHA-256. */
export interface ArtifactFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Hashes already taken by this process, by path, size and time of change: finding an artifact again costs no reading. */
const known = new Map<string, string>();

async function sha256Of(file: string): Promise<string> {
  const { size, mtimeMs, ino } = await stat(file);
  const name = `${file}|${size}|${mtimeMs}|${ino}`;
  const found = known.get(name);
  if (found !== undefined) return found;
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  const digest = hash.digest("hex");
  known.set(name, digest);
  return digest;
}

/**
 * Makes a folder and those above it, from the top. Node's own recursive way reports a read-only file system as "not found", and
 * does not end where the file system keeps saying so.
 */
export async function makeFolder(path: string): Promise<void> {
  const make = (): Promise<string> =>
    mkdir(path).then(
      () => "made",
      (error: NodeJS.ErrnoException) => {
        if (error.code === "EEXIST") return "there";
        if (error.code === "ENOENT" && dirname(path) !== path) return "nowhere";
        throw error;
      },
    );
  if ((await make()) !== "nowhere") return;
  await makeFolder(dirname(path));
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error; // another process was faster
  });
}

/** A file that was being written when its process ended: see base/write-atomic. */
const HALF_WRITTEN = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.part$/;

/** Removes what writes that never ended left below a folder, so that it is no part of the result. */
export async function removeHalfWritten(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const rests = entries.filter((entry) => entry.isFile() && HALF_WRITTEN.test(entry.name));
  for (const { parentPath, name } of rests) await rm(join(parentPath, name), { force: true });
}

/** Every file below `folder` but those in `except` (paths or top folders), sorted by path, with size and hash. */
export async function listFiles(folder: string, except: readonly string[]): Promise<ArtifactFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !except.some((name) => path === name || path.startsWith(`${name}/`)))
    .sort();
  const files: ArtifactFile[] = [];
  for (const path of paths) {
    const file = join(folder, path);
    files.push({ path, bytes: (await stat(file)).size, sha256: await sha256Of(file) });
  }
  return files;
}

/** What is wrong with the listed files ("metrics.json is missing", "… is altered"), or null when each is as listed. */
export async function findDamage(folder: string, files: readonly ArtifactFile[]): Promise<string | null> {
  for (const { path, bytes, sha256 } of files) {
    const file = join(folder, path);
    const size = await stat(file).then(
      (found) => (found.isFile() ? found.size : null),
      () => null,
    );
    if (size === null) return `${path} is missing`;
    if (size !== bytes) return `${path} has ${size} bytes instead of ${bytes}`;
    if ((await sha256Of(file)) !== sha256) return `${path} is altered (its SHA-256 differs)`;
  }
  return null;
}
