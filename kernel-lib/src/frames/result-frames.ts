import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Measurement } from "../analysis/measurement";
import { isOracleCorrect } from "../analysis/oracle";
import { answerWordings, isCorrect, isOneLabel } from "../answers/forms";
import { assertOneOf, assertSameLength } from "../base/check";
import { DataError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import type { Prediction, Reading, Task } from "../base/types";
import { exampleOf, examplesById } from "../data/by-id";
import { FRAMES } from "./schemas";
import { makeFrame, type Table } from "./table";

/**
 * One row per prediction of any form: columns task, system, exampleId, form, kind, group, truth, answer, correct, numReadings,
 * distinctAnswers, oracleCorrect, p0 … pC-1.
 *
 * @throws ShapeError when a one-label prediction has not one probability per label. DataError for an example of another task.
 */
export function predictionsFrame(task: Task, predictions: readonly Prediction[]): Table {
  const examples = examplesById(task);
  const rows = predictions.map((prediction) => {
    const { system, exampleId, form, group } = prediction;
    const { kind } = exampleOf("predictionsFrame", examples, exampleId);
    const { truth, answer, readings } = answerWordings(prediction);
    return {
      ...{ task: task.name, system, exampleId, form, kind: kind ?? null, group, truth, answer },
      correct: Number(isCorrect(prediction)),
      numReadings: readings.length,
      distinctAnswers: new Set(readings).size,
      oracleCorrect: Number(isOracleCorrect(prediction)),
      ...probabilityColumns("predictionsFrame", task, isOneLabel(prediction) ? prediction.probabilities : null),
    };
  });
  return makeFrame(FRAMES.predictions, rows, task.labels.length);
}

/**
 * One row per passage read, of predictions of any form: columns task, system, exampleId, form, truth, passageId, head, rank, score,
 * weight, answer, text, p0 … pC-1. Closed-book readings have null in passageId, head, rank and score.
 *
 * @throws ShapeError when weights or probabilities have the wrong length. DataError for an example of another task.
 */
export function readingsFrame(task: Task, predictions: readonly Prediction[]): Table {
  const examples = examplesById(task);
  const rows = predictions.flatMap((prediction) => {
    const { system, exampleId, form, weights } = prediction;
    exampleOf("readingsFrame", examples, exampleId);
    const { truth, readings: answers } = answerWordings(prediction);
    const readings: readonly Reading[] = prediction.readings;
    assertSameLength("readingsFrame: weights", weights.length, readings.length);
    return readings.map((reading, k) => ({
      ...{ task: task.name, system, exampleId, form, truth },
      passageId: reading.retrieved?.passageId ?? null,
      head: reading.retrieved?.head ?? null,
      rank: reading.retrieved?.rank ?? null,
      score: reading.retrieved?.score ?? null,
      weight: weights[k]!,
      answer: answers[k]!,
      text: reading.text,
      ...probabilityColumns("readingsFrame", task, "probabilities" in reading ? reading.probabilities : null),
    }));
  });
  return makeFrame(FRAMES.readings, rows, task.labels.length);
}

/** p0 … pC-1; null in each for an answer that has no probabilities. */
function probabilityColumns(where: string, { labels }: Task, probabilities: readonly number[] | null) {
  if (probabilities !== null) assertSameLength(`${where}: probabilities`, probabilities.length, labels.length);
  return Object.fromEntries(labels.map((_, c) => [`p${c}`, probabilities?.[c] ?? null]));
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
  /** Which system of ours it is, and with which reader; null where it is none. */
  readonly system: string | null;
  readonly reader: string | null;
  readonly task: string;
  /** As the paper calls it; metrics/known-metrics.ts knows whose name it is. */
  readonly metric: string;
  /** Percent. */
  readonly value: number;
}

/** The paper's numbers: columns model, system, reader, task, metric, value. */
export function publishedFrame(rows: readonly PublishedRow[]): Table {
  return makeFrame(
    FRAMES.published,
    rows.map((row) => ({ ...row })),
  );
}

/** The published tables in data/published. */
const PUBLISHED_TABLES = ["classification", "vqa"] as const;

/** A published table with where it comes from. */
export interface Published {
  readonly source: string;
  readonly table: string;
  readonly rows: readonly PublishedRow[];
}

/**
 * The paper's numbers, as printed (per cent). They are shown beside ours, never mixed in.
 *
 * @throws ConfigError on an unknown table. DataError when its file is missing or malformed.
 * @example mainTableFigure(results, { published: loadPublished("classification").rows, task: "breast-mnist" })
 */
export function loadPublished(table: (typeof PUBLISHED_TABLES)[number]): Published {
  assertOneOf("loadPublished: table", table, PUBLISHED_TABLES);
  return readPublished<Published>("loadPublished", table, (row) => Number.isFinite(row.value));
}

/** A file of data/published whose rows all hold numbers. @throws DataError when it is missing or malformed. */
export function readPublished<P extends { readonly rows: readonly object[] }>(
  where: string,
  table: string,
  isNumeric: (row: P["rows"][number]) => boolean,
): P {
  const refuse = (rule: string, cause?: unknown): DataError =>
    new DataError(`${where}: data/published/${table}.json must ${rule}. Restore it with git.`, { table }, cause);
  let found: P;
  try {
    found = JSON.parse(readFileSync(join(repositoryRoot(), "data", "published", `${table}.json`), "utf8")) as P;
  } catch (cause) {
    throw refuse("be readable JSON", cause);
  }
  if (Array.isArray(found.rows) && found.rows.every(isNumeric)) return found;
  throw refuse("hold rows with numbers");
}
