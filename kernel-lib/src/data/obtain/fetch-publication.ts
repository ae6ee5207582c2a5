import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { assertNotInterrupted } from "../../base/check";
import { DataError } from "../../base/errors";
import type { Control } from "../../base/types";
import { type Hub, openHub } from "../../hub/client";
import {
  downloadPublished,
  listPublication,
  type Publication,
  type PublishedFile,
  type PublishedListing,
  type PublisherAddresses,
  pageOf,
} from "../../hub/publishers";
import { assertDiskRoom, makeFolder, writeFileAtomic, writePartsAtomic } from "../../store/files";
import { lockFileOf, placeFolder } from "../../store/folder";
import { withLock } from "../../store/lock";
import { readZip, type ZipLimits } from "../formats/zip";

/** The deepest folder that holds everything: archives wrap their files in one of any name. */
async function innermost(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const [only] = entries.filter(({ name }) => name !== "__MACOSX" && !name.startsWith("."));
  const isAlone = entries.filter(({ name }) => name !== "__MACOSX" && !name.startsWith(".")).length === 1;
  return isAlone && only!.isDirectory() ? innermost(join(folder, only!.name)) : folder;
}

/**
 * Unpacks a zip archive to a folder, which stands in its place only when it is whole; folders that merely wrap the files are left
 * out. A call after an interruption goes on where it stopped.
 *
 * @param folder must not be there yet.
 * @throws DataError as readZip, or for a member that is there with another size. EnvironmentError when the disk is full.
 * InterruptedError on abort.
 */
async function unpackArchive(
  archive: string,
  folder: string,
  { limits = {}, control = {} }: { readonly limits?: ZipLimits; readonly control?: Control } = {},
): Promise<void> {
  const draft = `${folder}.unpacking`;
  makeFolder(draft);
  const { size: total } = await stat(archive);
  assertDiskRoom("unpackArchive", draft, total, "choose another folder");
  const stage = `unpack ${basename(archive)}`;
  for await (const { name, size, bytesRead, read } of readZip(archive, limits)) {
    assertNotInterrupted("unpackArchive", control.signal);
    const target = join(draft, name);
    const held = await stat(target).catch(() => null);
    if (held === null) writePartsAtomic(target, [await read()], { sync: "later" });
    else if (!held.isFile() || held.size !== size) {
      const message = `unpackArchive: ${archive}, member ${name}, must be the only one of its name; got two. Do not use this archive.`;
      throw new DataError(message, { archive, name });
    }
    control.onProgress?.({ stage, done: bytesRead, total });
  }
  const inner = await innermost(draft);
  if (existsSync(folder))
    throw new DataError(`unpackArchive: ${folder} must not be there yet. Move it away.`, { folder });
  await placeFolder(inner, folder);
  await rm(draft, { recursive: true, force: true });
}

/** Options of fetchPublication; every one but the folder has a default. */
interface FetchPublicationOptions {
  /** The data folder. */
  readonly dataDir: string;
  /** Default: the one that HF_ENDPOINT and HF_TOKEN name. */
  readonly hub?: Hub;
  readonly addresses?: PublisherAddresses;
  readonly control?: Control;
}

/** What was fetched. */
interface FetchOutcome {
  readonly folder: string;
  /** "present" when everything was there. */
  readonly outcome: "present" | "fetched";
  readonly numFiles: number;
  readonly bytes: number;
}

/** Written beside what was fetched: whence, in which state, and which files. */
export const FETCHED_DATA_FILE = "fetched.json";

interface Record {
  readonly from: string;
  readonly id: string;
  readonly version: string | null;
  readonly files: readonly PublishedFile[];
}

function pickWanted({ from, id, wanted }: Publication, { files }: PublishedListing): PublishedFile[] {
  for (const pattern of wanted) {
    if (files.some(({ path }) => pattern.test(path))) continue;
    const names = files.map(({ path }) => path).slice(0, 20);
    throw new DataError(
      `fetchPublication: ${id} of ${from} must hold a file ${pattern}; got ${names.join(", ") || "none"}. It was published anew: look at ${pageOf({ from, id })}.`,
      { id, from, pattern: String(pattern) },
    );
  }
  return files.filter(({ path }) => wanted.some((pattern) => pattern.test(path)));
}

function readRecord(folder: string): Record | null {
  try {
    const record = JSON.parse(readFileSync(join(folder, FETCHED_DATA_FILE), "utf8")) as Record | null;
    return Array.isArray(record?.files) ? record : null;
  } catch {
    return null; // none, or a damaged one: everything is looked at again
  }
}

/** Where a file is to be in the end: itself, or what it was unpacked to. */
function targetOf({ unpack = {} }: Publication, folder: string, { path }: PublishedFile): string {
  return join(folder, unpack[path] ?? path);
}

/** Whether a file is there in the state in which it is published now, as it is or unpacked. */
function isThere(
  publication: Publication,
  folder: string,
  file: PublishedFile,
  held: readonly PublishedFile[],
): boolean {
  const found = statSync(targetOf(publication, folder, file), { throwIfNoEntry: false });
  const known = held.find(({ path }) => path === file.path);
  if (found === undefined || known === undefined || known.digest?.value !== file.digest?.value) return false;
  return found.isDirectory() || found.size === file.bytes;
}

interface Work {
  readonly publication: Publication;
  readonly folder: string;
  readonly hub: Hub;
  readonly control: Control;
}

/** Fetches one file, and unpacks it where it is an archive. */
async function take({ publication, folder, hub, control }: Work, file: PublishedFile): Promise<void> {
  const { unpack = {} } = publication;
  const place = join(folder, file.path);
  const target = targetOf(publication, folder, file);
  await downloadPublished(publication, file, place, { hub, control });
  if (unpack[file.path] === undefined) return;
  rmSync(target, { recursive: true, force: true }); // of an older state
  await unpackArchive(place, target, { control });
  rmSync(place);
}

/** Fetches what is missing, one file after the other, and notes each in the record. */
async function takeMissing(work: Work, version: string | null, wanted: readonly PublishedFile[]): Promise<void> {
  const { publication, folder } = work;
  const { from, id, unpack = {} } = publication;
  const held = readRecord(folder)?.files ?? [];
  const missing = wanted.filter((file) => !isThere(publication, folder, file, held));
  const onDisk = ({ path, bytes }: PublishedFile) => bytes * (unpack[path] === undefined ? 1 : 2);
  const needed = missing.reduce((sum, file) => sum + onDisk(file), 0);
  assertDiskRoom("fetchPublication", folder, needed, "name another folder with --dir");
  const done = wanted.filter((file) => !missing.includes(file));
  for (const file of missing) {
    await take(work, file);
    done.push(file);
    const record: Record = { from, id, version, files: done };
    writeFileAtomic(join(folder, FETCHED_DATA_FILE), `${JSON.stringify(record, null, 2)}\n`);
  }
}

/**
 * Fetches a data set from its publisher: every wanted file, checked by the size and digest that the publisher states, archives
 * unpacked. A call after an interruption goes on where it stopped; what is there in the same state is not fetched again.
 *
 * @throws StateError when another process fetches it. EnvironmentError when the publisher does not deliver, or the disk is too
 * small. DataError when what is delivered is not what is stated, or an archive is unsound. InterruptedError on abort.
 */
export async function fetchPublication(
  publication: Publication,
  options: FetchPublicationOptions,
): Promise<FetchOutcome> {
  const { id } = publication;
  const { dataDir, control = {} } = options;
  const hub = options.hub ?? openHub();
  const folder = join(dataDir, publication.folder);
  const listing = await listPublication(publication, { ...options, hub });
  const wanted = pickWanted(publication, listing);
  const bytes = wanted.reduce((sum, file) => sum + file.bytes, 0);
  const said = { folder, numFiles: wanted.length, bytes };
  const held = readRecord(folder)?.files ?? [];
  if (wanted.every((file) => isThere(publication, folder, file, held))) return { ...said, outcome: "present" };
  makeFolder(folder);
  const run = () => takeMissing({ publication, folder, hub, control }, listing.version, wanted);
  await withLock(lockFileOf(folder), run, { where: "fetchPublication", what: id, whenHeld: "refuse", control });
  return { ...said, outcome: "fetched" };
}
