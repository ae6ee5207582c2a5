import { join } from "node:path";
import { assertInteger, assertKnownKeys, assertOneOf } from "../../base/check";
import { ConfigError } from "../../base/errors";
import type { Control, Corpus } from "../../base/types";
import { md5OfFile } from "../formats/checksum";
import { drawCorpusPhantom } from "../phantoms/corpus-phantom";
import { readFolderCorpus } from "./folder-corpus";

/** The corpora loadCorpus knows. */
export const CORPUS_NAMES = ["phantom", "medpix2"] as const;
export type CorpusName = (typeof CORPUS_NAMES)[number];

/** Options of loadCorpus; every one has a default. */
export interface LoadCorpusOptions {
  /** Folder of downloads; needed for every corpus but the phantom. */
  readonly dataDir?: string;
  /** Which phantom. Default 7. */
  readonly seed?: number;
  /** Most passages to take. Default 3,000 for the phantom, all of a real corpus. */
  readonly numPassages?: number;
  /** `onWarn("corpus", …)` hears which lines were left out; `signal` stops the reading. */
  readonly control?: Control;
}

const OPTION_NAMES: readonly (keyof LoadCorpusOptions)[] = ["dataDir", "seed", "numPassages", "control"];

async function loadMedPix(options: LoadCorpusOptions): Promise<Corpus> {
  const { dataDir, control = {}, numPassages } = options;
  if (dataDir === undefined) {
    throw new ConfigError("loadCorpus: dataDir must be given for medpix2; got none. Set JOMED_DATA_DIR or pass it.");
  }
  const licence = "MedPix 2.0, research use, not redistributable";
  const folder = join(dataDir, "medpix2");
  const limit = numPassages === undefined ? {} : { numPassages };
  const { passages, broken } = await readFolderCorpus(folder, "medpix2", { licence, control, ...limit });
  if (broken.length > 0) {
    const first = `line ${broken[0]!.line}: ${broken[0]!.reason}`;
    control.onWarn?.("corpus", `loadCorpus: ${broken.length} lines of medpix2 were left out; ${first}.`, { broken });
  }
  return {
    name: "medpix2",
    source: "real",
    passages,
    card: {
      title: "MedPix 2.0",
      source: "real",
      description: `${passages.length} CT and MR pictures with captions.`,
      licence,
      citation: "Siragusa et al., MedPix 2.0 (2024).",
      obtain: "the MedPix 2.0 release; a folder medpix2 with corpus.jsonl and images",
    },
    fingerprint: `corpus:medpix2:${await md5OfFile(join(folder, "corpus.jsonl"))}:${passages.length}`,
  };
}

/**
 * Loads a corpus: the stand-in made from a seed, or a folder of downloads.
 *
 * @throws ConfigError for an unknown corpus or option. DataError for a missing or unsound file.
 * @example const corpus = await loadCorpus("phantom", { numPassages: 500 })
 */
export async function loadCorpus(name: string, options: LoadCorpusOptions = {}): Promise<Corpus> {
  assertOneOf("loadCorpus: name", name, CORPUS_NAMES);
  assertKnownKeys("loadCorpus:", options, OPTION_NAMES);
  if (options.numPassages !== undefined) assertInteger("loadCorpus: numPassages", options.numPassages, 1);
  if (name === "medpix2") return loadMedPix(options);
  const { seed, numPassages } = options;
  return drawCorpusPhantom({
    ...(seed === undefined ? {} : { seed }),
    ...(numPassages === undefined ? {} : { numPassages }),
  });
}
