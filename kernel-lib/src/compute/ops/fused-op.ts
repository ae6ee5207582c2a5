import * as tf from "@tensorflow/tfjs-core";
import { hasNativeKernels, runNativeKernel } from "./native-kernels";

/** The tensor itself where it has the shape already: a reshape costs a kernel call even when it changes nothing. */
export function reshapeTo(x: tf.Tensor, shape: number[]): tf.Tensor {
  return tf.util.arraysEqual(x.shape, shape) ? x : tf.reshape(x, shape);
}

/** Inputs of a fused operation by name; left-out ones get no gradient. */
export type OpInputs = Record<string, tf.Tensor>;

/** One entry per input name: computes that input's gradient, a new tensor of the input's shape. */
export type OpGradients = Record<string, () => tf.Tensor>;

/** What a fused operation is made of. */
interface FusedOp<T extends tf.Tensor> {
  readonly inputs: OpInputs;
  /** Computes the value; `save` keeps tensors for `backward`, in order. */
  readonly forward: (save: (tensors: tf.Tensor[]) => void) => T;
  /** Gradients from the output's gradient and the saved tensors; only the entries that are needed are called. */
  readonly backward: (dy: T, saved: tf.Tensor[]) => OpGradients;
}

interface FusedEngine {
  readonly state: { readonly gradientDepth: number; readonly activeScope: { readonly id: number } | null };
  runKernelFunc(call: {
    inputs: OpInputs;
    forwardFunc: (backend: unknown, save: (tensors: tf.Tensor[]) => void) => tf.Tensor;
    backwardsFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => OpGradients;
  }): tf.Tensor;
}

/**
 * Runs an operation with a hand-written gradient.
 *
 * `tf.customGrad` computes the gradient of every input at once. This goes one level below it, where gradients are
 * functions and only those on a path to a trained variable are called: a frozen weight costs nothing.
 * Memory: intermediates of `forward` and `backward` are disposed. On the way back, saved tensors and the output's gradient
 * are freed once the next operation's turn comes, so that a step needs no more than its activations.
 */
export function runFused<T extends tf.Tensor>(op: FusedOp<T>): T {
  const engine = internals();
  return engine.runKernelFunc({
    inputs: op.inputs,
    forwardFunc: (_backend, save) => op.forward(save),
    backwardsFunc: (dy, saved) => {
      freePassed(engine, dy, saved);
      return op.backward(dy as T, saved);
    },
  }) as T;
}

/** What TensorFlow.js' own operations are made with; its types hide it. */
function internals(): FusedEngine {
  const engine: unknown = tf.engine();
  return engine as FusedEngine;
}

/** What the operation before this one, on the way back, held. */
let passed: readonly tf.Tensor[] = [];

/**
 * Frees what the operation before held and notes what this one holds. TensorFlow.js itself keeps all of it until the last
 * gradient is made, which doubles the memory of a step. Left to it: a gradient that the caller gave (made outside the scope
 * of this pass), and everything while a gradient of a gradient is computed, where the tape is walked again.
 */
function freePassed({ state }: FusedEngine, dy: tf.Tensor, saved: readonly tf.Tensor[]): void {
  tf.dispose([...passed]);
  if (state.gradientDepth > 0) passed = [];
  else passed = dy.scopeId === state.activeScope?.id ? [dy, ...saved] : saved;
}

/** Whether a tensor is a variable that does not learn: no gradient is made for it. */
export function isFrozen(tensor: tf.Tensor): boolean {
  return tensor instanceof tf.Variable && !tensor.trainable;
}

/** The sum over all axes but the last, as the gradient of a bias is: x [..., D] -> [D]. Has no gradient of its own. */
export function columnSum(x: tf.Tensor): tf.Tensor1D {
  if (hasNativeKernels()) return runNativeKernel("JomedColumnSum", {}, [x], 1)[0] as tf.Tensor1D;
  const width = x.shape[x.rank - 1]!;
  return tf.sum(tf.reshape(x, [x.size / width, width]), 0);
}

/** Values of a weight that stay in a core's second-level cache; TensorFlow's own product is made for larger ones. */
const CACHED = 2 ** 17;

/** Whether the project's kernels are there and made for a weight of so many values. */
const hasCachedKernels = (size: number): boolean => hasNativeKernels() && size <= CACHED;

/** What a product is made with: weight [out, in], bias [out], residual [..., out]. */
interface DenseTerms {
  readonly weight: tf.Tensor2D;
  readonly bias: tf.Tensor | null;
  readonly residual: tf.Tensor | undefined;
}

/** x·Wᵀ + b + residual: [..., in] -> [..., out]. Has no gradient of its own, as the ones below. */
export function denseProduct(x: tf.Tensor, { weight, bias, residual }: DenseTerms): tf.Tensor {
  if (hasCachedKernels(weight.size)) {
    const none = tf.tensor1d([]);
    return runNativeKernel("JomedLinear", {}, [x, weight, bias ?? none, residual ?? none], 1)[0]!;
  }
  const [outSize, inSize] = weight.shape;
  const product: tf.Tensor2D = tf.matMul(reshapeTo(x, [x.size / inSize, inSize]) as tf.Tensor2D, weight, false, true); // [rows, out]
  return addTo(reshapeTo(product, [...x.shape.slice(0, -1), outSize]), bias, residual);
}

/** A product with its bias, and what it is added to. */
export function addTo(product: tf.Tensor, bias: tf.Tensor | null, residual: tf.Tensor | undefined): tf.Tensor {
  const shifted = bias === null ? product : tf.add(product, bias);
  return residual === undefined ? shifted : tf.add(shifted, residual);
}

/** The gradient of the input of x·Wᵀ, dy·W: [..., out] -> [..., in]. */
export function denseInputGradient(dy: tf.Tensor, weight: tf.Tensor2D): tf.Tensor {
  if (hasCachedKernels(weight.size)) return runNativeKernel("JomedLinearInputGradient", {}, [dy, weight], 1)[0]!;
  const [outSize, inSize] = weight.shape;
  const flat = reshapeTo(dy, [dy.size / outSize, outSize]) as tf.Tensor2D;
  return reshapeTo(tf.matMul(flat, weight), [...dy.shape.slice(0, -1), inSize]);
}

/** The gradient of its weight, dyᵀ·x, both with as many rows: [out, in]. */
export function denseWeightGradient(dy: tf.Tensor, x: tf.Tensor): tf.Tensor {
  const [outSize, inSize] = [dy.shape[dy.rank - 1]!, x.shape[x.rank - 1]!];
  if (hasCachedKernels(outSize * inSize)) return runNativeKernel("JomedLinearWeightGradient", {}, [dy, x], 1)[0]!;
  const flatten = (tensor: tf.Tensor, size: number) => reshapeTo(tensor, [tensor.size / size, size]) as tf.Tensor2D;
  return tf.matMul(flatten(dy, outSize), flatten(x, inSize), true, false);
}
