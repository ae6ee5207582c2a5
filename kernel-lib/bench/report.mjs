import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { growthFigure, timesFigure } from "./figures.mjs";
import { from } from "./library.mjs";
import { growthTable, indexTable, memoryTable, profileTable, rooflineTable, timesTable } from "./summary.mjs";

/** What the numbers were measured on; the load says whether the machine was shared. */
export function describeMachine() {
  return {
    processor: cpus()[0].model,
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    load: loadavg()[0],
  };
}

/** What is printed at the end. */
export function tablesOf({ results, growth, roofline, memory, profiles }) {
  return [
    ...(results.length > 0 ? [timesTable(results)] : []),
    ...(roofline === null ? [] : [rooflineTable(roofline)]),
    ...(memory === null ? [] : [memoryTable(memory)]),
    ...(growth.length > 0 ? [growthTable(growth), indexTable(growth)] : []),
    ...profiles.map((profile) => profileTable(profile)),
  ].join("\n\n");
}

/** bench.json, and a figure of the times and one of the growth (SVG, PNG, HTML). */
export async function writeReport(folder, report) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "bench.json"), `${JSON.stringify(report, null, 2)}\n`);
  const { saveFigure } = from("figures/export/save-figure");
  if (report.results.length > 0) await saveFigure(timesFigure(report.results), "bench-times", { dir: folder });
  if (report.growth.length > 0) await saveFigure(growthFigure(report.growth), "bench-growth", { dir: folder });
}
