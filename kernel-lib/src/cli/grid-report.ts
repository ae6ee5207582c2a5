import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { csvField, visibleText } from "../base/plain-text";
import type { GridSettings } from "../experiments/grid/options";
import type { GridPlan, PlannedStage } from "../experiments/grid/plan";
import type { GridStatus, StageState } from "../experiments/grid/records";
import { gridResults, type SummaryRow, summarizeGrid } from "../experiments/grid/results";
import { loadPublished, type PublishedRow } from "../frames/result-frames";
import { isPublishedAs } from "../metrics/known-metrics";
import { writeFileAtomic } from "../store/files";
import { predictionName, systemOf } from "../systems/systems";

// What the grid's command prints: the plan, how it stands, and the results, which are also stored.

/** Rows of text, columns aligned: the first ones to the left, numbers to the right. */
export function alignColumns(texts: readonly (readonly string[])[], numLeft: number): string {
  const rows = texts.map((row) => row.map(visibleText)); // an ANSI code in a name is shown, not obeyed
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

/** A line of the results table with the paper's value (per cent) beside it. */
export interface ReportRow extends SummaryRow {
  readonly published: number | null;
}

function publishedFor(row: SummaryRow, published: readonly PublishedRow[]): number | null {
  const { task, backbone, system, metric } = row;
  const found = published.find(
    (each) =>
      each.system === system && each.reader === backbone && each.task === task && isPublishedAs(each.metric, metric),
  );
  return found?.value ?? null;
}

/** The results of a grid's cells that are stored, averaged over seeds, in the order of its tasks and systems. */
export async function reportRows(settings: GridSettings): Promise<ReportRow[]> {
  const { profile, source, tasks, backbones, seeds, systems } = settings;
  const stored = await gridResults(settings.artifactsDir, { profile, source });
  const labels = systems.map((name) => predictionName(systemOf("reportRows: systems", name)));
  const isAsked = (row: { task: string; backbone: string; seed: number; system: string }): boolean =>
    tasks.includes(row.task) &&
    backbones.includes(row.backbone) &&
    seeds.includes(row.seed) &&
    labels.includes(row.system);
  const rows = summarizeGrid({
    results: stored.results.filter(isAsked),
    differences: stored.differences.filter(isAsked),
  });
  const published = (["classification", "vqa"] as const).flatMap((table) => loadPublished(table).rows);
  const place = ({ task, backbone, system }: SummaryRow): number =>
    (tasks.indexOf(task) * backbones.length + backbones.indexOf(backbone)) * labels.length + labels.indexOf(system);
  return rows.sort((a, b) => place(a) - place(b)).map((row) => ({ ...row, published: publishedFor(row, published) }));
}

const COLUMNS = [
  ...["task", "backbone", "system", "metric", "value", "low", "high", "n", "seeds", "interval"],
  ...["baseline", "difference", "differenceLow", "differenceHigh", "published"],
] as const;

/** Values from 0 to 1; the published ones in per cent, as printed. Missing ones are empty. */
export function reportCsv(rows: readonly ReportRow[]): string {
  const lines = rows.map(({ difference, ...row }) => {
    const all: Readonly<Record<string, unknown>> = {
      ...row,
      baseline: difference?.baseline,
      difference: difference?.value,
      differenceLow: difference?.low,
      differenceHigh: difference?.high,
    };
    return COLUMNS.map((column) => csvField(all[column])).join(",");
  });
  return `${[COLUMNS.join(","), ...lines].join("\n")}\n`;
}

/** Writes the table as results.json and results.csv. @returns the folder. */
export function writeReport(settings: GridSettings, rows: readonly ReportRow[], name: string): string {
  const folder = join(settings.artifactsDir, "reports", name);
  mkdirSync(folder, { recursive: true });
  const { artifactsDir: _artifacts, dataDir: _data, checkpointsDir: _checkpoints, ...asked } = settings;
  writeFileAtomic(join(folder, "results.json"), `${JSON.stringify({ grid: asked, rows }, null, 2)}\n`);
  writeFileAtomic(join(folder, "results.csv"), reportCsv(rows));
  return folder;
}
