import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { assertNotInterrupted } from "./check";
import { DataError } from "./errors";
import type { Control } from "./types";

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
