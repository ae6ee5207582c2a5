import * as tf from "@tensorflow/tfjs-core";
import { assertSameLength } from "../base/check";
import type { Example, Matrix, RasterImage } from "../base/types";
import { type LossResult, type ReaderJudgement, retrieverLossOp } from "../losses/retriever-loss";
import { embedInBatches } from "../retriever/learned-tower";
import { mixEmbeddings, mixTensors, normaliseRows } from "../retriever/mix";
import { measureRetrieverHealth, topColumns } from "./health";
import { type CandidateJudgement, judgeCandidates } from "./judge-candidates";
import { createBatchOrder, type Evaluation, type LoopOptions, type LoopResult, type Trainee, trainLoop } from "./loop";
import {
  type RetrieverStageInputs,
  type RetrieverStageOptions,
  type RetrieverStageSettings,
  settleStage,
} from "./retriever-options";
import { cosineSchedule } from "./schedule";

/** Rows of the candidates of each query. */
type CandidateRows = readonly (readonly number[])[];

/**
 * Stage 2 for one head: the query tower learns to score high what the frozen reader reads well.
 *
 * Paper: arXiv 2508.17394v3, retriever fine-tuning: KL(p_LVLM^C ‖ p_RETR) over K candidates found by a base retriever that is
 * refreshed every few evaluations; corpus embeddings and reader stay frozen; the best validation checkpoint is kept.
 * Deviation: validation candidates are those of the frozen retriever throughout, so that evaluations compare.
 * Memory: the tower stays the caller's and holds the best weights afterwards; everything else is disposed.
 *
 * @throws NumericError on a diverging loss. InterruptedError on abort. ConfigError on an option out of range.
 */
export async function trainRetrieverHead(
  inputs: RetrieverStageInputs,
  options: RetrieverStageOptions,
): Promise<LoopResult> {
  const settings = settleStage(inputs, options);
  const { tower, train, validation, search, seed, head } = inputs;
  const { numCandidates, learnedWeight, batchSize, refreshEvery } = settings;
  const validationCandidates = await search(validation.frozen, numCandidates);
  let candidates: CandidateRows = inputs.candidates ?? (await search(train.frozen, numCandidates));
  let evaluations = 0;
  const order = createBatchOrder({ numExamples: train.examples.length, batchSize, seed: `${seed}/${head}/order` });
  const refresh = async (step: number): Promise<void> => {
    const learned = await embedInBatches(tower, imagesOf(train.examples));
    candidates = await search(mixEmbeddings(learned, train.frozen, learnedWeight), numCandidates);
    const next = Math.min(settings.steps, step + settings.evaluateEvery * refreshEvery);
    await readAhead(inputs, candidates, rowsOf(order, step, next));
  };
  const trainee: Trainee<Batch> = {
    stage: `retriever ${head} head`,
    variables: tower.variables,
    prepare: (step) => prepareBatch(inputs, settings, order(step), candidates),
    loss: (batch) => batchLoss(inputs, settings, batch),
    release: (batch) => tf.dispose([batch.frozen, batch.candidates]),
    evaluate: async (step) => {
      const evaluation = await evaluateHead(inputs, settings, validationCandidates);
      const due = evaluations > 0 && evaluations % refreshEvery === 0 && step < settings.steps;
      if (due) await refresh(step);
      evaluations += 1;
      return evaluation;
    },
    saveExtra: () => ({ evaluations, candidates }),
    restoreExtra: (extra) => {
      ({ evaluations, candidates } = extra as { evaluations: number; candidates: CandidateRows });
    },
  };
  return trainLoop(trainee, loopOptions(inputs, settings));
}

/** The rows that the steps from `first` to before `last` see, each once. */
function rowsOf(order: (step: number) => number[], first: number, last: number): number[] {
  const steps = Array.from({ length: last - first }, (_, i) => order(first + i));
  return [...new Set(steps.flat())];
}

/** Reads the candidates of these training queries at once: a reader has the beginning of a prompt in common for all questions of a passage. */
async function readAhead(
  { train, corpus, scores, control }: RetrieverStageInputs,
  candidates: CandidateRows,
  rows: readonly number[],
): Promise<void> {
  const pairs = rows.flatMap((row) => {
    const example = train.examples[row]!;
    return candidates[row]!.map((candidate) => ({ example, passage: corpus.passages[candidate]! }));
  });
  await scores.score(pairs, control?.signal === undefined ? {} : { signal: control.signal });
}

function loopOptions(inputs: RetrieverStageInputs, settings: RetrieverStageSettings): LoopOptions {
  const { steps, learningRate, warmupSteps, evaluateEvery, weightDecay } = settings;
  return {
    steps,
    evaluateEvery,
    schedule: cosineSchedule({ learningRate, steps, warmupSteps }),
    seed: `${inputs.seed}/${inputs.head}`,
    adamw: { weightDecay },
    ...(inputs.stateFile === undefined ? {} : { stateFile: inputs.stateFile }),
    ...(inputs.control === undefined ? {} : { control: inputs.control }),
  };
}

/** B queries with their candidates, and what the reader says about them. */
interface Batch {
  readonly images: readonly RasterImage[];
  /** [B, D] */
  readonly frozen: tf.Tensor2D;
  /** [B, K, D] */
  readonly candidates: tf.Tensor3D;
  readonly judgement: ReaderJudgement;
}

async function prepareBatch(
  inputs: RetrieverStageInputs,
  settings: RetrieverStageSettings,
  rows: readonly number[],
  candidates: CandidateRows,
): Promise<Batch> {
  const { train, corpus } = inputs;
  const examples = rows.map((row) => train.examples[row]!);
  const candidateRows = rows.map((row) => candidates[row]!);
  const quiet = { ...inputs, control: { signal: inputs.control?.signal } };
  const judgement = await judge(quiet, settings, examples, candidateRows);
  const frozen = takeRows(train.frozen, rows);
  const vectors = takeRows(corpus.embeddings, candidateRows.flat());
  return {
    images: imagesOf(examples),
    frozen: tf.tensor2d(frozen.data, [frozen.rows, frozen.cols]),
    candidates: tf.tensor3d(vectors.data, [rows.length, vectors.rows / rows.length, vectors.cols]), // [B, K, D]
    judgement,
  };
}

/** The loss of the scores s_k = <0.15 learned + 0.85 frozen, candidate k>; its gradient reaches the tower through `learned`. */
function batchLoss({ tower }: RetrieverStageInputs, settings: RetrieverStageSettings, batch: Batch): tf.Scalar {
  const { learnedWeight, loss } = settings;
  const learned = tower.embed(batch.images); // [B, D]
  const queries = mixTensors(learned, batch.frozen, learnedWeight); // [B, D]
  const [rows, cols] = batch.candidates.shape;
  const scores = tf.matMul(batch.candidates, tf.expandDims<tf.Tensor3D>(queries, 2)); // [B, K, D] x [B, D, 1] -> [B, K, 1]
  return retrieverLossOp(tf.reshape(scores, [rows, cols]), (values) => loss.evaluate(values, batch.judgement));
}

/** Compared tops: the best ten, of fewer than twenty candidates the better half (all of them would always be shared). */
const OVERLAP_TOP = 10;

/** Validates a head: its loss, the true answer's likelihood under its best candidates, and its health. */
async function evaluateHead(
  inputs: RetrieverStageInputs,
  settings: RetrieverStageSettings,
  candidates: CandidateRows,
): Promise<Evaluation> {
  const { validation, corpus, tower, control } = inputs;
  const learned = await embedInBatches(tower, imagesOf(validation.examples), control);
  const queries = mixEmbeddings(learned, validation.frozen, settings.learnedWeight);
  const scores = candidateScores(queries, corpus.embeddings, candidates); // [n, K]
  const judgement = await judge(inputs, settings, validation.examples, candidates);
  const loss: LossResult = settings.loss.evaluate(scores, judgement);
  const likelihood = meanTopLogProbability(scores, judgement.trueProbability, settings.validationTop);
  const health = measureRetrieverHealth({
    target: loss.target,
    retriever: loss.retriever,
    frozenScores: candidateScores(validation.frozen, corpus.embeddings, candidates),
    learned: normaliseRows(learned),
    frozen: validation.frozen,
    numTop: Math.min(OVERLAP_TOP, Math.ceil(scores.cols / 2)),
  });
  const score = settings.bestBy === "loss" ? -loss.value : likelihood;
  return { score, values: { loss: loss.value, likelihood, ...health } };
}

/** Asks the reader about the candidates of some queries, as the loss needs it. */
function judge(
  { corpus, scores, control }: RetrieverStageInputs,
  { loss, preference, preferenceSoftmax }: RetrieverStageSettings,
  examples: readonly Example[],
  candidates: CandidateRows,
): Promise<CandidateJudgement> {
  const passages = candidates.map((list) => list.map((row) => corpus.passages[row]!));
  const how = { needs: loss.needs, preference, softmax: preferenceSoftmax, control };
  return judgeCandidates(scores, examples, passages, how);
}

/** Mean over queries of the log of the true label's mean probability under the best `atMost` candidates (nats). */
function meanTopLogProbability(scores: Matrix, trueProbability: Matrix, atMost: number): number {
  const numTop = Math.min(atMost, scores.cols);
  let sum = 0;
  for (let row = 0; row < scores.rows; row++) {
    const best = topColumns(scores, row, numTop);
    const mean = best.reduce((total, col) => total + trueProbability.data[row * scores.cols + col]!, 0) / numTop;
    sum += Math.log(Math.max(mean, 1e-12));
  }
  return sum / scores.rows;
}

/** Inner products of each query with its own candidates. Shapes: queries [B, D], candidates B lists of K rows of [N, D] -> [B, K]. */
export function candidateScores(queries: Matrix, embeddings: Matrix, candidates: CandidateRows): Matrix {
  assertSameLength("candidateScores: candidates", candidates.length, queries.rows);
  const numCandidates = candidates[0]?.length ?? 0;
  const data = new Float32Array(queries.rows * numCandidates);
  candidates.forEach((rows, b) => {
    rows.forEach((row, k) => {
      let sum = 0;
      for (let d = 0; d < queries.cols; d++) {
        sum += queries.data[b * queries.cols + d]! * embeddings.data[row * queries.cols + d]!;
      }
      data[b * numCandidates + k] = sum;
    });
  });
  return { data, rows: queries.rows, cols: numCandidates };
}

/** Rows of a matrix, copied: [rows.length, cols]. */
export function takeRows(matrix: Matrix, rows: readonly number[]): Matrix {
  const { cols } = matrix;
  const data = new Float32Array(rows.length * cols);
  rows.forEach((row, i) => {
    data.set(matrix.data.subarray(row * cols, (row + 1) * cols), i * cols);
  });
  return { data, rows: rows.length, cols };
}

function imagesOf(examples: readonly Example[]): RasterImage[] {
  return examples.map((example) => example.image);
}
