import * as tf from "@tensorflow/tfjs-core";
import { createRandom, type Random } from "../base/random";
import type { CurvePoint, RasterImage } from "../base/types";
import { answerNll } from "../losses/answer-nll";
import type { ChatMessage } from "../models/text/chat-template";
import { groupPatches } from "../models/vision-language/image-batch";
import { readerLogits } from "../models/vision-language/logits";
import type { VisionLanguageModel } from "../models/vision-language/model";
import { collatePrompts, type PromptBatch, tokenizePrompt } from "../models/vision-language/prompt-batch";
import {
  drawReadingExercise,
  READING_MODES,
  type ReadingExercise,
  type ReadingMode,
} from "../phantoms/general/reading-exercises";
import { ATTRIBUTES } from "../phantoms/general/world";
import { buildPrompt } from "../reader/prompt";
import type { Evaluation, LoopResult, Trainee } from "../training/loop";
import { promptNll } from "../training/reader-stage";
import { type ImageTower, pretrainTower } from "./pretrain-tower";
import { type PretrainingHooks, type ReaderRecipe, type ReadingPhase, trainPhase } from "./recipes";

/** Whether an exercise is shown with its pictures, or as text alone. */
type Modality = "text" | "pictures";

/** What pre-training gave: its curve, and the share of held-out exercises answered right, by mode. */
interface ReaderPretraining {
  readonly curve: readonly CurvePoint[];
  readonly skills: Readonly<Record<ReadingMode, number>>;
}

/** The phases after the vision tower's, in their order. Texts alone train the text model alone. */
const READING_PHASES = [
  ["text", "text"],
  ["pictures", "pictures"],
  ["lists", "text"],
  ["classes", "pictures"],
  ["hints", "pictures"],
] as const satisfies readonly (readonly [phase: keyof ReaderRecipe, modality: Modality])[];

/**
 * Pre-trains a reader on the general-purpose world: the vision tower alone, then reading and copying texts, then exercises on
 * pictures and texts; then long lists of classes as texts, everything together, and backgrounds that are no more than hints.
 *
 * No medical picture is in it, as in the paper, whose readers are general-purpose models.
 * Loss: negative log-likelihood of the answer's tokens.
 *
 * @throws NumericError when the loss is no longer finite. InterruptedError when the control's signal is aborted.
 */
export async function pretrainReader(
  model: VisionLanguageModel,
  recipe: ReaderRecipe,
  hooks: PretrainingHooks = {},
): Promise<ReaderPretraining> {
  const heldOut = drawHeldOut(recipe);
  const { curve: visionCurve } = await trainVision(model, recipe, hooks);
  const curve = [...visionCurve];
  for (const [name, modality] of READING_PHASES) {
    const work = { model, name, modality, phase: recipe[name], heldOut };
    curve.push(...(await trainReading(work, { name, seed: recipe.seed, hooks })).curve);
  }
  const skills = Object.fromEntries(
    [...heldOut].map(([mode, exercises]) => [mode, measureExercises(model, exercises, "pictures").accuracy]),
  ) as Record<ReadingMode, number>;
  return { curve, skills };
}

type HeldOut = ReadonlyMap<ReadingMode, readonly ReadingExercise[]>;

function drawHeldOut(recipe: ReaderRecipe): HeldOut {
  const random = createRandom(recipe.seed).fork("reader pre-training/held out");
  return new Map(
    READING_MODES.map((mode) => [
      mode,
      Array.from({ length: recipe.numHeldOut }, () => drawReadingExercise(mode, random)),
    ]),
  );
}

/** The probes see the mean of a picture's tokens, as the text model gets them. */
async function trainVision(
  model: VisionLanguageModel,
  { vision, seed, numHeldOut }: ReaderRecipe,
  hooks: PretrainingHooks,
): Promise<LoopResult> {
  const tower: ImageTower = {
    stage: "reader pre-training, vision",
    variables: model.parameters.unfreeze((name) => isOfVision(model, name)),
    width: model.config.text.hiddenSize,
    features: (images) => meanTokens(model, images),
  };
  try {
    return await pretrainTower(tower, vision, { numHeldOut: numHeldOut * ATTRIBUTES.length, seed, hooks });
  } finally {
    model.parameters.freeze();
  }
}

/** Whether a weight is part of what turns pictures into tokens. */
function isOfVision({ visionTower }: VisionLanguageModel, weight: string): boolean {
  return visionTower.modules.some((module) => weight.startsWith(`${module}.`));
}

/** Mean of each picture's tokens, [B, hiddenSize]; pictures of one size go through the tower together. */
function meanTokens(model: VisionLanguageModel, images: readonly RasterImage[]): tf.Tensor2D {
  const width = model.config.text.hiddenSize;
  const groups = groupPatches(model, images);
  const means = groups.map(({ group }) => {
    const tokens = model.visionTower.run(model.parameters, group); // [numImages * tokens, hiddenSize]
    return tf.mean(tf.reshape(tokens, [group.numImages, -1, width]), 1) as tf.Tensor2D;
  });
  if (means.length === 1) return means[0]!;
  const order = groups.flatMap(({ members }) => members);
  const places = images.map((image) => order.indexOf(image));
  return tf.gather(tf.concat(means, 0), tf.tensor1d(places, "int32"));
}

/** One phase of exercises. */
interface ReadingWork {
  readonly model: VisionLanguageModel;
  readonly name: string;
  readonly modality: Modality;
  readonly phase: ReadingPhase;
  readonly heldOut: HeldOut;
}

async function trainReading(work: ReadingWork, run: Parameters<typeof trainPhase>[2]): Promise<LoopResult> {
  const { model, name, modality, phase } = work;
  const isTrained = (weight: string): boolean => modality === "pictures" || !isOfVision(model, weight);
  const heldOut = new Map([...work.heldOut].filter(([mode]) => (phase.shares[mode] ?? 0) > 0));
  const trainee: Trainee<PromptBatch> = {
    stage: `reader pre-training, ${name}`,
    variables: model.parameters.unfreeze(isTrained),
    prepare: async (_step, random) => {
      const exercises = Array.from({ length: phase.batchSize }, () => drawExercise(phase, random));
      return collateExercises(model, exercises, modality);
    },
    loss: (batch) => promptNll(model, batch),
    release: () => {},
    evaluate: async () => evaluateModes(model, modality, heldOut),
  };
  try {
    return await trainPhase(trainee, phase, run);
  } finally {
    model.parameters.freeze();
  }
}

/** One exercise of the phase's modes, each as often as its share. */
function drawExercise({ shares }: ReadingPhase, random: Random): ReadingExercise {
  const modes = READING_MODES.filter((mode) => (shares[mode] ?? 0) > 0);
  let left = random.next();
  const mode = modes.find((each) => {
    left -= shares[each]!;
    return left < 0;
  });
  return drawReadingExercise(mode ?? modes.at(-1)!, random);
}

/** Exercises with their answers as one batch, padded on the right. */
function collateExercises(
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

function evaluateModes(model: VisionLanguageModel, modality: Modality, heldOut: HeldOut): Evaluation {
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
