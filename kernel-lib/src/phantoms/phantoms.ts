import { CASEBOOKS, casebookOfCorpus, casebookOfTask } from "./casebook/casebook";
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

// What is drawn under a name: a row of the table, or a setting of the casebook, which is named by its dials.

/** The phantom of a task; undefined where nothing is drawn under this name. @throws ConfigError for a casebook's dial. */
export function findTaskPhantom(name: string): TaskPhantom | undefined {
  return TASK_PHANTOMS.get(name) ?? casebookOfTask(name)?.task;
}

/** The drawn corpus of this name; undefined where there is none. @throws ConfigError for a casebook's dial. */
export function findCorpusPhantom(name: string): CorpusPhantom | undefined {
  return CORPUS_PHANTOMS.get(name) ?? casebookOfCorpus(name)?.corpus;
}

/** The corpus that is drawn for a task: its own, else the one for all others. @throws ConfigError for a casebook's dial. */
export function corpusPhantomFor(task: string): CorpusPhantom {
  const phantoms = [...CORPUS_PHANTOMS.values()];
  const own = phantoms.find(({ tasks }) => tasks !== "others" && tasks.includes(task));
  return own ?? casebookOfTask(task)?.corpus ?? phantoms.find(({ tasks }) => tasks === "others")!;
}
