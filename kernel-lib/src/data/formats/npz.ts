import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { DataError } from "../../base/errors";
import { type NpyArray, readNpy, writeNpy } from "./npy";
import { readZip, writeZip, type ZipLimits } from "./zip";

const DEFAULT_LIMIT = 512 * 2 ** 20;

/**
 * Reads all arrays of an .npz archive held in memory.
 *
 * @param file what to call it in an error.
 * @returns array by name, without the ".npy" of the member.
 * @throws DataError naming file, member, rule and value.
 */
export function parseNpz(bytes: Uint8Array, file: string, limits: ZipLimits = {}): Map<string, NpyArray> {
  const arrays = new Map<string, NpyArray>();
  for (const [member, content] of readZip(bytes, file, limits)) {
    if (!member.endsWith(".npy")) {
      throw new DataError(
        `parseNpz: ${file} must hold .npy members only; got "${member}". Save it with numpy.savez_compressed.`,
        { file, member },
      );
    }
    arrays.set(member.slice(0, -4), readNpy(content, `${file}, member ${member}`));
  }
  return arrays;
}

/**
 * Reads all arrays of an .npz file. A file larger than the limit is refused before it is read.
 *
 * @throws DataError when the file is missing, too large or not a sound .npz.
 */
export async function readNpz(path: string, limits: ZipLimits = {}): Promise<Map<string, NpyArray>> {
  const file = basename(path);
  const { maxBytes = DEFAULT_LIMIT } = limits;
  const found = await stat(path).catch((cause: unknown) => {
    throw new DataError(`readNpz: path must name a readable file; got ${path}. Check the folder.`, { path }, cause);
  });
  if (!found.isFile() || found.size > maxBytes) {
    const got = found.isFile() ? `${found.size} bytes` : "no file";
    throw new DataError(
      `readNpz: ${file} must be a file of at most ${maxBytes} bytes; got ${got}. Raise maxBytes if you trust it.`,
      { path, maxBytes, size: found.size },
    );
  }
  return parseNpz(await readFile(path), file, limits);
}

/** The bytes of an .npz archive; "stored" gives the same bytes on every machine. */
export function formatNpz(arrays: ReadonlyMap<string, NpyArray>, packing: "stored" | "deflated"): Uint8Array {
  return writeZip(new Map([...arrays].map(([name, array]) => [`${name}.npy`, writeNpy(array)])), packing);
}
