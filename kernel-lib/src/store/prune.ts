import { randomUUID } from "node:crypto";
import { rename, rm, stat } from "node:fs/promises";
import { assertInRange } from "../base/check";
import { EnvironmentError } from "../base/errors";
import type { Inventory, Leftover, StoredArtifact } from "./inventory";
import { tryLock } from "./lock";

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
  const lockFile = `${path.slice(0, path.indexOf(item.key) + item.key.length)}.lock`;
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
