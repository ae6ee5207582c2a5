import type { Control, Head, Matrix } from "../base/types";
import type { CachedScores } from "../reader/cached-scores";
import type { LearnedTower } from "../retriever/learned-tower";
import type { PreferenceSoftmax } from "./losses/reader-preference";
import type { CorpusView, QuerySet } from "./retriever-data";
import type { RetrieverLoss } from "./retriever-loss";

/** Options of the retriever stage; the paper's value stands behind each. */
export interface RetrieverStageOptions {
  /** Optimiser steps (paper: up to 50,000). */
  readonly steps: number;
  /** Queries per step (paper: 2). */
  readonly batchSize: number;
  /** Candidates per query, K (paper: 50). */
  readonly numCandidates: number;
  /** Highest learning rate (paper: 1e-4). */
  readonly learningRate: number;
  /** Steps of linear warm-up (paper: 1,000). */
  readonly warmupSteps: number;
  /** Steps between evaluations (paper: 100). */
  readonly evaluateEvery: number;
  /** Evaluations between refreshes of the candidates (paper: 10). */
  readonly refreshEvery: number;
  /** Weight decay of AdamW (paper: 0.01). Default 0.01. */
  readonly weightDecay?: number;
  /** Share of the learned tower in the query embedding. Default 0.15 (paper). */
  readonly learnedWeight?: number;
  /** Temperature of the retriever's softmax. Default 1 (paper). */
  readonly temperature?: number;
  /** Which loss. Default the paper's contrastive one, with prior. */
  readonly loss?: RetrieverLoss;
  /** Default "once" (paper); "twice" is the reference code's. */
  readonly preferenceSoftmax?: PreferenceSoftmax;
  /** What decides the best checkpoint: the true answer's likelihood under the best candidates, or the loss. Default "likelihood". */
  readonly bestBy?: "likelihood" | "loss";
  /** Best candidates of a validation query whose likelihood counts. Default 4. */
  readonly validationTop?: number;
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
  readonly seed: number | string;
  readonly stateFile?: string;
  readonly control?: Control;
}
