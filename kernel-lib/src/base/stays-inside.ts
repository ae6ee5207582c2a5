import { posix } from "node:path";

/**
 * The plain form of a path that an archive or a listing names, if it stays in the folder it is relative to, on every system.
 *
 * @returns the path with slashes, or null when it is absolute, climbs out, or names a drive.
 */
export function plainPathWithin(name: string): string | null {
  const plain = posix.normalize(name.replaceAll("\\", "/"));
  const leaves = plain.startsWith("/") || plain === ".." || plain.startsWith("../") || /^[a-z]:/i.test(plain);
  return leaves || name === "" || name.includes("\0") ? null : plain;
}
