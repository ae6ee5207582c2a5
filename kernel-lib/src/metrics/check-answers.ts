import { assertSameLength } from "../base/check";
import { ShapeError } from "../base/errors";

/** Throws unless there is one answer per true label, and at least one. */
export function assertAnswers(where: string, answers: ArrayLike<unknown>, truth: ArrayLike<unknown>): void {
  assertSameLength(`${where}: answers`, answers.length, truth.length);
  if (truth.length === 0) throw new ShapeError(`${where}: answers must hold at least one; got 0.`);
}
