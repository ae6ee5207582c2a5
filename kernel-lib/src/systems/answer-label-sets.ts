import type { Control, Example, Label, LabelSetPrediction, LabelSetReading } from "../base/types";
import { parseLabelSet } from "../inference/parse-label-set";
import { voteLabelSets } from "../inference/vote";
import { assertForm } from "./answer-examples";
import { readSlots, type Slot } from "./read-slots";
import type { System } from "./system";

/**
 * Answers examples of the form "labels" with a system: the reader writes the set with each passage, and every label is decided by
 * more than half of the fusion weight (voteLabelSets). The system's `fusion` plays no part: a written set has no probabilities.
 *
 * Paper: arXiv 2508.17394v3: multi-label answers are lists of class numbers. Deviation: the paper does not say how lists are fused.
 * @throws DataError on an example of another form. Otherwise as answerExamples.
 */
export async function answerLabelSets(
  system: System,
  labels: readonly Label[],
  examples: readonly Example[],
  control: Control = {},
): Promise<LabelSetPrediction[]> {
  assertForm("answerLabelSets", examples, "labels");
  const found = await readSlots(
    system,
    examples,
    (pairs) => system.reader.writeAnswers(pairs, control),
    (slot, answer) => readingOf(slot, answer, labels),
    control,
  );
  return found.map(({ example, readings, weights }) => ({
    system: system.name,
    exampleId: example.id,
    group: example.group,
    trueLabels: example.labels,
    ...voteLabelSets(
      readings.map((reading) => reading.labels),
      weights,
      labels.length,
    ),
    weights,
    readings,
  }));
}

function readingOf(slot: Slot, answer: string, labels: readonly Label[]): LabelSetReading {
  const parsed = parseLabelSet(answer, labels);
  return {
    exampleId: slot.pair.example.id,
    retrieved: slot.retrieved,
    answer,
    labels: parsed.kind === "labels" ? parsed.indices : null,
  };
}
