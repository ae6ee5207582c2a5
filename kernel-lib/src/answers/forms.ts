import { DataError } from "../base/errors";
import type { AnswerForm, Example, Label, Prediction } from "../base/types";
import { labelsFor } from "../reader/reader";
import type { Form } from "./form";
import { label, yesNo } from "./label";
import { labels } from "./labels";
import { words } from "./words";

/** Every form of answer, once, in the order in which a task's examples are answered. */
export const FORMS: { readonly [F in AnswerForm]: Form<F> } = { label, yesNo, labels, words };

/** Their names, in that order. */
const FORM_NAMES = Object.keys(FORMS) as readonly AnswerForm[];

/** The object of a form. */
export function formOf<F extends AnswerForm>(name: F): Form<F> {
  return FORMS[name];
}

/** The forms of answer of these examples, each once; an example that names none is answered with one label. */
export function formsOf(examples: readonly Pick<Example, "form">[]): AnswerForm[] {
  const there = new Set(examples.map(({ form = "label" }) => form));
  return FORM_NAMES.filter((name) => there.has(name));
}

/** The forms whose answer is exactly one of the task's labels, so that it has probabilities. */
type OneLabelForm = "label" | "yesNo";

/** Whether the answer is exactly one of the task's labels, so that it has probabilities. */
export function isOneLabel(prediction: Prediction): prediction is Prediction<OneLabelForm> {
  return prediction.form === "label" || prediction.form === "yesNo";
}

/**
 * The same predictions, known to be answered with one label each.
 *
 * @throws DataError when one is answered with a set of labels or in words.
 * @example const sure = labelPredictions(predictions).map(({ truth, probabilities }) => probabilities[truth])
 */
export function labelPredictions(predictions: readonly Prediction[]): readonly Prediction<OneLabelForm>[] {
  return predictions.map((prediction) => {
    if (isOneLabel(prediction)) return prediction;
    const { exampleId, form } = prediction;
    throw new DataError(
      `labelPredictions: predictions must be answered with one label each; ${exampleId} has the form "${form}". Keep the others apart.`,
      { exampleId, form },
    );
  });
}

/** What one prediction says, in wordings that are equal exactly when the answers are. */
export interface AnswerWordings {
  /** Null only where the true answer has no word. */
  readonly truth: string | null;
  /** Null: unparsed, or without a word. */
  readonly answer: string | null;
  /** One per reading, in their order. */
  readonly readings: readonly (string | null)[];
}

/** The answers of a prediction of any form, made comparable. The empty set is an answer like any other. */
export function answerWordings({ form, truth, answer, readings }: Prediction): AnswerWordings {
  const told = (said: Prediction["answer"]): string | null => (said === null ? null : formOf(form).wording(said));
  return { truth: told(truth), answer: told(answer), readings: readings.map((reading) => told(reading.answer)) };
}

/** Whether the fused answer is exactly the true one; of words, the same words in the same order. Unparsed equals nothing. */
export function isCorrect(prediction: Prediction): boolean {
  const { truth, answer } = answerWordings(prediction);
  return answer !== null && answer === truth;
}

/** What somebody wrote as the answer to an example, in a wording that is the same for equal answers; null when it cannot be read. */
export function wordingOf(text: string, example: Example, labels: readonly Label[]): string | null {
  const { parse, wording } = formOf(example.form ?? "label");
  const written = labelsFor(example, labels);
  const answer = parse(text, written);
  return answer === null ? null : wording(answer, written);
}
