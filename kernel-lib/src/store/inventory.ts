import type { Dirent } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isKernelError } from "../base/errors";
import { mayBeHeld } from "./lock";
import { type Manifest, readManifest } from "./manifest";

/** A complete result. */
export interface StoredArtifact {
  readonly stage: string;
  readonly key: string;
  readonly folder: string;
  readonly bytes: number;
  readonly manifest: Manifest;
  /** When a run last computed or found it, milliseconds since 1970. */
  readonly lastUsed: number;
  /** Keys of the artifacts it was made from that lie here too. */
  readonly uses: readonly string[];
  /** Keys of the artifacts made from it. */
  readonly usedBy: readonly string[];
}

/** What a stopped or damaged computation left: a work folder, a lock, a folder without a readable manifest. */
export interface Leftover {
  readonly stage: string;
  readonly key: string;
  readonly path: string;
  readonly bytes: number;
  readonly lastUsed: number;
  readonly kind: "unfinished" | "lock" | "damaged";
  /** Whether a process may be at work on it. */
  readonly held: "held" | "free";
}

/** Everything below an artifacts folder. */
export interface Inventory {
  readonly folder: string;
  readonly artifacts: readonly StoredArtifact[];
  readonly leftovers: readonly Leftover[];
  /** Folders that are no stage's (drawn data, checkpoints, reports), with their sizes; nobody prunes them. */
  readonly others: readonly { readonly name: string; readonly bytes: number }[];
}

/** A result, or what belongs to one: "<key>.partial", "<key>.lock", "<key>.<uuid>.removed" … */
const ENTRY = /^([0-9a-f]{32})(\..+)?$/;

/** Reads what an artifacts folder holds; a folder that is not there is empty. */
export async function takeInventory(folder: string): Promise<Inventory> {
  const found: (FoundArtifact | Leftover)[] = [];
  const others: { name: string; bytes: number }[] = [];
  for (const stage of await entriesOf(folder)) {
    const path = join(folder, stage.name);
    const entries = stage.isDirectory() ? (await entriesOf(path)).filter(({ name }) => ENTRY.test(name)) : [];
    if (entries.length === 0) others.push({ name: stage.name, bytes: await bytesBelow(path) });
    for (const entry of entries) {
      const item = await inspectEntry(stage.name, path, entry.name);
      if (item !== null) found.push(item);
    }
  }
  const artifacts = found.filter((item): item is FoundArtifact => "manifest" in item);
  const leftovers = found.filter((item): item is Leftover => !("manifest" in item));
  return { folder, artifacts: linkArtifacts(artifacts), leftovers, others };
}

type FoundArtifact = Omit<StoredArtifact, "uses" | "usedBy">;

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Null when it went away meanwhile. */
async function inspectEntry(stage: string, folder: string, name: string): Promise<FoundArtifact | Leftover | null> {
  const [, key = "", suffix = ""] = ENTRY.exec(name)!;
  const path = join(folder, name);
  try {
    const { mtimeMs: lastUsed } = await stat(path);
    const facts = { stage, key, bytes: await bytesBelow(path), lastUsed };
    if (suffix === "") {
      const manifest = await readManifest(path, stage, key).catch((error: unknown) => {
        if (isKernelError(error, "data")) return null;
        throw error;
      });
      if (manifest !== null) return { ...facts, folder: path, manifest };
    }
    const kind = suffix.startsWith(".lock") ? "lock" : suffix === "" ? "damaged" : "unfinished";
    const held = (await mayBeHeld(join(folder, `${key}.lock`))) ? "held" : "free";
    return { ...facts, path, kind, held };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function linkArtifacts(artifacts: readonly FoundArtifact[]): StoredArtifact[] {
  const here = new Set(artifacts.map(({ key }) => key));
  const usedBy = new Map<string, string[]>();
  for (const { key, manifest } of artifacts) {
    for (const input of manifest.inputs) usedBy.set(input, [...(usedBy.get(input) ?? []), key]);
  }
  return artifacts.map((artifact) => ({
    ...artifact,
    uses: artifact.manifest.inputs.filter((input) => here.has(input)),
    usedBy: usedBy.get(artifact.key) ?? [],
  }));
}

/** Bytes of a file, or of all files below a folder; links count as themselves. */
async function bytesBelow(path: string): Promise<number> {
  const own = await lstat(path);
  if (!own.isDirectory()) return own.size;
  const names = await readdir(path, { recursive: true, withFileTypes: true });
  const sizes = names
    .filter((entry) => !entry.isDirectory())
    .map((entry) =>
      lstat(join(entry.parentPath, entry.name)).then(
        (file) => file.size,
        () => 0,
      ),
    );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
