import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../base/errors";
import { type OpGradients, runFused } from "../compute/fused-op";
import type { LowRankUpdate, ParameterStore } from "./parameters";

/**
 * A linear map y = x·Wᵀ + b, plus the low-rank update attached to it, if any.
 *
 * Weights as Hugging Face stores them: `<moduleName>.weight` [out, in], `<moduleName>.bias` [out] (optional).
 * Shapes: x [n, in] -> [n, out], or [B, n, in] -> [B, n, out].
 * Gradient: flows to x, to the adapter's A and B, and to weight and bias when they are unfrozen; a frozen weight's
 * gradient is never computed.
 *
 * @throws ShapeError when the last axis of x is not `in`. DataError when the model has no such module.
 */
export function linear<T extends tf.Tensor>(store: ParameterStore, moduleName: string, x: T): T {
  const weight = store.get(`${moduleName}.weight`) as unknown as tf.Tensor2D;
  const bias = store.has(`${moduleName}.bias`) ? store.get(`${moduleName}.bias`) : null;
  return applyLinear(x, { moduleName, weight, bias, update: store.adapters.get(moduleName) ?? null });
}

/** The tensors of one linear map. */
export interface LinearWeights {
  /** Named in errors. */
  readonly moduleName: string;
  /** [out, in] */
  readonly weight: tf.Tensor2D;
  /** [out] */
  readonly bias: tf.Tensor | null;
  readonly update: LowRankUpdate | null;
}

/** As `linear`, on tensors: a weight that is computed from others, such as a reshaped one, passes its gradient on. */
export function applyLinear<T extends tf.Tensor>(x: T, weights: LinearWeights): T {
  const [outSize, inSize] = weights.weight.shape;
  const width = x.shape[x.rank - 1];
  if ((x.rank !== 2 && x.rank !== 3) || width !== inSize)
    throw new ShapeError(
      `linear: the input of ${weights.moduleName} must have shape [n, ${inSize}] or [B, n, ${inSize}]; got [${x.shape.join(", ")}].`,
      { moduleName: weights.moduleName, shape: x.shape },
    );
  const { weight, bias, update } = weights;
  const inputs: Record<string, tf.Tensor> = { x };
  if (!isFrozen(weight)) inputs["weight"] = weight;
  if (bias !== null && !isFrozen(bias)) inputs["bias"] = bias;
  if (update !== null && !isFrozen(update.A)) inputs["A"] = update.A;
  if (update !== null && !isFrozen(update.B)) inputs["B"] = update.B;

  const rows = x.size / inSize;
  return runFused<tf.Tensor>({
    inputs,
    forward: (save) => {
      const flat = tf.reshape(x, [rows, inSize]) as tf.Tensor2D;
      let y: tf.Tensor = tf.matMul(flat, weight, false, true); // [rows, out]
      const saved: tf.Tensor[] = "weight" in inputs || update !== null ? [flat] : [];
      if (update !== null) {
        const down = tf.mul(tf.matMul(flat, update.A as unknown as tf.Tensor2D, false, true), update.scaling);
        y = tf.add(y, tf.matMul(down as tf.Tensor2D, update.B as unknown as tf.Tensor2D, false, true));
        saved.push(down); // [rows, rank]
      }
      if (bias !== null) y = tf.add(y, bias);
      save(saved);
      return tf.reshape(y, [...x.shape.slice(0, -1), outSize]);
    },
    backward: (dy, [flat, down]) => {
      const dyFlat = tf.reshape(dy, [rows, outSize]) as tf.Tensor2D;
      return linearGradients({ x, weight, update, dyFlat, flat: flat as tf.Tensor2D, down: down as tf.Tensor2D });
    },
  }) as T;
}

interface BackwardState {
  readonly x: tf.Tensor;
  readonly weight: tf.Tensor2D;
  readonly update: LowRankUpdate | null;
  readonly dyFlat: tf.Tensor2D;
  readonly flat: tf.Tensor2D;
  readonly down: tf.Tensor2D;
}

function linearGradients({ x, weight, update, dyFlat, flat, down }: BackwardState): OpGradients {
  const gradients: OpGradients = {
    x: () => tf.reshape(tf.matMul(dyFlat, weight), x.shape),
    weight: () => tf.matMul(dyFlat, flat, true, false),
    bias: () => tf.sum(dyFlat, 0),
  };
  if (update === null) return gradients;
  const A = update.A as unknown as tf.Tensor2D;
  const B = update.B as unknown as tf.Tensor2D;
  const dDown = tf.mul(tf.matMul(dyFlat, B), update.scaling) as tf.Tensor2D; // [rows, rank]
  return {
    ...gradients,
    x: () => tf.reshape(tf.add(tf.matMul(dyFlat, weight), tf.matMul(dDown, A)), x.shape),
    A: () => tf.matMul(dDown, flat, true, false),
    B: () => tf.matMul(dyFlat, down, true, false),
  };
}

function isFrozen(tensor: tf.Tensor): boolean {
  return tensor instanceof tf.Variable && !tensor.trainable;
}
