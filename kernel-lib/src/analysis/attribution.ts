import { answerWordings, isCorrect } from "../answers/forms";
import { DataError } from "../base/errors";
import type { Corpus, Prediction, Task } from "../base/types";
import { exampleOf, examplesById, passageOf, passagesById } from "../data/by-id";
import { agreesWith } from "./agreement";
import { bySystem, type Measurement, type MeasureOptions, measure, shareOf } from "./measurement";
import { isOracleCorrect } from "./oracle";

// Where a wrong answer comes from: question by question, the first step on its way that went wrong.

/** What became of a question. Only passages of known truth can miss or hold its label. */
export const OUTCOMES = [
  "right",
  "fusion lost it",
  "reader misread it",
  "retrieval missed it",
  "nothing retrieved",
  "truth unknown",
] as const;

/** One of OUTCOMES. */
export type QuestionOutcome = (typeof OUTCOMES)[number];

/** What is needed besides the predictions. */
export interface AttributionInputs extends Pick<MeasureOptions, "bootstrap"> {
  readonly task: Task;
  /** That the passages come from. */
  readonly corpus: Corpus;
}

/**
 * What became of one question:
 * - "right": answered exactly right;
 * - "fusion lost it": wrong, though a reading is right;
 * - "reader misread it": no reading is right, though a passage shows the label;
 * - "retrieval missed it": no passage whose truth is known shows the label;
 * - "nothing retrieved": wrong without a passage;
 * - "truth unknown": wrong, no reading right, and no passage's truth is known (real corpora, questions without a label).
 *
 * A reading may be right by chance, so "fusion lost it" holds lucky readings too.
 */
function outcomeOf(prediction: Prediction, agrees: (passageId: string) => boolean | null): QuestionOutcome {
  if (isCorrect(prediction)) return "right";
  const found = prediction.readings.flatMap(({ retrieved }) => retrieved?.passageId ?? []);
  if (found.length === 0) return "nothing retrieved";
  if (isOracleCorrect(prediction)) return "fusion lost it";
  const judged = found.map(agrees).filter((agreement) => agreement !== null);
  if (judged.length === 0 || answerWordings(prediction).truth === null) return "truth unknown";
  return judged.includes(true) ? "reader misread it" : "retrieval missed it";
}

/** The outcomes of every system, in the order of the first system's questions. */
function outcomesBySystem(where: string, predictions: readonly Prediction[], { task, corpus }: AttributionInputs) {
  const examples = examplesById(task);
  const passages = passagesById(corpus);
  const judge = (exampleId: string) => {
    const example = exampleOf(where, examples, exampleId);
    return (passageId: string) => agreesWith(task, example, passageOf(where, passages, passageId).truth);
  };
  return new Map(
    [...bySystem(where, predictions)].map(([system, rows]) => [
      system,
      rows.map((row) => ({ group: row.group, outcome: outcomeOf(row, judge(row.exampleId)) })),
    ]),
  );
}

/**
 * Where each system's answers go wrong: metric `outcome`, the share of the questions in each of OUTCOMES (column subset); shares of a system sum
 * to 1. Attribution is to the first step that failed, in the order retrieval, reader, fusion.
 *
 * @throws DataError when systems answer different examples, or a passage is not of this corpus. ShapeError without predictions.
 * @example measureAttribution(predictions, { task, corpus })
 */
export function measureAttribution(predictions: readonly Prediction[], inputs: AttributionInputs): Measurement[] {
  return [...outcomesBySystem("measureAttribution", predictions, inputs)].flatMap(([system, rows]) => {
    const groups = rows.map(({ group }) => group);
    return OUTCOMES.map((outcome) => {
      const statistic = shareOf(rows, (row) => row.outcome === outcome);
      return measure({ system, metric: "outcome", subset: outcome, groups, statistic }, inputs);
    });
  });
}

/**
 * What became under one system of what another made of each question: metric `flow`, the share of the questions that go from one outcome to
 * another (subset "retrieval missed it → right", splitBy the first system). All 36 of them sum to 1.
 *
 * @param systems from and to.
 * @throws DataError as measureAttribution does, or when a system did not answer.
 * @example measureFlows(predictions, ["ft-rag", "jomed"], { task, corpus })
 */
export function measureFlows(
  predictions: readonly Prediction[],
  [from, to]: readonly [from: string, to: string],
  inputs: AttributionInputs,
): Measurement[] {
  const outcomes = outcomesBySystem("measureFlows", predictions, inputs);
  const of = (system: string) => {
    const found = outcomes.get(system);
    if (found !== undefined) return found;
    const known = [...outcomes.keys()].join(", ");
    throw new DataError(
      `measureFlows: predictions must hold ${system}; they hold ${known}. Predict it on this split.`,
      {
        system,
      },
    );
  };
  const [before, after] = [of(from), of(to)];
  const flows = after.map(({ group, outcome }, i) => ({ group, flow: `${before[i]!.outcome} → ${outcome}` }));
  const groups = flows.map(({ group }) => group);
  const names = OUTCOMES.flatMap((first) => OUTCOMES.map((second) => `${first} → ${second}`));
  return names.map((subset) => {
    const statistic = shareOf(flows, ({ flow }) => flow === subset);
    return measure({ system: to, metric: "flow", subset, splitBy: from, groups, statistic }, inputs);
  });
}
