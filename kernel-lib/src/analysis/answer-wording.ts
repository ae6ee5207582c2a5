import type { AnyPrediction } from "../base/types";
import { answerWords } from "../inference/answer-words";

/** What one prediction says, in wordings that are equal exactly when the answers are. */
export interface AnswerWordings {
  /** Null only where the true answer has no word. */
  readonly truth: string | null;
  /** Null: unparsed, or without a word. */
  readonly answer: string | null;
  /** One per reading, in their order. */
  readonly readings: readonly (string | null)[];
}

/**
 * The answers of a prediction of any form, made comparable: a label by its index, a set of labels by its members, words by
 * `answerWords`. The empty set is an answer like any other.
 */
export function answerWordings(prediction: AnyPrediction): AnswerWordings {
  if ("trueLabel" in prediction) {
    const { trueLabel, label, readings } = prediction;
    return { truth: String(trueLabel), answer: ofLabel(label), readings: readings.map((each) => ofLabel(each.label)) };
  }
  if ("trueLabels" in prediction) {
    const { trueLabels, labels, readings } = prediction;
    return { truth: ofSet(trueLabels), answer: ofSet(labels), readings: readings.map((each) => ofSet(each.labels)) };
  }
  const { trueAnswer, answer, readings } = prediction;
  return {
    truth: ofWords(trueAnswer),
    answer: ofWords(answer),
    readings: readings.map((each) => ofWords(each.answer)),
  };
}

/** Whether the fused answer is exactly the true one; of words, the same words in the same order. Unparsed equals nothing. */
export function isCorrect(prediction: AnyPrediction): boolean {
  const { truth, answer } = answerWordings(prediction);
  return answer !== null && answer === truth;
}

function ofLabel(label: number | null): string | null {
  return label === null ? null : String(label);
}

function ofSet(labels: readonly number[] | null): string | null {
  return labels === null ? null : `{${[...labels].sort((a, b) => a - b).join(", ")}}`;
}

function ofWords(text: string | null): string | null {
  return answerWords(text ?? "").join(" ") || null;
}
