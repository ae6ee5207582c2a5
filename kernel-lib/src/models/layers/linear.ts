import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../base/errors";
import {
  addTo,
  columnSum,
  denseInputGradient,
  denseProduct,
  denseWeightGradient,
  isFrozen,
  type OpGradients,
  type OpInputs,
  reshapeTo,
  runFused,
} from "../../compute/ops/fused-op";
import { hasNativeKernels, runNativeKernel } from "../../compute/ops/native-kernels";
import type { LowRankUpdate, ParameterStore } from "../weights/parameters";

/*
 * y = x·Wᵀ + b, all of it: maps of one input side by side, the low-rank updates attached to them (W + scaling · B·A) with
 * their dropout, a skip connection. Weights as Hugging Face stores them, [out, in].
 *
 *   linear        one module by its name, or several in one product: what most layers call
 *   denseLinear   one module, mostly without adapter, and its skip connection in one kernel
 *   linearMaps    `linear` of a store as a value; fixLinears: the same while nothing is trained
 */

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

/** The tensors of a module. @throws DataError when the model has no such module. */
function linearWeights(store: ParameterStore, moduleName: string): LinearWeights {
  return {
    moduleName,
    weight: store.matrix(`${moduleName}.weight`),
    bias: store.has(`${moduleName}.bias`) ? store.get(`${moduleName}.bias`) : null,
    update: store.adapters.get(moduleName) ?? null,
  };
}

// ---- one map without adapter -------------------------------------------------------------------------------------------

/** A linear map and what its output is added to. */
interface DenseOptions {
  /** [out, in] */
  readonly weight: tf.Tensor2D;
  /** [out] */
  readonly bias: tf.Tensor | null;
  /** [..., out], as a layer's skip connection. Default none. */
  readonly residual?: tf.Tensor;
}

/**
 * A linear map with its bias and its skip connection: x·Wᵀ + b + residual, one kernel on the native engine.
 *
 * Shapes: x [..., in] -> [..., out]. Gradient: flows to x, residual, weight and bias, but never to a frozen variable.
 *
 * @throws ShapeError when the last axis of x is not `in`, or the residual has another shape than the output.
 */
export function dense<T extends tf.Tensor>(x: T, { weight, bias, residual }: DenseOptions): T {
  const [outSize, inSize] = weight.shape;
  if (x.shape[x.rank - 1] !== inSize)
    throw new ShapeError(`dense: x must have shape [..., ${inSize}]; got [${x.shape.join(", ")}].`, { shape: x.shape });
  assertAdded("dense: the output", x, outSize, residual);
  const given: OpInputs = { x, weight, ...(bias && { bias }), ...(residual && { residual }) };
  return runFused<tf.Tensor>({
    inputs: Object.fromEntries(Object.entries(given).filter(([, tensor]) => !isFrozen(tensor))),
    forward: (save) => {
      save([x, weight]);
      return denseProduct(x, { weight, bias, residual });
    },
    backward: (dy, saved) => {
      const [input, kept] = saved as [tf.Tensor, tf.Tensor2D];
      return {
        x: () => denseInputGradient(dy, kept),
        weight: () => denseWeightGradient(dy, input),
        bias: () => columnSum(dy), // [out]
        residual: () => tf.clone(dy),
      };
    },
  }) as T;
}

/** What is added must have the output's shape: the kernel adds value by value. */
function assertAdded(what: string, x: tf.Tensor, outSize: number, residual: tf.Tensor | undefined): void {
  const shape = [...x.shape.slice(0, -1), outSize];
  if (residual === undefined || tf.util.arraysEqual(residual.shape, shape)) return;
  throw new ShapeError(
    `${what} is added to a tensor that must have its shape, [${shape.join(", ")}]; got [${residual.shape.join(", ")}].`,
    { shape: residual.shape },
  );
}

// ---- several maps of one input, with their updates: the product --------------------------------------------------------

/** Values of joined weights up to which they are copied together: above, a step's copies would be as large as the model. */
const JOINED_UP_TO = 2 ** 20;

/** Whether maps are too large to be joined, or merged with their adapters, at every call. */
function tooLargeToJoin(parts: readonly LinearWeights[]): boolean {
  return parts.reduce((sum, { weight }) => sum + weight.size, 0) > JOINED_UP_TO;
}

/** W + scaling · B·A of every part, below each other, [sum of out, in]: the products with x are then those of one matrix. */
function mergeParts(parts: readonly LinearWeights[]): tf.Tensor2D {
  const updates = parts.flatMap(({ update }) => (update === null ? [] : [update]));
  const scaling = updates[0]?.scaling ?? 1;
  if (hasNativeKernels() && updates.length === parts.length && updates.every((update) => update.scaling === scaling)) {
    const inputs = [parts.map(({ weight }) => weight), updates.map(({ A }) => A), updates.map(({ B }) => B)].flat();
    const attributes = { N: { int: parts.length }, scaling };
    return runNativeKernel("JomedLoraMerge", attributes, inputs, 1)[0] as tf.Tensor2D;
  }
  const merged = parts.map(({ weight, update }): tf.Tensor2D => {
    if (update === null) return weight;
    return tf.add(weight, tf.matMul(tf.mul(update.B, update.scaling) as tf.Tensor2D, update.A));
  });
  return merged.length === 1 ? merged[0]! : (tf.concat(merged) as tf.Tensor2D);
}

/** Biases of every part, one after the other; null where there are none. */
function joinBiases(parts: readonly LinearWeights[]): tf.Tensor | null {
  const biases = parts.flatMap(({ bias }) => (bias === null ? [] : [bias]));
  if (biases.length === 0) return null;
  return biases.length === 1 ? biases[0]! : tf.concat(biases);
}

/** x·Wᵀ + scaling · (x·Aᵀ)·Bᵀ of every part, side by side: x [n, in] -> [n, sum of out]; no weight is copied. */
function multiplyApart(x: tf.Tensor2D, parts: readonly LinearWeights[]): tf.Tensor2D {
  const products = parts.map(({ weight, update }): tf.Tensor2D => {
    const product: tf.Tensor2D = tf.matMul(x, weight, false, true); // [n, out]
    if (update === null) return product;
    const inner = tf.mul(tf.matMul(x, update.A, false, true), update.scaling) as tf.Tensor2D; // [n, rank]
    return tf.add(product, tf.matMul(inner, update.B, false, true));
  });
  return products.length === 1 ? products[0]! : (tf.concat(products, 1) as tf.Tensor2D);
}

/** Its gradient to x, the sum over parts of dy·W + scaling · (dy·B)·A: dy [n, sum of out] -> [n, in]. */
function multiplyBackApart(dy: tf.Tensor2D, parts: readonly LinearWeights[]): tf.Tensor2D {
  const heights = parts.map(({ weight }) => weight.shape[0]);
  const cut = parts.length === 1 ? [dy] : (tf.split(dy, heights, 1) as tf.Tensor2D[]); // [n, out] each
  const gradients = parts.flatMap(({ weight, update }, i): tf.Tensor2D[] => {
    const straight: tf.Tensor2D = tf.matMul(cut[i]!, weight); // [n, in]
    if (update === null) return [straight];
    return [straight, tf.matMul(tf.mul(tf.matMul(cut[i]!, update.B), update.scaling), update.A)];
  });
  return gradients.reduce((sum, gradient) => tf.add(sum, gradient));
}

// ---- their gradients ---------------------------------------------------------------------------------------------------

interface Placed extends LinearWeights {
  readonly index: number;
  /** First output column of the part. */
  readonly start: number;
  readonly outSize: number;
}

function place(parts: readonly LinearWeights[]): Placed[] {
  let start = 0;
  return parts.map((part, index) => {
    const outSize = part.weight.shape[0];
    start += outSize;
    return { ...part, index, start: start - outSize, outSize };
  });
}

/**
 * Gradients of the trained tensors of joined linear maps: dW = dyᵀ·x, dB = scaling · dyᵀ·(x·Aᵀ), dA = scaling · (dy·B)ᵀ·x,
 * each product made once for all parts, then cut.
 *
 * Shapes: dy [n, sum of out], x [n, in]; the entries are named weight0, bias0, A0, B0, weight1 …
 */
function joinedGradients(parts: readonly LinearWeights[], dy: tf.Tensor2D, x: tf.Tensor2D): OpGradients {
  const placed = place(parts);
  const made: Record<string, tf.Tensor> = tf.tidy(() => ({
    ...weightGradients(placed, dy, x),
    ...updateGradients(placed, dy, x),
  }));
  return Object.fromEntries(Object.entries(made).map(([name, gradient]) => [name, () => tf.clone(gradient)]));
}

function weightGradients(parts: readonly Placed[], dy: tf.Tensor2D, x: tf.Tensor2D): Record<string, tf.Tensor> {
  const gradients: Record<string, tf.Tensor> = {};
  const weights = parts.filter(({ weight }) => !isFrozen(weight));
  if (weights.length > 0) {
    const whole = tf.matMul(dy, x, true, false); // [sum of out, in]
    for (const { index, start, outSize } of weights)
      gradients[`weight${index}`] = tf.slice(whole, [start, 0], [outSize, -1]);
  }
  const biases = parts.filter(({ bias }) => bias !== null && !isFrozen(bias));
  if (biases.length > 0) {
    const whole = columnSum(dy); // [sum of out]
    for (const { index, start, outSize } of biases) gradients[`bias${index}`] = tf.slice(whole, [start], [outSize]);
  }
  return gradients;
}

function updateGradients(parts: readonly Placed[], dy: tf.Tensor2D, x: tf.Tensor2D): Record<string, tf.Tensor> {
  const gradients: Record<string, tf.Tensor> = {};
  const updated = parts.flatMap(({ update, ...part }) =>
    update === null || isFrozen(update.A) ? [] : [{ ...part, update }],
  );
  if (updated.length === 0) return gradients;
  if (updated.length === parts.length && fitsKernel(parts, x.shape[1])) return nativeGradients(parts, dy, x);
  const outSize = dy.shape[1];
  const ups = updated.map(({ update, start, outSize: height }) =>
    tf.pad(tf.mul(update.B, update.scaling) as tf.Tensor2D, [
      [start, outSize - start - height],
      [0, 0],
    ]),
  );
  const downs = updated.map(({ update }): tf.Tensor2D => update.A);
  const dDown = tf.matMul(dy, tf.concat(ups, 1) as tf.Tensor2D); // [n, ranks], each rank sees its own columns of dy
  const dA = tf.matMul(dDown, x, true, false); // [ranks, in]
  const dB = tf.matMul(dy, tf.matMul(x, tf.concat(downs) as tf.Tensor2D, false, true), true, false); // [out, ranks]
  let at = 0;
  for (const { index, update, start, outSize: height } of updated) {
    const rank = update.A.shape[0];
    gradients[`A${index}`] = tf.slice(dA, [at, 0], [rank, -1]);
    gradients[`B${index}`] = tf.mul(tf.slice(dB, [start, at], [height, rank]), update.scaling);
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
        weight.shape[0] % 8 === 0 && update!.A.shape[0] <= 64 && update!.scaling === parts[0]!.update!.scaling,
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

// ---- dropout of the updates --------------------------------------------------------------------------------------------

/** Whether a part's adapter sees its input through a mask. */
const hasDropout = ({ update }: LinearWeights): boolean => update?.mask !== undefined;

/**
 * What the adapters of joined linear maps add, each seeing x through a mask of its own: scaling · ((x ∘ M)·Aᵀ)·Bᵀ, side by side.
 *
 * Shapes: x [n, in] or [B, n, in] -> [n, sum of out] or [B, n, sum of out]; a part without adapter adds 0.
 */
function droppedUpdates<T extends tf.Tensor>(x: T, parts: readonly LinearWeights[]): T {
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

/** Of one adapter. Gradient: to x, A and B; M is constant. dx = (scaling · (dy·B)·A) ∘ M, dA and dB as above with x ∘ M. */
function droppedUpdate(x: tf.Tensor2D, { A, B, scaling, mask }: LowRankUpdate): tf.Tensor2D {
  return runFused<tf.Tensor2D>({
    inputs: { x, ...(A.trainable ? { A } : {}), ...(B.trainable ? { B } : {}) },
    forward: (save) => {
      const factors = mask === undefined ? tf.onesLike(x) : tf.tensor2d(mask(x.size), x.shape); // [rows, in]
      save([x, factors]);
      const inner = tf.matMul(tf.mul(x, factors), A, false, true); // [rows, rank]
      return tf.mul(tf.matMul(inner, B, false, true), scaling);
    },
    backward: (dy, saved) => {
      const [flat, factors] = saved as [tf.Tensor2D, tf.Tensor2D];
      const dInner = (): tf.Tensor2D => tf.mul(tf.matMul(dy, B), scaling); // [rows, rank]
      const seen = (): tf.Tensor2D => tf.mul(flat, factors); // [rows, in]
      return {
        x: () => tf.mul(tf.matMul(dInner(), A), factors),
        A: () => tf.matMul(dInner(), seen(), true, false),
        B: () => tf.mul(tf.matMul(dy, tf.matMul(seen(), A, false, true), true, false), scaling),
      };
    },
  });
}

// ---- what layers call --------------------------------------------------------------------------------------------------

/**
 * A linear map y = x·Wᵀ + b, plus the low-rank update attached to it, if any; the update sees x through its dropout mask,
 * where it has one. Several modules' outputs stand side by side, from one matrix product.
 *
 * Weights: `<module>.weight` [out, in], `<module>.bias` [out] (optional; all of several modules have one, or none).
 * Shapes: x [n, in] -> [n, out], or [B, n, in] -> [B, n, out]; of several modules the sum of their out.
 * Gradient: flows to x, to the adapter's A and B, and to weight and bias when they are unfrozen; a frozen weight's
 * gradient is never computed.
 *
 * @param residual added to the output, of its shape: one kernel on the native engine. Default none.
 * @throws ShapeError when the last axis of x is not `in`, or the residual has another shape than the output. DataError when the model has
 * no such module.
 * @example linear(store, ["mlp.gate_proj", "mlp.up_proj"], x)
 */
export function linear<T extends tf.Tensor>(
  store: ParameterStore,
  modules: string | readonly string[],
  x: T,
  residual?: tf.Tensor,
): T {
  const names = typeof modules === "string" ? [modules] : modules;
  const parts = names.map((name) => linearWeights(store, name));
  return applyLinear(x, parts, residual);
}

/**
 * As `linear` of one module, `residual` (of the output's shape) added to it: one kernel where no adapter is attached.
 *
 * @param residual default none.
 */
export function denseLinear<T extends tf.Tensor>(store: ParameterStore, moduleName: string, x: T, residual?: T): T {
  const weights = linearWeights(store, moduleName);
  if (weights.update === null) return dense(x, { ...weights, ...(residual && { residual }) });
  return applyLinear(x, [weights], residual);
}

/** As `linear`, on tensors: a weight that is computed from others, such as a reshaped one, passes its gradient on. */
export function applyLinear<T extends tf.Tensor>(x: T, parts: readonly LinearWeights[], residual?: tf.Tensor): T {
  const inSize = parts[0]!.weight.shape[1];
  const outSize = parts.reduce((sum, { weight }) => sum + weight.shape[0], 0);
  const { moduleName } = parts[0]!;
  assertInput(x, inSize, moduleName);
  assertAdded(`linear: the output of ${moduleName}`, x, outSize, residual);
  if (parts.some(hasDropout)) {
    const plain = parts.map((part) => ({ ...part, update: null }));
    return tf.add(applyLinear(x, plain, residual), droppedUpdates(x, parts)) as T;
  }
  return runFused<tf.Tensor>({
    inputs: { x, ...trainedInputs(parts), ...(residual && { residual }) },
    forward: (save) => {
      const merged = tooLargeToJoin(parts) ? null : mergeParts(parts); // [sum of out, in]
      save(merged === null ? [x] : [x, merged]);
      if (merged !== null) return denseProduct(x, { weight: merged, bias: joinBiases(parts), residual });
      const product = multiplyApart(reshapeTo(x, [x.size / inSize, inSize]) as tf.Tensor2D, parts); // [rows, sum of out]
      return addTo(reshapeTo(product, [...x.shape.slice(0, -1), outSize]), joinBiases(parts), residual);
    },
    backward: (dy, saved) => {
      const [input, merged] = saved as [tf.Tensor, tf.Tensor2D?];
      const flat = reshapeTo(input, [x.size / inSize, inSize]) as tf.Tensor2D;
      const dyFlat = reshapeTo(dy, [x.size / inSize, outSize]) as tf.Tensor2D;
      return {
        x: () => reshapeTo(merged ? tf.matMul(dyFlat, merged) : multiplyBackApart(dyFlat, parts), x.shape),
        residual: () => tf.clone(dy),
        ...(parts.length === 1 && parts[0]!.update === null
          ? { weight0: () => tf.matMul(dyFlat, flat, true, false), bias0: () => columnSum(dyFlat) }
          : joinedGradients(parts, dyFlat, flat)),
      };
    },
  }) as T;
}

function assertInput(x: tf.Tensor, inSize: number, moduleName: string): void {
  if ((x.rank === 2 || x.rank === 3) && x.shape[x.rank - 1] === inSize) return;
  throw new ShapeError(
    `linear: the input of ${moduleName} must have shape [n, ${inSize}] or [B, n, ${inSize}]; got [${x.shape.join(", ")}].`,
    { moduleName, shape: x.shape },
  );
}

/** Only what can learn is an input: nothing else gets a gradient. */
function trainedInputs(parts: readonly LinearWeights[]): OpInputs {
  const inputs: OpInputs = {};
  parts.forEach(({ weight, bias, update }, i) => {
    if (!isFrozen(weight)) inputs[`weight${i}`] = weight;
    if (bias !== null && !isFrozen(bias)) inputs[`bias${i}`] = bias;
    if (update !== null && !isFrozen(update.A)) inputs[`A${i}`] = update.A;
    if (update !== null && !isFrozen(update.B)) inputs[`B${i}`] = update.B;
  });
  return inputs;
}

// ---- the maps of a store as a value ------------------------------------------------------------------------------------

/**
 * Linear maps of one input by their modules' names, side by side, `residual` (of the output's shape) added: x [n, in] ->
 * [n, sum of out].
 */
export type LinearMaps = (moduleNames: readonly string[], x: tf.Tensor2D, residual?: tf.Tensor2D) => tf.Tensor2D;

/** The maps of a store, as its weights and adapters are at each call. Gradient and errors as `linear`. */
export function linearMaps(store: ParameterStore): LinearMaps {
  return (moduleNames, x, residual) => linear(store, moduleNames, x, residual);
}

/**
 * The maps of a store for as long as nothing in it is trained: W + scaling · B·A and joined weights are made at a map's
 * first use and kept, instead of once a token. Later changes of the store are not seen. Maps too large to be copied work
 * as `linearMaps` does.
 *
 * Gradient: to x and the residual only. Errors as `linear`.
 * Memory: what is kept is as large as the weights that have an adapter or are joined; `dispose` frees it.
 */
export function fixLinears(store: ParameterStore): { readonly maps: LinearMaps; dispose(): void } {
  const kept = new Map<string, Pick<LinearWeights, "weight" | "bias">>();
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

function fixMap(parts: readonly LinearWeights[]): Pick<LinearWeights, "weight" | "bias"> {
  // a clone: a weight without adapter is the store's own
  const keep = (make: () => tf.Tensor): tf.Tensor => tf.keep(tf.tidy(() => tf.clone(make())));
  const weight = keep(() => mergeParts(parts)) as tf.Tensor2D; // [sum of out, in]
  return { weight, bias: parts.some(({ bias }) => bias !== null) ? keep(() => joinBiases(parts)!) : null };
}
