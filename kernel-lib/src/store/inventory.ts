import { randomUUID } from "node:crypto";
import type { Dirent } from "node:fs";
import { lstat, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { assertInRange } from "../base/check";
import { EnvironmentError, isKernelError } from "../base/errors";
import { sum } from "../base/numbers";
import type { ArtifactFacts } from "./artifact";
import { lockFileOf, type Manifest, readManifest } from "./folder";
import { lockHolder, tryLock } from "./lock";

/** What an artifacts folder holds, and what of it can go. */

/** A complete result. */
export interface StoredArtifact {
  readonly stage: string;
  readonly key: string;
  readonly folder: string;
  readonly bytes: number;
  readonly manifest: Manifest<ArtifactFacts>;
  /** When a run last computed or found it, milliseconds since 1970. */
  readonly lastUsed: number;
  /** Keys of the artifacts it was made from that lie here too. */
  readonly uses: readonly string[];
  /** Keys of the artifacts made from it. */
  readonly usedBy: readonly string[];
}

/** What a stopped or damaged computation left: a work folder, a lock, a folder without a readable manifest. */
interface Leftover {
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
      const manifest = await readManifest<ArtifactFacts>(path, { stage, key }).catch((error: unknown) => {
        if (isKernelError(error, "data")) return null;
        throw error;
      });
      if (manifest !== null) return { ...facts, folder: path, manifest };
    }
    const kind = suffix.startsWith(".lock") ? "lock" : suffix === "" ? "damaged" : "unfinished";
    const held = (await lockHolder(lockFileOf(join(folder, key)))) === null ? "free" : "held";
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
  return sum(await Promise.all(sizes));
}

/** One thing to remove, or removed. */
export interface PruneItem {
  readonly path: string;
  readonly stage: string;
  readonly key: string;
  readonly bytes: number;
  readonly why: string;
}

const DAY_MS = 86_400_000;
/** While a process is at work here, it may be reading results that nothing names as its inputs yet. */
const LEAST_DAYS_AT_WORK = 7;

/**
 * What can go: results that no run has used for `days` days and no younger result was made from, and what stopped computations left
 * that long ago. In the order of removal: a result comes before those it was made from, so that an interrupted pruning leaves no
 * manifest that refers to nothing.
 *
 * A result in use keeps everything its manifest refers to, and everything theirs refer to. While a process is at work on a stage of
 * the folder, `days` counts as at least 7.
 *
 * @param options.days in [0, 36500]. Default 30.
 * @param options.now milliseconds since 1970. Default now.
 */
export function planPrune(
  { artifacts, leftovers }: Inventory,
  options: { readonly days?: number; readonly now?: number } = {},
): PruneItem[] {
  const { days = 30, now = Date.now() } = options;
  assertInRange("planPrune: days", days, 0, 36_500);
  const atWork = leftovers.some(({ held }) => held === "held");
  const least = DAY_MS * (atWork ? Math.max(days, LEAST_DAYS_AT_WORK) : days);
  const isOld = ({ lastUsed }: { readonly lastUsed: number }): boolean => now - lastUsed >= least;
  const kept = keptKeys(artifacts, isOld);
  const unused = artifacts.filter(({ key }) => !kept.has(key));
  const ageOf = ({ lastUsed }: { readonly lastUsed: number }): string =>
    `${Math.floor((now - lastUsed) / DAY_MS)} days`;
  const itemOf = (artifact: StoredArtifact): PruneItem => {
    const { folder: path, stage, key, bytes } = artifact;
    return { path, stage, key, bytes, why: `not used for ${ageOf(artifact)}` };
  };
  const rests = leftovers.filter((rest) => rest.held === "free" && isOld(rest) && !kept.has(rest.key));
  const restOf = (rest: Leftover): PruneItem => {
    const { path, stage, key, bytes, kind } = rest;
    return { path, stage, key, bytes, why: `${kind}, untouched for ${ageOf(rest)}` };
  };
  return [...usersFirst(unused).map(itemOf), ...rests.map(restOf)];
}

/** Keys of the results in use, and of all that they refer to. */
function keptKeys(artifacts: readonly StoredArtifact[], isOld: (artifact: StoredArtifact) => boolean): Set<string> {
  const byKey = new Map(artifacts.map((artifact) => [artifact.key, artifact]));
  const kept = new Set<string>();
  const queue = artifacts.filter((artifact) => !isOld(artifact)).map(({ key }) => key);
  while (queue.length > 0) {
    const key = queue.pop()!;
    if (kept.has(key)) continue;
    kept.add(key);
    queue.push(...(byKey.get(key)?.uses ?? []));
  }
  return kept;
}

/** Each result before those it was made from. */
function usersFirst(artifacts: readonly StoredArtifact[]): StoredArtifact[] {
  const ordered: StoredArtifact[] = [];
  const placed = new Set<string>();
  const byKey = new Map(artifacts.map((artifact) => [artifact.key, artifact]));
  const place = (artifact: StoredArtifact): void => {
    if (placed.has(artifact.key)) return;
    placed.add(artifact.key);
    for (const user of artifact.usedBy) if (byKey.has(user)) place(byKey.get(user)!);
    ordered.push(artifact);
  };
  for (const artifact of artifacts) place(artifact);
  return ordered;
}

/**
 * Removes one planned thing, under its lock: renamed first, so that nobody finds a part of it.
 *
 * @param planned when the plan was made, milliseconds since 1970: what was used since stays.
 * @returns "removed", or why it stayed.
 * @throws EnvironmentError when the folder does not allow it.
 */
export async function removeArtifact(item: PruneItem, planned: number): Promise<"removed" | "in use" | "gone"> {
  const { path, stage } = item;
  const lockFile = lockFileOf(path.slice(0, path.indexOf(item.key) + item.key.length));
  try {
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    });
    if (found === null) return "gone";
    if (found.mtimeMs > planned) return "in use";
    const lock = await tryLock(lockFile);
    if (!("release" in lock)) return "in use";
    try {
      if (path !== lockFile) await removeWhole(path);
    } finally {
      await lock.release();
    }
    return "removed";
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || code.length > 12) throw error;
    throw new EnvironmentError(
      `removeArtifact: ${path} must be removable; got ${code} (${message}). Grant access there, or leave it.`,
      { path, stage, fault: code },
      error,
    );
  }
}

async function removeWhole(path: string): Promise<void> {
  const aside = `${path.replace(/\.removed$/, "")}.${randomUUID()}.removed`;
  await rename(path, aside);
  await rm(aside, { recursive: true, force: true });
}
