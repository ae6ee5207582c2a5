import * as tf from "@tensorflow/tfjs-core";
import { createRandom, pickWeighted, type Random } from "../base/random";
import { answerNll } from "../losses/answer-nll";
import type { ChatMessage } from "../models/text/chat-template";
import { readerLogits } from "../models/vision-language/logits";
import type { VisionLanguageModel } from "../models/vision-language/model";
import { collatePrompts, type PromptBatch, tokenizePrompt } from "../models/vision-language/prompt-batch";
import { drawSightTest } from "../phantoms/general/picture-pairs";
import {
  drawReadingExercise,
  READING_MODES,
  type ReadingExercise,
  type ReadingMode,
} from "../phantoms/general/reading-exercises";
import { ATTRIBUTES, type AttributeName } from "../phantoms/general/world";
import { buildPrompt } from "../reader/prompt";
import type { Evaluation } from "../training/loop";
import type { ReaderRecipe, ReadingPhase } from "./recipes";

/*
 * Exercises as a reader in pre-training gets them: drawn by their shares, put into prompts, and marked.
 */

/** Whether an exercise is shown with its pictures, or as text alone. */
export type Modality = "text" | "pictures";

/** Exercises that are never trained on, by mode. */
export type HeldOut = ReadonlyMap<ReadingMode, readonly ReadingExercise[]>;

type HeldOutPlan = Pick<ReaderRecipe, "numHeldOut" | "seed">;

/** The same exercises for every training of one seed. */
export function drawHeldOut({ numHeldOut, seed }: HeldOutPlan): HeldOut {
  const random = createRandom(seed).fork("reader pre-training/held out");
  const draw = (mode: ReadingMode) => Array.from({ length: numHeldOut }, () => drawReadingExercise(mode, random));
  return new Map(READING_MODES.map((mode) => [mode, draw(mode)]));
}

/** What a reader can do. */
export interface ReaderSkills {
  /** Share of held-out exercises answered right, by mode. */
  readonly skills: Readonly<Record<ReadingMode, number>>;
  /** What it sees of clear pictures, by attribute. */
  readonly sight: Readonly<Record<AttributeName, Sight>>;
}

/** Asks a reader all held-out exercises of a recipe, with their pictures. */
export function measureReader(model: VisionLanguageModel, recipe: HeldOutPlan): ReaderSkills {
  const shares = [...drawHeldOut(recipe)].map(([mode, exercises]) => [
    mode,
    measureExercises(model, exercises, "pictures").accuracy,
  ]);
  return { skills: Object.fromEntries(shares) as ReaderSkills["skills"], sight: measureSight(model, recipe) };
}

/** What a reader sees of one attribute where it is clear: share of right answers. */
export interface Sight {
  /** The word of one picture. */
  readonly named: number;
  /** Whether two pictures share it; chance is a half. */
  readonly compared: number;
}

/** Asks for each attribute of clear pictures, `numHeldOut` times in each of both ways. */
function measureSight(model: VisionLanguageModel, { numHeldOut, seed }: HeldOutPlan): ReaderSkills["sight"] {
  const random = createRandom(seed).fork("reader pre-training/sight");
  const share = (exercises: ReadingExercise[]) => measureExercises(model, exercises, "pictures").accuracy;
  const seen = ATTRIBUTES.map(({ name }) => {
    const tests = Array.from({ length: numHeldOut }, () => drawSightTest(name, random));
    return [
      name,
      { named: share(tests.map(({ named }) => named)), compared: share(tests.map(({ compared }) => compared)) },
    ];
  });
  return Object.fromEntries(seen) as ReaderSkills["sight"];
}

/** One exercise of the phase's modes, each as often as its share. */
export function drawExercise({ shares }: Pick<ReadingPhase, "shares">, random: Random): ReadingExercise {
  return drawReadingExercise(
    pickWeighted(random, READING_MODES, (mode) => shares[mode] ?? 0),
    random,
  );
}

/** Exercises with their answers as one batch, padded on the right. */
export function collateExercises(
  model: VisionLanguageModel,
  exercises: readonly ReadingExercise[],
  modality: Modality,
): PromptBatch {
  const prompts = exercises.map((exercise) => tokenizePrompt(model, messagesOf(exercise, modality)));
  return collatePrompts(model, prompts, { side: "right", answers: exercises.map(({ answer }) => answer) });
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

const MEASURE_BATCH = 64;

/** Mean negative log-likelihood, and the share of answers of which every token is the most likely one. */
function measureExercises(
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

/** The likelihood of the answers, mean over the modes, decides; the share of right ones by mode goes beside it. */
export function evaluateModes(model: VisionLanguageModel, modality: Modality, heldOut: HeldOut): Evaluation {
  const accuracies: Record<string, number> = {};
  let sum = 0;
  for (const [mode, exercises] of heldOut) {
    const { nll, accuracy } = measureExercises(model, exercises, modality);
    accuracies[`accuracy ${mode}`] = accuracy;
    sum += nll;
  }
  const nll = sum / heldOut.size;
  return { score: -nll, values: { "answer NLL": nll, ...accuracies } };
}
