import * as tf from "@tensorflow/tfjs-core";
import { dense } from "../compute/ops/dense";
import { linear } from "./linear";
import type { ParameterStore } from "./parameters";

/**
 * A linear map of a tower, `residual` added to its output: one pass where no adapter is attached to it.
 *
 * Shapes: x [B, n, in] or [n, in] -> the same with out. Gradient and errors as `linear`.
 *
 * @param residual [B, n, out] or [n, out]. Default none.
 */
export function clipLinear<T extends tf.Tensor>(store: ParameterStore, moduleName: string, x: T, residual?: T): T {
  if (store.adapters.has(moduleName)) {
    const y = linear(store, moduleName, x);
    return residual === undefined ? y : (tf.add(residual, y) as T);
  }
  const weight = store.get(`${moduleName}.weight`) as unknown as tf.Tensor2D;
  const bias = store.has(`${moduleName}.bias`) ? store.get(`${moduleName}.bias`) : null;
  return dense(x, { weight, bias, ...(residual && { residual }) });
}
