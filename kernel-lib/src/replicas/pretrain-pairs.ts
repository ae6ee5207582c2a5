import * as tf from "@tensorflow/tfjs-core";
import { crossEntropy } from "../compute/ops/cross-entropy";
import { gatherRows } from "../compute/ops/rows";
import { answerNll } from "../losses/answer-nll";
import { type ReaderStates, readerStates } from "../models/vision-language/logits";
import type { VisionLanguageModel } from "../models/vision-language/model";
import type { PromptBatch } from "../models/vision-language/prompt-batch";
import { drawPicturePair, type PicturePair, sharesWord } from "../phantoms/general/picture-pairs";
import { ATTRIBUTES, type Scene } from "../phantoms/general/world";
import type { LoopResult, Trainee } from "../training/loop";
import { collateExercises, drawExercise, drawHeldOut, evaluateModes } from "./exercises";
import { type PairPhase, type PairRecipe, type PretrainingHooks, trainPhase } from "./recipes";
import {
  createProbe,
  disposeProbe,
  firstWordOf,
  NUM_WORDS,
  type Probe,
  probeStates,
  splitWords,
  wordLoss,
  wordsOf,
} from "./word-probe";

/*
 * How a reader learns to compare two pictures. From answers alone it hardly does: "yes" or "no" says too little of what has to be
 * looked at. So its states are asked, by probes, for what a comparison needs: at the end of the second picture the words of
 * both pictures and the twelve verdicts, at the answer's place the words of the attribute that is asked for.
 */

/** Which layer's states a probe sees, counted from the first of `ReaderStates.layers`. */
const SECOND = 1;
const THIRD = 2;
const STAGE = "reader pre-training, pairs";

/** The probes, by the place where they look. */
interface PairProbes {
  /** At the second picture's end, after the second layer: words of the question's picture, then of the background's. */
  readonly words: Probe;
  /** At the second picture's end, after the third layer: differs, is the same; for each attribute. */
  readonly verdicts: Probe;
  /** At the answer's place, after the second and the third layer: any word, for either picture. */
  readonly asked: readonly [second: Probe, third: Probe];
}

/** Pairs first, then the exercises; one prompt each. */
interface PairBatch {
  readonly prompts: PromptBatch;
  readonly pairs: readonly PicturePair[];
}

/**
 * Trains all weights of a pre-trained reader on picture pairs, with exercises of the other modes beside them so that these are not forgotten.
 *
 * Loss: answers of the pairs + exercises · answers of the exercises + verdicts · mean of the twelve verdicts' cross-entropies
 * + words · sum over both pictures and all attributes + asked · sum over both pictures and both layers; each is a mean over prompts.
 * Memory: the probes are made and freed here.
 *
 * @returns the curve.
 * @throws NumericError when the loss is no longer finite. InterruptedError when the control's signal is aborted.
 */
export async function trainPairs(
  model: VisionLanguageModel,
  recipe: PairRecipe,
  hooks: PretrainingHooks = {},
): Promise<LoopResult["curve"]> {
  const { pairs: phase, seed } = recipe;
  const heldOut = drawHeldOut(recipe);
  const probes = createPairProbes(model.config.text.hiddenSize, seed);
  const all = [probes.words, probes.verdicts, ...probes.asked];
  const judged = new Map([...heldOut].filter(([mode]) => mode === "compare" || (phase.shares[mode] ?? 0) > 0));
  const trainee: Trainee<PairBatch> = {
    stage: STAGE,
    variables: [...model.parameters.unfreeze(() => true), ...all.flatMap(({ weight, bias }) => [weight, bias])],
    prepare: async (_step, random) => {
      const pairs = Array.from({ length: phase.numPairs }, () => drawPicturePair(random, phase.asked));
      const others = Array.from({ length: phase.batchSize - phase.numPairs }, () => drawExercise(phase, random));
      const exercises = [...pairs.map(({ exercise }) => exercise), ...others];
      return { prompts: collateExercises(model, exercises, "pictures"), pairs };
    },
    loss: (batch) => pairLoss(model, batch, { probes, weights: phase.weights }),
    release: () => {},
    evaluate: async () => evaluateModes(model, "pictures", judged),
  };
  try {
    return (await trainPhase(trainee, phase, { name: "pairs", seed, hooks })).curve;
  } finally {
    model.parameters.freeze();
    all.forEach(disposeProbe);
  }
}

function createPairProbes(width: number, seed: number): PairProbes {
  const make = (name: string, columns: number) => createProbe(`${STAGE}/${name}`, [width, columns], seed);
  return {
    words: make("words", 2 * NUM_WORDS),
    verdicts: make("verdicts", 2 * ATTRIBUTES.length),
    asked: [make("asked, second layer", 2 * NUM_WORDS), make("asked, third layer", 2 * NUM_WORDS)],
  };
}

function pairLoss(
  model: VisionLanguageModel,
  { prompts, pairs }: PairBatch,
  { probes, weights }: { readonly probes: PairProbes; readonly weights: PairPhase["weights"] },
): tf.Scalar {
  const states = readerStates(model, prompts, prompts.answers!.positions);
  const ends = stateOf(
    states,
    pairs.map((_, row) => pictureEnd(prompts, row)),
  );
  const starts = stateOf(
    states,
    pairs.map((_, row) => answerStart(prompts, row)),
  );
  const asked = probes.asked.map((probe, i) => askedLoss(probeStates(probe, starts(SECOND + i)), pairs));
  const terms: readonly (readonly [tf.Scalar, number])[] = [
    ...answerLosses(states.logits, prompts, pairs.length, weights),
    [verdictLoss(probeStates(probes.verdicts, ends(THIRD)), pairs), weights.verdicts],
    [bothPictures(probeStates(probes.words, ends(SECOND)), pairs), weights.words],
    ...asked.map((loss) => [loss, weights.asked] as const),
  ];
  return tf.addN(terms.map(([loss, weight]) => tf.mul(loss, weight))) as tf.Scalar;
}

/** States of some tokens after a layer, [n, hiddenSize]. */
function stateOf({ layers }: ReaderStates, tokens: readonly number[]): (layer: number) => tf.Tensor2D {
  const picked = Int32Array.from(tokens);
  return (layer) => gatherRows(layers[layer]!, picked);
}

/** The token behind the last picture of a prompt, as row * L + column: the first that has seen all of it. */
function pictureEnd({ slots, columns }: PromptBatch, row: number): number {
  const last = slots.subarray(row * columns, (row + 1) * columns).findLastIndex((slot) => slot >= 0);
  return row * columns + last + 1;
}

/** The token from which an answer's first one is told. */
function answerStart({ answers, columns }: PromptBatch, row: number): number {
  return row * columns + answers!.positions.find((position) => position.row === row)!.column;
}

/** The answers of the pairs, which stand first, and of the exercises, with what they count. */
function answerLosses(
  logits: tf.Tensor2D,
  { answers, rows }: PromptBatch,
  numPairs: number,
  { exercises }: PairPhase["weights"],
): [tf.Scalar, number][] {
  const { positions, targets } = answers!;
  const numOfPairs = positions.filter(({ row }) => row < numPairs).length;
  const [ofPairs, ofOthers] = tf.split(logits, [numOfPairs, positions.length - numOfPairs]) as tf.Tensor2D[];
  return [
    [answerNll(ofPairs!, targets.subarray(0, numOfPairs), numPairs), 1],
    [answerNll(ofOthers!, targets.subarray(numOfPairs), rows - numPairs), exercises],
  ];
}

/** logits [n, 2 · attributes] -> mean cross-entropy of all verdicts. */
function verdictLoss(logits: tf.Tensor2D, pairs: readonly PicturePair[]): tf.Scalar {
  const verdicts = pairs.flatMap(({ scene, companion }) =>
    ATTRIBUTES.map(({ name }) => Number(sharesWord(scene, companion, name))),
  );
  return tf.mean(crossEntropy(tf.reshape(logits, [verdicts.length, 2]), verdicts));
}

/** logits [n, 2 · NUM_WORDS]: the words of the question's picture, then of the background's. */
function bothPictures(logits: tf.Tensor2D, pairs: readonly PicturePair[]): tf.Scalar {
  const [ofScene, ofCompanion] = tf.split(logits, 2, 1) as tf.Tensor2D[];
  const losses = [
    wordLoss(
      splitWords(ofScene!),
      pairs.map(({ scene }) => scene),
    ),
    wordLoss(
      splitWords(ofCompanion!),
      pairs.map(({ companion }) => companion),
    ),
  ];
  return tf.addN(losses) as tf.Scalar;
}

/** logits [n, 2 · NUM_WORDS]: among all words the one that the asked attribute has, in either picture. */
function askedLoss(logits: tf.Tensor2D, pairs: readonly PicturePair[]): tf.Scalar {
  const parts = tf.split(logits, 2, 1) as tf.Tensor2D[];
  const targets = [
    pairs.map((pair) => wordAsked(pair, pair.scene)),
    pairs.map((pair) => wordAsked(pair, pair.companion)),
  ];
  return tf.addN(parts.map((part, i) => tf.mean(crossEntropy(part, targets[i]!)))) as tf.Scalar;
}

/** The asked attribute's word in a scene, counted among all words. */
function wordAsked({ asked }: PicturePair, scene: Scene): number {
  const attribute = ATTRIBUTES.findIndex(({ name }) => name === asked);
  return firstWordOf(attribute) + wordsOf([scene], attribute)[0]!;
}
