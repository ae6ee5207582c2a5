import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Control } from "../../base/types";
import { writeFileAtomic } from "../../store/files";
import type { PhantomSize, PhantomTask } from "./phantom-task";

const SEAL = "phantom.json";

/** Hash of every file in a folder, by path. */
function hashFiles(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== SEAL)
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
  return Object.fromEntries(
    files.map((file) => [file.slice(folder.length + 1), createHash("sha256").update(readFileSync(file)).digest("hex")]),
  );
}

/** Whether a cached folder still holds the bytes that were written: a damaged one is made again, never read. */
function isWhole(folder: string): boolean {
  if (!existsSync(join(folder, SEAL))) return false;
  try {
    return readFileSync(join(folder, SEAL), "utf8") === sealOf(folder);
  } catch {
    return false; // vanished or unreadable between two looks: make it again
  }
}

const sealOf = (folder: string): string => `${JSON.stringify(hashFiles(folder), null, 1)}\n`;

/** Where a stand-in's files lie once they are made. */
export function phantomPlace(
  name: string,
  { version }: Pick<PhantomTask, "version">,
  { seed, size, cacheDir }: { readonly seed: number; readonly size: PhantomSize; readonly cacheDir: string },
): string {
  return join(cacheDir, name, `v${version}-${size}-${seed}`);
}

/**
 * The folder of a stand-in's files: made once, then found. Written beside its place and renamed when complete; two processes
 * at once do no harm.
 *
 * @param cacheDir where stand-ins are kept.
 */
export async function phantomFolder(
  name: string,
  phantom: PhantomTask,
  options: { readonly seed: number; readonly size: PhantomSize; readonly cacheDir: string; readonly control: Control },
): Promise<string> {
  const { seed, size, control } = options;
  const folder = phantomPlace(name, phantom, options);
  if (isWhole(folder)) return folder;
  const beside = `${folder}.${randomUUID()}.part`;
  mkdirSync(beside, { recursive: true });
  try {
    await phantom.write({ folder: beside, seed, size, control });
    writeFileAtomic(join(beside, SEAL), sealOf(beside));
    placeFolder(beside, folder);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
  return folder;
}

/** Moves the new folder to its place. A whole one that another process put there meanwhile is as good. */
function placeFolder(beside: string, folder: string): void {
  if (isWhole(folder)) return;
  if (existsSync(folder)) {
    const old = `${folder}.${randomUUID()}.part`;
    renameSync(folder, old);
    rmSync(old, { recursive: true, force: true });
  }
  try {
    renameSync(beside, folder);
  } catch (error) {
    if (!isWhole(folder)) throw error;
  }
}
