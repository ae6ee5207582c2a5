import type { Interval } from "../metrics/bootstrap";
import { detectableEffect, holm, intervalTest, mcnemarExact } from "../metrics/paired-tests";
import { widenForSeeds } from "../metrics/seeds";
import { parseCasebookName } from "../phantoms/casebook/names";
import { BASELINE_SYSTEM, FULL_SYSTEM } from "../systems/systems";
import { CLAIMS, type Claim, type ClaimedRange, type EffectQuery } from "./claims";
import { RIGHT_METRICS } from "./evaluation";
import type { Measurement } from "./measurement";
import type { SweepMeasure, SweepRow } from "./sweep";

// The verdict on every claim, from stored numbers alone. One rule: reproduced where the whole 95 % interval of the effect lies where the claim
// says, contradicted where it lies wholly on the other side, else inconclusive. A null ("no such effect") is told from what could not be
// seen by the smallest effect that would have shown.

/** "not run": a system or a number that the claim needs is in no stored table. */
export type Verdict = "reproduced" | "contradicted" | "inconclusive" | "not run";

/** The numbers of one report. */
export interface EvidenceTable {
  /** Its name in data/protocol.json. */
  readonly report: string;
  /** Of several readers, each with the name of its own. */
  readonly rows: readonly (Measurement & { readonly backbone?: string })[] | readonly SweepRow[];
}

/** A number that an effect is judged by. */
interface Evidence extends Interval, Pick<Measurement, "gained" | "lost"> {
  readonly n: number;
  readonly seeds: number;
}

/** An effect against what is claimed of it. `low` and `high` are as wide as few seeds allow. */
export interface Judgement extends Evidence {
  readonly verdict: Exclude<Verdict, "not run">;
  /** The smallest distance from the end of the claimed range that this experiment finds four times in five. */
  readonly smallest: number;
  /** Two-sided, against the end of the claimed range that is nearest. */
  readonly pValue: number;
  /** Why it is inconclusive: all answers identical, an effect that matters would have shown, or would not; null where there is a verdict. */
  readonly because: "identical answers" | "no such effect" | "could not be seen" | null;
}

/** A claim in one place: a task of a report. */
export interface Finding extends Judgement {
  readonly claim: string;
  readonly report: string;
  readonly task: string;
  /** The reader; null where the table names none. */
  readonly backbone: string | null;
}

/** One line of the board. */
export interface BoardLine {
  readonly claim: Claim;
  /** In the claim's own report; null where it has not been run. */
  readonly finding: Finding | null;
  readonly verdict: Verdict;
  /** The p of `finding` after Holm's correction over the lines of the board; null without one. */
  readonly adjusted: number | null;
  /** In every other place where it was measured. */
  readonly elsewhere: readonly Finding[];
}

/**
 * The verdict on one effect.
 *
 * @param evidence value and 95 % bootstrap interval over seeds and questions; of several seeds it is widened (`widenForSeeds`). Of a difference
 * in being right on one seed, `gained` and `lost` too: a few changed answers, all of them better, move the whole interval above 0, so the exact
 * McNemar test has to agree.
 * @throws NumericError on NaN.
 * @example judge({ value: 0.04, low: 0.03, high: 0.05, n: 5000, seeds: 5 }, { above: 0 }, 0.02).verdict   // "reproduced"
 */
export function judge(evidence: Evidence, claimed: ClaimedRange, worth: number): Judgement {
  const { value, n, seeds } = evidence;
  const { low, high } = widenForSeeds(evidence, seeds);
  const { above, below } = claimed;
  const pValue = testOf(evidence, claimed);
  const within = (above === undefined || low > above) && (below === undefined || high < below);
  const outside = (above !== undefined && high < above) || (below !== undefined && low > below);
  const smallest = detectableEffect(evidence, { numQuestions: n, numSeeds: seeds });
  const sure = pValue < 0.05;
  const verdict = within && sure ? "reproduced" : outside && sure ? "contradicted" : "inconclusive";
  const reason = low === high ? "identical answers" : smallest <= worth ? "no such effect" : "could not be seen";
  return { value, low, high, n, seeds, verdict, smallest, pValue, because: verdict === "inconclusive" ? reason : null };
}

/**
 * Two-sided p of an effect against the nearest end of what is claimed: exact where one seed's answers were counted, else from the interval.
 *
 * @example testOf(row, { above: 0 })   // of a difference: against none
 */
export function testOf(evidence: Omit<Evidence, "n">, { above, below }: ClaimedRange): number {
  const { value, seeds, gained, lost } = evidence;
  const edges = [above, below].filter((edge) => edge !== undefined);
  const nearest = edges.reduce((a, b) => (Math.abs(b - value) < Math.abs(a - value) ? b : a));
  const byInterval = intervalTest(evidence, nearest, seeds);
  if (seeds > 1 || nearest !== 0 || gained === undefined || lost === undefined) return byInterval;
  return Math.max(byInterval, mcnemarExact(gained, lost));
}

/**
 * The board: every claim with its verdict, from stored tables.
 *
 * @param claims default all.
 * @example boardOf([{ report: "casebook", rows: kernel.loadResults("casebook").rows }])
 */
export function boardOf(tables: readonly EvidenceTable[], claims: readonly Claim[] = CLAIMS): BoardLine[] {
  const places = tables.flatMap(placesOf);
  const lines = claims.map((claim) => {
    const findings = places.flatMap((place) => findingAt(place, claim));
    const own = findings.find(({ report }) => report === claim.report) ?? null;
    return { claim, finding: own, elsewhere: findings.filter((each) => each !== own) };
  });
  const run = lines.filter(({ finding }) => finding !== null);
  const adjusted = holm(run.map(({ finding }) => finding!.pValue));
  return lines.map((line) => ({
    ...line,
    verdict: line.finding?.verdict ?? "not run",
    adjusted: adjusted[run.indexOf(line)] ?? null,
  }));
}

/** All numbers of one task and reader of a report. */
interface Place extends Pick<Finding, "report" | "task" | "backbone"> {
  readonly rows: EvidenceRow[];
}

type EvidenceRow = Pick<Measurement, "system" | "baseline" | "subset" | "metric"> & Evidence;

function placesOf({ report, rows }: EvidenceTable): Place[] {
  const places = new Map<string, Place>();
  for (const row of rows) {
    const [task, backbone] = [row.task ?? "", ("backbone" in row ? row.backbone : null) ?? null];
    const name = JSON.stringify([task, backbone]);
    const place = places.get(name) ?? { report, task, backbone, rows: [] };
    place.rows.push(...("measure" in row ? fromSweep(row) : [row]));
    places.set(name, place);
  }
  return [...places.values()];
}

const OVER_FT_RAG = { system: FULL_SYSTEM, baseline: BASELINE_SYSTEM, metric: "accuracy" } as const;
/** What a sweep's measures are called in tables of systems. */
const OF_SWEEP: Partial<Record<SweepMeasure, Pick<Measurement, "system" | "baseline" | "subset" | "metric">>> = {
  ragGain: { system: BASELINE_SYSTEM, baseline: "closed-book", metric: "accuracy", subset: "all" },
  gain: { ...OVER_FT_RAG, subset: "all" },
  gainOnInconsistent: { ...OVER_FT_RAG, subset: "inconsistent" },
  inconsistent: { system: BASELINE_SYSTEM, baseline: null, metric: "inconsistency", subset: "all" },
};

function fromSweep({ measure, value, low, high, n, seeds }: SweepRow): EvidenceRow[] {
  const about = OF_SWEEP[measure];
  return about === undefined || low === null || high === null ? [] : [{ ...about, value, low, high, n, seeds }];
}

/** Null where it was not measured, or, of a difference of one seed, without the counts that the exact test needs. */
function findEffect(rows: readonly EvidenceRow[], wanted: EffectQuery): Evidence | null {
  const found = findRow(rows, wanted);
  const isCounted = found === null || wanted.baseline === undefined || wanted.subset === "inconsistent minus all";
  return isCounted || found.seeds > 1 || found.gained !== undefined ? found : null;
}

function findRow(rows: readonly EvidenceRow[], wanted: EffectQuery): Evidence | null {
  const { system, baseline = null, subset = "all", metric } = wanted;
  const metrics = metric === undefined ? RIGHT_METRICS : [metric];
  const of = (first: string, second: string | null): EvidenceRow | undefined =>
    rows.find(
      (row) => row.system === first && row.baseline === second && row.subset === subset && metrics.includes(row.metric),
    );
  const found = of(system, baseline);
  if (found !== undefined) return found;
  const turned = baseline === null ? undefined : of(baseline, system);
  if (turned === undefined) return null;
  const { value, low, high, n, seeds, gained, lost } = turned;
  const changed = gained === undefined || lost === undefined ? {} : { gained: lost, lost: gained };
  return { value: -value, low: -high, high: -low, n, seeds, ...changed };
}

/** The verdict at one place: of several effects all count, and the one least as claimed is shown. No verdict where one is missing. */
function findingAt({ report, task, backbone, rows }: Place, claim: Claim): Finding[] {
  const found = claim.effects.flatMap((effect) => findEffect(rows, effect) ?? []);
  if (found.length < claim.effects.length) return [];
  const judged = found.map((evidence) => judge(evidence, claim.claimed, claim.worth));
  const rank = ({ verdict }: Judgement): number => ["contradicted", "inconclusive", "reproduced"].indexOf(verdict);
  const worst = judged.reduce((a, b) =>
    rank(b) < rank(a) || (rank(b) === rank(a) && distance(b, claim) < distance(a, claim)) ? b : a,
  );
  return [{ claim: claim.name, report, task, backbone, ...worst }];
}

/** How far inside the claimed range a value lies; negative outside. */
function distance({ value }: Interval, { claimed: { above, below } }: Claim): number {
  return Math.min(above === undefined ? Infinity : value - above, below === undefined ? Infinity : below - value);
}

/** What a place is called: a task by its name, a world and a reader by what is turned of them, "standard" where nothing is. */
export function placeName({ task, backbone }: Pick<Finding, "task" | "backbone">): string {
  const world = parseCasebookName(task) === null ? [task] : task.split(":").slice(1);
  const reader = backbone?.split(":").slice(1) ?? [];
  const turned = [...world, ...reader];
  if (turned.length > 0) return turned.join(", ").replaceAll("=", " ");
  return task === "casebook" ? "standard" : task;
}
