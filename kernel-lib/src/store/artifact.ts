import { rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { isKernelError, StateError } from "../base/errors";
import type { Control } from "../base/types";
import { findDamage } from "./files";
import type { ArtifactLock } from "./lock";
import { MANIFEST_NAME, type Manifest, readManifest } from "./manifest";

/** A stage's result: a folder of files with a manifest. */
export interface Artifact {
  readonly stage: string;
  readonly key: string;
  readonly folder: string;
  readonly manifest: Manifest;
  /** Whether this call computed it or found it. */
  readonly origin: "computed" | "found";
}

/** Checkpoints of an unfinished computation, inside its work folder; never part of the artifact. */
export const RESUME_NAME = "resume";

/** Where one artifact lies, is being made, and is locked. */
export interface Places {
  readonly name: string;
  readonly key: string;
  readonly folder: string;
  readonly workDir: string;
  readonly lockFile: string;
}

/** The complete manifest of a folder, null when there is none, or what is wrong with it. */
export async function inspect(folder: string, { name, key }: Places): Promise<Manifest | null | { damage: string }> {
  try {
    const manifest = await readManifest(folder, name, key);
    if (manifest === null) return (await exists(folder)) ? { damage: `${MANIFEST_NAME} is missing` } : null;
    const damage = await findDamage(folder, manifest.files);
    return damage === null ? manifest : { damage };
  } catch (error) {
    if (isKernelError(error, "data")) return { damage: error.message };
    throw error;
  }
}

/** Whether there is a file or folder; any fault but "there is none" is thrown. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
}

/** The complete, undamaged artifact, or null. Its folder's time of change says when it was last used. */
export async function findComplete(places: Places): Promise<Artifact | null> {
  const found = await inspect(places.folder, places);
  if (found === null || "damage" in found) return null;
  const now = new Date();
  await utimes(places.folder, now, now).catch(() => undefined); // a folder that may only be read is as good
  return { stage: places.name, key: places.key, folder: places.folder, manifest: found, origin: "found" };
}

/** Deletes a damaged artifact, saying so. */
export async function dropDamaged(places: Places, control: Control): Promise<void> {
  const found = await inspect(places.folder, places);
  if (found === null || !("damage" in found)) return;
  const message = `runStage: ${places.name} is computed again: ${found.damage} in ${places.folder}.`;
  control.onWarn?.("artifact-damaged", message, { folder: places.folder, damage: found.damage });
  await rm(places.folder, { recursive: true, force: true });
}

/** Gives the finished work folder its final name; checkpoints go first. */
export async function publish(places: Places, lock: ArtifactLock): Promise<void> {
  if (!(await lock.isOurs())) {
    throw new StateError(
      `runStage: the lock of ${places.name} must stay this process's own; another one took it. Run it again.`,
      { lockFile: places.lockFile },
    );
  }
  await rm(join(places.workDir, RESUME_NAME), { recursive: true, force: true });
  await rename(places.workDir, places.folder);
}
