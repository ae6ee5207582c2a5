import * as tf from "@tensorflow/tfjs-core";
import { createRandom } from "../base/random";
import type { Control } from "../base/types";
import { crossEntropy } from "../compute/ops/cross-entropy";
import { ATTRIBUTES } from "../data/phantoms/attributes";
import { drawGeneralScene, type Scene } from "../data/phantoms/general-world";
import { runVisionTower } from "../models/qwen2-vision";
import type { Qwen2Vl } from "../models/qwen2-vl";
import { groupPatches } from "../models/qwen2-vl-images";
import { type Evaluation, type LoopResult, type Trainee, trainLoop } from "./loop";
import { cosineSchedule } from "./schedule";

/** How a vision tower is pre-trained alone. */
export interface VisionPretrainingOptions {
  readonly steps: number;
  /** Scenes per step. */
  readonly batchSize: number;
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly evaluateEvery: number;
  readonly numHeldOut: number;
  readonly seed: number;
  readonly stateFile?: string;
  readonly control?: Control;
}

/** A linear map from the mean image token to all words of all attributes; thrown away afterwards. */
interface Probe {
  readonly weight: tf.Variable;
  readonly bias: tf.Variable;
}

const STAGE = "reader pre-training, vision";
const WIDTHS = ATTRIBUTES.map(({ words }) => words.length);

/**
 * Pre-trains the vision tower alone: the mean of a scene's image tokens must tell, by a linear probe, each of its twelve
 * attributes. The vision towers of large readers come from a pre-training of their own, too.
 *
 * Loss: sum over the attributes of the cross-entropy, mean over scenes. The tower's weights must be unfrozen.
 * Memory: the probe is made and freed here.
 *
 * @throws NumericError when the loss is no longer finite. InterruptedError when the control's signal is aborted.
 */
export async function pretrainVision(
  model: Qwen2Vl,
  tower: readonly tf.Variable[],
  options: VisionPretrainingOptions,
): Promise<LoopResult> {
  const probe = createProbe(model.config.text.hiddenSize, options.seed);
  try {
    return await trainLoop(createTrainee(model, tower, probe, options), {
      steps: options.steps,
      schedule: cosineSchedule(options),
      seed: options.seed,
      evaluateEvery: options.evaluateEvery,
      adamw: { weightDecay: 0.01, decayed: "matrices" },
      clipNorm: 1,
      ...(options.stateFile === undefined ? {} : { stateFile: options.stateFile }),
      ...(options.control === undefined ? {} : { control: options.control }),
    });
  } finally {
    probe.weight.dispose();
    probe.bias.dispose();
  }
}

function createProbe(width: number, seed: number): Probe {
  const random = createRandom(seed).fork(`${STAGE}/probe`);
  const numWords = WIDTHS.reduce((sum, n) => sum + n, 0);
  const values = Float32Array.from({ length: width * numWords }, () => random.normal(0, width ** -0.5));
  const start = tf.tensor2d(values, [width, numWords]);
  const zero = tf.zeros([numWords]);
  const probe = { weight: tf.variable(start), bias: tf.variable(zero) };
  tf.dispose([start, zero]);
  return probe;
}

function createTrainee(
  model: Qwen2Vl,
  tower: readonly tf.Variable[],
  probe: Probe,
  options: VisionPretrainingOptions,
): Trainee<readonly Scene[]> {
  const random = createRandom(options.seed).fork(`${STAGE}/held out`);
  const heldOut = Array.from({ length: options.numHeldOut }, () => drawGeneralScene(random));
  return {
    stage: STAGE,
    variables: [...tower, probe.weight, probe.bias],
    prepare: async (_step, draw) => Array.from({ length: options.batchSize }, () => drawGeneralScene(draw)),
    loss: (scenes) => attributeLoss(probeLogits(model, probe, scenes), scenes),
    release: () => {},
    evaluate: async () => evaluateProbe(model, probe, heldOut),
  };
}

/** Logits of each attribute's words, one [B, words] per attribute. */
function probeLogits(model: Qwen2Vl, { weight, bias }: Probe, scenes: readonly Scene[]): tf.Tensor2D[] {
  const [{ group }] = groupPatches(
    model,
    scenes.map(({ image }) => image),
  ) as [ReturnType<typeof groupPatches>[number]];
  const tokens = runVisionTower(model.parameters, model.config.vision, group); // [B * T, hiddenSize]
  const perImage = tokens.shape[0] / scenes.length;
  const mean = tf.mean(tf.reshape(tokens, [scenes.length, perImage, tokens.shape[1]]), 1); // [B, hiddenSize]
  return tf.split(tf.add(tf.matMul(mean as tf.Tensor2D, weight as tf.Tensor2D), bias) as tf.Tensor2D, WIDTHS, 1);
}

function attributeLoss(logits: readonly tf.Tensor2D[], scenes: readonly Scene[]): tf.Scalar {
  const losses = logits.map((part, i) => tf.mean(crossEntropy(part, targetsOf(scenes, i))));
  return tf.addN(losses) as tf.Scalar;
}

function targetsOf(scenes: readonly Scene[], attribute: number): number[] {
  const { name, words } = ATTRIBUTES[attribute]!;
  return scenes.map(({ attributes }) => words.indexOf(attributes[name]));
}

/** Share of held-out scenes whose word the probe tells, by attribute. */
function evaluateProbe(model: Qwen2Vl, probe: Probe, scenes: readonly Scene[]): Evaluation {
  return tf.tidy(() => {
    const logits = probeLogits(model, probe, scenes);
    const loss = attributeLoss(logits, scenes).dataSync()[0]!;
    const accuracies = logits.map((part, i) => {
      const best = tf.argMax(part, 1).dataSync();
      const targets = targetsOf(scenes, i);
      return [`accuracy ${ATTRIBUTES[i]!.name}`, targets.filter((t, row) => t === best[row]).length / scenes.length];
    });
    return { score: -loss, values: { "attribute loss": loss, ...Object.fromEntries(accuracies) } };
  });
}
