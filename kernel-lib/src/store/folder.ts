import { readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize, relative, sep } from "node:path";
import { DataError, isKernelError, StateError } from "../base/errors";
import type { Control } from "../base/types";
import {
  besideOf,
  digestOfFile,
  isUnbroken,
  makeFolder,
  removeHalfWritten,
  sealedJson,
  writeFileAtomic,
} from "./files";
import { type Lock, withLock } from "./lock";

/**
 * Folders that are made once and found from then on: a stage's result, a stand-in's files, a decoded corpus. A folder is written
 * beside its place, under a lock, gets a manifest with the digest of every file, and is renamed when it is complete. So an
 * interruption leaves nothing half-made, and two processes at once make it once.
 *
 *     <folder>            the complete folder, with manifest.json
 *     <folder>.partial    while it is being made; its folder resume/ holds checkpoints and is no part of the result
 *     <folder>.lock       while a process is at it
 */
const MANIFEST_NAME = "manifest.json";
const RESUME_NAME = "resume";
const SCHEMA = 1;

/** One file of a folder: its path inside (always with "/"), size in bytes and SHA-256. */
interface KeptFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What stands in manifest.json: facts of whoever wrote the folder, plain JSON, and the files it holds. */
export type Manifest<Facts> = Facts & {
  readonly schema: number;
  readonly files: readonly KeptFile[];
};

/** Where a folder lies or will lie, and which facts its manifest must state: another one's folder counts as damaged. */
export interface FolderPlace<Facts> {
  readonly folder: string;
  readonly identity: Partial<Facts>;
}

/** A complete folder. */
export interface KeptFolder<Facts> {
  readonly folder: string;
  readonly manifest: Manifest<Facts>;
  /** Whether this call made it or found it. */
  readonly origin: "computed" | "found";
}

/** How closely a folder is looked at: size and SHA-256 of every file (once a process), or, of files of gigabytes, their size only. */
type FolderCheck = "contents" | "sizes";

/** Where the folder is being made, and the file that is there meanwhile. */
export const workFolderOf = (folder: string): string => `${folder}.partial`;
export const lockFileOf = (folder: string): string => `${folder}.lock`;

/** What `write` gets: where to write, and what an earlier process left there. */
export interface FolderDraft {
  readonly folder: string;
  /** With `afterInterruption: "goOn"`, a folder for checkpoints: it survives an interruption and is no part of the result. */
  readonly resumeDir: string;
  /** "resumed" when an earlier process left something in `folder`. */
  readonly begun: "fresh" | "resumed";
}

export interface KeepFolderOptions {
  /** Who asks, and for what, for messages: "runStage", "reader". */
  readonly where: string;
  readonly what: string;
  /** What is done with the files of an interrupted attempt: "goOn" leaves them to the next one. Default "anew": they are removed. */
  readonly afterInterruption?: "anew" | "goOn";
  /** Default "contents". */
  readonly check?: FolderCheck;
  /** Default "wait". */
  readonly whenHeld?: "wait" | "refuse";
  readonly control?: Control;
}

/**
 * Finds a folder, or makes it. One that is damaged is made again, with a warning (code "artifact-damaged").
 *
 * @param write writes the files into `draft.folder` and says the facts for the manifest.
 * @throws StateError when another process is at it and this one does not wait, or took the lock away. InterruptedError when the
 * signal is aborted while waiting. Faults of the file system as they are; whatever `write` throws.
 */
export async function keepFolder<Facts extends object>(
  place: FolderPlace<Facts>,
  write: (draft: FolderDraft) => Promise<Facts>,
  options: KeepFolderOptions,
): Promise<KeptFolder<Facts>> {
  const { check = "contents", where, what, whenHeld = "wait", control = {} } = options;
  const find = () => findFolder(place, { check });
  const found = await find();
  if (found !== null) return found;
  const produce = async (lock: Lock): Promise<KeptFolder<Facts>> => {
    const finished = await find(); // by another process between our look and our lock
    if (finished !== null) return finished;
    await dropDamaged(place, options);
    await makeDraft(place, write, options);
    await publish(place.folder, lock, options);
    const made = await find();
    if (made === null) throw new StateError(`${where}: ${place.folder} must hold the result; it changed meanwhile.`);
    return { ...made, origin: "computed" };
  };
  return withLock(lockFileOf(place.folder), produce, { where, what, whenHeld, find, control });
}

/**
 * The complete, undamaged folder, or null.
 *
 * @param options.check default "contents".
 * @param options.touch whether this counts as a use: then the folder's time of change says when it was last used. Default "use".
 */
export async function findFolder<Facts extends object>(
  place: FolderPlace<Facts>,
  { check = "contents", touch = "use" }: { readonly check?: FolderCheck; readonly touch?: "use" | "look" } = {},
): Promise<KeptFolder<Facts> | null> {
  const { folder } = place;
  const manifest = await inspect(place, folder, check);
  if (manifest === null || "damage" in manifest) return null;
  const now = new Date();
  if (touch === "use") await utimes(folder, now, now).catch(() => undefined); // one that may only be read is as good
  return { folder, manifest, origin: "found" };
}

/** Gives a complete folder its place; an older one there gives way, and comes back if that fails. */
export async function placeFolder(complete: string, folder: string): Promise<void> {
  makeFolder(dirname(folder));
  if (!(await exists(folder))) return rename(complete, folder);
  const old = besideOf(folder);
  await rename(folder, old);
  try {
    await rename(complete, folder);
  } catch (error) {
    await rename(old, folder);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

async function dropDamaged<Facts extends object>(
  place: FolderPlace<Facts>,
  { check = "contents", where, what, control = {} }: KeepFolderOptions,
): Promise<void> {
  const { folder } = place;
  const found = await inspect(place, folder, check);
  if (found === null || !("damage" in found)) return;
  const message = `${where}: ${what} is made again: ${found.damage} in ${folder}.`;
  control.onWarn?.("artifact-damaged", message, { folder, damage: found.damage });
  await rm(folder, { recursive: true, force: true });
}

/** Fills the work folder, its manifest last; one that a process finished just before it died is complete. */
async function makeDraft<Facts extends object>(
  place: FolderPlace<Facts>,
  write: (draft: FolderDraft) => Promise<Facts>,
  { afterInterruption = "anew", where, what }: KeepFolderOptions,
): Promise<void> {
  const folder = workFolderOf(place.folder);
  const left = await inspect(place, folder, "contents");
  if (left !== null && !("damage" in left)) return;
  if (afterInterruption === "anew") await rm(folder, { recursive: true, force: true });
  const begun = (await exists(folder)) ? "resumed" : "fresh";
  await rm(join(folder, MANIFEST_NAME), { force: true }); // of a finish whose files do not match: not this one's
  const resumeDir = join(folder, RESUME_NAME);
  makeFolder(afterInterruption === "goOn" ? resumeDir : folder);
  try {
    const facts = await write({ folder, resumeDir, begun });
    await removeHalfWritten(folder);
    const files = await listFiles(folder);
    if (files.length === 0) throw new StateError(`${where}: ${what} must write at least one file; got none.`);
    writeFileAtomic(join(folder, MANIFEST_NAME), `${sealedJson({ schema: SCHEMA, ...facts, files }, 2)}\n`);
  } catch (error) {
    if (afterInterruption === "anew") await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Gives the finished work folder its final name; checkpoints go first. */
async function publish(folder: string, lock: Lock, { where, what }: KeepFolderOptions): Promise<void> {
  if (!(await lock.isOurs())) {
    throw new StateError(
      `${where}: the lock of ${what} must stay this process's own; another one took it. Run it again.`,
      { lockFile: lockFileOf(folder) },
    );
  }
  const work = workFolderOf(folder);
  await rm(join(work, RESUME_NAME), { recursive: true, force: true });
  await rename(work, folder);
}

/** Whether there is a file or folder; any fault but "there is none" is thrown. */
async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
}

/** The complete manifest of a folder, null when there is none, or what is wrong with it. */
async function inspect<Facts extends object>(
  { identity }: FolderPlace<Facts>,
  folder: string,
  check: FolderCheck,
): Promise<Manifest<Facts> | null | { readonly damage: string }> {
  try {
    const manifest = await readManifest<Facts>(folder, identity);
    if (manifest === null) return (await exists(folder)) ? { damage: `${MANIFEST_NAME} is missing` } : null;
    const damage = await findDamage(folder, manifest.files, check);
    return damage === null ? manifest : { damage };
  } catch (error) {
    if (isKernelError(error, "data")) return { damage: error.message };
    throw error;
  }
}

/**
 * Reads the manifest of a folder; null when there is none.
 *
 * @param identity facts that it must state.
 * @throws DataError when it is no manifest, or another one's.
 */
export async function readManifest<Facts extends object>(
  folder: string,
  identity: Partial<Facts>,
): Promise<Manifest<Facts> | null> {
  const file = join(folder, MANIFEST_NAME);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text === null) return null;
  let manifest: Partial<Manifest<Facts>> | null;
  try {
    manifest = JSON.parse(text) as typeof manifest;
  } catch (error) {
    return refuse(file, "be JSON", error);
  }
  if (typeof manifest !== "object" || manifest === null || manifest.schema !== SCHEMA) {
    return refuse(file, `have schema ${SCHEMA}`);
  }
  for (const [fact, value] of Object.entries(identity))
    if (manifest[fact as keyof Facts] !== value) return refuse(file, `state ${fact} ${JSON.stringify(value)}`);
  if (!Array.isArray(manifest.files) || !manifest.files.every(isKeptFile)) {
    return refuse(file, "list files with path, bytes and sha256");
  }
  if (!isUnbroken(manifest)) return refuse(file, "be as it was written");
  return manifest as Manifest<Facts>;
}

function isKeptFile(value: unknown): value is KeptFile {
  const { path, bytes, sha256 } = (value ?? {}) as Partial<KeptFile>;
  if (typeof path !== "string" || isAbsolute(path) || normalize(path).startsWith("..")) return false;
  return Number.isSafeInteger(bytes) && (bytes as number) >= 0 && /^[0-9a-f]{64}$/.test(String(sha256));
}

function refuse(file: string, rule: string, cause?: unknown): never {
  throw new DataError(`readManifest: ${file} must ${rule}. Delete its folder to make it again.`, { file }, cause);
}

/**
 * Hashes already taken by this process, by file (not by path: a folder is renamed when it is complete), size and time of change.
 * So a folder that was just made, or is found again, is not read once more.
 */
const known = new Map<string, string>();

async function sha256Of(file: string): Promise<string> {
  const { dev, ino, size, mtimeMs } = await stat(file);
  const state = `${dev}|${ino}|${size}|${mtimeMs}`;
  const digest = known.get(state) ?? (await digestOfFile(file, "sha256"));
  known.set(state, digest);
  return digest;
}

/** Every file of a work folder but checkpoints and manifest, sorted by path, with size and hash. */
async function listFiles(folder: string): Promise<KeptFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => path !== MANIFEST_NAME && !path.startsWith(`${RESUME_NAME}/`))
    .sort();
  const files: KeptFile[] = [];
  for (const path of paths) {
    const file = join(folder, path);
    files.push({ path, bytes: (await stat(file)).size, sha256: await sha256Of(file) });
  }
  return files;
}

/** Larger files are not read where only sizes are looked at. */
const LARGE_BYTES = 64 * 2 ** 20;

/** What is wrong with the listed files ("metrics.json is missing", "… is altered"), or null when each is as listed. */
async function findDamage(folder: string, files: readonly KeptFile[], check: FolderCheck): Promise<string | null> {
  for (const { path, bytes, sha256 } of files) {
    const file = join(folder, path);
    const size = await stat(file).then(
      (found) => (found.isFile() ? found.size : null),
      () => null,
    );
    if (size === null) return `${path} is missing`;
    if (size !== bytes) return `${path} has ${size} bytes instead of ${bytes}`;
    const isRead = check === "contents" || bytes <= LARGE_BYTES;
    if (isRead && (await sha256Of(file)) !== sha256) return `${path} is altered (its SHA-256 differs)`;
  }
  return null;
}
