import { assertInteger, assertKnownKeys, assertOneOf } from "../base/check";
import { ConfigError } from "../base/errors";
import { type Corpus, DATA_SOURCES, type DataSource } from "../base/types";
import { CORPORA } from "../data/corpora/corpora";
import type { CorpusDefinition } from "../data/corpora/definition";
import { type OpenCorpusOptions, openCorpus } from "../data/corpora/open-corpus";
import { OWN_FOLDER } from "../data/corpora/own-folder";
import { casebookOfCorpus, casebookOfTask } from "./casebook/casebook";
import { loadTwin } from "./corpora/twins";
import type { CorpusPhantom } from "./phantom";
import { CORPUS_PHANTOMS, CORPUS_TWINS } from "./phantoms";

/** The drawn corpus of this name; undefined where there is none. @throws ConfigError for a casebook's dial. */
function findCorpusPhantom(name: string): CorpusPhantom | undefined {
  return CORPUS_PHANTOMS.get(name) ?? casebookOfCorpus(name)?.corpus;
}

/** The corpus that is drawn for a task: its own, else the one for all others. @throws ConfigError for a casebook's dial. */
function corpusPhantomFor(task: string): CorpusPhantom {
  const phantoms = [...CORPUS_PHANTOMS.values()];
  const own = phantoms.find(({ tasks }) => tasks !== "others" && tasks.includes(task));
  return own ?? casebookOfTask(task)?.corpus ?? phantoms.find(({ tasks }) => tasks === "others")!;
}

/** The corpora that are read from files. */
const FILED: ReadonlyMap<string, CorpusDefinition> = new Map([...CORPORA, [OWN_FOLDER.name, OWN_FOLDER]]);

/** The corpora loadCorpus knows: those that are only drawn, the published ones, and "folder", any folder with a corpus.jsonl. */
export const CORPUS_NAMES: readonly string[] = [...CORPUS_PHANTOMS.keys(), ...FILED.keys()];

/** Options of loadCorpus; every one has a default. */
export interface LoadCorpusOptions extends OpenCorpusOptions {
  /** Default "real" when `dataDir` is given, else "phantom". */
  readonly source?: DataSource;
  /** Folder of downloads; needed for real files. For "folder", that folder itself. */
  readonly dataDir?: string;
  /** Which phantom. Default 7. */
  readonly seed?: number;
  /** Which drawn pairs stand in for pmc-oa, mimic-cxr and roco: those of "phantom" (default) or of "phantom-pool". */
  readonly drawnFrom?: string;
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

/** @throws ConfigError unless there is a corpus of this name: one of CORPUS_NAMES, or a setting of the casebook's. */
export function assertCorpusName(where: string, name: string): void {
  if (findCorpusPhantom(name) === undefined) assertOneOf(where, name, CORPUS_NAMES);
}

/** Whether a corpus is only drawn, whatever the source of the tasks. */
export const isDrawnCorpus = (name: string): boolean => findCorpusPhantom(name) !== undefined;

/** Whether loadCorpus would draw nothing for a corpus that is only drawn; true for all others. */
export function isCorpusDrawn(
  name: string,
  options: Pick<LoadCorpusOptions, "seed" | "numPassages" | "cacheDir"> = {},
) {
  return findCorpusPhantom(name)?.isDrawn(options) ?? true;
}

/** The corpus that is searched for a task unless another is named: the one drawn for it, else the one drawn for all others. */
export function corpusFor(task: string): string {
  return corpusPhantomFor(task).name;
}

function assertHasTwin(name: string, source: DataSource): void {
  if (source === "phantom" && CORPUS_TWINS.has(name)) return;
  throw new ConfigError(
    `loadCorpus: drawnFrom must go with a stand-in of ${[...CORPUS_TWINS.keys()].join(", ")}; got ${name} (${source}). Leave it out.`,
    { name, source },
  );
}

/**
 * Loads a corpus: one made from a seed, or a folder of downloads.
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
  assertCorpusName("loadCorpus: name", name);
  assertKnownKeys("loadCorpus:", options, OPTION_NAMES);
  const { dataDir, seed, drawnFrom = "phantom", source: asked, ...settings } = options;
  const source = asked ?? (dataDir === undefined ? "phantom" : "real");
  assertOneOf("loadCorpus: source", source, DATA_SOURCES);
  const original = findCorpusPhantom(drawnFrom);
  if (original === undefined) assertOneOf("loadCorpus: drawnFrom", drawnFrom, [...CORPUS_PHANTOMS.keys()]);
  if (options.drawnFrom !== undefined) assertHasTwin(name, source);
  const { numPassages, ...reading } = settings;
  if (numPassages !== undefined) assertInteger("loadCorpus: numPassages", numPassages, 1);
  const { cacheDir, control } = reading;
  const drawn = findCorpusPhantom(name);
  if (drawn !== undefined) return drawn.load({ seed, numPassages, cacheDir, control });
  const twin = CORPUS_TWINS.get(name);
  if (source === "phantom" && twin !== undefined) {
    return loadTwin({ twin, drawnFrom: original!, drawn: { seed, numPassages }, reading });
  }
  if (dataDir === undefined) {
    throw new ConfigError(`loadCorpus: dataDir must be given for ${name}; got none. Set JOMED_DATA_DIR or pass it.`);
  }
  return openCorpus(await FILED.get(name)!.open(dataDir), settings);
}
