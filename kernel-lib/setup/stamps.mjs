import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** sha256 of a value's JSON text. */
export function hashOf(value) {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** sha256 of a file, or "missing". */
export function hashFile(path) {
  if (!existsSync(path)) return "missing";
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** sha256 over the names and contents of all files below a folder. */
export function hashFolder(folder) {
  const digest = createHash("sha256");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files)
    digest
      .update(`${file.slice(folder.length)}\0`)
      .update(readFileSync(file))
      .update("\0");
  return digest.digest("hex");
}

/** Writes a file beside its place and renames it: readers see the old or the new one, never half. */
export function writeWhole(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  const beside = `${path}.${process.pid}`;
  writeFileSync(beside, text);
  renameSync(beside, path);
}

function stampPath(root, step) {
  return join(root, ".setup", "stamps", `${step}.json`);
}

/** The stamp of a step, or null when it never finished (or the file is damaged). */
export function readStamp(root, step) {
  try {
    return JSON.parse(readFileSync(stampPath(root, step), "utf8"));
  } catch {
    return null;
  }
}

/** Records a finished step; `run` names this very run, so that what depends on it runs again too. */
export function writeStamp(root, step, stamp) {
  const whole = { ...stamp, run: randomUUID() };
  writeWhole(stampPath(root, step), `${JSON.stringify(whole, null, 2)}\n`);
  return whole;
}

/** Forgets a step before it starts: when it is interrupted, the next set-up does it again. */
export function removeStamp(root, step) {
  rmSync(stampPath(root, step), { force: true });
}
