import { casebookOfCorpus, casebookOfTask } from "./casebook/casebook";
import type { CorpusPhantom, TaskPhantom } from "./phantom";
import { CORPUS_PHANTOMS, TASK_PHANTOMS } from "./phantoms";

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
