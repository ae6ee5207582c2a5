import { statfsSync } from "node:fs";
import { EnvironmentError } from "./errors";

/**
 * Throws EnvironmentError unless the disk of a folder has this many bytes free.
 *
 * @param advice what else could be done than making room, e.g. "name another folder with --dir".
 */
export function assertDiskRoom(where: string, folder: string, bytes: number, advice: string): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bytes <= bavail * bsize) return;
  const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
  throw new EnvironmentError(
    `${where}: ${folder} must have ${gigabytes(bytes)} free; got ${gigabytes(bavail * bsize)}. Make room, or ${advice}.`,
    { folder, needed: bytes },
  );
}
