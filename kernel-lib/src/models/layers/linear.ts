import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../base/errors";
import { isFrozen, type OpGradients, reshapeTo, runFused } from "../../compute/fused-op";
import { hasNativeKernels, runNativeKernel } from "../../compute/native-kernels";
import { columnSum, dense } from "../../compute/ops/dense";
import type { LowRankUpdate, ParameterStore } from "../weights/parameters";

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

interface Placed extends LinearWeights {
  readonly index: number;
  /** First output column of the part. */
  readonly start: number;
  readonly outSize: number;
}

/**
 * Gradients of the trained tensors of joined linear maps: dW = dyᵀ·x, dB = scaling · dyᵀ·(x·Aᵀ), dA = scaling · (dy·B)ᵀ·x,
 * each product made once for all parts, then cut.
 *
 * Shapes: dy [n, sum of out], x [n, in]; the entries are named weight0, bias0, A0, B0, weight1 …
 */
export function joinedGradients(parts: readonly LinearWeights[], dy: tf.Tensor2D, x: tf.Tensor2D): OpGradients {
  const placed = place(parts);
  const made: Record<string, tf.Tensor> = tf.tidy(() => ({
    ...weightGradients(placed, dy, x),
    ...updateGradients(placed, dy, x),
  }));
  return Object.fromEntries(Object.entries(made).map(([name, gradient]) => [name, () => tf.clone(gradient)]));
}

function place(parts: readonly LinearWeights[]): Placed[] {
  let start = 0;
  return parts.map((part, index) => {
    const outSize = part.weight.shape[0];
    start += outSize;
    return { ...part, index, start: start - outSize, outSize };
  });
}

function weightGradients(parts: readonly Placed[], dy: tf.Tensor2D, x: tf.Tensor2D): Record<string, tf.Tensor> {
  const gradients: Record<string, tf.Tensor> = {};
  const weights = parts.filter(({ weight }) => learns(weight));
  if (weights.length > 0) {
    const whole = tf.matMul(dy, x, true, false); // [sum of out, in]
    for (const { index, start, outSize } of weights)
      gradients[`weight${index}`] = tf.slice(whole, [start, 0], [outSize, -1]);
  }
  const biases = parts.filter(({ bias }) => bias !== null && learns(bias));
  if (biases.length > 0) {
    const whole = columnSum(dy);
    for (const { index, start, outSize } of biases) gradients[`bias${index}`] = tf.slice(whole, [start], [outSize]);
  }
  return gradients;
}

function updateGradients(parts: readonly Placed[], dy: tf.Tensor2D, x: tf.Tensor2D): Record<string, tf.Tensor> {
  const gradients: Record<string, tf.Tensor> = {};
  const updated = parts.flatMap((part) => (part.update !== null && learns(part.update.A) ? [part] : []));
  if (updated.length === 0) return gradients;
  if (updated.length === parts.length && fitsKernel(parts, x.shape[1])) return nativeGradients(parts, dy, x);
  const outSize = dy.shape[1];
  const ups = updated.map(({ update, start, outSize: height }) =>
    tf.pad(tf.mul(update!.B, update!.scaling) as tf.Tensor2D, [
      [start, outSize - start - height],
      [0, 0],
    ]),
  );
  const downs = updated.map(({ update }) => update!.A as unknown as tf.Tensor2D);
  const dDown = tf.matMul(dy, tf.concat(ups, 1) as tf.Tensor2D); // [n, ranks], each rank sees its own columns of dy
  const dA = tf.matMul(dDown, x, true, false); // [ranks, in]
  const dB = tf.matMul(dy, tf.matMul(x, tf.concat(downs) as tf.Tensor2D, false, true), true, false); // [out, ranks]
  let at = 0;
  for (const { index, update, start, outSize: height } of updated) {
    const rank = update!.A.shape[0]!;
    gradients[`A${index}`] = tf.slice(dA, [at, 0], [rank, -1]);
    gradients[`B${index}`] = tf.mul(tf.slice(dB, [start, at], [height, rank]), update!.scaling);
    at += rank;
  }
  return gradients;
}

/** Whether the native engine's own kernel takes these sizes. */
function fitsKernel(parts: readonly LinearWeights[], inSize: number): boolean {
  return (
    hasNativeKernels() &&
    inSize % 8 === 0 &&
    parts.every(
      ({ weight, update }) =>
        weight.shape[0] % 8 === 0 && update!.A.shape[0]! <= 64 && update!.scaling === parts[0]!.update!.scaling,
    )
  );
}

/** Gradients of all A and B in one pass over dy and x. */
function nativeGradients(parts: readonly LinearWeights[], dy: tf.Tensor2D, x: tf.Tensor2D): Record<string, tf.Tensor> {
  const count = parts.length;
  const updates = parts.map(({ update }) => update!);
  const attributes = { N: { int: count }, scaling: updates[0]!.scaling };
  const inputs = [dy, x, ...updates.map(({ A }) => A), ...updates.map(({ B }) => B)];
  const made = runNativeKernel("JomedLoraGradient", attributes, inputs, 2 * count);
  return Object.fromEntries(made.map((gradient, i) => [i < count ? `A${i}` : `B${i - count}`, gradient]));
}

function learns(tensor: tf.Tensor): boolean {
  return !(tensor instanceof tf.Variable) || tensor.trainable;
}

/** Values of joined weights up to which they are copied together: above, a step's copies would be as large as the model. */
const JOINED_UP_TO = 2 ** 20;

/** Whether maps are too large to be joined, or merged with their adapters, at every call. */
export function tooLargeToJoin(parts: readonly LinearWeights[]): boolean {
  return parts.reduce((sum, { weight }) => sum + weight.size, 0) > JOINED_UP_TO;
}

/** x·Wᵀ + scaling · (x·Aᵀ)·Bᵀ of every part, side by side: x [n, in] -> [n, sum of out]; no weight is copied. */
export function multiplyApart(x: tf.Tensor2D, parts: readonly LinearWeights[]): tf.Tensor2D {
  const products = parts.map(({ weight, update }): tf.Tensor2D => {
    const product: tf.Tensor2D = tf.matMul(x, weight, false, true);
    if (update === null) return product;
    const [A, B] = [update.A, update.B] as unknown as [tf.Tensor2D, tf.Tensor2D];
    const inner = tf.mul(tf.matMul(x, A, false, true), update.scaling) as tf.Tensor2D; // [n, rank]
    return tf.add(product, tf.matMul(inner, B, false, true)) as tf.Tensor2D;
  });
  return products.length === 1 ? products[0]! : (tf.concat(products, 1) as tf.Tensor2D);
}

/** Its gradient to x, the sum over parts of dy·W + scaling · (dy·B)·A: dy [n, sum of out] -> [n, in]. */
export function multiplyBackApart(dy: tf.Tensor2D, parts: readonly LinearWeights[]): tf.Tensor2D {
  const heights = parts.map(({ weight }) => weight.shape[0]);
  const cut = parts.length === 1 ? [dy] : (tf.split(dy, heights, 1) as tf.Tensor2D[]);
  const gradients = parts.flatMap(({ weight, update }, i): tf.Tensor2D[] => {
    const straight: tf.Tensor2D = tf.matMul(cut[i]!, weight);
    if (update === null) return [straight];
    const [A, B] = [update.A, update.B] as unknown as [tf.Tensor2D, tf.Tensor2D];
    return [straight, tf.matMul(tf.mul(tf.matMul(cut[i]!, B), update.scaling), A)];
  });
  return gradients.reduce((sum, gradient) => tf.add(sum, gradient));
}

/** Whether a part's adapter sees its input through a mask. */
export const hasDropout = ({ update }: LinearWeights): boolean => update?.mask !== undefined;

/**
 * What the adapters of joined linear maps add, each seeing x through a mask of its own: scaling · ((x ∘ M)·Aᵀ)·Bᵀ, side by side.
 *
 * Shapes: x [n, in] or [B, n, in] -> [n, sum of out] or [B, n, sum of out]; a part without adapter adds 0.
 * Gradient: flows to x, A and B; M is constant. dB = scaling · dyᵀ·((x ∘ M)·Aᵀ), dA = scaling · (dy·B)ᵀ·(x ∘ M),
 * dx = (scaling · (dy·B)·A) ∘ M.
 */
export function droppedUpdates<T extends tf.Tensor>(x: T, parts: readonly LinearWeights[]): T {
  const inSize = parts[0]!.weight.shape[1];
  const rows = x.size / inSize;
  const flat = tf.reshape(x, [rows, inSize]) as tf.Tensor2D;
  const updates = parts.map(({ update, weight }) =>
    update === null ? (tf.zeros([rows, weight.shape[0]]) as tf.Tensor2D) : droppedUpdate(flat, update),
  );
  const outSize = parts.reduce((sum, { weight }) => sum + weight.shape[0], 0);
  const joined = updates.length === 1 ? updates[0]! : tf.concat(updates, 1); // [rows, sum of out]
  return reshapeTo(joined, [...x.shape.slice(0, -1), outSize]) as T;
}

function droppedUpdate(x: tf.Tensor2D, { A, B, scaling, mask }: LowRankUpdate): tf.Tensor2D {
  const [down, up] = [A, B] as unknown as [tf.Tensor2D, tf.Tensor2D];
  return runFused<tf.Tensor2D>({
    inputs: { x, ...(A.trainable ? { A } : {}), ...(B.trainable ? { B } : {}) },
    forward: (save) => {
      const factors = mask === undefined ? tf.onesLike(x) : tf.tensor2d(mask(x.size), x.shape); // [rows, in]
      save([x, factors]);
      const inner = tf.matMul(tf.mul(x, factors), down, false, true); // [rows, rank]
      return tf.mul(tf.matMul(inner, up, false, true), scaling);
    },
    backward: (dy, saved) => {
      const [flat, factors] = saved as [tf.Tensor2D, tf.Tensor2D];
      const dInner = () => tf.mul(tf.matMul(dy, up), scaling) as tf.Tensor2D; // [rows, rank]
      const seen = () => tf.mul(flat, factors) as tf.Tensor2D; // [rows, in]
      return {
        x: () => tf.mul(tf.matMul(dInner(), down), factors),
        A: () => tf.matMul(dInner(), seen(), true, false),
        B: () => tf.mul(tf.matMul(dy, tf.matMul(seen(), down, false, true), true, false), scaling),
      };
    },
  });
}

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

/** Linear maps whose weights are those of one moment. */
export interface FixedLinears {
  readonly maps: LinearMaps;
  /** Frees the weights that were made. */
  dispose(): void;
}

/**
 * The maps of a store for as long as nothing in it is trained: W + scaling · B·A and joined weights are made at a map's
 * first use and kept, instead of once a token. Later changes of the store are not seen. Maps too large to be copied work
 * as `linearMaps` does.
 *
 * Gradient: to x and the residual only. Errors as `joinedLinear`.
 * Memory: what is kept is as large as the weights that have an adapter or are joined; dispose it.
 */
export function fixLinears(store: ParameterStore): FixedLinears {
  const kept = new Map<string, FixedMap>();
  const current = linearMaps(store);
  const maps: LinearMaps = (moduleNames, x, residual) => {
    const parts = moduleNames.map((name) => linearWeights(store, name));
    if (parts.some(hasDropout) || tooLargeToJoin(parts)) return current(moduleNames, x, residual);
    const key = moduleNames.join(" ");
    const fixed = kept.get(key) ?? fixMap(parts);
    kept.set(key, fixed);
    return dense(x, { ...fixed, ...(residual && { residual }) });
  };
  return { maps, dispose: () => tf.dispose([...kept.values()].flatMap(({ weight, bias }) => [weight, bias ?? []])) };
}

interface FixedMap {
  /** [sum of out, in] */
  readonly weight: tf.Tensor2D;
  readonly bias: tf.Tensor | null;
}

function fixMap(parts: Parameters<typeof mergeParts>[0]): FixedMap {
  // a clone: a weight without adapter is the store's own
  const keep = (make: () => tf.Tensor): tf.Tensor => tf.keep(tf.tidy(() => tf.clone(make())));
  const weight = keep(() => mergeParts(parts)) as tf.Tensor2D;
  return { weight, bias: parts.some(({ bias }) => bias !== null) ? keep(() => joinBiases(parts)!) : null };
}
