import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";

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
