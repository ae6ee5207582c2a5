import { systemKey } from "./dot-plot";
import { distinct, numberIn, numberOrNull, type Row, rowsOf, type Table, textIn } from "./rows";
import { percent, points } from "./text";
import type { FigureContext } from "./theme";

/** One measured value of the results frame. */
export interface Result {
  readonly system: string;
  readonly metric: string;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** The results frame, split by scale, and what its columns say about the whole figure. */
export interface Results {
  readonly ours: readonly Result[];
  readonly published: readonly Result[];
  readonly systems: readonly string[];
  readonly metrics: readonly string[];
  readonly context: FigureContext;
}

/** Reads a results frame (system, metric, value, low, high, n, seeds, scale, data). */
export function readResults(where: string, table: Table): Results {
  const rows = rowsOf(where, table, ["system", "metric", "value"]);
  const own = rows.filter((row) => row["scale"] !== "published");
  const told = own.length > 0 ? own : rows;
  return {
    ours: own.map((row) => resultOf(where, row)),
    published: rows.filter((row) => row["scale"] === "published").map((row) => resultOf(where, row)),
    systems: distinct(told, "system"),
    metrics: distinct(told, "metric"),
    context: contextOf(told),
  };
}

function resultOf(where: string, row: Row): Result {
  return {
    system: textIn(row, "system"),
    metric: textIn(row, "metric"),
    value: numberIn(where, row, "value"),
    low: numberOrNull(row, "low"),
    high: numberOrNull(row, "high"),
  };
}

/** n, number of seeds and data of rows that carry such columns. Only what all rows agree on is said. */
export function contextOf(rows: readonly Row[]): FigureContext {
  const agreed = (column: string): string | undefined => {
    const values = distinct(rows, column);
    return values.length === 1 && rows[0]?.[column] !== undefined && rows[0][column] !== null ? values[0] : undefined;
  };
  const n = agreed("n");
  const seeds = agreed("seeds");
  const data = agreed("data");
  return {
    ...(n === undefined ? {} : { n: Number(n) }),
    ...(seeds === undefined ? {} : { numSeeds: Number(seeds) }),
    ...(data === "phantom" || data === "real" ? { data } : {}),
  };
}

const METRIC_LABELS: Readonly<Record<string, string>> = {
  accuracy: "Accuracy",
  macrof1: "Macro-F1",
  closedaccuracy: "Closed accuracy",
  openrecall: "Open recall",
  tokenrecall: "Token recall",
  exactmatch: "Exact match",
  loss: "Loss",
  kl: "KL divergence",
};

/** Two spellings of one metric give the same key: "macro-F1" and "macroF1". */
export function metricKey(metric: string): string {
  return metric.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** How a metric is written on an axis. */
export function metricLabel(metric: string): string {
  const known = METRIC_LABELS[metricKey(metric)];
  if (known !== undefined) return known;
  // "frozenOverlap" is written "Frozen overlap"
  const words = /^[a-z]+([A-Z][a-z]+)+$/.test(metric)
    ? metric.replaceAll(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)
    : metric;
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** How a metric is written within a sentence: "macro-F1". */
export function metricWords(metric: string): string {
  const label = metricLabel(metric);
  return /^[A-Z]{2}/.test(label) ? label : label.charAt(0).toLowerCase() + label.slice(1);
}

/** The system a figure is about (JOMED, else the last) and the one it is held against (FT RAG, else the first). */
export function focusOf(systems: readonly string[]): { focus: string; baseline: string } {
  const focus = systems.find((name) => systemKey(name) === "jomed") ?? systems[systems.length - 1]!;
  const rag = systems.find((name) => systemKey(name) === "ft-rag" && name !== focus);
  return { focus, baseline: rag ?? systems.find((name) => name !== focus) ?? focus };
}

/**
 * The sentence a comparison of two systems supports: more, less or the same, and whether their intervals overlap.
 *
 * @param names how the two are called in the sentence.
 */
export function comparisonSentence(
  focus: Result,
  baseline: Result,
  names: { focus: string; baseline: string },
): string {
  const difference = focus.value - baseline.value;
  const value = `${percent(focus.value)} %`;
  if (points(difference) === "0.0") {
    return `${names.focus} and ${names.baseline} answer equally many questions right (${value})`;
  }
  const much = `${points(Math.abs(difference)).slice(1)} points`;
  const direction = difference > 0 ? "more" : "less";
  const known = focus.low !== null && focus.high !== null && baseline.low !== null && baseline.high !== null;
  if (!known)
    return `${names.focus} answers ${value} of the questions right, ${much} ${direction} than ${names.baseline}`;
  const overlap = focus.low! <= baseline.high! && baseline.low! <= focus.high!;
  return overlap
    ? `${names.focus} answers ${value} of the questions right, ${much} ${direction} than ${names.baseline}, but the intervals overlap`
    : `${names.focus} answers ${value} of the questions right, clearly ${direction} than ${names.baseline} (${points(difference)} points)`;
}
