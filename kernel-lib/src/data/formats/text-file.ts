import { readFile, stat } from "node:fs/promises";
import { DataError } from "../../base/errors";

const DEFAULT_LIMIT = 256 * 2 ** 20;

/** How much of a file may be read. */
export interface FileLimits {
  /** Most bytes. Default 256 MiB. */
  readonly maxBytes?: number;
}

/**
 * The bytes of a file; one larger than the limit is refused before it is read.
 *
 * @throws DataError when it is missing, no file, or too large.
 */
export async function readBytes(path: string, limits: FileLimits = {}): Promise<Buffer> {
  const { maxBytes = DEFAULT_LIMIT } = limits;
  const found = await stat(path).catch((cause: unknown) => {
    throw new DataError(`readBytes: path must name a readable file; got ${path}. Check the folder.`, { path }, cause);
  });
  if (found.isFile() && found.size <= maxBytes) return readFile(path);
  const got = found.isFile() ? `${found.size} bytes` : "no file";
  throw new DataError(
    `readBytes: ${path} must be a file of at most ${maxBytes} bytes; got ${got}. Raise maxBytes if you trust it.`,
    { path, maxBytes, size: found.size },
  );
}

/** The text of UTF-8 bytes without its byte order mark. @throws DataError when they are no UTF-8 or hold a NUL. */
export function decodeText(bytes: Uint8Array, file: string): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // said below
  }
  throw new DataError(`decodeText: ${file} must be UTF-8 text; got other bytes. Save it as UTF-8.`, { file });
}
