import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { writeFileAtomic } from "../store/files";

/** How notebooks are executed. */
export interface Schedule {
  /** All of them, as they are begun. */
  readonly order: readonly string[];
  /** How many run at once. */
  readonly lanes: number;
}

/** Seconds by notebook of the last run of all notebooks with some settings that ended well; null: there was none. */
export type EarlierRun = ReadonlyMap<string, number> | null;

const MAX_LANES = 2;

/**
 * Reading order, one by one, while their results are not known to be there: the first notebooks compute what the later ones
 * read. Afterwards most of the time is start-up, so two run at once, the longest begun first.
 */
export function scheduleNotebooks(files: readonly string[], earlier: EarlierRun): Schedule {
  if (earlier === null) return { order: files, lanes: 1 };
  const seconds = (file: string): number => earlier.get(basename(file, ".ipynb")) ?? 0;
  const order = [...files].sort((a, b) => seconds(b) - seconds(a));
  return { order, lanes: Math.min(MAX_LANES, availableParallelism()) };
}

/** Reads what `noteRun` wrote; null when there is none or it is something else. */
export function earlierRun(file: string): EarlierRun {
  try {
    const { seconds } = JSON.parse(readFileSync(file, "utf8")) as { seconds: Record<string, number> };
    return new Map(Object.entries(seconds));
  } catch {
    return null; // the next run then takes longer, and notes it anew
  }
}

/** Notes that a run of all notebooks ended well. */
export function noteRun(
  file: string,
  reports: readonly { readonly notebook: string; readonly seconds: number }[],
): void {
  const seconds = Object.fromEntries(reports.map((report) => [report.notebook, report.seconds]));
  writeFileAtomic(file, `${JSON.stringify({ seconds })}\n`);
}
