import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertInteger, assertKnownKeys, assertOneOf } from "../../base/check";
import { ConfigError } from "../../base/errors";
import type { Corpus, DataSource } from "../../base/types";
import { drawCorpusPhantom } from "../../phantoms/breast/corpus";
import { PHANTOM_VERSION } from "../../phantoms/breast/phantom";
import {
  type CorpusTwin,
  type CorpusTwinOptions,
  writeMimicCxrTwin,
  writePmcOaTwin,
  writeRocoTwin,
} from "../../phantoms/corpora/twins";
import { POOL_VERSION } from "../../phantoms/pool/pool";
import { phantomFolder } from "../../phantoms/tasks/phantom-folder";
import type { BrokenRow, CorpusRow, CorpusSource } from "./definition";
import { KNOWN_CORPORA } from "./known-corpora";
import { type OpenCorpusOptions, openCorpus } from "./open-corpus";
import { type OpenPoolOptions, openPool, POOL_NAME } from "./open-pool";
import { openOwnFolder } from "./own-folder";

/** Finds the files of a corpus in the data folder. */
function openSource(name: Exclude<CorpusName, PhantomCorpus>, dataDir: string): Promise<CorpusSource> {
  if (name === "folder") return openOwnFolder(dataDir, { name, licence: "not stated" });
  return KNOWN_CORPORA.get(name)!.open(dataDir);
}

/** How each stand-in is written in its publisher's format. */
const TWINS: Readonly<Record<CorpusTwin, (folder: string, options: CorpusTwinOptions) => Promise<void>>> = {
  "pmc-oa": writePmcOaTwin,
  "mimic-cxr": writeMimicCxrTwin,
  roco: writeRocoTwin,
};

/** The corpora loadCorpus knows; "folder" is any folder with a corpus.jsonl. */
export const CORPUS_NAMES = ["phantom", POOL_NAME, "pmc-oa", "mimic-cxr", "roco", "medpix2", "folder"] as const;
export type CorpusName = (typeof CORPUS_NAMES)[number];

/** The corpora that have no real files. */
const PHANTOM_CORPORA = ["phantom", POOL_NAME] as const;
type PhantomCorpus = (typeof PHANTOM_CORPORA)[number];

/** Options of loadCorpus; every one has a default. */
export interface LoadCorpusOptions extends OpenCorpusOptions {
  /** Default "real" when `dataDir` is given, else "phantom". */
  readonly source?: DataSource;
  /** Folder of downloads; needed for real files. For "folder", that folder itself. */
  readonly dataDir?: string;
  /** Which phantom. Default 7. */
  readonly seed?: number;
  /** Which pairs stand in for pmc-oa, mimic-cxr and roco: those of "phantom" (default) or of "phantom-pool". */
  readonly drawnFrom?: PhantomCorpus;
}

const OPTION_NAMES: readonly (keyof LoadCorpusOptions)[] = [
  "source",
  "dataDir",
  "seed",
  "drawnFrom",
  "numPassages",
  "longestSide",
  "maxBrokenShare",
  "cacheDir",
  "control",
];

const DEFAULT_SEED = 7;

/** Rows of a stand-in: the project's own work, whatever the licence of the corpus it stands for. */
function ownWork(source: CorpusSource): CorpusSource {
  async function* rows(): AsyncGenerator<CorpusRow | BrokenRow> {
    for await (const row of source.rows()) yield "reason" in row ? row : { ...row, licence: "CC0-1.0" };
  }
  return { ...source, rows };
}

/** Which stand-in is wanted: of what, drawn from which pairs, and what is read. */
interface TwinRequest {
  readonly name: CorpusTwin;
  readonly drawnFrom: PhantomCorpus;
  readonly drawn: { readonly seed?: number; readonly numPassages?: number };
  readonly reading: OpenCorpusOptions;
}

async function writeTwin(folder: string, { name, drawnFrom, drawn, reading }: TwinRequest): Promise<void> {
  const pairs = drawnFrom === "phantom" ? {} : { pairs: (await openPool({ ...drawn, ...keptAs(reading) })).passages };
  await TWINS[name](folder, { ...drawn, ...pairs });
}

/** The stand-in's files: kept in the cache where there is one, else in a folder of their own that is to be deleted. */
async function twinFolder(request: TwinRequest): Promise<string> {
  const { name, drawnFrom, drawn, reading } = request;
  const { cacheDir, control = {} } = reading;
  if (cacheDir === undefined) {
    const folder = await mkdtemp(join(tmpdir(), "jomed-twin-"));
    try {
      await writeTwin(folder, request);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    return folder;
  }
  const phantom = {
    version: drawnFrom === "phantom" ? PHANTOM_VERSION : POOL_VERSION,
    description: `pairs of ${drawnFrom} in the format of ${name}`,
    write: ({ folder }: { readonly folder: string }) => writeTwin(folder, request),
  };
  const { seed = DEFAULT_SEED, numPassages = "all" } = drawn;
  return phantomFolder(`${name}-of-${drawnFrom}-${numPassages}`, phantom, { seed, size: "quick", cacheDir, control });
}

/** Writes the stand-in in its publisher's format, once where there is a cache, and reads it back through the reader of the real files. */
async function loadTwin(request: TwinRequest): Promise<Corpus> {
  const { name, reading } = request;
  const folder = await twinFolder(request);
  try {
    const { numPassages: _numPassages, ...settings } = reading; // already drawn
    const corpus = await openCorpus(ownWork(await openSource(name, folder)), settings);
    const card = {
      title: `${corpus.card.title} phantom`,
      source: "phantom" as const,
      description: `${corpus.passages.length} procedural pairs in the file format of ${corpus.card.title}. No patient is behind them.`,
      licence: "CC0-1.0",
      citation: "none: made by this project",
      obtain: "nothing to obtain",
    };
    return { ...corpus, source: "phantom", card, fingerprint: `${corpus.fingerprint}:phantom` };
  } finally {
    if (reading.cacheDir === undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** Where what is drawn is kept, and who watches. */
function keptAs({ cacheDir, control }: OpenCorpusOptions): Pick<OpenPoolOptions, "cacheDir" | "control"> {
  return { ...(cacheDir === undefined ? {} : { cacheDir }), ...(control === undefined ? {} : { control }) };
}

function assertHasTwin(name: CorpusName, source: DataSource): void {
  if (source === "phantom" && name in TWINS) return;
  throw new ConfigError(
    `loadCorpus: drawnFrom must go with a stand-in of ${Object.keys(TWINS).join(", ")}; got ${name} (${source}). Leave it out.`,
    { name, source },
  );
}

/**
 * Loads a corpus: a stand-in made from a seed, or a folder of downloads.
 *
 * "phantom" draws 3,000 pairs (or `numPassages`) for BreastMNIST, "phantom-pool" 4,000 with the looks of all tasks; "pmc-oa", "mimic-cxr"
 * and "roco" without real files are the parts of either (see `drawnFrom`) that stand in for each, written in the publisher's format and
 * read back through the same reader. A real corpus is read once into a file of decoded pictures (see `cacheDir`); broken rows are named
 * through `control.onWarn("corpus", …)`, and more than `maxBrokenShare` of them is an error.
 * @throws ConfigError for an unknown corpus or option. DataError for a missing or unsound file, or a path that leaves its folder.
 * @example const corpus = await loadCorpus("phantom", { numPassages: 500 })
 * @example const corpus = await loadCorpus("roco", { dataDir: "downloads", cacheDir: "data/artifacts/corpora" })
 */
export async function loadCorpus(name: string, options: LoadCorpusOptions = {}): Promise<Corpus> {
  assertOneOf("loadCorpus: name", name, CORPUS_NAMES);
  assertKnownKeys("loadCorpus:", options, OPTION_NAMES);
  const { dataDir, seed, drawnFrom = "phantom", ...reading } = options;
  const { source = dataDir === undefined ? "phantom" : "real", ...settings } = reading;
  assertOneOf("loadCorpus: source", source, ["phantom", "real"]);
  assertOneOf("loadCorpus: drawnFrom", drawnFrom, PHANTOM_CORPORA);
  if (options.drawnFrom !== undefined) assertHasTwin(name, source);
  const { numPassages } = settings;
  if (numPassages !== undefined) assertInteger("loadCorpus: numPassages", numPassages, 1);
  const drawn = { ...(seed === undefined ? {} : { seed }), ...(numPassages === undefined ? {} : { numPassages }) };
  if (name === "phantom") return drawCorpusPhantom(drawn);
  if (name === POOL_NAME) return openPool({ ...drawn, ...keptAs(settings) });
  if (source === "phantom" && name in TWINS) {
    return loadTwin({ name: name as CorpusTwin, drawnFrom, drawn, reading: settings });
  }
  if (dataDir === undefined) {
    throw new ConfigError(`loadCorpus: dataDir must be given for ${name}; got none. Set JOMED_DATA_DIR or pass it.`);
  }
  return openCorpus(await openSource(name, dataDir), settings);
}
