import type { Measurement } from "../analysis/measurement";
import { labelPredictions } from "../answers/form";
import { assertSameLength } from "../base/check";
import type { Prediction, Task } from "../base/types";
import { exampleOf, examplesById } from "../data/splits";
import { FRAMES } from "./schemas";
import { makeFrame, type Table } from "./table";

const UNPARSED = -1;

function probabilityColumns(where: string, probabilities: readonly number[], numClasses: number) {
  assertSameLength(`${where}: probabilities`, probabilities.length, numClasses);
  return Object.fromEntries(probabilities.map((value, c) => [`p${c}`, value]));
}

/**
 * One row per prediction: columns system, exampleId, group, trueLabel, label, correct, numReadings, distinctLabels,
 * oracleCorrect, p0 … pC-1. An unparsed answer has label -1 and counts as wrong.
 *
 * @throws ShapeError when a prediction has not one probability per label. DataError for an example of another task.
 */
export function predictionsFrame(task: Task, predictions: readonly Prediction[]): Table {
  const examples = examplesById(task);
  const rows = labelPredictions(predictions).map((prediction) => {
    const { system, exampleId, group, truth: trueLabel, readings } = prediction;
    exampleOf("predictionsFrame", examples, exampleId);
    const answers = readings.map((reading) => reading.answer ?? UNPARSED);
    const label = prediction.answer ?? UNPARSED;
    return {
      system,
      exampleId,
      group,
      trueLabel,
      label,
      correct: Number(label === trueLabel),
      numReadings: readings.length,
      distinctLabels: new Set(answers).size,
      oracleCorrect: Number(answers.includes(trueLabel)),
      ...probabilityColumns("predictionsFrame", prediction.probabilities, task.labels.length),
    };
  });
  return makeFrame(FRAMES.predictions, rows, task.labels.length);
}

/**
 * One row per candidate read: columns system, exampleId, trueLabel, passageId, head, rank, score, weight, label, answer,
 * p0 … pC-1. Closed-book readings have null in passageId, head, rank and score.
 *
 * @throws ShapeError when weights or probabilities have the wrong length. DataError for an example of another task.
 */
export function readingsFrame(task: Task, predictions: readonly Prediction[]): Table {
  const examples = examplesById(task);
  const rows = labelPredictions(predictions).flatMap(({ system, exampleId, truth: trueLabel, weights, readings }) => {
    exampleOf("readingsFrame", examples, exampleId);
    assertSameLength("readingsFrame: weights", weights.length, readings.length);
    return readings.map((reading, k) => ({
      system,
      exampleId,
      trueLabel,
      passageId: reading.retrieved?.passageId ?? null,
      head: reading.retrieved?.head ?? null,
      rank: reading.retrieved?.rank ?? null,
      score: reading.retrieved?.score ?? null,
      weight: weights[k]!,
      label: reading.answer ?? UNPARSED,
      answer: reading.text,
      ...probabilityColumns("readingsFrame", reading.probabilities, task.labels.length),
    }));
  });
  return makeFrame(FRAMES.readings, rows, task.labels.length);
}

/**
 * The rows of any analysis: columns task, system, baseline, subset, splitBy, metric, value, low, high, pValue, n, seeds, scale,
 * data.
 */
export function resultsFrame(rows: readonly Measurement[]): Table {
  return makeFrame(
    FRAMES.results,
    rows.map((row) => ({ ...row })),
  );
}

/** One number as the paper prints it. */
export interface PublishedRow {
  readonly model: string;
  readonly task: string;
  readonly metric: string;
  /** Percent. */
  readonly value: number;
}

/** The paper's numbers: columns model, task, metric, value. */
export function publishedFrame(rows: readonly PublishedRow[]): Table {
  return makeFrame(
    FRAMES.published,
    rows.map((row) => ({ ...row })),
  );
}
