import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../base/errors";
import { isFrozen, runFused } from "../compute/fused-op";
import { hasNativeKernels, runNativeKernel } from "../compute/native-kernels";
import { columnSum } from "../compute/ops/column-sum";
import { reshapeTo } from "../compute/reshape-to";
import { multiplyApart, multiplyBackApart, tooLargeToJoin } from "./linear-apart";
import { droppedUpdates, hasDropout } from "./linear-dropout";
import { joinedGradients, type LinearWeights } from "./linear-gradients";
import type { ParameterStore } from "./parameters";

/**
 * A linear map y = x·Wᵀ + b, plus the low-rank update attached to it, if any; the update sees x through its dropout mask,
 * where it has one.
 *
 * Weights as Hugging Face stores them: `<moduleName>.weight` [out, in], `<moduleName>.bias` [out] (optional).
 * Shapes: x [n, in] -> [n, out], or [B, n, in] -> [B, n, out].
 * Gradient: flows to x, to the adapter's A and B, and to weight and bias when they are unfrozen; a frozen weight's
 * gradient is never computed.
 *
 * @throws ShapeError when the last axis of x is not `in`. DataError when the model has no such module.
 */
export function linear<T extends tf.Tensor>(store: ParameterStore, moduleName: string, x: T): T {
  return applyLinears(x, [linearWeights(store, moduleName)]);
}

/**
 * Several linear maps of one input, their outputs side by side: one matrix product instead of one per module.
 *
 * Shapes: x [n, in] -> [n, sum of out]. Gradient and errors as `linear`. Either all modules have a bias or none.
 * @example joinedLinear(store, ["mlp.gate_proj", "mlp.up_proj"], x)
 */
export function joinedLinear<T extends tf.Tensor>(store: ParameterStore, moduleNames: readonly string[], x: T): T {
  return applyLinears(
    x,
    moduleNames.map((moduleName) => linearWeights(store, moduleName)),
  );
}

/**
 * Linear maps of one input by their modules' names, side by side, `residual` (of the output's shape) added: x [n, in] ->
 * [n, sum of out].
 */
export type LinearMaps = (moduleNames: readonly string[], x: tf.Tensor2D, residual?: tf.Tensor2D) => tf.Tensor2D;

/** The maps of a store, as its weights and adapters are at each call. Gradient and errors as `joinedLinear`. */
export function linearMaps(store: ParameterStore): LinearMaps {
  return (moduleNames, x, residual) => {
    const y = joinedLinear(store, moduleNames, x);
    return residual === undefined ? y : tf.add(residual, y);
  };
}

/** As `linear`, on tensors: a weight that is computed from others, such as a reshaped one, passes its gradient on. */
export function applyLinear<T extends tf.Tensor>(x: T, weights: LinearWeights): T {
  return applyLinears(x, [weights]);
}

/** The tensors of a module. @throws DataError when the model has no such module. */
export function linearWeights(store: ParameterStore, moduleName: string): LinearWeights {
  return {
    moduleName,
    weight: store.get(`${moduleName}.weight`) as unknown as tf.Tensor2D,
    bias: store.has(`${moduleName}.bias`) ? store.get(`${moduleName}.bias`) : null,
    update: store.adapters.get(moduleName) ?? null,
  };
}

function applyLinears<T extends tf.Tensor>(x: T, parts: readonly LinearWeights[]): T {
  const inSize = parts[0]!.weight.shape[1];
  const outSize = parts.reduce((sum, { weight }) => sum + weight.shape[0], 0);
  const width = x.shape[x.rank - 1];
  if ((x.rank !== 2 && x.rank !== 3) || width !== inSize)
    throw new ShapeError(
      `linear: the input of ${parts[0]!.moduleName} must have shape [n, ${inSize}] or [B, n, ${inSize}]; got [${x.shape.join(", ")}].`,
      { moduleName: parts[0]!.moduleName, shape: x.shape },
    );
  if (parts.some(hasDropout)) {
    const plain = parts.map((part) => ({ ...part, update: null }));
    return tf.add(applyLinears(x, plain), droppedUpdates(x, parts)) as T;
  }
  const rows = x.size / inSize;
  const apart = tooLargeToJoin(parts);
  return runFused<tf.Tensor>({
    inputs: { x, ...trainedInputs(parts) },
    forward: (save) => {
      const flat = reshapeTo(x, [rows, inSize]) as tf.Tensor2D;
      const merged = apart ? [] : [mergeParts(parts)]; // [out, in]
      save([flat, ...merged]);
      const product = apart ? multiplyApart(flat, parts) : tf.matMul(flat, merged[0]!, false, true); // [rows, out]
      const bias = joinBiases(parts);
      return reshapeTo(bias === null ? product : tf.add(product, bias), [...x.shape.slice(0, -1), outSize]);
    },
    backward: (dy, saved) => {
      const [flat, merged] = saved as [tf.Tensor2D, tf.Tensor2D?];
      const dyFlat = reshapeTo(dy, [rows, outSize]) as tf.Tensor2D;
      return {
        x: () => reshapeTo(merged ? tf.matMul(dyFlat, merged) : multiplyBackApart(dyFlat, parts), x.shape),
        ...(parts.length === 1 && parts[0]!.update === null
          ? { weight0: () => tf.matMul(dyFlat, flat, true, false), bias0: () => columnSum(dyFlat) }
          : joinedGradients(parts, dyFlat, flat)),
      };
    },
  }) as T;
}

/** Only what can learn is an input: nothing else gets a gradient. */
function trainedInputs(parts: readonly LinearWeights[]): Record<string, tf.Tensor> {
  const inputs: Record<string, tf.Tensor> = {};
  parts.forEach(({ weight, bias, update }, i) => {
    if (!isFrozen(weight)) inputs[`weight${i}`] = weight;
    if (bias !== null && !isFrozen(bias)) inputs[`bias${i}`] = bias;
    if (update !== null && !isFrozen(update.A)) inputs[`A${i}`] = update.A;
    if (update !== null && !isFrozen(update.B)) inputs[`B${i}`] = update.B;
  });
  return inputs;
}

/** W + scaling · B·A of every part, below each other: the products with x are then those of one matrix. */
export function mergeParts(parts: readonly LinearWeights[]): tf.Tensor2D {
  const updates = parts.flatMap(({ update }) => (update === null ? [] : [update]));
  const scaling = updates[0]?.scaling ?? 1;
  if (hasNativeKernels() && updates.length === parts.length && updates.every((update) => update.scaling === scaling)) {
    const inputs = [parts.map(({ weight }) => weight), updates.map(({ A }) => A), updates.map(({ B }) => B)].flat();
    const attributes = { N: { int: parts.length }, scaling };
    return runNativeKernel("JomedLoraMerge", attributes, inputs, 1)[0] as tf.Tensor2D;
  }
  const merged = parts.map(({ weight, update }) => {
    if (update === null) return weight;
    const [A, B] = [update.A, update.B] as unknown as [tf.Tensor2D, tf.Tensor2D];
    return tf.add(weight, tf.matMul(tf.mul(B, update.scaling) as tf.Tensor2D, A)) as tf.Tensor2D;
  });
  return merged.length === 1 ? merged[0]! : (tf.concat(merged) as tf.Tensor2D);
}

/** Biases of every part, one after the other; null where there are none. */
export function joinBiases(parts: readonly LinearWeights[]): tf.Tensor | null {
  const biases = parts.flatMap(({ bias }) => (bias === null ? [] : [bias]));
  if (biases.length === 0) return null;
  return biases.length === 1 ? biases[0]! : tf.concat(biases);
}
