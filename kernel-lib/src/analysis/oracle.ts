import { answerWordings, formOf, isCorrect, isOneLabel, labelPredictions } from "../answers/forms";
import { fusionWeights } from "../answers/fusion";
import { assertInteger, assertKnownKeys } from "../base/check";
import { DataError } from "../base/errors";
import { argMax, mean } from "../base/numbers";
import type { Head, Matrix, Prediction, Reading, Retrieved, Task } from "../base/types";
import type { Statistic } from "../metrics/bootstrap";
import { HEADS } from "../retriever/retrieve";
import { readsSeveral } from "./inconsistency";
import { type LinearProbe, trainLinearProbe } from "./linear-probe";
import {
  bySystem,
  type Measurable,
  type Measurement,
  type MeasureOptions,
  measure,
  ratioOf,
  shareOf,
} from "./measurement";

/** Whether any reading of the query gives exactly the true answer. */
export function isOracleCorrect(prediction: Prediction): boolean {
  const { truth, readings } = answerWordings(prediction);
  return truth !== null && readings.includes(truth);
}

/**
 * What a system could reach if it always knew which of its readings to trust. Rows, per system:
 * - `accuracy`: share of queries answered exactly right (the label, the whole set of labels, or the very words);
 * - `oracle`: share of queries of which any reading is exactly right;
 * - `oracleGap`: oracle minus accuracy on the same draws; negative when fusion is right where no reading is.
 * A system that reads at most one passage per query has no oracle.
 *
 * The oracle is at least as accurate as any rule that picks one passage per query; fusion is not such a rule, averaged
 * probabilities can choose a label that no reading gave.
 *
 * Paper: arXiv 2508.17394v3, oracle analysis.
 *
 * @throws DataError when systems answer different examples. ShapeError without predictions.
 */
export function measureOracle(predictions: readonly Prediction[], options: MeasureOptions = {}): Measurement[] {
  return [...bySystem("measureOracle", predictions)].flatMap(([system, rows]) => {
    const [fused, best] = [shareOf(rows, isCorrect), shareOf(rows, isOracleCorrect)];
    const row = (metric: string, statistic: Measurable["statistic"]): Measurement =>
      measure({ system, metric, groups: rows.map(({ group }) => group), statistic }, options);
    const accuracy = row("accuracy", fused);
    if (!readsSeveral(rows)) return [accuracy];
    return [accuracy, row("oracle", best), row("oracleGap", (picked) => best(picked) - fused(picked))];
  });
}

/** Rules that pick one of a prediction's readings: they rerank the passages and answer with the first. */
export const PICKS = ["score", "confidence", "vote"] as const;

/** One of PICKS. */
export type Pick = (typeof PICKS)[number];

/**
 * Which reading a rule picks, by its place; of equals the first. "score": of the passage with the largest fusion weight, the retriever's own
 * order. "confidence": whose most probable label is the most probable. "vote": of the answer that most readings give.
 *
 * @returns null without readings, and by confidence where the answer is not exactly one label.
 */
export function pickReading(prediction: Prediction, pick: Pick): number | null {
  const { readings, weights } = prediction;
  if (readings.length === 0) return null;
  if (pick === "score") return argMax(weights);
  if (pick === "confidence")
    return isOneLabel(prediction)
      ? argMax(prediction.readings.map(({ probabilities }) => Math.max(...probabilities)))
      : null;
  const told = answerWordings(prediction).readings;
  return argMax(told.map((answer) => told.filter((other) => other === answer && answer !== null).length));
}

/**
 * How often any of so many independent guesses would be right: 1 - (1 - a)^n. Readings of one question are anything but independent; an oracle
 * that is no better than this owes its height to the number of its tries.
 *
 * @param accuracy a, of a single reading, in [0, 1].
 * @param numReadings n, ≥ 0; a mean need not be whole.
 * @example chanceOracle(0.6, 2)   // 0.84
 */
export function chanceOracle(accuracy: number, numReadings: number): number {
  return 1 - (1 - accuracy) ** numReadings;
}

/** How many readings of a prediction are exactly right. */
export function numRight(prediction: Prediction): number {
  const { truth, readings } = answerWordings(prediction);
  return truth === null ? 0 : readings.filter((answer) => answer === truth).length;
}

/** The chance oracle of drawn questions: as many guesses as they have readings, each as often right as a single reading is. */
export function chanceOracleOf(rows: readonly Prediction[]): Statistic {
  const numReadings = ({ readings }: Prediction): number => readings.length;
  const [guess, tries] = [ratioOf(rows, numRight, numReadings), ratioOf(rows, numReadings, () => 1)];
  return (picked) => chanceOracle(guess(picked), tries(picked));
}

/** Whether the reading at this place is exactly right; a place of null is none. */
function isPlaceRight(prediction: Prediction, place: number | null): boolean {
  const { truth, readings } = answerWordings(prediction);
  return place !== null && truth !== null && readings[place] === truth;
}

/** What a rule that picks one reading reaches: `picked`, its accuracy, and `gapLeft`, oracle minus picked, minus half of the gap between model and oracle. */
export function pickedStatistics(
  rows: readonly Prediction[],
  place: (prediction: Prediction) => number | null,
): readonly { readonly metric: "picked" | "gapLeft"; readonly statistic: Statistic }[] {
  const [model, oracle] = [shareOf(rows, isCorrect), shareOf(rows, isOracleCorrect)];
  const picked = shareOf(rows, (one) => isPlaceRight(one, place(one)));
  const left: Statistic = (drawn) => oracle(drawn) / 2 + model(drawn) / 2 - picked(drawn);
  return [
    { metric: "picked", statistic: picked },
    { metric: "gapLeft", statistic: left },
  ];
}

// ---- a reranker that is learned ----------------------------------------------------------------------------------------

/** What a reranker that is learned is called beside PICKS. */
export const CROSS_SCORER = "cross-scorer";

/**
 * Learns to tell right readings from wrong ones: softmax regression on what is known of a reading without the truth. Its features: the retriever's
 * score as a share of its head's best, the rank, the head, how sure the reader is, how many of the other readings agree, and how probable they
 * find its answer, of both heads and of its own. The same predictions give the same scorer; there is no chance in it.
 *
 * @param train predictions of one label each, of questions that are not measured on.
 * @returns which reading of a prediction it picks, by its place; null without readings.
 * @throws DataError where a prediction has other answers than a label, or no reading has a passage.
 * @example const pick = trainCrossScorer(onTrainingQuestions)
 */
export function trainCrossScorer(train: readonly Prediction[]): (prediction: Prediction) => number | null {
  const known = labelPredictions(train);
  const rows = known.flatMap((prediction) => featuresOf(prediction));
  if (rows.length === 0) {
    throw new DataError(
      "trainCrossScorer: train must hold readings of passages; none has one. Predict with a system that retrieves.",
    );
  }
  const right = known.flatMap(({ truth, readings }) => readings.map(({ answer }) => Number(answer === truth)));
  const probe = trainLinearProbe(matrixOf(rows), right, 2);
  return (prediction) => bestByProbe(probe, prediction);
}

function bestByProbe(probe: LinearProbe, prediction: Prediction): number | null {
  const rows = labelPredictions([prediction]).flatMap(featuresOf);
  if (rows.length === 0) return null;
  return argMax(probe.probabilities(matrixOf(rows)).map(([, right]) => right!));
}

const matrixOf = (rows: readonly (readonly number[])[]): Matrix => {
  return { data: Float32Array.from(rows.flat()), rows: rows.length, cols: rows[0]!.length };
};

/** One row a reading. */
function featuresOf({ readings }: ReturnType<typeof labelPredictions>[number]): number[][] {
  const best = (head: Head): number =>
    Math.max(...readings.flatMap(({ retrieved }) => (retrieved?.head === head ? [Math.abs(retrieved.score)] : [])));
  const tops: Readonly<Record<Head, number>> = { image: best("image"), text: best("text") };
  return readings.map(({ answer, probabilities, retrieved }, k) => {
    const { head, rank, score } = passageOf(retrieved);
    const own = argMax(probabilities);
    const others = readings.filter((_, other) => other !== k);
    const support = (some: typeof others): number => meanOf(some.map((each) => each.probabilities[own]!));
    return [
      ...[score / (tops[head] || 1), rank, Number(head === "text"), probabilities[own]!],
      meanOf(others.map((each) => Number(each.answer === answer))),
      support(others),
      support(others.filter((each) => each.retrieved!.head === head)),
    ];
  });
}

/** 0 of none. */
const meanOf = (values: readonly number[]): number => (values.length === 0 ? 0 : mean(values));

function passageOf(retrieved: Retrieved | null): Retrieved {
  if (retrieved !== null) return retrieved;
  throw new DataError(
    "measureCandidates: predictions must be of a system that retrieves; a reading has no passage. Leave closed-book out.",
  );
}

// ---- by number of candidates and by head -------------------------------------------------------------------------------

export interface CandidateOptions {
  readonly task: Task;
  /** Candidates per head. Default 1, 2, 3, 5 and 10, as far as that many were read. */
  readonly depths?: readonly number[];
  /** The same system's predictions on other questions, which the cross-scorer learns from. Default none: it is left out. */
  readonly train?: readonly Prediction[];
  readonly bootstrap?: MeasureOptions["bootstrap"];
}

const DEPTHS: readonly number[] = [1, 2, 3, 5, 10];
/** What is looked at: either head's list alone, or both. */
const PARTS: readonly { readonly name: string; readonly heads: readonly Head[] }[] = [
  ...HEADS.map((head) => ({ name: `${head} head`, heads: [head] })),
  { name: "both heads", heads: HEADS },
];

/**
 * The oracle by how many candidates it may choose from, and of which head, beside what chance would reach, and the rerankers between model and
 * oracle. From stored readings alone: the first n of a head's list, fused anew. Rows, by part and n (subset "both heads, 5": five of each):
 * - `accuracy` of their fusion, `oracle`, `chanceOracle` (as many independent guesses, each as often right as a single one of these readings);
 * - of both heads (subset "both heads, 5, confidence") `picked`: accuracy of the reading that each of PICKS chooses, and the cross-scorer where there
 *   are questions to learn from; `gapLeft`: oracle minus picked, minus half of the gap between model and oracle.
 *
 * Paper: arXiv 2508.17394v3, oracle analysis.
 *
 * @param predictions of one system, of one label each.
 * @throws DataError on other forms of answer, readings without a passage, or several systems. ConfigError on a depth. ShapeError without predictions.
 * @example measureCandidates(ofJomed, { task })
 */
export function measureCandidates(predictions: readonly Prediction[], options: CandidateOptions): Measurement[] {
  assertKnownKeys("measureCandidates:", options, ["task", "bootstrap", "depths", "train"]);
  const { task, bootstrap, depths = DEPTHS, train = [] } = options;
  for (const depth of depths) assertInteger("measureCandidates: depths", depth, 1);
  const [system, ...more] = bySystem("measureCandidates", labelPredictions(predictions)).keys();
  if (more.length > 0)
    throw new DataError(`measureCandidates: predictions must be of one system; got ${[system, ...more].join(", ")}.`);
  const deepest = predictions.reduce((most, { readings }) => Math.max(most, ...readings.map(rankOf)), -1) + 1;
  const groups = predictions.map(({ group }) => group);
  const settings: MeasureOptions = { task, bootstrap };
  return PARTS.flatMap(({ name, heads }) =>
    depths
      .filter((depth) => depth <= deepest)
      .flatMap((depth) => {
        const cut = (some: readonly Prediction[]) => some.map((one) => withReadings(one, { task, heads, depth }));
        const parts = { rows: cut(predictions), train: heads.length > 1 ? cut(train) : [] };
        const all = [...levelsOf(parts.rows), ...(heads.length > 1 ? picksOf(parts) : [])];
        return all.map(({ metric, part, statistic }) => {
          const subset = [name, depth, ...(part === undefined ? [] : [part])].join(", ");
          return measure({ system: system!, metric, subset, groups, statistic }, settings);
        });
      }),
  );
}

const rankOf = ({ retrieved }: Reading): number => passageOf(retrieved).rank;

interface Cut {
  readonly task: Task;
  readonly heads: readonly Head[];
  readonly depth: number;
}

/** A prediction as it would be with fewer readings. */
function withReadings(prediction: Prediction, { task, heads, depth }: Cut): Prediction {
  const [one] = labelPredictions([prediction]);
  const readings = one!.readings.filter(({ retrieved }) => {
    const { head, rank } = passageOf(retrieved);
    return heads.includes(head) && rank < depth;
  });
  const weights = fusionWeights(readings.map(({ retrieved }) => retrieved!));
  const fused = formOf(one!.form).fuse(readings as never, weights, { labels: task.labels, fusion: "probabilities" });
  return { ...one!, ...fused, weights, readings } as Prediction;
}

interface CandidateRow {
  readonly metric: string;
  /** Which rule picks. */
  readonly part?: string;
  readonly statistic: Statistic;
}

function levelsOf(rows: readonly Prediction[]): CandidateRow[] {
  return [
    { metric: "accuracy", statistic: shareOf(rows, isCorrect) },
    { metric: "oracle", statistic: shareOf(rows, isOracleCorrect) },
    { metric: "chanceOracle", statistic: chanceOracleOf(rows) },
  ];
}

function picksOf({
  rows,
  train,
}: {
  readonly rows: readonly Prediction[];
  readonly train: readonly Prediction[];
}): CandidateRow[] {
  const learned = train.length === 0 ? [] : [[CROSS_SCORER, trainCrossScorer(train)] as const];
  const rules = [...PICKS.map((pick) => [pick, (one: Prediction) => pickReading(one, pick)] as const), ...learned];
  return rules.flatMap(([part, place]) => pickedStatistics(rows, place).map((row) => ({ ...row, part })));
}
