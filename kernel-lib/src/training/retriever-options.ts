import type { Control, Head, Matrix } from "../base/types";
import type { RetrieverLossOptions } from "../losses/losses";
import type { PreferenceSoftmax } from "../losses/reader-preference";
import type { CachedScores } from "../reader/cached-scores";
import type { LearnedTower } from "../retriever/learned-tower";
import type { CorpusView, Preference, QuerySet } from "./judge-candidates";

/** Options of the retriever stage, those of its loss included; the paper's value stands behind each. */
export interface RetrieverStageOptions extends RetrieverLossOptions {
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
  /** Weight decay of AdamW. Default 0.01 (paper). */
  readonly weightDecay?: number;
  /** Share of the learned tower in the query embedding. Default 0.15 (paper). */
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
  learnedWeight: 0.15,
  temperature: 1,
} as const satisfies RetrieverStageOptions;

/** How the reader is asked, as the loss and the options want it. */
export function judgeOptionsOf(options: RetrieverStageOptions): {
  readonly preference: Preference;
  readonly softmax: PreferenceSoftmax;
  readonly closedBook: "read" | "skip";
} {
  return {
    preference: options.preference ?? "labels",
    softmax: options.preferenceSoftmax ?? "once",
    closedBook: options.loss === "attentionDistillation" ? "read" : "skip",
  };
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
