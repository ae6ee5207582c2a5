import { assertInRange, assertInteger, assertOneOf, assertSameLength } from "../base/check";
import { ConfigError, DataError } from "../base/errors";
import type { Control, Example, Head, Matrix, Passage } from "../base/types";
import { PREFERENCE_SOFTMAXES, type PreferenceSoftmax } from "../losses/contrastive-kl";
import { chooseLoss, lossOptionsOf, type RetrieverLossOptions } from "../losses/losses";
import { needsLabels, type SettledLoss } from "../losses/retriever-loss";
import type { CachedScores } from "../reader/score-cache";
import type { LearnedTower } from "../retriever/learned-tower";
import { PAPER_LEARNED_WEIGHT } from "../retriever/mix";
import { assertLabelled, PREFERENCES, type Preference } from "./judge-candidates";

/** Options of the retriever stage, those of its loss included; the paper's value stands behind each. */
export interface RetrieverStageOptions extends RetrieverLossOptions {
  /** Optimiser steps (paper: up to 50,000). */
  readonly steps: number;
  /** Queries per step (paper: 2). */
  readonly batchSize: number;
  /** Candidates per query, K (paper: 50). */
  readonly numCandidates: number;
  /** Training questions it learns from, drawn once for all seeds and heads; at least 1. Default all (paper). */
  readonly numQuestions?: number;
  /** Highest learning rate (paper: 1e-4). */
  readonly learningRate: number;
  /** Steps of linear warm-up (paper: 1,000). */
  readonly warmupSteps: number;
  /** Steps between evaluations (paper: 100). */
  readonly evaluateEvery: number;
  /** Evaluations between refreshes of the candidates (paper: 10). */
  readonly refreshEvery: number;
  /** Weight decay of AdamW. Default 0.01 (paper). */
  readonly weightDecay?: number;
  /** Share of the learned tower in the query embedding. Default PAPER_LEARNED_WEIGHT. */
  readonly learnedWeight?: number;
  /** What the reader is asked about a candidate. Default "labels" (paper), and the answer's likelihood where there are none. */
  readonly preference?: Preference;
  /** Default "once" (paper); "twice" is the reference code's. */
  readonly preferenceSoftmax?: PreferenceSoftmax;
  /** What decides the best checkpoint: the true answer's likelihood under the best candidates, or the loss. Default "likelihood". */
  readonly bestBy?: "likelihood" | "loss";
  /** Best candidates of a validation query whose likelihood counts. Default 4: two of each head, as at inference. */
  readonly validationTop?: number;
}

/**
 * The paper's values (arXiv 2508.17394v3, retriever fine-tuning); what is left out has the paper's value as its default.
 * A laptop wants fewer steps and candidates: see experiments/profiles.
 */
export const PAPER_RETRIEVER_OPTIONS = {
  steps: 50_000,
  batchSize: 2,
  numCandidates: 50,
  learningRate: 1e-4,
  warmupSteps: 1000,
  evaluateEvery: 100,
  refreshEvery: 10,
  weightDecay: 0.01,
  learnedWeight: PAPER_LEARNED_WEIGHT,
  temperature: 1,
} as const satisfies RetrieverStageOptions;

/** Queries of one split with their frozen embeddings. */
export interface QuerySet {
  readonly examples: readonly Example[];
  /** [n, D], L2-normalised. */
  readonly frozen: Matrix;
}

/** The corpus as one head sees it: the passages and that head's frozen view of them, row by row. */
export interface CorpusView {
  readonly passages: readonly Passage[];
  /** [N, D], L2-normalised. */
  readonly embeddings: Matrix;
}

/** What the stage works on. Only `tower` changes. */
export interface RetrieverStageInputs {
  readonly head: Head;
  readonly tower: LearnedTower;
  readonly train: QuerySet;
  readonly validation: QuerySet;
  readonly corpus: CorpusView;
  /** The frozen reader's label scores, cached. */
  readonly scores: CachedScores;
  /** The base retriever: rows of the best K passages of each query embedding, [n, D] -> n lists. */
  readonly search: (queries: Matrix, numCandidates: number) => Promise<readonly (readonly number[])[]>;
  /** Rows of the candidates that training begins with, one list per training query. Default those of the frozen retriever. */
  readonly candidates?: readonly (readonly number[])[];
  readonly seed: number | string;
  /** A loss that is not listed in losses/, settled. Default: the listed one that the options name. */
  readonly loss?: SettledLoss;
  readonly stateFile?: string;
  readonly control?: Control;
}

/** The options with every default filled in, and the loss they name as an object. */
export interface RetrieverStageSettings
  extends Required<Omit<RetrieverStageOptions, keyof RetrieverLossOptions | "numQuestions">> {
  readonly loss: SettledLoss;
}

/**
 * Checks what the stage is given and fills in the defaults.
 *
 * @throws ConfigError on an option out of range or at odds with another. DataError on an empty split, or a question without labels
 * under a loss that contrasts them. ShapeError when embeddings and examples differ in number.
 */
export function settleStage(inputs: RetrieverStageInputs, options: RetrieverStageOptions): RetrieverStageSettings {
  const where = "trainRetrieverHead";
  const { weightDecay = PAPER_RETRIEVER_OPTIONS.weightDecay, learnedWeight = PAPER_LEARNED_WEIGHT } = options;
  const { preference = "labels", preferenceSoftmax = "once", bestBy = "likelihood", validationTop = 4 } = options;
  assertInteger(`${where}: batchSize`, options.batchSize, 1);
  assertInteger(`${where}: numCandidates`, options.numCandidates, 2);
  assertInteger(`${where}: refreshEvery`, options.refreshEvery, 1);
  assertInteger(`${where}: validationTop`, validationTop, 1);
  assertInRange(`${where}: learnedWeight`, learnedWeight, 1e-6, 1);
  assertOneOf(`${where}: preference`, preference, PREFERENCES);
  assertOneOf(`${where}: preferenceSoftmax`, preferenceSoftmax, PREFERENCE_SOFTMAXES);
  assertOneOf(`${where}: bestBy`, bestBy, ["likelihood", "loss"]);
  const loss = inputs.loss === undefined ? chooseLoss(where, options) : onlyLoss(where, inputs.loss, options);
  if (preference === "tokens") assertWithoutLabels(where, loss, preferenceSoftmax);
  assertQueries(where, inputs, loss);
  return {
    steps: options.steps,
    batchSize: options.batchSize,
    numCandidates: Math.min(options.numCandidates, inputs.corpus.passages.length),
    learningRate: options.learningRate,
    warmupSteps: options.warmupSteps,
    evaluateEvery: options.evaluateEvery,
    refreshEvery: options.refreshEvery,
    weightDecay,
    learnedWeight,
    preference,
    preferenceSoftmax,
    bestBy,
    validationTop,
    loss,
  };
}

/** A loss among the inputs; throws ConfigError where the options name another one, or options of one. */
function onlyLoss(where: string, loss: SettledLoss, options: RetrieverStageOptions): SettledLoss {
  const [name] = [...(options.loss === undefined ? [] : ["loss"]), ...Object.keys(lossOptionsOf(options))];
  if (name === undefined) return loss;
  throw new ConfigError(
    `${where}: ${name} must be left out with the loss "${loss.name}" among the inputs. Give its options to settleLoss().`,
    { loss: loss.name, option: name },
  );
}

/** Throws ConfigError where labels are asked about although the reader is asked for its own answer's tokens. */
function assertWithoutLabels(where: string, loss: SettledLoss, preferenceSoftmax: PreferenceSoftmax): void {
  const contradiction = needsLabels(loss) ? `loss: "${loss.name}"` : null;
  const found = preferenceSoftmax === "twice" ? 'preferenceSoftmax: "twice"' : contradiction;
  if (found === null) return;
  throw new ConfigError(
    `${where}: preference must be "labels" with ${found}; got "tokens", which knows no labels. Drop one of the two.`,
    { preference: "tokens", loss: loss.name },
  );
}

function assertQueries(where: string, { corpus, train, validation }: RetrieverStageInputs, loss: SettledLoss): void {
  assertSameLength(`${where}: corpus.embeddings`, corpus.embeddings.rows, corpus.passages.length);
  for (const [name, set] of Object.entries({ train, validation })) {
    assertSameLength(`${where}: ${name}.frozen`, set.frozen.rows, set.examples.length);
    if (set.examples.length === 0) {
      throw new DataError(`${where}: ${name} must hold at least one example; got none.`, { split: name });
    }
    if (needsLabels(loss)) assertLabelled(`${where} (loss "${loss.name}")`, set.examples);
  }
}
