import type { Corpus } from "../../base/types";
import { type CorpusPhantom, phantomCard, type TaskPhantom } from "../phantom";
import { CASEBOOK_VARIANTS, type CasebookDials, type CasebookVariant, dialsKey, standardDials } from "./dials";
import { casebookTask } from "./tasks";
import { diagnosisNames, drawCasebook } from "./world";

/** Raised whenever the same seed and dials would give other pictures, labels or captions. */
const CASEBOOK_VERSION = 1;

/** The task and the corpus of a setting. */
export interface CasebookPhantom {
  readonly task: TaskPhantom;
  readonly corpus: CorpusPhantom;
}

/** The name of the corpus that is searched for a variant. */
const casebookCorpus = (variant: CasebookVariant): string => `${variant}-pairs`;

const percent = (share: number): string => `${Math.round(100 * share)} %`;

function taskPhantom(variant: CasebookVariant, dials: CasebookDials): TaskPhantom {
  const { task, write } = casebookTask(variant, diagnosisNames(variant, dials.numClasses));
  return {
    task,
    version: CASEBOOK_VERSION,
    setting: dialsKey(variant, dials),
    description: `${dials.numPatterns} patterns of signs, a table of ${dials.numClasses} diagnoses; ${percent(dials.knowledge)} of the cases are told by the corpus only.`,
    write: (request) => write(drawCasebook(variant, dials, request.seed), request),
  };
}

function corpusPhantom(variant: CasebookVariant, dials: CasebookDials): CorpusPhantom {
  const name = casebookCorpus(variant);
  const load = async ({ seed = 7, numPassages = dials.sizes.pairs }): Promise<Corpus> => {
    const passages = drawCasebook(variant, dials, seed).pairs(numPassages);
    const about = `${numPassages} procedural pairs of the casebook made from seed ${seed}, standing in for PMC-OA, MIMIC-CXR and ROCO. No patient is behind them.`;
    const setting = dialsKey(variant, dials);
    const marks = [`v${CASEBOOK_VERSION}`, ...(setting === undefined ? [] : [setting]), seed, numPassages];
    return {
      name,
      source: "phantom",
      passages,
      card: phantomCard("Casebook pairs", about),
      fingerprint: ["corpus", name, ...marks].join(":"),
    };
  };
  return { name, version: CASEBOOK_VERSION, tasks: [variant], load: (request) => load(request), isDrawn: () => true };
}

/** What a setting draws. */
export function casebookPhantom(variant: CasebookVariant, dials: CasebookDials): CasebookPhantom {
  return { task: taskPhantom(variant, dials), corpus: corpusPhantom(variant, dials) };
}

/** The variants with their standard dials. */
export const CASEBOOKS: readonly CasebookPhantom[] = CASEBOOK_VARIANTS.map((variant) =>
  casebookPhantom(variant, standardDials(variant)),
);
