import * as tf from "@tensorflow/tfjs-core";
import { type OpGradients, runFused } from "../fused-op";
import { runNativeKernel } from "../native-kernels";
import { type AttentionCall, type Blocks, causalMask, joinBlocks, type Turning } from "./attention-layout";

/** Attention on the project's kernels, one each way, without a transposed copy. Shapes as in `attention`. */
export function nativeAttention(
  { q, keys, values }: { readonly q: tf.Tensor3D; readonly keys: Blocks; readonly values: Blocks },
  { layout, mask, scale, turning }: AttentionCall,
): tf.Tensor3D {
  const attributes = { heads: { int: layout.heads }, groups: { int: layout.groups }, scale };
  const count = keys.length;
  const named = (name: string, blocks: Blocks) => blocks.map((block, i) => [`${name}${i}`, block] as const);
  return runFused<tf.Tensor3D>({
    inputs: { q, ...Object.fromEntries([...named("k", keys), ...named("v", values)]) },
    forward: (save) => {
      const tables = nativeTables(turning);
      const inputs = [q, ...keys, ...values, nativeMask(mask, layout.length), ...tables];
      const [y, weights] = runNativeKernel("JomedAttention", { N: { int: count }, ...attributes }, inputs, 2);
      save([q, ...keys, ...values, weights!, ...tables]);
      return y as tf.Tensor3D;
    },
    backward: (dy, saved) => {
      const [k, v] = [saved.slice(1, 1 + count), saved.slice(1 + count, 1 + 2 * count)] as [Blocks, Blocks];
      const inputs = [dy, saved[0]!, joinBlocks(k), joinBlocks(v), ...saved.slice(1 + 2 * count)];
      const [dq, dk, dv] = runNativeKernel("JomedAttentionGradient", attributes, inputs, 3);
      const gradients = { ...cutBlocks("k", dk!, k), ...cutBlocks("v", dv!, v) };
      return { q: () => tf.clone(dq!), ...gradients };
    },
  });
}

/** The gradient of joined blocks as one of each. */
function cutBlocks(name: string, gradient: tf.Tensor, blocks: Blocks): OpGradients {
  const lengths = blocks.map(({ shape }) => shape[1]);
  const parts = blocks.length === 1 ? [gradient] : tf.split(gradient, lengths, 1);
  return Object.fromEntries(parts.map((part, i) => [`${name}${i}`, () => tf.clone(part)]));
}

/** [B or 1, 1, L or 1, S], or empty for none. */
function nativeMask(mask: "none" | "causal" | tf.Tensor4D, length: number): tf.Tensor {
  if (mask === "none") return tf.tensor1d([]);
  return mask === "causal" ? tf.reshape(causalMask(length), [1, 1, length, length]) : mask;
}

/** cos and sin of queries and of keys, empty for what is not turned. */
function nativeTables({ queries, keys }: Turning): tf.Tensor[] {
  const empty: tf.Tensor = tf.tensor1d([]);
  return [queries, keys].flatMap((table): tf.Tensor[] => (table === null ? [empty, empty] : [table.cos, table.sin]));
}
