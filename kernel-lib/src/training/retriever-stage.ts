import * as tf from "@tensorflow/tfjs-core";
import { assertInRange, assertInteger, assertOneOf, assertSameLength } from "../base/check";
import { ConfigError, DataError } from "../base/errors";
import type { Matrix } from "../base/types";
import { assertLossOptions, lossOptionsOf, retrieverLoss } from "../losses/losses";
import { preferenceLossOp } from "../losses/preference-loss";
import { PREFERENCE_SOFTMAXES } from "../losses/reader-preference";
import { embedInBatches, type LearnedTower } from "../retriever/learned-tower";
import { mixEmbeddings, normaliseRows, PAPER_LEARNED_WEIGHT } from "../retriever/mix";
import { measureRetrieverHealth, topColumns } from "./health";
import {
  assertLabelled,
  candidateScores,
  judgeCandidates,
  PREFERENCES,
  type ReaderJudgement,
  takeRows,
} from "./judge-candidates";
import { createBatchOrder, type Evaluation, type LoopResult, type Trainee, trainLoop } from "./loop";
import { judgeOptionsOf, type RetrieverStageInputs, type RetrieverStageOptions } from "./retriever-options";
import { cosineSchedule } from "./schedule";

const DEFAULT_VALIDATION_TOP = 4;
/** Compared tops: the best ten, of fewer than twenty candidates the better half (all of them would always be shared). */
const OVERLAP_TOP = 10;

/**
 * Validates one head: its loss, the true answer's likelihood under its best candidates, and its health.
 *
 * @param candidates rows of the K fixed candidates of each validation query.
 */
export async function evaluateRetriever(
  inputs: RetrieverStageInputs,
  options: RetrieverStageOptions & { readonly learnedWeight: number },
  candidates: readonly (readonly number[])[],
): Promise<Evaluation> {
  const { validation, corpus, tower, scores, control } = inputs;
  const { embeddings, passages } = corpus;
  const images = validation.examples.map((example) => example.image);
  const learned = await embedInBatches(tower, images, control);
  const mixed = mixEmbeddings(learned, validation.frozen, options.learnedWeight);
  const found = candidateScores(mixed, embeddings, candidates); // [n, K]
  const judgement = await judgeCandidates(
    scores,
    validation.examples,
    candidates.map((list) => list.map((row) => passages[row]!)),
    { ...judgeOptionsOf(options), control },
  );
  const loss = retrieverLoss(found, judgement, lossOptionsOf(options));
  const numTop = Math.min(options.validationTop ?? DEFAULT_VALIDATION_TOP, found.cols);
  const likelihood = meanTopLogProbability(found, judgement.trueProbability, numTop);
  const health = measureRetrieverHealth({
    target: loss.target,
    retriever: loss.retriever,
    frozenScores: candidateScores(validation.frozen, embeddings, candidates),
    learned: normaliseRows(learned),
    frozen: validation.frozen,
    numTop: Math.min(OVERLAP_TOP, Math.ceil(found.cols / 2)),
  });
  const score = options.bestBy === "loss" ? -loss.value : likelihood;
  return { score, values: { loss: loss.value, likelihood, ...health } };
}

/** Mean over queries of the log of the true label's mean probability under the best `numTop` candidates (nats). */
export function meanTopLogProbability(scores: Matrix, trueProbability: Matrix, numTop: number): number {
  let sum = 0;
  for (let row = 0; row < scores.rows; row++) {
    const best = topColumns(scores, row, numTop);
    const mean = best.reduce((total, col) => total + trueProbability.data[row * scores.cols + col]!, 0) / numTop;
    sum += Math.log(Math.max(mean, 1e-12));
  }
  return sum / scores.rows;
}

interface Batch {
  readonly images: Parameters<LearnedTower["embed"]>[0];
  readonly frozen: tf.Tensor2D;
  readonly candidates: tf.Tensor3D;
  readonly judgement: ReaderJudgement;
}

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
  checkInputs(inputs, options);
  const { train, validation, corpus, search } = inputs;
  const numCandidates = Math.min(options.numCandidates, corpus.passages.length);
  const learnedWeight = options.learnedWeight ?? PAPER_LEARNED_WEIGHT;
  const validationCandidates = await search(validation.frozen, numCandidates);
  let candidates = await search(train.frozen, numCandidates);
  const order = createBatchOrder({
    numExamples: train.examples.length,
    batchSize: options.batchSize,
    seed: `${inputs.seed}/${inputs.head}/order`,
  });
  let evaluations = 0;
  const refresh = async (): Promise<void> => {
    const learned = await embedInBatches(
      inputs.tower,
      train.examples.map((example) => example.image),
    );
    candidates = await search(mixEmbeddings(learned, train.frozen, learnedWeight), numCandidates);
  };
  const trainee: Trainee<Batch> = {
    stage: `retriever ${inputs.head} head`,
    variables: inputs.tower.variables,
    prepare: (step) => prepareBatch(inputs, options, order(step), candidates),
    loss: (batch) => batchLoss(inputs.tower, batch, { ...options, learnedWeight }),
    release: (batch) => tf.dispose([batch.frozen, batch.candidates]),
    evaluate: async () => {
      const evaluation = await evaluateRetriever(inputs, { ...options, learnedWeight }, validationCandidates);
      if (evaluations > 0 && evaluations % options.refreshEvery === 0) await refresh();
      evaluations += 1;
      return evaluation;
    },
    saveExtra: () => ({ evaluations, candidates }),
    restoreExtra: (extra) => {
      ({ evaluations, candidates } = extra as { evaluations: number; candidates: typeof candidates });
    },
  };
  return trainLoop(trainee, loopOptions(inputs, options));
}

function loopOptions(inputs: RetrieverStageInputs, options: RetrieverStageOptions): Parameters<typeof trainLoop>[1] {
  const { steps, learningRate, warmupSteps, evaluateEvery } = options;
  return {
    steps,
    evaluateEvery,
    schedule: cosineSchedule({ learningRate, steps, warmupSteps }),
    seed: `${inputs.seed}/${inputs.head}`,
    adamw: { weightDecay: options.weightDecay ?? 0.01 },
    ...(inputs.stateFile === undefined ? {} : { stateFile: inputs.stateFile }),
    ...(inputs.control === undefined ? {} : { control: inputs.control }),
  };
}

function checkInputs(inputs: RetrieverStageInputs, options: RetrieverStageOptions): void {
  const { corpus, train, validation } = inputs;
  assertInteger("trainRetrieverHead: batchSize", options.batchSize, 1);
  assertInteger("trainRetrieverHead: numCandidates", options.numCandidates, 2);
  assertInteger("trainRetrieverHead: refreshEvery", options.refreshEvery, 1);
  assertInRange("trainRetrieverHead: learnedWeight", options.learnedWeight ?? PAPER_LEARNED_WEIGHT, 1e-6, 1);
  assertOptions(options);
  assertSameLength("trainRetrieverHead: corpus.embeddings", corpus.embeddings.rows, corpus.passages.length);
  for (const [name, set] of Object.entries({ train, validation })) {
    assertSameLength(`trainRetrieverHead: ${name}.frozen`, set.frozen.rows, set.examples.length);
    if (set.examples.length === 0) {
      throw new DataError(`trainRetrieverHead: ${name} must hold at least one example; got none.`, { split: name });
    }
    if (contrastsLabels(options)) assertLabelled(`trainRetrieverHead (loss "${options.loss}")`, set.examples);
  }
}

function assertOptions(options: RetrieverStageOptions): void {
  const { loss = "contrastive", preference = "labels", preferenceSoftmax, bestBy = "likelihood" } = options;
  assertLossOptions("trainRetrieverHead", options);
  assertOneOf("trainRetrieverHead: preference", preference, PREFERENCES);
  assertOneOf("trainRetrieverHead: preferenceSoftmax", preferenceSoftmax ?? "once", PREFERENCE_SOFTMAXES);
  assertOneOf("trainRetrieverHead: bestBy", bestBy, ["likelihood", "loss"]);
  assertInteger("trainRetrieverHead: validationTop", options.validationTop ?? 1, 1);
  if (preference === "labels") return;
  const contradiction = contrastsLabels(options) ? `loss: "${loss}"` : null;
  const found = preferenceSoftmax === "twice" ? 'preferenceSoftmax: "twice"' : contradiction;
  if (found === null) return;
  throw new ConfigError(
    `trainRetrieverHead: preference must be "labels" with ${found}; got "tokens", which knows no labels. Drop one of the two.`,
    { preference, loss },
  );
}

/** Whether the loss needs every label's logit. */
function contrastsLabels({ loss }: RetrieverStageOptions): boolean {
  return loss === "reveal" || loss === "attentionDistillation";
}

async function prepareBatch(
  inputs: RetrieverStageInputs,
  options: RetrieverStageOptions,
  rows: readonly number[],
  candidates: readonly (readonly number[])[],
): Promise<Batch> {
  const { train, corpus } = inputs;
  const examples = rows.map((row) => train.examples[row]!);
  const candidateRows = rows.map((row) => candidates[row]!);
  const passages = candidateRows.map((list) => list.map((row) => corpus.passages[row]!));
  const judgement = await judgeCandidates(inputs.scores, examples, passages, {
    ...judgeOptionsOf(options),
    control: inputs.control?.signal === undefined ? undefined : { signal: inputs.control.signal },
  });
  const frozen = takeRows(train.frozen, rows);
  const vectors = takeRows(corpus.embeddings, candidateRows.flat());
  return {
    images: examples.map((example) => example.image),
    frozen: tf.tensor2d(frozen.data, [frozen.rows, frozen.cols]),
    candidates: tf.tensor3d(vectors.data, [rows.length, vectors.rows / rows.length, vectors.cols]), // [B, K, D]
    judgement,
  };
}

function batchLoss(
  tower: LearnedTower,
  batch: Batch,
  options: RetrieverStageOptions & { learnedWeight: number },
): tf.Scalar {
  const { learnedWeight } = options;
  const learned = tower.embed(batch.images); // [B, D]
  const mixed = tf.add(tf.mul(learned, learnedWeight), tf.mul(batch.frozen, 1 - learnedWeight));
  const [rows, cols] = batch.candidates.shape;
  const scores = tf.matMul(batch.candidates, tf.expandDims<tf.Tensor3D>(mixed, 2)); // [B, K, D] x [B, D, 1] -> [B, K, 1]
  return preferenceLossOp(tf.reshape(scores, [rows, cols]), (values) =>
    retrieverLoss(values, batch.judgement, lossOptionsOf(options)),
  );
}
