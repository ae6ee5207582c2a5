import * as tf from "@tensorflow/tfjs-core";
import { dense } from "../compute/ops/dense";
import { joinBiases, type LinearMaps, linearMaps, linearWeights, mergeParts } from "./linear";
import { tooLargeToJoin } from "./linear-apart";
import { hasDropout } from "./linear-dropout";
import type { ParameterStore } from "./parameters";

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
