import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ConfigError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import { type FolderPlace, findFolder, type KeptFolder } from "./folder";

/**
 * Artifacts: results that are found by the hash of everything that decides them. An artifact is a folder
 * <root>/<stage>/<key> (see folder.ts) whose manifest says how, when and with what it was made.
 */

/** What a configuration may hold: plain JSON. */
type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A plain object of JSON values; keys set to undefined count as absent. */
export type JsonObject = { readonly [key: string]: JsonValue | undefined };

/** Everything that changes a result, and nothing else. */
export interface KeyParts {
  readonly stage: string;
  /** Number of the stage's code, raised whenever a change of that code changes its results. */
  readonly version: number;
  readonly config: JsonObject;
  /** Keys of the artifacts and fingerprints of the data it is made from. */
  readonly inputs: readonly string[];
  readonly seed: number;
  readonly backend: string;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function refuse(path: string, value: unknown): never {
  const kind = typeof value === "object" ? (value?.constructor?.name ?? "object") : `${typeof value} ${String(value)}`;
  throw new ConfigError(
    `canonicalJson: ${path} must be plain JSON (null, boolean, finite number, string, list, object); got ${kind}. ` +
      "Put a number, a string or a fingerprint there.",
    { path },
  );
}

/**
 * JSON with sorted keys, so that equal values give equal text. Keys set to undefined are left out; -0 is written 0.
 *
 * @throws ConfigError on NaN, an infinity, a function, a typed array, any other class instance, or a cycle.
 * @example canonicalJson({ b: 1, a: [true] })   // {"a":[true],"b":1}
 */
export function canonicalJson(value: unknown, path = "value", parents: readonly unknown[] = []): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (parents.includes(value)) refuse(`${path} (a cycle)`, value);
  const inside = [...parents, value];
  if (Array.isArray(value)) return `[${value.map((v, i) => canonicalJson(v, `${path}[${i}]`, inside)).join(",")}]`;
  if (!isPlainObject(value)) refuse(path, value);
  const entries = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v, `${path}.${k}`, inside)}`);
  return `{${entries.join(",")}}`;
}

/** The name of an artifact: the first 32 hex digits of the SHA-256 of everything that changes its result. */
export function artifactKey(parts: KeyParts): string {
  const { stage, version, config, inputs, seed, backend } = parts;
  const text = canonicalJson({ stage, version, config, inputs, seed, backend }, stage);
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** What a manifest says of an artifact: how it was made, and with what. */
export interface ArtifactFacts extends KeyParts {
  readonly key: string;
  /** Of the run; says nothing about the result. Absent in older manifests. */
  readonly profile?: string;
  readonly code: CodeVersion;
  /** ISO 8601 times and seconds of the process that finished it; `resumed` says whether another had begun it. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly seconds: number;
  readonly resumed: "resumed" | "fresh";
}

/** Where an artifact lies or will lie. */
export interface ArtifactPlace {
  readonly stage: string;
  readonly key: string;
  readonly folder: string;
}

/** A complete artifact. `Facts`: what its stage says of it beyond what every artifact says. */
export interface Artifact<Facts extends ArtifactFacts = ArtifactFacts> extends ArtifactPlace, KeptFolder<Facts> {}

/** The place of an artifact below an artifacts folder. */
export function artifactPlace(root: string, stage: string, key: string): ArtifactPlace {
  return { stage, key, folder: join(root, stage, key) };
}

/** The folder, and what its manifest must say. */
export function folderPlace({ stage, key, folder }: ArtifactPlace): FolderPlace<ArtifactFacts> {
  return { folder, identity: { stage, key } };
}

/**
 * The complete, undamaged artifact at a place, or null.
 *
 * @param touch whether this counts as a use, so that pruning keeps it.
 */
export async function findArtifact(place: ArtifactPlace, touch: "use" | "look"): Promise<Artifact | null> {
  const found = await findFolder(folderPlace(place), { touch });
  return found === null ? null : { ...found, stage: place.stage, key: place.key };
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
