import { assertInteger, assertKnownKeys, assertOneOf } from "../base/check";
import { ConfigError } from "../base/errors";
import type { Task } from "../base/types";
import { parseCasebookName } from "./casebook/names";
import { drawCasebook } from "./casebook/world";
import { PHANTOM_DIALS } from "./knowledge/dials";
import { ruleWorld } from "./knowledge/rule";
import { corpusFor } from "./load-corpus";
import { type FactWords, PHANTOM_SIZES, type PhantomSize, type PictureFacts } from "./phantom";
import { CORPUS_PHANTOMS, TASK_PHANTOMS } from "./phantoms";

// What is known of drawn pictures besides their labels: of a casebook from its table, of the other phantoms from the rule of their look.

/** Options of loadPhantomFacts; as those of the task and of its corpus. */
export interface PhantomFactsOptions {
  /** Default 7. */
  readonly seed?: number;
  /** Default "quick". */
  readonly size?: PhantomSize;
  /** Pairs of the corpus. Default the corpus's own number. */
  readonly numPassages?: number;
}

type FactEntries = readonly (readonly [id: string, words: FactWords])[];

/** The facts of the corpus that was drawn last: seven tasks search one, and drawing it takes seconds. */
let latest: { readonly mark: string; readonly entries: FactEntries } | null = null;

/** What is known of the corpus of a task; undefined where it tells nothing. */
function corpusFacts(task: string, request: { readonly seed: number; readonly numPassages: number | undefined }) {
  const name = corpusFor(task);
  const mark = JSON.stringify([name, request.seed, request.numPassages]);
  if (latest?.mark === mark) return latest.entries;
  const drawn = CORPUS_PHANTOMS.get(name)?.facts?.(request);
  if (drawn === undefined) return undefined;
  latest = { mark, entries: [...drawn] };
  return latest.entries;
}

/**
 * What is known of the pictures of a realistic phantom and of the corpus that is searched for it: the signs that the rule reads, the pattern
 * they make, and `shown`, the class where something else in the picture shows it. For analyses; no training reads it. Takes seconds: the
 * corpus is drawn anew, unless it was the last one asked about.
 *
 * @throws ConfigError for a task without a rule, or an option.
 * @example measureExpectations(index, { facts: loadPhantomFacts("derma-mnist") })
 */
export function loadPhantomFacts(task: string, options: PhantomFactsOptions = {}): PictureFacts {
  assertKnownKeys("loadPhantomFacts:", options, ["seed", "size", "numPassages"]);
  assertOneOf("loadPhantomFacts: task", task, Object.keys(PHANTOM_DIALS));
  const { seed = 7, size = "quick", numPassages } = options;
  assertInteger("loadPhantomFacts: seed", seed, 0);
  assertOneOf("loadPhantomFacts: size", size, PHANTOM_SIZES);
  if (numPassages !== undefined) assertInteger("loadPhantomFacts: numPassages", numPassages, 1);
  const ofTask = TASK_PHANTOMS.get(task)?.facts?.({ seed, size });
  const ofCorpus = corpusFacts(task, { seed, numPassages });
  if (ofTask === undefined || ofCorpus === undefined) {
    throw new ConfigError(`loadPhantomFacts: task must have a phantom that tells its facts; got ${task}.`, { task });
  }
  const { rule } = ruleWorld(task, seed);
  return { signs: [...rule.signs, "shown"], nuisances: [], words: new Map([...ofTask, ...ofCorpus]) };
}

/** What is true of the pictures of a casebook of this seed; null of every other task. For analyses; no training reads it. */
export function loadCasebookFacts(task: Task, seed: number): PictureFacts | null {
  const setting = parseCasebookName(task.name);
  if (setting === null) return null;
  const idsOf = (split: keyof Task["splits"]) => task.splits[split].map(({ id }) => id);
  const world = drawCasebook(setting.variant, setting.dials, seed);
  return world.facts({ train: idsOf("train"), validation: idsOf("validation"), test: idsOf("test") });
}
