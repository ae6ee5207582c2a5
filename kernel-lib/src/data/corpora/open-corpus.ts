import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { assertInRange, assertInteger } from "../../base/check";
import { DataError } from "../../base/errors";
import type { Control, Corpus } from "../../base/types";
import { withTemporaryFolder } from "../../store/files";
import { keepFolder } from "../../store/folder";
import type { BrokenRow, CorpusSource } from "./definition";
import { openPack, type PackSummary, readPackSummary, writePack } from "./passage-pack";
import { readPassages } from "./read-passages";

/** Options of openCorpus; every one has a default. */
export interface OpenCorpusOptions {
  /** Most passages to take. Default all. */
  readonly numPassages?: number;
  /** Pictures are reduced to this many pixels on their longer side. Default 64. */
  readonly longestSide?: number;
  /** Largest share of broken rows; more is an error. Default 0.01. */
  readonly maxBrokenShare?: number;
  /** Where decoded corpora are kept, to be found again while their files stay as they are. Default: nowhere; a file in the system's temporary folder. */
  readonly cacheDir?: string;
  /** `onWarn("corpus", …)` names the broken rows and the pictures of nearly one value; `signal` stops the reading. */
  readonly control?: Control;
}

const VERSION = 3;

/** Name, size and time of every file: what must stay the same for a cached corpus to be found again. */
async function snapshot(places: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  const visit = async (path: string): Promise<void> => {
    const found = await stat(path).catch((cause: unknown) => {
      throw new DataError(`openCorpus: ${path} must be readable. Check dataDir.`, { path }, cause);
    });
    if (!found.isDirectory()) {
      hash.update(`${path}\0${found.size}\0${found.mtimeMs}\n`);
      return;
    }
    for (const name of (await readdir(path)).sort()) await visit(join(path, name));
  };
  for (const place of places) await visit(place);
  return hash.digest("hex");
}

type Settings = Required<Omit<OpenCorpusOptions, "cacheDir" | "control">>;

/** Reads the whole corpus once into `folder`. */
async function pack(source: CorpusSource, folder: string, settings: Settings, control: Control): Promise<void> {
  const broken: BrokenRow[] = [];
  const flat: string[] = [];
  const heard = { onBroken: (row: BrokenRow) => broken.push(row), onFlat: (place: string) => flat.push(place) };
  const passages = readPassages(source, { ...settings, ...heard, control });
  await writePack(folder, passages, () => ({ broken, flat, notes: source.notes?.() ?? [] }));
}

/** The pack of this source, made now or found. Its files may be gigabytes: they are looked at by their sizes. */
async function cachedPack(
  source: CorpusSource,
  cacheDir: string,
  settings: Settings,
  control: Control,
): Promise<string> {
  const parts = JSON.stringify([VERSION, source.name, settings, await snapshot(source.files)]);
  const key = createHash("sha256").update(parts).digest("hex").slice(0, 24);
  const facts = { corpus: source.name, key };
  const { folder } = await keepFolder(
    { folder: join(cacheDir, source.name, key), identity: facts },
    async (draft) => {
      await pack(source, draft.folder, settings, control);
      return facts;
    },
    { where: "openCorpus", what: source.name, check: "sizes", control },
  );
  return folder;
}

function warnOfFlat(name: string, { flat = [], count }: PackSummary, control: Control): void {
  if (flat.length === 0) return;
  const first = `${flat.slice(0, 5).join("; ")}${flat.length > 5 ? "; …" : ""}`;
  const message = `openCorpus: no picture of ${name} should decode to nearly one value; ${flat.length} of ${count} did: ${first}. Compare with a viewer.`;
  control.onWarn?.("corpus", message, { corpus: name, flat });
}

function warnOfBroken(name: string, { broken, count }: PackSummary, control: Control): void {
  if (broken.length === 0) return;
  const first = broken
    .slice(0, 5)
    .map(({ place, reason }) => `${place}: ${reason}`)
    .join("; ");
  const message = `openCorpus: ${broken.length} of ${broken.length + count} rows of ${name} were left out; ${first}${broken.length > 5 ? "; …" : "."}`;
  control.onWarn?.("corpus", message, { corpus: name, broken });
}

/**
 * Reads a corpus once, row by row, into a file of decoded pictures, and opens it: passages hold their id only and read text and
 * picture from that file whenever asked, so that a million pairs do not stand in memory.
 *
 * @throws DataError when files are missing, a path leaves the folder, no row is sound or too many are broken. ConfigError for
 * a bad option. InterruptedError on abort.
 */
export async function openCorpus(source: CorpusSource, options: OpenCorpusOptions = {}): Promise<Corpus> {
  const { numPassages = Number.MAX_SAFE_INTEGER, longestSide = 64, maxBrokenShare = 0.01, control = {} } = options;
  assertInteger("openCorpus: numPassages", numPassages, 1);
  assertInteger("openCorpus: longestSide", longestSide, 8, 4096);
  assertInRange("openCorpus: maxBrokenShare", maxBrokenShare, 0, 1);
  const settings = { numPassages, longestSide, maxBrokenShare };
  const { cacheDir } = options;
  if (cacheDir !== undefined) return readCorpus(source, await cachedPack(source, cacheDir, settings, control), control);
  return withTemporaryFolder("jomed-corpus-", async (folder) => {
    await pack(source, folder, settings, control);
    return readCorpus(source, folder, control); // an open file stays readable after its name is gone, and ends with the process
  });
}

async function readCorpus(source: CorpusSource, folder: string, control: Control): Promise<Corpus> {
  const summary = await readPackSummary(folder);
  if (summary === null)
    throw new DataError(`openCorpus: ${folder} must hold a whole corpus. Load it again.`, { folder });
  warnOfBroken(source.name, summary, control);
  warnOfFlat(source.name, summary, control);
  const passages = await openPack(folder);
  const notes = (summary.notes ?? []).map((note) => ` ${note}.`).join("");
  const description = `${source.card.description} ${passages.length} pairs.${notes}`;
  const card = { ...source.card, description, source: "real" as const };
  const fingerprint = `corpus:${source.name}:${summary.hash.slice(0, 24)}`;
  return { name: source.name, source: "real", passages, card, fingerprint };
}
