import * as tf from "@tensorflow/tfjs-core";
import { StateError } from "../base/errors";
import { detachLora, type LoraAdapter, reattachLora, scalingOf } from "./lora";
import type { ParameterStore } from "./parameters";

/** Whether the weights from before a merger are remembered (as much memory again as the changed weights), so that `unmergeLora` can put them back. */
export type MergeMemory = "forget" | "remember";

/** Weights from before a merger, by adapter, in the order of its modules. */
const remembered = new WeakMap<LoraAdapter, Float32Array[]>();

/**
 * Adds the update into the weights and detaches the adapter. The adapter itself is left as it was; the caller still disposes it.
 *
 * @param memory Default "forget".
 * @throws StateError when the adapter is not attached.
 */
export function mergeLora(parameters: ParameterStore, adapter: LoraAdapter, memory: MergeMemory = "forget"): void {
  assertAttached(parameters, adapter);
  const scaling = scalingOf(adapter.config);
  const before: Float32Array[] = [];
  adapter.config.modules.forEach((module, i) => {
    const weight = parameters.get(`${module}.weight`);
    if (memory === "remember") before.push((weight.dataSync() as Float32Array).slice());
    const merged = tf.tidy(() => {
      const [A, B] = [adapter.variables[2 * i], adapter.variables[2 * i + 1]] as unknown as tf.Tensor2D[];
      return tf.add(weight, tf.mul(tf.matMul(B!, A!), scaling));
    });
    weight.assign(merged);
    merged.dispose();
  });
  if (memory === "remember") remembered.set(adapter, before);
  detachLora(parameters, adapter);
}

/**
 * Takes a merged adapter out of the weights again and attaches it. Every weight gets the bits it had before: subtracting
 * the update would leave rounding behind.
 *
 * @throws StateError when the adapter was not merged with "remember", or its modules carry another one.
 */
export function unmergeLora(parameters: ParameterStore, adapter: LoraAdapter): void {
  const before = remembered.get(adapter);
  if (before === undefined)
    throw new StateError(
      'unmergeLora: the adapter must be merged, its weights remembered; got one that is not. Call mergeLora with "remember" first.',
    );
  reattachLora(parameters, adapter);
  adapter.config.modules.forEach((module, i) => {
    parameters.assign(`${module}.weight`, before[i]!);
  });
  remembered.delete(adapter);
}

function assertAttached(parameters: ParameterStore, adapter: LoraAdapter): void {
  adapter.config.modules.forEach((module, i) => {
    if (parameters.adapters.get(module)?.A === adapter.variables[2 * i]) return;
    throw new StateError(`mergeLora: the adapter must be attached to ${module}. Call reattachLora first.`, { module });
  });
}
