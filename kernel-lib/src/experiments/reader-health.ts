import type { Control, Example, Label } from "../base/types";
import { answerWords } from "../inference/answer-words";
import { parseAnswer } from "../inference/parse-answer";
import { parseLabelSet } from "../inference/parse-label-set";
import type { Reader, ReadPair } from "../reader/reader";
import { diagnoseReader } from "../training/diagnose-reader";
import type { ReadableExample } from "../training/reader-stage";
import type { StageHealth } from "../training/stage-health";

/** Validation questions asked; enough to see one answer for everything. */
const NUM_ASKED = 64;

/**
 * Lets a freshly trained reader write its answers to some validation questions, each with its first candidate, and judges them.
 *
 * @param labels the task's labels; none for free answers.
 */
export async function measureReaderHealth(
  reader: Reader,
  labels: readonly Label[],
  validation: readonly ReadableExample[],
  control: Control,
): Promise<StageHealth> {
  const every = Math.max(1, validation.length / NUM_ASKED);
  const asked = validation.filter((_, i) => Math.floor(i / every) !== Math.floor((i - 1) / every));
  const pairs = asked.map(({ example, passages }): ReadPair => ({ example, passage: passages[0] ?? null }));
  const texts = await reader.writeAnswers(pairs, control.signal === undefined ? {} : { signal: control.signal });
  return diagnoseReader(
    texts.map((text, i) => wordingOf(text, asked[i]!.example, labels)),
    asked.map(({ example }) => wordingOf(example.answer, example, labels) ?? example.answer),
  );
}

/** An answer in a wording that is the same for equal answers; null when it cannot be read. */
function wordingOf(text: string, { form = "label" }: Example, labels: readonly Label[]): string | null {
  if (form === "words") return answerWords(text).join(" ") || null;
  if (form === "labels") {
    const parsed = parseLabelSet(text, labels);
    return parsed.kind === "labels" ? parsed.indices.join(", ") : null;
  }
  const parsed = parseAnswer(text, labels);
  return parsed.kind === "label" ? labels[parsed.index]!.name : null;
}
