import { existsSync } from "node:fs";
import { join } from "node:path";
import { assertInteger, assertNotInterrupted } from "../../base/check";
import { DataError } from "../../base/errors";
import { repositoryRoot } from "../../base/paths";
import type { Control, Corpus, Passage } from "../../base/types";
import { drawPool, POOL_VERSION } from "../../phantoms/pool/pool";
import { phantomFolder, phantomPlace } from "../../phantoms/tasks/phantom-folder";
import { openPack, readPackSummary, writePack } from "./passage-pack";

/** Options of openPool; every one has a default. */
export interface OpenPoolOptions {
  /** Default 7. */
  readonly seed?: number;
  /** Default 4,000. */
  readonly numPassages?: number;
  /** Where the drawn pairs are kept. Default data/artifacts/phantoms of the repository. */
  readonly cacheDir?: string;
  readonly control?: Control;
}

export const POOL_NAME = "phantom-pool";
const STEP = 64;
const DEFAULTS = { seed: 7, numPassages: 4000 } as const;

/** Where the pairs are kept. */
function placeOf({ seed = DEFAULTS.seed, numPassages = DEFAULTS.numPassages, cacheDir }: OpenPoolOptions) {
  return {
    name: `${POOL_NAME}-${numPassages}`,
    seed,
    size: "quick",
    cacheDir: cacheDir ?? join(repositoryRoot(), "data", "artifacts", "phantoms"),
  } as const;
}

/** Whether `openPool` would only read. */
export function isPoolDrawn(options: OpenPoolOptions = {}): boolean {
  const { name, ...place } = placeOf(options);
  return existsSync(phantomPlace(name, { version: POOL_VERSION }, place));
}

/** The pairs as they are drawn, with progress; they can be stopped between any sixty-four. */
async function* watched(passages: Iterable<Passage>, total: number, control: Control): AsyncGenerator<Passage> {
  let done = 0;
  for (const passage of passages) {
    if (done % STEP === 0) {
      assertNotInterrupted("openPool", control.signal);
      control.onProgress?.({ stage: `corpus ${POOL_NAME}`, done, total });
    }
    yield passage;
    done++;
  }
  control.onProgress?.({ stage: `corpus ${POOL_NAME}`, done, total });
}

/**
 * Opens the stand-in for a corpus that serves all tasks: pairs drawn with the looks of every task's pictures. Drawn once into a
 * file, which is read as that of a real corpus: passages read text and picture whenever asked.
 *
 * `truth` is known for breast, skin, retina, chest and fundus pairs: the name of the (first) label.
 * @throws ConfigError when an option is out of range. InterruptedError on abort.
 */
export async function openPool(options: OpenPoolOptions = {}): Promise<Corpus> {
  const { seed = DEFAULTS.seed, numPassages = DEFAULTS.numPassages, control = {} } = options;
  assertInteger("openPool: seed", seed, 0);
  assertInteger("openPool: numPassages", numPassages, 1, 1_000_000);
  const phantom = {
    version: POOL_VERSION,
    description: "pairs with the looks of all tasks",
    write: ({ folder }: { readonly folder: string }) =>
      writePack(folder, watched(drawPool({ seed, numPassages }), numPassages, control), []),
  };
  const { name, ...place } = placeOf(options);
  const folder = await phantomFolder(name, phantom, { ...place, control });
  const summary = await readPackSummary(folder);
  if (summary === null) throw new DataError(`openPool: ${folder} must hold a whole corpus. Load it again.`, { folder });
  return {
    name: POOL_NAME,
    source: "phantom",
    passages: await openPack(folder),
    card: {
      title: "Phantom pool",
      source: "phantom",
      description: `${numPassages} procedural image-text pairs made from seed ${seed}, with the looks of all eight tasks in equal parts, standing in for PMC-OA, MIMIC-CXR and ROCO. No patient is behind them.`,
      licence: "CC0-1.0",
      citation: "none: made by this project",
      obtain: "nothing to obtain",
    },
    fingerprint: `corpus:${POOL_NAME}:v${POOL_VERSION}:${seed}:${summary.hash.slice(0, 24)}`,
  };
}
