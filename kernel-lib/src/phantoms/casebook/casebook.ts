import type { Corpus } from "../../base/types";
import { type CorpusPhantom, phantomCard, type TaskPhantom } from "../phantom";
import { CASEBOOK_VARIANTS, type CasebookDials, type CasebookVariant, standardDials } from "./dials";
import { dialsMark, parseCasebookName } from "./names";
import { casebookTask } from "./tasks";
import { diagnosisNames, drawCasebook } from "./world";

/** Raised whenever the same seed and dials would give other pictures, labels or captions. */
const CASEBOOK_VERSION = 3;

/** The task and the corpus of a setting. */
export interface CasebookPhantom {
  readonly task: TaskPhantom;
  readonly corpus: CorpusPhantom;
}

const PAIRS = "-pairs";

const percent = (share: number): string => `${Math.round(100 * share)} %`;

function taskPhantom(variant: CasebookVariant, dials: CasebookDials): TaskPhantom {
  const name = `${variant}${dialsMark(variant, dials)}`;
  const { task, write } = casebookTask({ variant, name }, diagnosisNames(variant, dials.numClasses));
  return {
    task,
    version: CASEBOOK_VERSION,
    description: `${dials.numPatterns} patterns of signs, a table of ${dials.numClasses} diagnoses; ${percent(dials.knowledge)} of the cases are told by the corpus only.`,
    write: (request) => write(drawCasebook(variant, dials, request.seed), request),
  };
}

function corpusPhantom(variant: CasebookVariant, dials: CasebookDials): CorpusPhantom {
  const mark = dialsMark(variant, dials);
  const name = `${variant}${PAIRS}${mark}`;
  const load = async ({ seed = 7, numPassages = dials.sizes.pairs }): Promise<Corpus> => {
    const passages = drawCasebook(variant, dials, seed).pairs(numPassages);
    const about = `${numPassages} procedural pairs of the casebook made from seed ${seed}, standing in for PMC-OA, MIMIC-CXR and ROCO. No patient is behind them.`;
    return {
      name,
      source: "phantom",
      passages,
      card: phantomCard("Casebook pairs", about),
      fingerprint: ["corpus", name, `v${CASEBOOK_VERSION}`, seed, numPassages].join(":"),
    };
  };
  return {
    name,
    version: CASEBOOK_VERSION,
    tasks: [`${variant}${mark}`],
    load: (request) => load(request),
    isDrawn: () => true,
  };
}

/** What a setting draws. */
export function casebookPhantom(variant: CasebookVariant, dials: CasebookDials): CasebookPhantom {
  return { task: taskPhantom(variant, dials), corpus: corpusPhantom(variant, dials) };
}

/** The variants with their standard dials. */
export const CASEBOOKS: readonly CasebookPhantom[] = CASEBOOK_VARIANTS.map((variant) =>
  casebookPhantom(variant, standardDials(variant)),
);

/** The setting that a task is named by; null for other names. @throws ConfigError as parseCasebookName does. */
export function casebookOfTask(name: string): CasebookPhantom | null {
  const setting = parseCasebookName(name);
  return setting === null ? null : casebookPhantom(setting.variant, setting.dials);
}

/** The setting that a corpus is named by, "casebook-pairs:knowledge=0.3"; null for other names. @throws ConfigError as parseCasebookName does. */
export function casebookOfCorpus(name: string): CasebookPhantom | null {
  const [variant = "", ...dials] = name.split(":");
  if (!variant.endsWith(PAIRS)) return null;
  return casebookOfTask([variant.slice(0, -PAIRS.length), ...dials].join(":"));
}
