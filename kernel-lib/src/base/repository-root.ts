import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { EnvironmentError } from "./errors";

const PACKAGE_NAME = "jomed-notebooks";

function isRoot(folder: string): boolean {
  const file = join(folder, "package.json");
  if (!existsSync(file)) return false;
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { name?: unknown }).name === PACKAGE_NAME;
  } catch {
    return false; // some other, unreadable package.json: look further up
  }
}

function walkUp(start: string): string | null {
  for (let folder = start; ; folder = dirname(folder)) {
    if (isRoot(folder)) return folder;
    if (dirname(folder) === folder) return null;
  }
}

/**
 * The folder of the repository: the nearest one above the library, or else above the working folder,
 * whose package.json is named "jomed-notebooks".
 *
 * @param starts folders to walk up from, in order. Default: this file's folder, then the working folder.
 * @throws EnvironmentError when neither lies inside a checkout.
 */
export function repositoryRoot(starts: readonly string[] = [__dirname, process.cwd()]): string {
  for (const start of starts) {
    const found = walkUp(start);
    if (found !== null) return found;
  }
  throw new EnvironmentError(
    `repositoryRoot: the working folder must lie inside a checkout of ${PACKAGE_NAME}; got ${starts.join(", ")}. ` +
      "Start from the checkout, or name the folders themselves (artifactsDir, dataDir).",
    { starts },
  );
}
