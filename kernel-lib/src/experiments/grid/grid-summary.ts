import { aggregateSeeds, type SeedSummary } from "../../metrics/aggregate-seeds";
import type { DifferenceRow, EvaluationRow } from "../evaluate";
import type { CellName, GridRows } from "./grid-results";

/** A number with its interval: over test questions (bootstrap) with one seed, over seeds (Student's t) with several. */
export interface SummaryNumber {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** One line of the results table: a system on a task, averaged over seeds. */
export interface SummaryRow extends SummaryNumber {
  readonly task: string;
  readonly backbone: string;
  readonly system: string;
  readonly metric: string;
  /** Questions per seed. */
  readonly n: number;
  readonly seeds: number;
  readonly interval: "bootstrap" | "seeds";
  /** Paired, system minus baseline, seed by seed; null for the baseline itself. */
  readonly difference: (SummaryNumber & { readonly baseline: string }) | null;
}

type Named = CellName & Pick<EvaluationRow, "system" | "metric">;

/** Averages stored rows over their seeds, in the order in which they come. */
export function summarizeGrid({ results, differences }: Pick<GridRows, "results" | "differences">): SummaryRow[] {
  const paired = groupRows(differences);
  return [...groupRows(results)].map(([name, rows]): SummaryRow => {
    const { task, backbone, system, metric, n } = rows[0]!;
    const found = paired.get(name);
    return {
      ...{ task, backbone, system, metric, ...averageOf(rows), n, seeds: rows.length },
      interval: rows.length === 1 ? "bootstrap" : "seeds",
      difference: found === undefined ? null : differenceOf(found),
    };
  });
}

function groupRows<T extends Named>(rows: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const name = JSON.stringify([row.task, row.backbone, row.system, row.metric]);
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return groups;
}

/** With one seed its own bootstrap interval; with several the interval of their mean. */
function averageOf(rows: readonly SummaryNumber[]): SummaryNumber {
  if (rows.length === 1) {
    const { value, low, high } = rows[0]!;
    return { value, low, high };
  }
  const { value, low, high }: SeedSummary = aggregateSeeds(rows.map((row) => row.value));
  return { value, low, high };
}

/** Differences to the same baseline only: a seed without FT RAG may have another one. */
function differenceOf(rows: readonly DifferenceRow[]): SummaryRow["difference"] {
  const { baseline } = rows[0]!;
  return { ...averageOf(rows.filter((row) => row.baseline === baseline)), baseline };
}
