/** Said of an answer that stands the check. */
export const RIGHT = "right";
/** Said while the answer is undefined. */
export const NOT_ANSWERED = "not answered yet: fill in the cell above, then run it and this one";

/**
 * Judges the answer to an exercise of a notebook, in one line that the check cell ends with. It never throws: an answer that
 * breaks the check (a wrong type, a wrong length) is told what went wrong.
 *
 * @param answer what the reader filled in; undefined is no answer yet, null may be one ("there is none").
 * @param isRight computes whether the answer is right, from what the notebook has measured.
 * @param hint a sentence for an answer that is not right; it gives nothing away.
 * @returns "right", "not answered yet: …" or "not yet: …" with the hint.
 * @example kernel.checkExercise(guess, (loss) => Math.abs(loss - measured) < 0.01, "How probable is each label?")
 */
export function checkExercise<T>(answer: T | undefined, isRight: (answer: T) => boolean, hint: string): string {
  if (answer === undefined) return NOT_ANSWERED;
  try {
    return isRight(answer) ? RIGHT : `not yet: ${hint}`;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `not yet: ${hint} (The check stopped at: ${reason})`;
  }
}
