import { labelPredictions, type OneLabelForm } from "../answers/form";
import { answerWords } from "../answers/wording";
import { ConfigError, DataError, ShapeError } from "../base/errors";
import type { Prediction } from "../base/types";
import { accuracy } from "../metrics/answers";
import { type BootstrapOptions, bootstrap, type Interval } from "../metrics/bootstrap";
import { macroF1 } from "../metrics/macro-f1";

/** What one prediction says, in wordings that are equal exactly when the answers are. */
export interface AnswerWordings {
  /** Null only where the true answer has no word. */
  readonly truth: string | null;
  /** Null: unparsed, or without a word. */
  readonly answer: string | null;
  /** One per reading, in their order. */
  readonly readings: readonly (string | null)[];
}

/**
 * The answers of a prediction of any form, made comparable: a label by its index, a set of labels by its members, words by
 * `answerWords`. The empty set is an answer like any other.
 */
export function answerWordings(prediction: Prediction): AnswerWordings {
  const { truth, answer, readings } = prediction;
  return {
    truth: wordingOf(truth),
    answer: wordingOf(answer),
    readings: readings.map((each) => wordingOf(each.answer)),
  };
}

/** Whether the fused answer is exactly the true one; of words, the same words in the same order. Unparsed equals nothing. */
export function isCorrect(prediction: Prediction): boolean {
  const { truth, answer } = answerWordings(prediction);
  return answer !== null && answer === truth;
}

function wordingOf(answer: Prediction["answer"]): string | null {
  if (answer === null) return null;
  if (typeof answer === "number") return String(answer);
  return typeof answer === "string"
    ? answerWords(answer).join(" ") || null
    : `{${[...answer].sort((a, b) => a - b).join(", ")}}`;
}

/**
 * Predictions by system, each in the order of the first system's examples.
 *
 * @throws ShapeError without predictions. DataError when a system answers an example twice or other examples than the first.
 */
export function bySystem<T extends Prediction>(where: string, predictions: readonly T[]): Map<string, readonly T[]> {
  if (predictions.length === 0) throw new ShapeError(`${where}: predictions must hold at least one; got 0.`);
  const answers = new Map<string, Map<string, T>>();
  for (const prediction of predictions) {
    const { system, exampleId } = prediction;
    const ofSystem = answers.get(system) ?? new Map<string, T>();
    if (ofSystem.has(exampleId)) {
      throw new DataError(
        `${where}: predictions must be one per system and example; got two of ${system}, ${exampleId}.`,
      );
    }
    answers.set(system, ofSystem.set(exampleId, prediction));
  }
  const ids = [...answers.get(predictions[0]!.system)!.keys()];
  return new Map([...answers].map(([system, ofSystem]) => [system, inOrder(where, system, ofSystem, ids)]));
}

function inOrder<T extends Prediction>(
  where: string,
  system: string,
  answers: Map<string, T>,
  ids: readonly string[],
): T[] {
  return ids.map((id) => {
    const prediction = answers.get(id);
    if (prediction !== undefined && answers.size === ids.length) return prediction;
    throw new DataError(
      `${where}: predictions of ${system} must be of the same ${ids.length} examples as the first system's; ` +
        `got ${answers.size}${prediction === undefined ? `, without ${id}` : ""}. Predict all systems on one split.`,
      { system, exampleId: id },
    );
  });
}

export type Subset = "all" | "consistent" | "inconsistent";

/** One system on one subset of the queries. */
export interface SubsetResult {
  readonly system: string;
  readonly subset: Subset;
  readonly numQueries: number;
  /** Null when the subset is empty. */
  readonly accuracy: Interval | null;
  readonly macroF1: Interval | null;
}

/** How often the readings of one query disagree, and what that costs. */
export interface InconsistencyReport {
  /** The system whose readings decide which queries are inconsistent, for all systems. */
  readonly base: string;
  readonly numQueries: number;
  readonly numInconsistent: number;
  /** Share of inconsistent queries by each system's own readings, in [0, 1]. */
  readonly shares: Readonly<Record<string, number>>;
  readonly results: readonly SubsetResult[];
}

/** Options of measureInconsistency. */
export interface InconsistencyOptions {
  readonly base: string;
  /** C: labels are 0 … C-1. */
  readonly numLabels: number;
  readonly bootstrap?: BootstrapOptions;
}

/** Whether two readings of the query give different answers; "none" (unparsed) differs from every other. */
export function isInconsistent(prediction: Prediction): boolean {
  return new Set(answerWordings(prediction).readings).size > 1;
}

function measure(
  system: string,
  subset: Subset,
  rows: readonly Prediction<OneLabelForm>[],
  options: InconsistencyOptions,
): SubsetResult {
  if (rows.length === 0) return { system, subset, numQueries: 0, accuracy: null, macroF1: null };
  const groups = rows.map((row) => row.group);
  const answers = (picked: readonly number[]) => picked.map((i) => rows[i]!.answer);
  const truth = (picked: readonly number[]) => picked.map((i) => rows[i]!.truth);
  return {
    system,
    subset,
    numQueries: rows.length,
    accuracy: bootstrap(groups, (picked) => accuracy(answers(picked), truth(picked)), options.bootstrap),
    macroF1: bootstrap(
      groups,
      (picked) => macroF1(answers(picked), truth(picked), options.numLabels),
      options.bootstrap,
    ),
  };
}

/**
 * Share of queries whose readings give different labels, and every system's accuracy and macro-F1 on all, on the consistent
 * and on the inconsistent queries. The subsets are those of one named base system, the same queries for everybody.
 *
 * Beware: the base system is at its worst on its own inconsistent queries, so any other system gains there; compare the
 * gain with a control's (closed-book, candidates drawn at random).
 *
 * @param predictions of all systems, one list; each must answer the same examples.
 * @throws ConfigError when the base system is not among them. DataError when systems answer different examples.
 */
export function measureInconsistency(
  predictions: readonly Prediction[],
  options: InconsistencyOptions,
): InconsistencyReport {
  const systems = bySystem("measureInconsistency", labelPredictions(predictions));
  const base = systems.get(options.base);
  if (base === undefined) {
    const known = [...systems.keys()];
    throw new ConfigError(`measureInconsistency: base must be one of ${known.join(", ")}; got "${options.base}".`, {
      base: options.base,
      known,
    });
  }
  const differs = base.map(isInconsistent);
  const results = [...systems].flatMap(([system, rows]) => [
    measure(system, "all", rows, options),
    measure(
      system,
      "consistent",
      rows.filter((_, i) => differs[i] === false),
      options,
    ),
    measure(
      system,
      "inconsistent",
      rows.filter((_, i) => differs[i] === true),
      options,
    ),
  ]);
  const share = (rows: readonly Prediction[]) => rows.filter(isInconsistent).length / rows.length;
  return {
    base: options.base,
    numQueries: base.length,
    numInconsistent: differs.filter(Boolean).length,
    shares: Object.fromEntries([...systems].map(([system, rows]) => [system, share(rows)])),
    results,
  };
}
