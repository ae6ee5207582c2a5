import type { AnswerForm, Example, FormParts, Label, MetricName } from "../base/types";

/** An answer of a form: a label's index, a set of them, or words. */
export type Answer<F extends AnswerForm = AnswerForm> = FormParts[F]["answer"];

/** How readings with probabilities become one: the paper averages the probabilities, the reference code the logits. */
export type Fusion = "probabilities" | "logits";

/** What every fusion is told besides the readings. */
export interface FuseOptions {
  /** The task's labels, [C]. */
  readonly labels: readonly Label[];
  /** Only where readings have probabilities. */
  readonly fusion: Fusion;
}

/** What several readings say together: null when it cannot be read. */
export type Fused<F extends AnswerForm> = { readonly answer: Answer<F> | null } & FormParts[F]["fused"];

/** What fusion looks at in one reading. */
export type Vote<F extends AnswerForm> = { readonly answer: Answer<F> | null } & FormParts[F]["reading"];

/** What each metric compares: one label, a set of labels, either of them, or words. */
export interface MetricInputs {
  readonly accuracy: number;
  readonly macroF1: number | readonly number[];
  readonly exactMatch: readonly number[];
  readonly closedAccuracy: string;
  readonly tokenRecall: string;
}

/** An answer as each metric that is defined for it wants it. */
export type Scores<A> = {
  readonly [M in MetricName]?: (answer: A, labels: readonly Label[]) => MetricInputs[M];
};

/**
 * One form of answer: everything in the library that depends on how an example is answered asks this object. A new form is a file
 * with such an object, its entry in `FormParts` and its line in forms.ts.
 */
export interface Form<F extends AnswerForm = AnswerForm> {
  readonly name: F;
  /** The true answer of an example. @throws DataError when the example has none of this form. */
  truth(example: Example): Answer<F>;
  /** What a written answer says; null when it cannot be read: it counts as wrong, never as some default. */
  parse(text: string, labels: readonly Label[]): Answer<F> | null;
  /** What the reader's logits of the labels, [C], add to a reading. Null: the reader only writes, no label is scored. */
  readonly judge: ((logits: ArrayLike<number>) => FormParts[F]["reading"]) | null;
  /**
   * One answer from K readings.
   *
   * @param weights [K], at least 0, sum to 1: what fusionWeights() returned.
   * @throws ShapeError when lengths differ or K = 0. NumericError on weights that are no distribution.
   */
  fuse(readings: readonly Vote<F>[], weights: readonly number[], options: FuseOptions): Fused<F>;
  /**
   * The answer in words that are the same for equal answers and only for them; null for an answer without a word.
   *
   * @param labels the task's, for their names. Default: a label is told by its index.
   */
  wording(answer: Answer<F>, labels?: readonly Label[]): string | null;
  /** How each metric sees an answer; a metric that is not named is not defined for this form. */
  readonly score: Scores<Answer<F>>;
}
