import * as tf from "@tensorflow/tfjs-core";
import type { ReadingExercise } from "../data/phantoms/reading-exercises";
import type { ChatMessage } from "../models/chat-template";
import { collatePrompts, type PromptBatch, tokenizePrompt } from "../models/prompt-batch";
import { readerLogits } from "../models/reader-logits";
import type { VisionLanguageModel } from "../models/vision-language";
import { buildPrompt } from "../reader/prompt";
import { answerNll } from "./losses/answer-nll";

/** Whether an exercise is shown with its pictures, or as text alone. */
export type Modality = "text" | "pictures";

const MEASURE_BATCH = 64;

/** Exercises with their answers as one batch, padded on the right. */
export function collateExercises(
  model: VisionLanguageModel,
  exercises: readonly ReadingExercise[],
  modality: Modality,
): PromptBatch {
  const prompts = exercises.map((exercise) => tokenizePrompt(model, messagesOf(exercise, modality)));
  return collatePrompts(model, prompts, { side: "right", answers: exercises.map(({ answer }) => answer) });
}

/** Mean negative log-likelihood of the answers, nats per exercise; differentiable. */
export function exerciseLoss(model: VisionLanguageModel, batch: PromptBatch): tf.Scalar {
  const { positions, targets } = batch.answers!;
  return answerNll(readerLogits(model, batch, positions), targets, batch.rows);
}

/** Mean negative log-likelihood, and the share of answers of which every token is the most likely one. */
export function measureExercises(
  model: VisionLanguageModel,
  exercises: readonly ReadingExercise[],
  modality: Modality,
): { readonly nll: number; readonly accuracy: number } {
  let nll = 0;
  let right = 0;
  for (let start = 0; start < exercises.length; start += MEASURE_BATCH) {
    const batch = collateExercises(model, exercises.slice(start, start + MEASURE_BATCH), modality);
    const { positions, targets } = batch.answers!;
    const { loss, best } = tf.tidy(() => {
      const logits = readerLogits(model, batch, positions);
      return { loss: answerNll(logits, targets, 1).dataSync()[0]!, best: tf.argMax(logits, 1).dataSync() };
    });
    nll += loss;
    const wrong = new Set(positions.filter((_, i) => best[i] !== targets[i]).map(({ row }) => row));
    right += batch.rows - wrong.size;
  }
  return { nll: nll / exercises.length, accuracy: right / exercises.length };
}

function messagesOf({ image, question, answer, passage }: ReadingExercise, modality: Modality): ChatMessage[] {
  const example = {
    id: "",
    task: "pre-training",
    split: "train",
    image,
    question,
    answer,
    labels: [],
    group: "",
  } as const;
  const pair = passage === null ? null : { id: "", corpus: "general world", licence: "CC0-1.0", ...passage };
  const messages = buildPrompt({ example, passage: pair });
  if (modality === "pictures") return messages;
  return messages.map(({ role, content }) => ({
    role,
    content: typeof content === "string" ? content : content.filter((part) => part.type === "text"),
  }));
}
