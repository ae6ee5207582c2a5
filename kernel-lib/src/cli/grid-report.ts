import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { GridSettings } from "../experiments/grid/options";
import { gridResults, type SummaryRow, summarizeGrid } from "../experiments/grid/results";
import { gridSystem } from "../experiments/grid/stages";
import { loadPublished } from "../figures/published";
import { writeFileAtomic } from "../store/files";
import type { ReportRow } from "./grid-tables";

/** How the paper names our systems and readers, and where its metrics have other names. */
const MODELS: Readonly<Record<string, string>> = { "ft-rag": "FT RAG", jomed: "JOMED" };
const READERS: Readonly<Record<string, string>> = { "qwen2-vl": "Qwen2-VL", pixtral: "Pixtral" };
const METRICS: Readonly<Record<string, string>> = { exactMatch: "accuracy", tokenRecall: "openRecall" };

function publishedFor({ task, backbone, system, metric }: SummaryRow, published: Published): number | null {
  const model = `${MODELS[system]} (${READERS[backbone]})`;
  const named = METRICS[metric] ?? metric;
  return published.find((row) => row.model === model && row.task === task && row.metric === named)?.value ?? null;
}

type Published = ReturnType<typeof loadPublished>["rows"];

/** The results of a grid's cells that are stored, averaged over seeds, in the order of its tasks and systems. */
export async function reportRows(settings: GridSettings): Promise<ReportRow[]> {
  const { profile, source, tasks, backbones, seeds, systems } = settings;
  const stored = await gridResults(settings.artifactsDir, { profile, source });
  const labels = systems.map((name) => gridSystem(name).label);
  const isAsked = (row: { task: string; backbone: string; seed: number; system: string }): boolean =>
    tasks.includes(row.task) &&
    (backbones as readonly string[]).includes(row.backbone) &&
    seeds.includes(row.seed) &&
    labels.includes(row.system);
  const rows = summarizeGrid({
    results: stored.results.filter(isAsked),
    differences: stored.differences.filter(isAsked),
  });
  const published = (["classification", "vqa"] as const).flatMap((table) => loadPublished(table).rows);
  const place = ({ task, backbone, system }: SummaryRow): number =>
    (tasks.indexOf(task) * backbones.length + (backbones as readonly string[]).indexOf(backbone)) * labels.length +
    labels.indexOf(system);
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
    return COLUMNS.map((column) => all[column] ?? "").join(",");
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
