import { assertInteger, assertSameLength } from "../base/check";
import { mean } from "../base/numbers";
import type { CurvePoint, Matrix } from "../base/types";

/*
 * Whether a stage that ran to its end learned anything: what can be wrong with it (findings), found in a stage's loss, in a
 * reader's answers, and in what each evaluation measures of a retriever's head.
 */

/**
 * What can be wrong with a trained stage although it ran to its end:
 * - "one-answer": the reader gives one answer to everything;
 * - "unreadable-answers": most of its answers name no label;
 * - "loss-flat": the loss did not fall from its first value;
 * - "reader-indifferent": the reader reads all candidates alike, so there is nothing to learn from it;
 * - "lists-unmoved": the head finds what the frozen head finds;
 * - "queries-collapsed": the head finds the same for every query;
 * - "captions-tell-nothing": before stage 2, a vote of the retrieved captions knows no more than the picture;
 * - "captions-ignored": before stage 2, the reader answers the same whatever a caption says.
 */
export const HEALTH_SIGNS = [
  "one-answer",
  "unreadable-answers",
  "loss-flat",
  "reader-indifferent",
  "lists-unmoved",
  "queries-collapsed",
  "captions-tell-nothing",
  "captions-ignored",
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

/** Health of several parts, as one. */
export function joinHealth(...parts: readonly StageHealth[]): StageHealth {
  return {
    findings: parts.flatMap(({ findings }) => findings),
    measured: Object.assign({}, ...parts.map(({ measured }) => measured)) as Record<string, number>,
  };
}

/** From where on something counts as a finding. */
const THRESHOLDS = {
  /** A loss that falls by less than this share of its first value is flat. */
  leastFall: 0.01,
  /** A reader whose commonest answer has at least this share says one thing … */
  oneAnswer: 0.98,
  /** … unless the truth does nearly so too. */
  oneTruth: 0.95,
  /** A larger share of answers that name no label is too much. */
  unreadable: 0.5,
  /** Fewer answers say little. */
  leastAnswers: 8,
  /** Lists that share at least this much with the frozen head's have not moved. */
  unmovedOverlap: 0.995,
  /** A preference spread over at least this share of the candidates is none. */
  indifferentShare: 0.99,
  /** Queries whose spread is below this share of what it was before training look the same. */
  collapsedShare: 0.1,
  /** A reader of which fewer readings follow a swapped caption does not read captions: it moved 97 % in a world where stage 2 helps, 9 % where not. */
  leastMoved: 0.2,
  /** Fewer swapped captions say little. */
  leastSwapped: 16,
} as const;

// ---- any stage: its loss --------------------------------------------------------------------------------------------------

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
  if (validation >= THRESHOLDS.leastFall || train >= THRESHOLDS.leastFall) return { findings: [], measured };
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

// ---- the reader: its answers ----------------------------------------------------------------------------------------------

/**
 * Finds a reader that answers one thing to everything, or whose answers cannot be read.
 *
 * @param answers what the reader answered, in any fixed wording: a label's index, a set, a text; null where it could not be read.
 * @param truth the true answers in the same wording.
 * @throws ShapeError when the lengths differ.
 */
export function diagnoseReader(answers: readonly (string | null)[], truth: readonly string[]): StageHealth {
  assertSameLength("diagnoseReader: answers", answers.length, truth.length);
  const commonest = largestShare(answers);
  const ofTruth = largestShare(truth);
  const unparsed = answers.filter((answer) => answer === null).length / Math.max(1, answers.length);
  const measured = { commonestAnswer: commonest.share, commonestTruth: ofTruth.share, unparsedShare: unparsed };
  if (answers.length < THRESHOLDS.leastAnswers) return { findings: [], measured };
  const findings: HealthFinding[] = [];
  if (unparsed > THRESHOLDS.unreadable) {
    const seen = `${percent(unparsed)} of ${answers.length} validation answers name no label`;
    findings.push({
      sign: "unreadable-answers",
      seen,
      advice: "Train longer, or check the task's prompt and answers.",
    });
  } else if (commonest.share >= THRESHOLDS.oneAnswer && ofTruth.share < THRESHOLDS.oneTruth) {
    const seen =
      `"${commonest.value}" is ${percent(commonest.share)} of ${answers.length} validation answers; ` +
      `the commonest truth is ${percent(ofTruth.share)}`;
    const advice =
      "Train longer or with another learning rate, or balance the labels; its accuracy is that of a constant.";
    findings.push({ sign: "one-answer", seen, advice });
  }
  return { findings, measured };
}

/** The commonest value and its share of all. */
function largestShare(values: readonly (string | null)[]): { readonly value: string | null; readonly share: number } {
  const counts = new Map<string | null, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [value, count] = [...counts].reduce((most, each) => (each[1] > most[1] ? each : most), [null, 0]);
  return { value, share: count / Math.max(1, values.length) };
}

// ---- before stage 2: whether there is anything to learn ---------------------------------------------------------------------

/** What is measured on validation before a retriever is trained; null where the task or its captions do not allow it. */
export interface PotentialInputs {
  /** Accuracy of a vote of the frozen lists' captions, without any reader. */
  readonly captionVote: number | null;
  /** Accuracy without a passage: a closed-book reader's, else what a linear classifier of the frozen embeddings tells. */
  readonly alone: number | null;
  /** Share of the readings that change when the caption names another label, and of how many. */
  readonly moved: number | null;
  readonly numSwapped: number;
}

/**
 * Finds a stage 2 that has nothing to learn: the reader's preference can teach only where captions know more than the picture, and where the
 * reader believes them. Thresholds: a vote at or below `alone`; fewer than 20 % of at least 16 readings moved.
 */
export function diagnosePotential({ captionVote, alone, moved, numSwapped }: PotentialInputs): StageHealth {
  const findings: HealthFinding[] = [];
  if (captionVote !== null && alone !== null && captionVote <= alone) {
    const seen = `a vote of the retrieved captions is right on ${percent(captionVote)} of the validation questions, the picture by itself tells ${percent(alone)}`;
    const advice =
      "Search a corpus whose captions say what the picture does not, or expect no gain from training the retriever.";
    findings.push({ sign: "captions-tell-nothing", seen, advice });
  }
  if (moved !== null && numSwapped >= THRESHOLDS.leastSwapped && moved < THRESHOLDS.leastMoved) {
    const seen = `${percent(moved)} of ${numSwapped} readings change when the caption names another label`;
    const advice =
      "Train the reader longer on retrieved pairs; its preference cannot teach a retriever what it does not read.";
    findings.push({ sign: "captions-ignored", seen, advice });
  }
  const known = Object.entries({ captionVote, alone, captionSwap: moved }).filter(([, value]) => value !== null);
  return { findings, measured: Object.fromEntries(known) as Record<string, number> };
}

// ---- a retriever's head: what an evaluation measures ----------------------------------------------------------------------

/** Signs of a healthy or collapsing retriever, logged beside the loss. */
export interface RetrieverHealth {
  /** Mean entropy of the target over the K candidates (nats; ln K = indifferent). */
  readonly targetEntropy: number;
  /** Mean entropy of the retriever over the K candidates (nats). */
  readonly retrieverEntropy: number;
  /** Mean of exp(target entropy): how many candidates the reader's preference is spread over. */
  readonly effectiveCandidates: number;
  /** Share of the learned head's best `numTop` of K that are among the frozen head's. 1 = nothing moved. */
  readonly frozenOverlap: number;
  /** Mean of 1 - cosine between learned and frozen query embeddings. 0 = nothing moved. */
  readonly drift: number;
  /** 1 - length of the mean of the learned query embeddings. 0 = every query looks the same: collapse. */
  readonly spread: number;
}

interface HealthInputs {
  /** [B, K], rows sum to 1. */
  readonly target: Matrix;
  /** [B, K], rows sum to 1. */
  readonly retriever: Matrix;
  /** [B, K], inner products of the frozen query embedding with the same candidates. */
  readonly frozenScores: Matrix;
  /** [B, D], L2-normalised. */
  readonly learned: Matrix;
  /** [B, D], L2-normalised. */
  readonly frozen: Matrix;
  /** Size of the compared tops; at most K. */
  readonly numTop: number;
}

/** Measures the health of one evaluated batch of queries. */
export function measureRetrieverHealth(inputs: HealthInputs): RetrieverHealth {
  const { target, retriever, frozenScores, learned, frozen } = inputs;
  const targetEntropies = rowEntropies(target);
  const numTop = Math.min(inputs.numTop, target.cols);
  let shared = 0;
  let drift = 0;
  for (let row = 0; row < target.rows; row++) {
    const before = new Set(topColumns(frozenScores, row, numTop));
    shared += topColumns(retriever, row, numTop).filter((col) => before.has(col)).length / numTop;
    let cosine = 0;
    for (let d = 0; d < frozen.cols; d++)
      cosine += learned.data[row * frozen.cols + d]! * frozen.data[row * frozen.cols + d]!;
    drift += 1 - cosine;
  }
  return {
    targetEntropy: mean(targetEntropies),
    retrieverEntropy: mean(rowEntropies(retriever)),
    effectiveCandidates: mean(targetEntropies.map(Math.exp)),
    frozenOverlap: shared / target.rows,
    drift: drift / target.rows,
    spread: 1 - Math.hypot(...meanRow(learned)),
  };
}

/** Entropy of each row, nats. */
export function rowEntropies(probabilities: Matrix): Float64Array {
  const { rows, cols, data } = probabilities;
  return Float64Array.from({ length: rows }, (_, row) => {
    let entropy = 0;
    for (let col = 0; col < cols; col++) {
      const p = data[row * cols + col]!;
      if (p > 0) entropy -= p * Math.log(p);
    }
    return entropy;
  });
}

/** Columns of a row's largest values, best first; ties by position. */
export function topColumns(matrix: Matrix, row: number, count: number): number[] {
  const values = matrix.data.subarray(row * matrix.cols, (row + 1) * matrix.cols);
  const order = Array.from(values, (_, col) => col).sort((a, b) => values[b]! - values[a]! || a - b);
  return order.slice(0, count);
}

// ---- a retriever's head: what its curve says ------------------------------------------------------------------------------

/**
 * Finds what is wrong with a trained head in the curve that trainRetrieverHead left.
 *
 * @param curve of one head.
 * @param numCandidates K.
 * @param bestStep the step whose weights were kept. Step 0 keeps the frozen head's: its lists have not moved.
 */
export function diagnoseRetriever(
  curve: readonly CurvePoint[],
  options: { readonly numCandidates: number; readonly bestStep: number },
): StageHealth {
  const { numCandidates, bestStep } = options;
  assertInteger("diagnoseRetriever: numCandidates", numCandidates, 1);
  const kept = (metric: string): number => keptValue(curve, metric, bestStep);
  const effectiveShare = kept("effectiveCandidates") / numCandidates;
  const overlap = kept("frozenOverlap");
  const spread = kept("spread") / Math.max(valuesOf(curve, "validation", "spread")[0] ?? 0, 1e-9);
  const findings: HealthFinding[] = [];
  if (effectiveShare >= THRESHOLDS.indifferentShare) {
    const seen = `the reader's preference is spread over ${percent(effectiveShare)} of the ${numCandidates} candidates`;
    const advice =
      "Tune the reader with retrieval first, or lower targetTemperature: candidates it reads alike teach nothing.";
    findings.push({ sign: "reader-indifferent", seen, advice });
  }
  if (overlap >= THRESHOLDS.unmovedOverlap) {
    const seen = `the kept head shares ${percent(overlap)} of its best candidates with the frozen head (kept step ${bestStep})`;
    const advice = "Raise the learning rate, the steps or learnedWeight, or lower temperature.";
    findings.push({ sign: "lists-unmoved", seen, advice });
  }
  if (spread < THRESHOLDS.collapsedShare) {
    const seen = `the queries' embeddings are ${percent(spread)} as far apart as before training`;
    const advice = "Lower the learning rate or learnedWeight, or use the prior: every query finds the same.";
    findings.push({ sign: "queries-collapsed", seen, advice });
  }
  const measured = { effectiveShare, frozenOverlap: overlap, spreadShare: spread, drift: kept("drift") };
  return joinHealth({ findings, measured }, diagnoseLoss(curve));
}

/** A validation metric at the kept step. */
function keptValue(curve: readonly CurvePoint[], metric: string, bestStep: number): number {
  const point = curve.find((each) => each.split === "validation" && each.metric === metric && each.step === bestStep);
  return point?.value ?? Number.NaN;
}

/** Values of one metric over the steps. */
function valuesOf(curve: readonly CurvePoint[], split: CurvePoint["split"], metric: string): number[] {
  return curve.flatMap((point) => (point.split === split && point.metric === metric ? [point.value] : []));
}

/** The mean of all rows, [cols]. */
function meanRow({ data, rows, cols }: Matrix): Float64Array {
  const sums = new Float64Array(cols);
  data.forEach((value, i) => {
    sums[i % cols]! += value / rows;
  });
  return sums;
}

/** A share in per cent, for sentences. */
function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
