import type { Claim, EffectQuery } from "../analysis/claims";
import { type BoardLine, type Finding, placeName, type Verdict } from "../analysis/findings";
import { loadPublished, readPublished } from "./result-frames";

// The board of findings as plain rows, each beside what the paper prints: what the command prints, the pages show and the figure draws.

/** A difference or a share that the paper's text or tables state, in shares of 1: from low to high where it states a range. */
export interface PublishedEffect {
  readonly low: number;
  readonly high: number;
}

interface PublishedAnalyses {
  readonly rows: readonly (PublishedEffect & {
    readonly system: string;
    readonly baseline: string | null;
    readonly subset: string;
    readonly metric: string;
  })[];
}

/**
 * What the paper prints of an effect: what its text says of it, over readers and data sets, else the difference of the two systems' average
 * accuracies in its table of classification (Qwen2-VL). Null where it prints none.
 *
 * @throws DataError when a file of data/published is missing or malformed.
 * @example publishedEffect({ system: "jomed", baseline: "ft-rag" })   // { low: 0.03, high: 0.03 }
 */
export function publishedEffect(wanted: EffectQuery): PublishedEffect | null {
  const { system, baseline = null, subset = "all", metric = "accuracy" } = wanted;
  const { rows } = readPublished<PublishedAnalyses>("publishedEffect", "analyses", ({ low, high }) =>
    [low, high].every(Number.isFinite),
  );
  const own = rows.filter(
    (row) => row.system === system && row.baseline === baseline && row.subset === subset && row.metric === metric,
  );
  if (own.length > 0)
    return { low: Math.min(...own.map(({ low }) => low)) / 100, high: Math.max(...own.map(({ high }) => high)) / 100 };
  if (baseline === null || subset !== "all") return null;
  const average = (name: string): number | undefined =>
    loadPublished("classification").rows.find(
      (row) => row.system === name && row.reader !== "pixtral" && row.task === "average" && row.metric === metric,
    )?.value;
  const [first, second] = [average(system), average(baseline)];
  if (first === undefined || second === undefined) return null;
  return { low: (first - second) / 100, high: (first - second) / 100 };
}

/** One line of the board. Values in shares of 1; null where the claim has not been run. */
export interface BoardRow {
  readonly claim: string;
  readonly says: string;
  readonly verdict: Verdict;
  /** Why it is inconclusive, or that Holm's correction takes the verdict back; else "". */
  readonly because: string;
  /** "points": a difference. "per cent": a share. */
  readonly unit: "points" | "per cent";
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly publishedLow: number | null;
  readonly publishedHigh: number | null;
  readonly n: number | null;
  readonly seeds: number | null;
  /** The smallest effect that would have shown, four times in five. */
  readonly smallest: number | null;
  /** Two-sided p after Holm's correction over the board. */
  readonly adjusted: number | null;
  readonly report: string;
  /** Where else it was measured, and where of these it holds. */
  readonly elsewhere: string;
}

const SHARES: readonly (string | undefined)[] = ["inconsistency", "trainedShare"];

/** Whether a claim is about a difference or a share. */
export function unitOf({ effects }: Claim): BoardRow["unit"] {
  return SHARES.includes(effects[0]!.metric) ? "per cent" : "points";
}

/**
 * The board as plain rows.
 *
 * @throws DataError when a file of data/published is missing or malformed.
 */
export function boardRows(board: readonly BoardLine[]): BoardRow[] {
  return board.map(({ claim, finding, verdict, adjusted, elsewhere }) => {
    const published = publishedEffect(claim.effects[0]!);
    const takenBack = finding !== null && finding.because === null && (adjusted ?? 1) >= 0.05;
    return {
      ...{ claim: claim.name, says: claim.says, verdict, report: claim.report },
      because: takenBack ? "not after Holm's correction" : (finding?.because ?? ""),
      unit: unitOf(claim),
      ...{ value: finding?.value ?? null, low: finding?.low ?? null, high: finding?.high ?? null },
      ...{ publishedLow: published?.low ?? null, publishedHigh: published?.high ?? null },
      ...{ n: finding?.n ?? null, seeds: finding?.seeds ?? null, smallest: finding?.smallest ?? null, adjusted },
      elsewhere: whereElse(elsewhere),
    };
  });
}

/** "sweep 3 of 4 (knowledge 0.35, standard, knowledge 1); phantoms 0 of 8": of each report, where the claim is reproduced. */
function whereElse(findings: readonly Finding[]): string {
  const reports = [...new Set(findings.map(({ report }) => report))];
  const named = (own: readonly Finding[], verdict: Verdict): string =>
    own.flatMap((each) => (each.verdict === verdict ? [placeName(each)] : [])).join(", ");
  const parts = reports.map((report) => {
    const own = findings.filter((each) => each.report === report);
    const [holds, against] = [named(own, "reproduced"), named(own, "contradicted")];
    const count = own.filter(({ verdict }) => verdict === "reproduced").length;
    const places = [holds, against === "" ? "" : `against it: ${against}`].filter((text) => text !== "").join("; ");
    return `${report} ${count} of ${own.length}${places === "" ? "" : ` (${places})`}`;
  });
  return parts.join("; ");
}

/** "9 reproduced, 1 contradicted, 2 inconclusive, 8 not run": how many claims have which verdict; kinds without one are left out. */
export function countVerdicts(rows: readonly Pick<BoardRow, "verdict">[]): string {
  const kinds: readonly Verdict[] = ["reproduced", "contradicted", "inconclusive", "not run"];
  const counts = kinds.map((kind) => [rows.filter(({ verdict }) => verdict === kind).length, kind] as const);
  return counts.flatMap(([count, kind]) => (count === 0 ? [] : [`${count} ${kind}`])).join(", ");
}
