import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

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
