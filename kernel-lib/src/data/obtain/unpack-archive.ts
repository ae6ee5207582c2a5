import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { assertNotInterrupted } from "../../base/check";
import { assertDiskRoom } from "../../base/disk-room";
import { DataError } from "../../base/errors";
import type { Control } from "../../base/types";
import { readZipFile, type ZipFileLimits } from "../formats/zip-file";

/** The deepest folder that holds everything: archives wrap their files in one of any name. */
async function innermost(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const [only] = entries.filter(({ name }) => name !== "__MACOSX" && !name.startsWith("."));
  const isAlone = entries.filter(({ name }) => name !== "__MACOSX" && !name.startsWith(".")).length === 1;
  return isAlone && only!.isDirectory() ? innermost(join(folder, only!.name)) : folder;
}

async function writeMember(target: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const part = `${target}.part`;
  await writeFile(part, content);
  await rename(part, target);
}

/**
 * Unpacks a zip archive to a folder, which stands in its place only when it is whole; folders that merely wrap the files are left
 * out. A call after an interruption goes on where it stopped.
 *
 * @param folder must not be there yet.
 * @throws DataError as readZipFile, or for a member that is there with another size. EnvironmentError when the disk is full.
 * InterruptedError on abort.
 */
export async function unpackArchive(
  archive: string,
  folder: string,
  { limits = {}, control = {} }: { readonly limits?: ZipFileLimits; readonly control?: Control } = {},
): Promise<void> {
  const draft = `${folder}.unpacking`;
  await mkdir(draft, { recursive: true });
  const { size: total } = await stat(archive);
  assertDiskRoom("unpackArchive", draft, total, "choose another folder");
  const stage = `unpack ${basename(archive)}`;
  for await (const { name, size, bytesRead, read } of readZipFile(archive, limits)) {
    assertNotInterrupted("unpackArchive", control.signal);
    const target = join(draft, name);
    const held = await stat(target).catch(() => null);
    if (held === null) await writeMember(target, await read());
    else if (!held.isFile() || held.size !== size) {
      const message = `unpackArchive: ${archive}, member ${name}, must be the only one of its name; got two. Do not use this archive.`;
      throw new DataError(message, { archive, name });
    }
    control.onProgress?.({ stage, done: bytesRead, total });
  }
  const inner = await innermost(draft);
  if (existsSync(folder))
    throw new DataError(`unpackArchive: ${folder} must not be there yet. Move it away.`, { folder });
  await rename(inner, folder);
  await rm(draft, { recursive: true, force: true });
}
