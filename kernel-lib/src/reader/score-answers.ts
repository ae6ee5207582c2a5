import { ConfigError } from "../base/errors";
import type { Label } from "../base/types";
import { scoreAnswers } from "../models/answer-scores";
import type { PromptBatch } from "../models/prompt-batch";
import type { VisionLanguageModel } from "../models/vision-language";
import type { LabelScores } from "./reader";

/**
 * What the reader thinks of each label, for every prompt of a batch.
 *
 * Paper: arXiv 2508.17394v3: the mean over a label's answer tokens of the logits at those positions; a softmax over the
 * labels makes probabilities of them.  Deviation: none.
 * Shapes: B prompts, C labels -> B times { logits [C], logLikelihoods [C] }.
 *
 * @throws ConfigError when there is no label.
 */
export async function scoreLabelAnswers(
  model: VisionLanguageModel,
  batch: PromptBatch,
  labels: readonly Label[],
): Promise<LabelScores[]> {
  if (labels.length === 0) throw new ConfigError("scoreLabelAnswers: labels must hold at least one label; got none.");
  const scores = await scoreAnswers(
    model,
    batch,
    labels.map((label) => label.answer),
  );
  return scores.map((row) => ({
    logits: Float32Array.from(row, (score) => score.meanLogit),
    logLikelihoods: Float32Array.from(row, (score) => score.logLikelihood),
  }));
}
