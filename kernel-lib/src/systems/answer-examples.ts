import { DataError } from "../base/errors";
import { softmax } from "../base/softmax";
import type { AnswerForm, Control, Example, Label, Prediction, Reading } from "../base/types";
import { fuseLogits } from "../inference/fuse-logits";
import { fuseProbabilities } from "../inference/fuse-probabilities";
import { parseAnswer } from "../inference/parse-answer";
import type { LabelScores, ReadPair } from "../reader/reader";
import { type ExampleReadings, readSlots, type Slot } from "./read-slots";
import type { System } from "./system";

/**
 * Answers examples of the form "label" with a system: retrieve, read each passage in a pass of its own, fuse.
 *
 * The readings of an example stand in the order of `retrieve`; closed-book there is one, without a passage.
 *
 * @throws DataError when an example has not exactly one true label (see answerLabelSets and answerInWords), or the index knows a
 * passage that `passages` does not. InterruptedError on abort.
 */
export async function answerExamples(
  system: System,
  labels: readonly Label[],
  examples: readonly Example[],
  control: Control = {},
): Promise<Prediction[]> {
  assertForm("answerExamples", examples, "label");
  const read = async (pairs: readonly ReadPair[]): Promise<Read[]> => {
    const scores = await system.reader.scoreLabels(pairs, labels, control);
    const answers = await system.reader.writeAnswers(pairs, control);
    return scores.map((score, i) => ({ score, answer: answers[i]! }));
  };
  const found = await readSlots(system, examples, read, (slot, value) => readingOf(slot, value, labels), control);
  return found.map((each) => fuse(system, each));
}

/** Throws DataError on an example of another form, or one of the form "label" that has not one label. */
export function assertForm(where: string, examples: readonly Example[], wanted: AnswerForm): void {
  for (const { id, form = "label", labels } of examples) {
    if (form !== wanted) {
      throw new DataError(`${where}: examples must have the form "${wanted}"; ${id} has "${form}".`, { id, form });
    }
    if (wanted !== "label" || labels.length === 1) continue;
    throw new DataError(`${where}: examples must have one label each; ${id} has ${labels.length}.`, { id });
  }
}

interface Read {
  readonly score: LabelScores;
  readonly answer: string;
}

function readingOf(slot: Slot, { score, answer }: Read, labels: readonly Label[]): Reading {
  const parsed = parseAnswer(answer, labels);
  return {
    exampleId: slot.pair.example.id,
    retrieved: slot.retrieved,
    answer,
    label: parsed.kind === "label" ? parsed.index : null,
    logits: Array.from(score.logits),
    probabilities: Array.from(softmax(score.logits)),
  };
}

function fuse(system: System, { example, readings, weights }: ExampleReadings<Reading>): Prediction {
  const fused = (system.fusion === "logits" ? fuseLogits : fuseProbabilities)(readings, weights);
  return {
    system: system.name,
    exampleId: example.id,
    group: example.group,
    trueLabel: example.labels[0]!,
    label: fused.label,
    probabilities: fused.probabilities,
    weights,
    readings,
  };
}
