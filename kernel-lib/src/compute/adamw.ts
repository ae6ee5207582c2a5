import * as tf from "@tensorflow/tfjs-core";
import { assertInRange, assertKnownKeys, assertSameLength } from "../base/check";
import { ShapeError, StateError } from "../base/errors";
import { sum } from "../base/numbers";
import { reshapeTo } from "./ops/fused-op";
import { hasNativeKernels, runNativeKernel } from "./ops/native-kernels";

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
  /**
   * Moves the variables; one gradient per variable, in order, still owned by the caller.
   *
   * @param gradientScale what every gradient is multiplied by, as for clipping. Default 1.
   */
  step(gradients: readonly tf.Tensor[], learningRate: number, gradientScale?: number): void;
  state(): AdamWState;
  /** Goes on from a stored state, bit for bit. @throws ShapeError when it belongs to other variables. */
  restore(state: AdamWState): void;
  dispose(): void;
}

const DEFAULTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, decayed: "all" } as const;

/**
 * AdamW (Loshchilov & Hutter 2019), the running means kept as two flat vectors: one kernel a step on the native engine,
 * about 20 plus one or two per variable elsewhere.
 *
 * Memory: owns the running means; the variables stay the caller's.
 *
 * @throws ConfigError on an unknown or impossible option. ShapeError when gradients do not fit. StateError after dispose().
 * @example const optimiser = createAdamW([w]); optimiser.step([gradient], 1e-3)
 */
export function createAdamW(variables: readonly tf.Variable[], options: AdamWOptions = {}): AdamW {
  const settings = readOptions(options);
  const sizes = variables.map((variable) => variable.size);
  const total = sum(sizes);
  const mean = zeros(total);
  const variance = zeros(total);
  const decays = decayMask(variables, settings);
  let step = 0;

  return {
    step: (gradients, learningRate, gradientScale = 1) => {
      if (mean.isDisposed) throw new StateError("AdamW.step: the optimiser was disposed.");
      assertGradients(variables, gradients);
      step += 1;
      const rates = { ...settings, step, learningRate, gradientScale };
      tf.tidy(() => {
        const values = hasNativeKernels()
          ? advanceNative(variables, gradients, { mean, variance, decays, rates })
          : advance(variables, gradients, { mean, variance, decays, rates });
        values.forEach((value, i) => {
          variables[i]!.assign(value);
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

/** Length of all gradients taken together, √(sum of squares). */
export function globalNorm(gradients: readonly tf.Tensor[]): number {
  const square = tf.tidy(() =>
    hasNativeKernels()
      ? runNativeKernel("JomedSquareSum", { N: { int: gradients.length } }, gradients, 1)[0]!.dataSync()[0]!
      : tf.sum(tf.square(flatten(gradients))).dataSync()[0]!,
  );
  return Math.sqrt(square);
}

/** What gradients of this length are multiplied by so that they are at most `maxNorm` long; 1 for a NaN or infinite length. */
export function clippingScale(norm: number, maxNorm: number): number {
  return Number.isFinite(norm) && norm > maxNorm ? maxNorm / norm : 1;
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

interface Rates extends Settings {
  /** Counted from 1. */
  readonly step: number;
  readonly learningRate: number;
  readonly gradientScale: number;
}

interface Moments {
  readonly mean: tf.Variable;
  readonly variance: tf.Variable;
  readonly decays: tf.Tensor1D;
  readonly rates: Rates;
}

type Tensors = readonly tf.Tensor[];

/** Updates the running means; returns the new values of the variables. */
function advance(variables: Tensors, gradients: Tensors, { mean, variance, decays, rates }: Moments): tf.Tensor[] {
  const { beta1, beta2, epsilon, learningRate, gradientScale } = rates;
  const whole = flatten(gradients);
  const gradient = gradientScale === 1 ? whole : tf.mul(whole, gradientScale);
  mean.assign(tf.add(tf.mul(mean, beta1), tf.mul(gradient, 1 - beta1)));
  variance.assign(tf.add(tf.mul(variance, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
  const { correction1, correction2 } = correctionsOf(rates);
  const spread = tf.add(tf.div(tf.sqrt(variance), correction2), epsilon);
  const move = tf.mul(tf.div(mean, spread), learningRate / correction1);
  const kept = tf.sub(1, tf.mul(decays, learningRate * rates.weightDecay));
  const values = tf.sub(tf.mul(flatten(variables), kept), move);
  const sizes = variables.map(({ size }) => size);
  return tf.split(values, sizes).map((value, i) => reshapeTo(value, variables[i]!.shape));
}

/** The same in one kernel. */
function advanceNative(variables: Tensors, gradients: Tensors, moments: Moments): tf.Tensor[] {
  const { mean, variance, decays, rates } = moments;
  const { beta1, beta2, epsilon, learningRate, weightDecay, gradientScale } = rates;
  const { correction1, correction2 } = correctionsOf(rates);
  const pace = [learningRate / correction1, learningRate * weightDecay, gradientScale];
  const settings = tf.tensor1d([beta1, 1 - beta1, beta2, 1 - beta2, correction2, epsilon, ...pace]);
  const inputs = [...variables, ...gradients, mean, variance, decays, settings];
  const count = variables.length;
  const moved = runNativeKernel("JomedAdamW", { N: { int: count } }, inputs, count + 2);
  mean.assign(moved[count]!);
  variance.assign(moved[count + 1]!);
  return moved.slice(0, count);
}

/** Both running means start at 0; dividing by these makes up for it. */
function correctionsOf({ beta1, beta2, step }: Rates): { correction1: number; correction2: number } {
  return { correction1: 1 - beta1 ** step, correction2: Math.sqrt(1 - beta2 ** step) };
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
