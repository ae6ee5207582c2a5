import * as tf from "@tensorflow/tfjs-core";
import type { RasterImage } from "../base/types";
import { groupPatches } from "../models/vision-language/image-batch";
import type { VisionLanguageModel } from "../models/vision-language/model";
import type { PromptBatch } from "../models/vision-language/prompt-batch";
import { ATTRIBUTES } from "../phantoms/general/world";
import type { LoopResult, Trainee } from "../training/loop";
import { promptNll } from "../training/reader-stage";
import {
  collateExercises,
  drawExercise,
  drawHeldOut,
  evaluateModes,
  type HeldOut,
  type Modality,
  measureReader,
  type ReaderSkills,
} from "./exercises";
import { trainPairs } from "./pretrain-pairs";
import { type ImageTower, pretrainTower } from "./pretrain-tower";
import { type PretrainingHooks, type ReaderRecipe, type ReadingPhase, trainPhase } from "./recipes";

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
 * pictures and texts; then long lists of classes as texts, everything together, and backgrounds that are no more than hints; where the
 * recipe says so, comparing two pictures.
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
): Promise<ReaderSkills & Pick<LoopResult, "curve">> {
  const heldOut = drawHeldOut(recipe);
  const { curve: visionCurve } = await trainVision(model, recipe, hooks);
  const curve = [...visionCurve];
  for (const [name, modality] of READING_PHASES) {
    const work = { model, name, modality, phase: recipe[name], heldOut };
    curve.push(...(await trainReading(work, { name, seed: recipe.seed, hooks })).curve);
  }
  if (recipe.pairs !== undefined) curve.push(...(await trainPairs(model, { ...recipe, pairs: recipe.pairs }, hooks)));
  return { curve, ...measureReader(model, recipe) };
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
