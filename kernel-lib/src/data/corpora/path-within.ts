import { realpath } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { DataError } from "../../base/errors";

function leaves(from: string, to: string): boolean {
  const inside = relative(from, to);
  return inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside);
}

function refuse(place: string, folder: string, path: string, got: string): never {
  throw new DataError(
    `pathWithin: ${place} must name a file within ${folder}; got ${got}. Do not use this corpus, or correct the line.`,
    { place, folder, path },
  );
}

/**
 * The path of a file that a corpus names, if it stays within the corpus's folder.
 *
 * @param place file and line that name it, for the message.
 * @throws DataError for a path, or a link on it, that leads out of the folder. A file that is missing is no reason to refuse.
 */
export async function pathWithin(folder: string, path: string, place: string): Promise<string> {
  const plain = path.replaceAll("\\", "/");
  const wanted = resolve(folder, plain);
  if (plain.includes("\0") || isAbsolute(plain) || /^[a-z]:/i.test(plain) || leaves(resolve(folder), wanted)) {
    refuse(place, folder, path, JSON.stringify(path));
  }
  const real = await realpath(wanted).catch(() => null); // missing: the reading of it says so
  if (real !== null && leaves(await realpath(folder), real)) {
    refuse(place, folder, path, `${JSON.stringify(path)}, a link to another place`);
  }
  return join(folder, relative(resolve(folder), wanted));
}
