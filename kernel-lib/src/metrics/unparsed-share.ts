import { ShapeError } from "../base/errors";

/**
 * Share of answers that could not be read (null), in [0, 1]. They count as wrong in every metric; this says how much of "wrong" is
 * "unreadable".
 *
 * @throws ShapeError without answers.
 * @example unparsedShare([1, null])   // 1/2
 */
export function unparsedShare(answers: readonly unknown[]): number {
  if (answers.length === 0) throw new ShapeError("unparsedShare: answers must hold at least one; got 0.");
  return answers.filter((answer) => answer === null).length / answers.length;
}
