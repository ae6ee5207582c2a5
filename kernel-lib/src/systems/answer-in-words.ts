import type { Control, Example, WordsPrediction } from "../base/types";
import { voteAnswers } from "../inference/vote";
import { assertForm } from "./answer-examples";
import { readSlots } from "./read-slots";
import type { System } from "./system";

/**
 * Answers examples of the form "words" with a system: the reader writes an answer with each passage, and the wording with the most
 * fusion weight is taken (voteAnswers). The system's `fusion` plays no part: a written answer has no probabilities.
 *
 * Paper: arXiv 2508.17394v3, open questions, judged by token recall. Deviation: the paper does not say how free answers are fused.
 * @throws DataError on an example of another form. Otherwise as answerExamples.
 */
export async function answerInWords(
  system: System,
  examples: readonly Example[],
  control: Control = {},
): Promise<WordsPrediction[]> {
  assertForm("answerInWords", examples, "words");
  const found = await readSlots(
    system,
    examples,
    (pairs) => system.reader.writeAnswers(pairs, control),
    ({ pair, retrieved }, answer) => ({ exampleId: pair.example.id, retrieved, answer }),
    control,
  );
  return found.map(({ example, readings, weights }) => ({
    system: system.name,
    exampleId: example.id,
    group: example.group,
    trueAnswer: example.answer,
    answer: voteAnswers(
      readings.map(({ answer }) => answer),
      weights,
    ),
    weights,
    readings,
  }));
}
