import { closeSync, openSync, readSync } from "node:fs";

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
