import { assertInteger } from "../base/check";
import type { Control, Corpus, Task } from "../base/types";
import { type CasebookDials, type CasebookOptions, type CasebookVariant, settleDials } from "./casebook/dials";
import { casebookName } from "./casebook/names";
import { type CasebookTable, drawCasebook } from "./casebook/world";
import { corpusFor, loadCorpus } from "./load-corpus";
import { loadCasebookFacts } from "./load-facts";
import { loadTask } from "./load-task";
import type { PictureFacts } from "./phantom";

/** Options of loadCasebook: the dials, and which world of theirs. */
export type LoadCasebookOptions = CasebookOptions & {
  /** How it asks. Default "casebook": one of two classes. */
  readonly variant?: CasebookVariant;
  /** Pictures, table and corpus are all this seed's own. Default 7. */
  readonly seed?: number;
  /** Where the task's files are kept. Default data/artifacts/phantoms of the repository. */
  readonly cacheDir?: string;
  readonly control?: Control;
};

/** A casebook with all that is known of it. */
export interface Casebook {
  readonly task: Task;
  readonly corpus: Corpus;
  readonly dials: CasebookDials;
  /** Which pattern means what. For analyses; no training reads it. */
  readonly table: CasebookTable;
  /** The words that are true of every picture, likewise. */
  readonly facts: PictureFacts;
}

/**
 * Draws the casebook world with these dials: the task, written in a publisher's format and read back through its reader, and the
 * corpus that tells what the pictures do not show.
 *
 * Task and corpus are those that `loadTask` and `loadCorpus` find by the setting's name (casebookName).
 * @throws ConfigError for an unknown variant or dial, or a value out of its range.
 * @example const { task, corpus } = await loadCasebook({ knowledge: 0.3, seed: 8 })
 */
export async function loadCasebook(options: LoadCasebookOptions = {}): Promise<Casebook> {
  const { variant = "casebook", seed = 7, cacheDir, control, ...turned } = options;
  const dials = settleDials(variant, turned);
  assertInteger("loadCasebook: seed", seed, 0);
  const name = casebookName(variant, dials);
  const where = { ...(cacheDir === undefined ? {} : { cacheDir }), ...(control === undefined ? {} : { control }) };
  const task = await loadTask(name, { source: "phantom", seed, ...where });
  const corpus = await loadCorpus(corpusFor(name), { source: "phantom", seed });
  const { table } = drawCasebook(variant, dials, seed);
  return { task, corpus, dials, table, facts: loadCasebookFacts(task, seed)! };
}
