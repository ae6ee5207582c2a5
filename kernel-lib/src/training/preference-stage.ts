import * as tf from "@tensorflow/tfjs-core";
import { assertInteger } from "../base/check";
import { DataError } from "../base/errors";
import type { Control } from "../base/types";
import {
  answerLikelihoods,
  type DirectPreferenceOptions,
  directPreference,
  directPreferenceOp,
  type PairLikelihoods,
} from "../losses/direct-preference";
import type { LoraAdapter } from "../models/lora/lora";
import { readerLogits } from "../models/vision-language/logits";
import type { VisionLanguageModel } from "../models/vision-language/model";
import { collatePrompts, type PromptBatch } from "../models/vision-language/prompt-batch";
import { promptTokensOf } from "../reader/prompt";
import type { ReadPair } from "../reader/reader";
import { createBatchOrder, type LoopResult, type Trainee, trainLoop } from "./loop";
import type { ReaderStageOptions } from "./reader-stage";
import { cosineSchedule } from "./schedule";

/** One prompt with an answer that is to be preferred to another. */
export interface PreferencePair {
  readonly pair: ReadPair;
  readonly chosen: string;
  readonly rejected: string;
}

/** Options of the stage: those of the reader's stage that it shares, and the loss's. `batchSize` counts pairs: each is two prompts. */
export type PreferenceStageOptions = DirectPreferenceOptions &
  Pick<
    ReaderStageOptions,
    "steps" | "batchSize" | "learningRate" | "warmupShare" | "weightDecay" | "clipNorm" | "evaluateEvery"
  >;

export interface PreferenceStageInputs {
  readonly model: VisionLanguageModel;
  /** Attached to the model: what learns. Where it stands now is the reference. */
  readonly adapter: LoraAdapter;
  readonly train: readonly PreferencePair[];
  readonly validation: readonly PreferencePair[];
  readonly seed: number | string;
  readonly stateFile?: string;
  readonly control?: Control;
}

const STAGE = "preferences";
const PAIRS_PER_BATCH = 24;

/** Pairs with the likelihoods that the reference gives them. */
interface Batch {
  readonly pairs: readonly PreferencePair[];
  readonly reference: PairLikelihoods;
}

/**
 * Tunes a fine-tuned reader by pairs of answers, with its adapter from before as the frozen reference.
 *
 * Paper: arXiv 2305.18290 (DPO). The loss on the validation pairs decides which weights are kept, those from before the first step included.
 * Memory: model and adapter stay the caller's; the adapter holds the best values afterwards.
 *
 * @throws DataError without pairs. NumericError on a diverging loss. InterruptedError on abort.
 */
export async function trainPreferences(
  inputs: PreferenceStageInputs,
  options: PreferenceStageOptions,
): Promise<LoopResult> {
  const { steps, learningRate, warmupShare = 0.1, weightDecay = 0.01, clipNorm = 1, evaluateEvery } = options;
  const { train, validation, seed, stateFile, control } = inputs;
  assertInteger("trainPreferences: batchSize", options.batchSize, 1);
  for (const [split, pairs] of Object.entries({ train, validation })) {
    if (pairs.length > 0) continue;
    throw new DataError(`trainPreferences: ${split} must hold at least one pair; got none.`, { split });
  }
  const warmupSteps = Math.min(steps - 1, Math.round(steps * warmupShare));
  return trainLoop(await createTrainee(inputs, options), {
    ...{ steps, evaluateEvery, clipNorm, seed, adamw: { weightDecay } },
    schedule: cosineSchedule({ learningRate, steps, warmupSteps }),
    ...(stateFile === undefined ? {} : { stateFile }),
    ...(control === undefined ? {} : { control }),
  });
}

async function createTrainee(inputs: PreferenceStageInputs, options: PreferenceStageOptions): Promise<Trainee<Batch>> {
  const { model, adapter, train, validation, seed } = inputs;
  const { chosen, rejected } = await likelihoodsOf(model, train);
  const before = await likelihoodsOf(model, validation);
  const { batchSize } = options;
  const order = createBatchOrder({ numExamples: train.length, batchSize, seed: `${seed}/${STAGE}/order` });
  return {
    stage: STAGE,
    variables: adapter.variables,
    prepare: async (step) => {
      const rows = order(step);
      const reference = { chosen: rows.map((row) => chosen[row]!), rejected: rows.map((row) => rejected[row]!) };
      return { pairs: rows.map((row) => train[row]!), reference };
    },
    loss: ({ pairs, reference }) => directPreferenceOp(pairLikelihoods(model, pairs), reference, options),
    release: () => {},
    evaluate: async () => {
      const now = await likelihoodsOf(model, validation);
      const { value, margins } = directPreference(now, before, options);
      const preferred = margins.filter((margin) => margin > 0).length / margins.length;
      return { score: -value, values: { loss: value, preferred } };
    },
  };
}

/** Log-likelihoods of the chosen, then the rejected answers, [2n]; differentiable. */
function pairLikelihoods(model: VisionLanguageModel, pairs: readonly PreferencePair[]): tf.Tensor1D {
  const batch = collate(model, pairs);
  const { positions, targets } = batch.answers!;
  const rowOf = positions.map(({ row }) => row);
  return answerLikelihoods(readerLogits(model, batch, positions), targets, rowOf, batch.rows);
}

/** Every prompt twice, padded on the right: with the chosen answers, then with the rejected ones. */
function collate(model: VisionLanguageModel, pairs: readonly PreferencePair[]): PromptBatch {
  const prompts = pairs.map(({ pair }) => promptTokensOf(model, pair));
  const answers = [...pairs.map(({ chosen }) => chosen), ...pairs.map(({ rejected }) => rejected)];
  return collatePrompts(model, [...prompts, ...prompts], { side: "right", answers });
}

/** Log-likelihoods of all pairs as the model stands, without gradient. */
async function likelihoodsOf(
  model: VisionLanguageModel,
  pairs: readonly PreferencePair[],
): Promise<{ readonly chosen: number[]; readonly rejected: number[] }> {
  const [chosen, rejected]: [number[], number[]] = [[], []];
  for (let from = 0; from < pairs.length; from += PAIRS_PER_BATCH) {
    const some = pairs.slice(from, from + PAIRS_PER_BATCH);
    const found = tf.tidy(() => pairLikelihoods(model, some));
    const values = (await found.data()) as Float32Array;
    found.dispose();
    chosen.push(...values.subarray(0, some.length));
    rejected.push(...values.subarray(some.length));
  }
  return { chosen, rejected };
}
