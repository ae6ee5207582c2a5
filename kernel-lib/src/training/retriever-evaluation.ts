import type { Matrix } from "../base/types";
import { embedInBatches } from "../retriever/embed-in-batches";
import { mixEmbeddings, normaliseRows } from "../retriever/mix";
import { judgeCandidates } from "./judge-candidates";
import type { Evaluation } from "./loop";
import { candidateScores } from "./retriever-data";
import { measureRetrieverHealth, topColumns } from "./retriever-health";
import { lossOptionsOf, retrieverLoss } from "./retriever-loss";
import { judgeOptionsOf, type RetrieverStageInputs, type RetrieverStageOptions } from "./retriever-options";

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
