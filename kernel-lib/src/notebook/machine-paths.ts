import { homedir, tmpdir } from "node:os";

/** Removes what only this machine knows from a text that is stored: its folders. */
export type PathCleaner = (text: string) => string;

const SPECIAL = /[.*+?^${}()|[\]\\]/g;

/** Matches a folder where it stands as a path of its own: not inside a longer word, nor inside base64 text. */
function pathPattern(path: string): RegExp {
  return new RegExp(`(?<![\\w+/=.-])(?:file://)?${path.replaceAll(SPECIAL, "\\$&")}(?![\\w+=-])`, "g");
}

/**
 * A cleaner that writes files of the project relative to its root, the home folder as `~` and the temporary folder as `<tmp>`.
 *
 * @param root absolute path of the project.
 */
export function createPathCleaner(root: string): PathCleaner {
  const folders: [string, string][] = [
    [root, "."],
    [tmpdir(), "<tmp>"],
    [homedir(), "~"],
  ];
  // a folder like "/" would replace every slash
  const patterns = folders
    .filter(([path]) => path.replaceAll("/", "").length > 0)
    .map(([path, name]) => [pathPattern(path), name] as const);
  return (text) => patterns.reduce((cleaned, [pattern, name]) => cleaned.replaceAll(pattern, name), text);
}

/** The cleaner applied to every text inside a JSON value. */
export function cleanValue(value: unknown, clean: PathCleaner): unknown {
  if (typeof value === "string") return clean(value);
  if (Array.isArray(value)) return value.map((entry) => cleanValue(entry, clean));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, cleanValue(entry, clean)]));
}
