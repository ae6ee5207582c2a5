import { existsSync, readFileSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, posix, relative, sep } from "node:path";
import { DataError, EnvironmentError } from "./errors";

const PACKAGE_NAME = "jomed-notebooks";

function isRoot(folder: string): boolean {
  const file = join(folder, "package.json");
  if (!existsSync(file)) return false;
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { name?: unknown }).name === PACKAGE_NAME;
  } catch {
    return false; // some other, unreadable package.json: look further up
  }
}

function walkUp(start: string): string | null {
  for (let folder = start; ; folder = dirname(folder)) {
    if (isRoot(folder)) return folder;
    if (dirname(folder) === folder) return null;
  }
}

/**
 * The folder of the repository: the nearest one above the library, or else above the working folder,
 * whose package.json is named "jomed-notebooks".
 *
 * @param starts folders to walk up from, in order. Default: this file's folder, then the working folder.
 * @throws EnvironmentError when neither lies inside a checkout.
 */
export function repositoryRoot(starts: readonly string[] = [__dirname, process.cwd()]): string {
  for (const start of starts) {
    const found = walkUp(start);
    if (found !== null) return found;
  }
  throw new EnvironmentError(
    `repositoryRoot: the working folder must lie inside a checkout of ${PACKAGE_NAME}; got ${starts.join(", ")}. ` +
      "Start from the checkout, or name the folders themselves (artifactsDir, dataDir).",
    { starts },
  );
}

/** Where the replica models of the repository lie, each in a folder of its name. @throws as repositoryRoot. */
export function checkpointsFolder(): string {
  return join(repositoryRoot(), "data", "checkpoints");
}

/**
 * The plain form of a path that an archive or a listing names, if it stays in the folder it is relative to, on every system.
 *
 * @returns the path with slashes, or null when it is absolute, climbs out, or names a drive.
 */
export function plainPathWithin(name: string): string | null {
  const plain = posix.normalize(name.replaceAll("\\", "/"));
  const leaves = plain.startsWith("/") || plain === ".." || plain.startsWith("../") || /^[a-z]:/i.test(plain);
  return leaves || name === "" || name.includes("\0") ? null : plain;
}

/**
 * The path of a file that a corpus or a task names, if it stays within their folder.
 *
 * @param place file and line that name it, for the message.
 * @throws DataError for a path, or a link on it, that leads out of the folder. A file that is missing is no reason to refuse.
 */
export async function pathWithin(folder: string, path: string, place: string): Promise<string> {
  const plain = plainPathWithin(path);
  if (plain === null) return refuse(place, folder, path, JSON.stringify(path));
  const real = await realpath(join(folder, plain)).catch(() => null); // missing: the reading of it says so
  if (real !== null && isOutside(await realpath(folder), real)) {
    refuse(place, folder, path, `${JSON.stringify(path)}, a link to another place`);
  }
  return join(folder, plain);
}

function isOutside(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside);
}

function refuse(place: string, folder: string, path: string, got: string): never {
  throw new DataError(
    `pathWithin: ${place} must name a file within ${folder}; got ${got}. Do not use this file, or correct the line.`,
    { place, folder, path },
  );
}
