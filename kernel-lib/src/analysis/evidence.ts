import { isCorrect } from "../answers/forms";
import { assertKnownKeys } from "../base/check";
import type { Prediction } from "../base/types";
import type { BootstrapOptions, Statistic } from "../metrics/bootstrap";
import { BASELINE_SYSTEM, FULL_SYSTEM } from "../systems/systems";
import { isInconsistent, readsSeveral } from "./inconsistency";
import { bySystem, type Measurement, measure, measureDifference, shareOf } from "./measurement";
import { chanceOracleOf, isOracleCorrect, PICKS, pickedStatistics, pickReading } from "./oracle";
import { checkSeeds, type SeedAnswers } from "./over-seeds";

// What the paper's claims rest on besides values and differences: how hard inconsistent questions are, whether the gain is theirs, and what
// lies between a model and its oracle.

/** Fewer questions of a kind are not compared: a draw could hold none. */
const LEAST_QUESTIONS = 10;

/** One question of one seed: who is right. */
interface Asked {
  readonly seed: string;
  readonly group: string;
  /** Whether the baseline's readings differ. */
  readonly inconsistent: boolean;
  readonly right: Readonly<Record<string, boolean>>;
  /** The full system's prediction; null where it did not answer. */
  readonly full: Prediction | null;
}

/**
 * Over several seeds, with intervals that draw seeds, then questions within each; being right means exactly right. Rows:
 * - `accuracy` of every system, subset "inconsistent minus consistent": how much less it is right where FT RAG's readings differ;
 * - JOMED over FT RAG, subset "inconsistent minus all": by how much it gains more there;
 * - of JOMED's readings `accuracy`, `oracle`, `chanceOracle` (as many independent guesses), `oracleGap` (oracle minus accuracy); the accuracy of
 *   each rule that picks one reading (metric `picked`, subset "score", "confidence" or "vote"), and `gapLeft`: oracle minus picked, minus half of
 *   the gap; above 0 more than half of it is left.
 * Subsets are those of FT RAG's readings for every system, and are not compared where one has fewer than ten questions. A system that some seed
 * lacks has no rows.
 *
 * Paper: arXiv 2508.17394v3, inconsistent retrieval predictions and oracle.
 *
 * @throws DataError without seeds, for a seed twice, several tasks, or systems that answer different examples. ConfigError on an option.
 */
export function measureEvidence(
  seeds: readonly SeedAnswers[],
  options: { readonly bootstrap?: Omit<BootstrapOptions, "outer"> } = {},
): Measurement[] {
  assertKnownKeys("measureEvidence:", options, ["bootstrap"]);
  checkSeeds("measureEvidence", seeds);
  const asked = seeds.flatMap(questionsOf);
  const outer = asked.map(({ seed }) => seed);
  const settings = { task: seeds[0]!.task, bootstrap: { ...options.bootstrap, outer } };
  const rows = [...hardness(asked), ...betweenModelAndOracle(asked)];
  const groups = asked.map(({ group }) => group);
  return rows
    .map(({ baseline, statistic, ...about }): Measurement => {
      const what = { ...about, groups, statistic };
      if (baseline === undefined) return measure(what, settings);
      return measureDifference(what, { ...what, system: baseline, statistic: () => 0 }, settings);
    })
    .map((row) => ({ ...row, seeds: seeds.length }));
}

/** A row before it is measured. With a baseline the statistic is the difference to it. */
interface Row {
  readonly system: string;
  readonly metric: string;
  readonly subset?: string;
  readonly splitBy?: string;
  readonly baseline?: string;
  readonly statistic: Statistic;
}

function questionsOf({ seed, predictions }: SeedAnswers): Asked[] {
  const systems = bySystem("measureEvidence", predictions);
  const first = predictions.filter(({ system }) => system === predictions[0]!.system);
  const [base, full] = [systems.get(BASELINE_SYSTEM), systems.get(FULL_SYSTEM)];
  return first.map(({ group }, i) => ({
    ...{ seed: String(seed), group, full: full?.[i] ?? null },
    inconsistent: base !== undefined && isInconsistent(base[i]!),
    right: Object.fromEntries([...systems].map(([system, rows]) => [system, isCorrect(rows[i]!)])),
  }));
}

/** Being right, of some of the drawn questions; 0 of none. */
function among(asked: readonly Asked[], system: string, test: (one: Asked) => boolean): Statistic {
  const kept = asked.map((one) => Number(test(one)));
  const right = asked.map(({ right: own }, i) => kept[i]! * Number(own[system]));
  return (rows) => {
    let [hits, count] = [0, 0];
    for (const row of rows) {
      hits += right[row]!;
      count += kept[row]!;
    }
    return count === 0 ? 0 : hits / count;
  };
}

function hardness(asked: readonly Asked[]): Row[] {
  const systems = Object.keys(asked[0]!.right).filter((system) => asked.every(({ right }) => system in right));
  const numInconsistent = asked.filter(({ inconsistent }) => inconsistent).length;
  if (!systems.includes(BASELINE_SYSTEM)) return []; // of a seed without it nobody knows which questions are inconsistent
  if (Math.min(numInconsistent, asked.length - numInconsistent) < LEAST_QUESTIONS) return [];
  const about = { metric: "accuracy", splitBy: BASELINE_SYSTEM } as const;
  const split = (system: string): Row => {
    const hard = among(asked, system, ({ inconsistent }) => inconsistent);
    const easy = among(asked, system, ({ inconsistent }) => !inconsistent);
    return { ...about, system, subset: "inconsistent minus consistent", statistic: (rows) => hard(rows) - easy(rows) };
  };
  if (!systems.includes(FULL_SYSTEM)) return systems.map(split);
  const gain = (test: (one: Asked) => boolean): Statistic => {
    const [full, base] = [among(asked, FULL_SYSTEM, test), among(asked, BASELINE_SYSTEM, test)];
    return (rows) => full(rows) - base(rows);
  };
  const [there, overall] = [gain(({ inconsistent }) => inconsistent), gain(() => true)];
  const more = { ...about, system: FULL_SYSTEM, baseline: BASELINE_SYSTEM, subset: "inconsistent minus all" };
  return [...systems.map(split), { ...more, statistic: (rows) => there(rows) - overall(rows) }];
}

function betweenModelAndOracle(asked: readonly Asked[]): Row[] {
  const full = asked.flatMap((one) => one.full ?? []);
  if (full.length < asked.length || !readsSeveral(full)) return [];
  const [accuracy, oracle] = [shareOf(full, isCorrect), shareOf(full, isOracleCorrect)];
  const row = (metric: string, statistic: Statistic, subset = "all"): Row => {
    return { system: FULL_SYSTEM, metric, subset, statistic };
  };
  return [
    row("oracle", oracle),
    row("chanceOracle", chanceOracleOf(full)),
    row("oracleGap", (rows) => oracle(rows) - accuracy(rows)),
    ...PICKS.flatMap((pick) => {
      if (full.some((one) => one.readings.length > 0 && pickReading(one, pick) === null)) return [];
      const told = pickedStatistics(full, (one) => pickReading(one, pick));
      return told.map(({ metric, statistic }) => row(metric, statistic, pick));
    }),
  ];
}
