import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../base/errors";
import type { Matrix } from "../base/types";
import { digestOfFile, isUnbroken, publishFile, sealedJson } from "../store/files";

const SCHEMA = 1;

/** What stands beside a saved index: everything its binary file does not say. */
export interface Sidecar {
  /** The engine's. */
  readonly kind: string;
  readonly space: "ip";
  readonly dimension: number;
  readonly size: number;
  readonly ids: readonly string[];
  /** SHA-256 of the ids and embeddings the index was built from. */
  readonly corpusHash: string;
  /** Name and version of the library that wrote the file. */
  readonly library: string;
  /** The engine's settings by name. */
  readonly settings: Readonly<Record<string, number>>;
  /** Positions of rows that are not in the file, each with the lower one that it equals. Default none. */
  readonly copies?: readonly (readonly [position: number, of: number])[];
  /** Recall that was measured when it was built; absent where it was not, or no longer holds. */
  readonly recall?: number | undefined;
}

interface StoredSidecar extends Sidecar {
  readonly schema: number;
  readonly file: { readonly bytes: number; readonly sha256: string };
}

/** SHA-256 over ids and embeddings, in order. */
export function hashCorpus(ids: readonly string[], embeddings: Matrix): string {
  const hash = createHash("sha256").update(JSON.stringify([ids, embeddings.rows, embeddings.cols]));
  const { buffer, byteOffset, byteLength } = embeddings.data;
  return hash.update(new Uint8Array(buffer, byteOffset, byteLength)).digest("hex");
}

async function describeFile(file: string): Promise<StoredSidecar["file"]> {
  return { bytes: (await stat(file)).size, sha256: await digestOfFile(file, "sha256") };
}

const binaryFile = (folder: string, kind: string) => join(folder, `index.${kind}`);
const sidecarFile = (folder: string, kind: string) => join(folder, `index.${kind}.json`);

/** Saves an index: `write` fills a new file, the sidecar follows; both get their names when both are complete. */
export async function saveIndexFiles(folder: string, sidecar: Sidecar, write: (file: string) => Promise<unknown>) {
  const writeBoth = (description: string) =>
    publishFile(binaryFile(folder, sidecar.kind), async (binary) => {
      await write(binary);
      const stored: StoredSidecar = { schema: SCHEMA, ...sidecar, file: await describeFile(binary) };
      await writeFile(description, sealedJson(stored));
    });
  await publishFile(sidecarFile(folder, sidecar.kind), writeBoth);
}

const FIELDS = "schema kind space dimension size ids corpusHash library settings copies recall file seal".split(" ");

function isSidecar(value: unknown, kind: string): value is StoredSidecar {
  const { schema, kind: found, space, dimension, size, ids, settings, file } = (value ?? {}) as Partial<StoredSidecar>;
  if (Object.keys(value ?? {}).some((field) => !FIELDS.includes(field))) return false; // the seal's name may be damaged too
  if (schema !== SCHEMA || found !== kind || space !== "ip") return false;
  if (!Number.isSafeInteger(dimension) || !Number.isSafeInteger(size) || !Array.isArray(ids)) return false;
  if (ids.length !== size || ids.length === 0 || !ids.every((id) => typeof id === "string")) return false;
  if (new Set(ids).size !== ids.length || typeof settings !== "object" || settings === null) return false;
  return typeof file === "object" && file !== null && Number.isSafeInteger(file.bytes);
}

/**
 * Reads and checks a saved index's sidecar and the size and hash of its file, before any native code opens that file.
 *
 * @throws DataError naming the file when either is missing, truncated, altered or of another kind.
 */
export async function readIndexFiles(where: string, folder: string, kind: string) {
  const refuse = (file: string, rule: string, cause?: unknown): never => {
    throw new DataError(`${where}: ${file} must ${rule}. Build and save the index again.`, { file }, cause);
  };
  const name = sidecarFile(folder, kind);
  const text = await readFile(name, "utf8").catch((error) => refuse(name, "be readable", error));
  let sidecar: unknown;
  try {
    sidecar = JSON.parse(text);
  } catch (error) {
    refuse(name, "be JSON", error);
  }
  if (!isSidecar(sidecar, kind)) return refuse(name, `describe a ${kind} index with one distinct id per vector`);
  if (!isUnbroken(sidecar)) return refuse(name, "be as it was written");
  const binary = binaryFile(folder, kind);
  const found = await describeFile(binary).catch((error) => refuse(binary, "be readable", error));
  if (found.bytes !== sidecar.file.bytes || found.sha256 !== sidecar.file.sha256) {
    refuse(binary, `be the ${sidecar.file.bytes} bytes its sidecar describes; got ${found.bytes} bytes`);
  }
  return { sidecar: sidecar as Sidecar, file: binary };
}
