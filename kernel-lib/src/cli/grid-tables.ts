import type { GridPlan, PlannedStage } from "../experiments/grid/plan";
import type { SummaryRow } from "../experiments/grid/results";
import type { GridStatus, StageState } from "../experiments/grid/status";

/** Rows of text, columns aligned: the first ones to the left, numbers to the right. */
export function alignColumns(rows: readonly (readonly string[])[], numLeft: number): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, c) => (c < numLeft ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

/** Minutes for people: "40 s", "12 min", "5 h 20 min"; "?" where nobody has measured it. */
export function durationText(seconds: number | null): string {
  if (seconds === null) return "?";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Groups stages by task and kind, in their order. */
function groupStages<T>(stages: readonly T[], nameOf: (stage: T) => { task: string; kind: string }): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const stage of stages) {
    const { task, kind } = nameOf(stage);
    groups.set(`${task} ${kind}`, [...(groups.get(`${task} ${kind}`) ?? []), stage]);
  }
  return groups;
}

/** Seconds that these stages still need; null when one of them has never been measured. */
function secondsOf(stages: readonly PlannedStage[]): number | null {
  const missing = stages.filter(({ state }) => state === "missing");
  if (missing.some(({ seconds }) => seconds === null)) return null;
  return missing.reduce((sum, { seconds }) => sum + seconds!, 0);
}

/** What a grid would run, what is there, and how long it should take. */
export function planTable({ stages, cells, leftOut }: GridPlan): string {
  const rows = [...groupStages(stages, (stage) => stage)].map(([name, group]) => {
    const there = group.filter(({ state }) => state === "there").length;
    const [task, kind] = name.split(" ") as [string, string];
    return [task, kind, String(group.length), String(there), durationText(secondsOf(group))];
  });
  const there = stages.filter(({ state }) => state === "there").length;
  const guessed = stages.some(({ state, estimate }) => state === "missing" && estimate === "table");
  const unknown = stages.some(({ state, estimate }) => state === "missing" && estimate === "unknown");
  const basis = unknown
    ? "nobody has measured some of its stages"
    : guessed
      ? "partly a first guess for two quiet cores, not this machine's"
      : "from earlier runs on this machine";
  return [
    alignColumns([["task", "stage", "needed", "there", "time left"], ...rows], 2),
    "",
    ...leftOut.map(({ task, system, why }) => `left out: ${system} on ${task} (${why}).`),
    `${cells.length} experiments, ${stages.length} stages, ${there} there; time left: ${durationText(secondsOf(stages))} (${basis}).`,
  ].join("\n");
}

const STATES: readonly StageState[] = ["done", "running", "stopped", "failed", "missing"];

/** How a grid stands: counts by task and stage, then who is at work and what failed. */
export function statusTable({ stages, counts }: GridStatus): string {
  const rows = [...groupStages(stages, ({ stage }) => stage)].map(([name, group]) => [
    ...name.split(" "),
    ...STATES.map((wanted) => String(group.filter(({ state }) => state === wanted).length)),
  ]);
  const notes = stages.flatMap(({ stage, state, who, since, message }) => {
    if (state === "running") return [`running: ${stage.id}, by ${who} since ${since}`];
    return state === "failed" ? [`failed: ${stage.id}: ${message}`] : [];
  });
  const sums = STATES.map((state) => `${counts[state]} ${state}`).join(", ");
  return [alignColumns([["task", "stage", ...STATES], ...rows], 2), "", ...notes, `${sums}.`].join("\n");
}

const percent = (value: number): string => (100 * value).toFixed(1);
const points = (value: number): string => `${value > 0 ? "+" : ""}${percent(value)}`;

/** A line of the results table with the paper's value (per cent) beside it. */
export interface ReportRow extends SummaryRow {
  readonly published: number | null;
}

/** Task × system × metric: value with interval, paired difference, number of questions and seeds, published value; in per cent. */
export function resultsTable(rows: readonly ReportRow[]): string {
  const header = [
    "task",
    "reader",
    "system",
    "metric",
    "value",
    "95 % interval",
    "difference",
    "n",
    "seeds",
    "published",
  ];
  const lines = rows.map(({ task, backbone, system, metric, value, low, high, difference, n, seeds, published }) => [
    ...[task, backbone, system, metric, percent(value), `${percent(low)} to ${percent(high)}`],
    difference === null ? "–" : `${points(difference.value)} (${points(difference.low)} to ${points(difference.high)})`,
    ...[String(n), String(seeds), published === null ? "–" : String(published)],
  ]);
  return alignColumns([header, ...lines], 4);
}
