import { CASEBOOKS } from "./casebook/casebook";
import { BREAST_CORPUS } from "./corpora/breast-corpus";
import { POOL } from "./corpora/pool";
import { MIMIC_CXR_TWIN, PMC_OA_TWIN, ROCO_TWIN } from "./corpora/twins";
import type { CorpusPhantom, CorpusTwin, TaskPhantom } from "./phantom";
import { BREAST_PHANTOM } from "./tasks/breast";
import { DERMA_PHANTOM } from "./tasks/derma";
import { BRSET_PHANTOM, RETINA_PHANTOM } from "./tasks/fundus";
import { PATH_VQA_PHANTOM } from "./tasks/pathology";
import { SLAKE_PHANTOM, VQA_RAD_PHANTOM } from "./tasks/radiology";
import { VINDR_PHANTOM } from "./tasks/vindr";

/** Something that is drawn from a seed: a task, a corpus, or both of one world. */
export interface Phantom {
  readonly task?: TaskPhantom;
  readonly corpus?: CorpusPhantom;
  readonly twin?: CorpusTwin;
}

/** Everything that is drawn, a line each. */
const PHANTOMS: readonly Phantom[] = [
  { task: BREAST_PHANTOM, corpus: BREAST_CORPUS },
  { task: DERMA_PHANTOM },
  { task: RETINA_PHANTOM },
  { task: VINDR_PHANTOM },
  { task: BRSET_PHANTOM },
  { task: VQA_RAD_PHANTOM },
  { task: SLAKE_PHANTOM },
  { task: PATH_VQA_PHANTOM },
  { corpus: POOL },
  ...CASEBOOKS,
  { twin: PMC_OA_TWIN },
  { twin: MIMIC_CXR_TWIN },
  { twin: ROCO_TWIN },
];

/** The tasks' phantoms by the name of the task. */
export const TASK_PHANTOMS: ReadonlyMap<string, TaskPhantom> = new Map(
  PHANTOMS.flatMap(({ task }) => (task === undefined ? [] : [[task.task.name, task]])),
);

/** The corpora that are only drawn, by name. */
export const CORPUS_PHANTOMS: ReadonlyMap<string, CorpusPhantom> = new Map(
  PHANTOMS.flatMap(({ corpus }) => (corpus === undefined ? [] : [[corpus.name, corpus]])),
);

/** The stand-ins for published corpora, by the name of the corpus. */
export const CORPUS_TWINS: ReadonlyMap<string, CorpusTwin> = new Map(
  PHANTOMS.flatMap(({ twin }) => (twin === undefined ? [] : [[twin.corpus.name, twin]])),
);
