import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import { promisify } from "node:util";
import { DataError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import type { StageHealth } from "../training/health";
import { type ArtifactFile, writeFileAtomic } from "./files";
import type { JsonObject } from "./key";

export const MANIFEST_NAME = "manifest.json";
const SCHEMA = 1;

/** What is known of an artifact: how it was made, with what, and which files it holds. */
export interface Manifest {
  readonly schema: number;
  readonly stage: string;
  /** Number of the stage's code, raised whenever a change of that code changes its results. */
  readonly version: number;
  readonly key: string;
  readonly config: JsonObject;
  /** Keys of the artifacts and fingerprints of the data it was made from. */
  readonly inputs: readonly string[];
  readonly seed: number;
  /** Of the run; says nothing about the result. Absent in older manifests. */
  readonly profile?: string;
  readonly backend: string;
  readonly code: CodeVersion;
  /** ISO 8601 times and seconds of the process that finished it; `resumed` says whether another had begun it. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly seconds: number;
  readonly resumed: "resumed" | "fresh";
  /** What a training says of itself; absent where nothing is trained. */
  readonly health?: StageHealth;
  readonly files: readonly ArtifactFile[];
}

/** The code that ran: the repository's commit (null outside git), Node, and the installed version of each dependency. */
export interface CodeVersion {
  readonly commit: string | null;
  readonly node: string;
  readonly platform: string;
  readonly packages: Readonly<Record<string, string>>;
}

async function versionOf(folder: string): Promise<string | null> {
  try {
    return (JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as { version: string }).version;
  } catch {
    return null; // an optional dependency that is not installed here
  }
}

async function installedPackages(root: string): Promise<Record<string, string>> {
  const { dependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const packages: Record<string, string> = {};
  for (const name of Object.keys(dependencies).sort()) {
    const version = await versionOf(join(root, "node_modules", name));
    if (version !== null) packages[name] = version;
  }
  return packages;
}

let described: Promise<CodeVersion> | undefined;

async function describe(): Promise<CodeVersion> {
  const root = repositoryRoot();
  const commit = await promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd: root }).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
  const platform = `${process.platform}-${process.arch}`;
  return { commit, node: process.versions.node, platform, packages: await installedPackages(root) };
}

/** The versions of everything that runs in this process; looked up once. */
export function codeVersion(): Promise<CodeVersion> {
  described ??= describe();
  return described;
}

/** Writes the manifest into its folder: the last file of an artifact, so that its presence means "complete". */
export async function writeManifest(folder: string, manifest: Omit<Manifest, "schema">): Promise<void> {
  const text = `${JSON.stringify({ schema: SCHEMA, ...manifest }, null, 2)}\n`;
  writeFileAtomic(join(folder, MANIFEST_NAME), text);
}

function isArtifactFile(value: unknown): value is ArtifactFile {
  const { path, bytes, sha256 } = (value ?? {}) as Partial<ArtifactFile>;
  if (typeof path !== "string" || isAbsolute(path) || normalize(path).startsWith("..")) return false;
  return Number.isSafeInteger(bytes) && (bytes as number) >= 0 && /^[0-9a-f]{64}$/.test(String(sha256));
}

function refuse(file: string, rule: string, cause?: unknown): never {
  throw new DataError(`readManifest: ${file} must ${rule}. Delete its folder to compute it again.`, { file }, cause);
}

/**
 * Reads the manifest of an artifact's folder; null when there is none.
 *
 * @throws DataError when it is no manifest, or that of another stage or key.
 */
export async function readManifest(folder: string, stage: string, key: string): Promise<Manifest | null> {
  const file = join(folder, MANIFEST_NAME);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text === null) return null;
  let manifest: Partial<Manifest>;
  try {
    manifest = JSON.parse(text) as Partial<Manifest>;
  } catch (error) {
    return refuse(file, "be JSON", error);
  }
  if (typeof manifest !== "object" || manifest === null || manifest.schema !== SCHEMA) {
    return refuse(file, `have schema ${SCHEMA}`);
  }
  if (manifest.stage !== stage || manifest.key !== key) return refuse(file, `be that of stage ${stage}, key ${key}`);
  if (!Array.isArray(manifest.files) || !manifest.files.every(isArtifactFile)) {
    return refuse(file, "list files with path, bytes and sha256");
  }
  return manifest as Manifest;
}
