import type { CurvePoint } from "../base/types";

/**
 * What can be wrong with a trained stage although it ran to its end:
 * - "one-answer": the reader gives one answer to everything;
 * - "unreadable-answers": most of its answers name no label;
 * - "loss-flat": the loss did not fall from its first value;
 * - "reader-indifferent": the reader reads all candidates alike, so there is nothing to learn from it;
 * - "lists-unmoved": the head finds what the frozen head finds;
 * - "queries-collapsed": the head finds the same for every query.
 */
export const HEALTH_SIGNS = [
  "one-answer",
  "unreadable-answers",
  "loss-flat",
  "reader-indifferent",
  "lists-unmoved",
  "queries-collapsed",
] as const;
export type HealthSign = (typeof HEALTH_SIGNS)[number];

/** One thing found wrong: what was seen, in numbers, and what may help. */
export interface HealthFinding {
  readonly sign: HealthSign;
  readonly seen: string;
  readonly advice: string;
}

/** The health of one stage. Without findings it is well. Plain JSON, kept in the stage's manifest. */
export interface StageHealth {
  readonly findings: readonly HealthFinding[];
  /** The numbers behind the judgement, by name. */
  readonly measured: Readonly<Record<string, number>>;
}

/** A loss that falls by less than this share of its first value is flat. */
const LEAST_FALL = 0.01;

/** Values of one metric over the steps. */
export function valuesOf(curve: readonly CurvePoint[], split: CurvePoint["split"], metric: string): number[] {
  return curve.flatMap((point) => (point.split === split && point.metric === metric ? [point.value] : []));
}

/** Health of several parts, as one. */
export function joinHealth(...parts: readonly StageHealth[]): StageHealth {
  return {
    findings: parts.flatMap(({ findings }) => findings),
    measured: Object.assign({}, ...parts.map(({ measured }) => measured)) as Record<string, number>,
  };
}

/**
 * Finds a loss that is flat from the start: neither the validation loss (its best value against the one before the first step)
 * nor the training loss (its last interval against its first) fell by 1 % of its first value.
 *
 * A validation loss that rises while the training loss falls is learning by heart, not flat.
 */
export function diagnoseLoss(curve: readonly CurvePoint[]): StageHealth {
  const validation = fallOf(valuesOf(curve, "validation", "loss"), "best");
  const train = fallOf(valuesOf(curve, "train", "loss"), "last");
  const measured = { validationFall: validation, trainFall: train };
  if (validation >= LEAST_FALL || train >= LEAST_FALL) return { findings: [], measured };
  const seen = `the loss fell by ${percent(validation)} on validation and ${percent(train)} in training`;
  const advice = "Raise the learning rate or the steps, and check that the answers can be told from what is read.";
  return { findings: [{ sign: "loss-flat", seen, advice }], measured };
}

/** By which share of its first value a loss fell; 0 when it did not, or began at 0. */
function fallOf(values: readonly number[], at: "best" | "last"): number {
  const [first] = values;
  if (first === undefined || Math.abs(first) < 1e-12) return 0;
  const end = at === "best" ? Math.min(...values) : values.at(-1)!;
  return Math.max(0, (first - end) / Math.abs(first));
}

/** A share in per cent, for sentences. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
