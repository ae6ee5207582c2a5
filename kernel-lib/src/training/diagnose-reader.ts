import { assertSameLength } from "../base/check";
import { type HealthFinding, percent, type StageHealth } from "./stage-health";

/** A reader whose commonest answer has at least this share says one thing … */
const ONE_ANSWER = 0.98;
/** … unless the truth does nearly so too. */
const ONE_TRUTH = 0.95;
/** Fewer answers say little. */
const LEAST_ANSWERS = 8;

/**
 * Finds a reader that answers one thing to everything, or whose answers cannot be read.
 *
 * @param answers what the reader answered, in any fixed wording: a label's index, a set, a text; null where it could not be read.
 * @param truth the true answers in the same wording.
 * @throws ShapeError when the lengths differ.
 */
export function diagnoseReader(answers: readonly (string | null)[], truth: readonly string[]): StageHealth {
  assertSameLength("diagnoseReader: answers", answers.length, truth.length);
  const commonest = largestShare(answers);
  const ofTruth = largestShare(truth);
  const unparsed = answers.filter((answer) => answer === null).length / Math.max(1, answers.length);
  const measured = { commonestAnswer: commonest.share, commonestTruth: ofTruth.share, unparsedShare: unparsed };
  if (answers.length < LEAST_ANSWERS) return { findings: [], measured };
  const findings: HealthFinding[] = [];
  if (unparsed > 0.5) {
    const seen = `${percent(unparsed)} of ${answers.length} validation answers name no label`;
    findings.push({
      sign: "unreadable-answers",
      seen,
      advice: "Train longer, or check the task's prompt and answers.",
    });
  } else if (commonest.share >= ONE_ANSWER && ofTruth.share < ONE_TRUTH) {
    const seen =
      `"${commonest.value}" is ${percent(commonest.share)} of ${answers.length} validation answers; ` +
      `the commonest truth is ${percent(ofTruth.share)}`;
    const advice =
      "Train longer or with another learning rate, or balance the labels; its accuracy is that of a constant.";
    findings.push({ sign: "one-answer", seen, advice });
  }
  return { findings, measured };
}

function largestShare(values: readonly (string | null)[]): { readonly value: string | null; readonly share: number } {
  const counts = new Map<string | null, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [value, count] = [...counts].reduce((most, each) => (each[1] > most[1] ? each : most), [null, 0]);
  return { value, share: count / Math.max(1, values.length) };
}
