import * as tf from "@tensorflow/tfjs-core";
import { assertInRange, assertKnownKeys, assertSameLength } from "../base/check";
import { ShapeError, StateError } from "../base/errors";
import { reshapeTo } from "./reshape-to";

/** Settings of AdamW; the learning rate is given at each step. */
export interface AdamWOptions {
  /** Decay of the running mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the running mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Decoupled weight decay: each step multiplies weights by 1 - learningRate · weightDecay. Default 0.01. */
  readonly weightDecay?: number;
  /** Which weights decay: all, or only those of rank 2 and more (no biases, no norms). Default "all". */
  readonly decayed?: "all" | "matrices";
}

/** What a checkpoint stores: both running means over all variables, one after the other. */
export interface AdamWState {
  readonly step: number;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** An optimiser over a fixed list of variables. */
export interface AdamW {
  /** Moves the variables; one gradient per variable, in order, still owned by the caller. */
  step(gradients: readonly tf.Tensor[], learningRate: number): void;
  state(): AdamWState;
  /** Goes on from a stored state, bit for bit. @throws ShapeError when it belongs to other variables. */
  restore(state: AdamWState): void;
  dispose(): void;
}

const DEFAULTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, decayed: "all" } as const;

/**
 * AdamW (Loshchilov & Hutter 2019), the running means kept as two flat vectors: about 20 kernels a step plus three per
 * variable.
 *
 * Memory: owns the running means; the variables stay the caller's.
 *
 * @throws ConfigError on an unknown or impossible option. ShapeError when gradients do not fit. StateError after dispose().
 * @example const optimiser = createAdamW([w]); optimiser.step([gradient], 1e-3)
 */
export function createAdamW(variables: readonly tf.Variable[], options: AdamWOptions = {}): AdamW {
  const settings = readOptions(options);
  const sizes = variables.map((variable) => variable.size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const mean = zeros(total);
  const variance = zeros(total);
  const decays = decayMask(variables, settings);
  let step = 0;

  return {
    step: (gradients, learningRate) => {
      if (mean.isDisposed) throw new StateError("AdamW.step: the optimiser was disposed.");
      assertGradients(variables, gradients);
      step += 1;
      tf.tidy(() => {
        const move = advance({ mean, variance, step, settings, learningRate }, flatten(gradients));
        const kept = tf.sub(1, tf.mul(decays, learningRate * settings.weightDecay));
        const values = tf.sub(tf.mul(flatten(variables), kept), move);
        tf.split(values, sizes).forEach((value, i) => {
          const variable = variables[i]!;
          variable.assign(reshapeTo(value, variable.shape));
        });
      });
    },
    state: () => ({ step, mean: copyOf(mean), variance: copyOf(variance) }),
    restore: (state) => {
      assertSameLength("AdamW.restore: state.mean", state.mean.length, total);
      assertSameLength("AdamW.restore: state.variance", state.variance.length, total);
      step = state.step;
      tf.tidy(() => {
        mean.assign(tf.tensor1d(state.mean.slice()));
        variance.assign(tf.tensor1d(state.variance.slice()));
      });
    },
    dispose: () => {
      mean.dispose();
      variance.dispose();
      decays.dispose();
    },
  };
}

/**
 * Shortens gradients that are longer, taken together, than `maxNorm`.
 *
 * @returns the length before, and new tensors for the caller to dispose. A NaN or infinite length clips nothing.
 */
export function clipByGlobalNorm(
  gradients: readonly tf.Tensor[],
  maxNorm: number,
): { clipped: tf.Tensor[]; norm: number } {
  const norm = Math.sqrt(tf.tidy(() => tf.sum(tf.square(flatten(gradients))).dataSync()[0]!));
  const scale = Number.isFinite(norm) && norm > maxNorm ? maxNorm / norm : 1;
  return { clipped: gradients.map((gradient) => (scale === 1 ? tf.clone(gradient) : tf.mul(gradient, scale))), norm };
}

type Settings = Required<AdamWOptions>;

function readOptions(options: AdamWOptions): Settings {
  assertKnownKeys("createAdamW", options, Object.keys(DEFAULTS));
  const settings = { ...DEFAULTS, ...options };
  assertInRange("createAdamW: beta1", settings.beta1, 0, 1 - 1e-9);
  assertInRange("createAdamW: beta2", settings.beta2, 0, 1 - 1e-9);
  assertInRange("createAdamW: epsilon", settings.epsilon, 0, 1);
  assertInRange("createAdamW: weightDecay", settings.weightDecay, 0, 1e3);
  return settings;
}

interface Moments {
  readonly mean: tf.Variable;
  readonly variance: tf.Variable;
  readonly step: number;
  readonly settings: Settings;
  readonly learningRate: number;
}

/** Updates the running means and returns what is taken from the weights, flat. */
function advance({ mean, variance, step, settings, learningRate }: Moments, gradient: tf.Tensor1D): tf.Tensor1D {
  const { beta1, beta2, epsilon } = settings;
  mean.assign(tf.add(tf.mul(mean, beta1), tf.mul(gradient, 1 - beta1)));
  variance.assign(tf.add(tf.mul(variance, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
  const correction1 = 1 - beta1 ** step;
  const correction2 = Math.sqrt(1 - beta2 ** step);
  const spread = tf.add(tf.div(tf.sqrt(variance), correction2), epsilon);
  return tf.mul(tf.div(mean, spread), learningRate / correction1) as tf.Tensor1D;
}

/** 1 for every value that decays, 0 for the others, flat. */
function decayMask(variables: readonly tf.Variable[], { decayed }: Settings): tf.Tensor1D {
  const masks = variables.map(({ size, rank }) => new Float32Array(size).fill(decayed === "all" || rank >= 2 ? 1 : 0));
  const mask = new Float32Array(masks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of masks) {
    mask.set(part, at);
    at += part.length;
  }
  return tf.tidy(() => tf.keep(tf.tensor1d(mask)));
}

function flatten(gradients: readonly tf.Tensor[]): tf.Tensor1D {
  return tf.concat(gradients.map((gradient) => reshapeTo(gradient, [gradient.size]))) as tf.Tensor1D;
}

function copyOf(variable: tf.Variable): Float32Array {
  return (variable.dataSync() as Float32Array).slice();
}

function assertGradients(variables: readonly tf.Variable[], gradients: readonly tf.Tensor[]): void {
  assertSameLength("AdamW.step: gradients", gradients.length, variables.length);
  variables.forEach((variable, i) => {
    if (tf.util.arraysEqual(variable.shape, gradients[i]!.shape)) return;
    throw new ShapeError(
      `AdamW.step: gradient ${i} must have shape [${variable.shape.join(", ")}] of ${variable.name}; got [${gradients[i]!.shape.join(", ")}].`,
      { index: i },
    );
  });
}

function zeros(size: number): tf.Variable {
  return tf.tidy(() => tf.variable(tf.zeros([size]), false));
}
