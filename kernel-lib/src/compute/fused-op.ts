import * as tf from "@tensorflow/tfjs-core";

/** Inputs of a fused operation by name; left-out ones get no gradient. */
export type OpInputs = Record<string, tf.Tensor>;

/** One entry per input name: computes that input's gradient, a new tensor of the input's shape. */
export type OpGradients = Record<string, () => tf.Tensor>;

/** What a fused operation is made of. */
export interface FusedOp<T extends tf.Tensor> {
  readonly inputs: OpInputs;
  /** Computes the value; `save` keeps tensors for `backward`, in order. */
  readonly forward: (save: (tensors: tf.Tensor[]) => void) => T;
  /** Gradients from the output's gradient and the saved tensors; only the entries that are needed are called. */
  readonly backward: (dy: T, saved: tf.Tensor[]) => OpGradients;
}

interface FusedEngine {
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
 * Memory: intermediates of `forward` and `backward` are disposed; saved tensors live until the gradient is done.
 */
export function runFused<T extends tf.Tensor>(op: FusedOp<T>): T {
  const engine = tf.engine() as unknown as FusedEngine;
  return engine.runKernelFunc({
    inputs: op.inputs,
    forwardFunc: (_backend, save) => op.forward(save),
    backwardsFunc: (dy, saved) => op.backward(dy as T, saved),
  }) as T;
}

/** Whether a tensor is a variable that does not learn: no gradient is made for it. */
export function isFrozen(tensor: tf.Tensor): boolean {
  return tensor instanceof tf.Variable && !tensor.trainable;
}
