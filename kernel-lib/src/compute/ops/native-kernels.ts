import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";

/** What is given with a kernel: a number, one that the kernel takes as int64, or the type of one of its tensors. */
type KernelAttribute = number | { readonly int: number } | { readonly type: "float" | "int32" };

interface NativeBackend {
  readonly binding: Readonly<Record<`TF_ATTR_${"INT" | "FLOAT" | "TYPE"}` | "TF_FLOAT" | "TF_INT32", number>>;
  executeMultipleOutputs(name: string, attributes: object[], inputs: tf.Tensor[], outputs: number): tf.Tensor[];
}

/** Beside tfjs-node's own binding; the set-up compiles it from kernel-lib/native/kernels. */
const FILE = "lib/napi-v8/jomed_kernels.node";

let loaded = false;

/**
 * Loads the project's own TensorFlow kernels, once, where the set-up has built them; says whether they are there.
 *
 * `JOMED_KERNELS=plain` leaves them out: every operation then runs on TensorFlow's own kernels, as on other engines.
 */
export function loadNativeKernels(): boolean {
  if (loaded) return true;
  const load = createRequire(__filename);
  const file = join(dirname(load.resolve("@tensorflow/tfjs-node/package.json")), FILE);
  if (process.env["JOMED_KERNELS"] === "plain" || !existsSync(file)) return false;
  load(file);
  loaded = true;
  return true;
}

/** Whether the kernels of kernel-lib/native/kernels run here: loaded, and the native engine is the one in use. */
export function hasNativeKernels(): boolean {
  return loaded && tf.getBackend() === "tensorflow";
}

/**
 * Runs one kernel of the native engine: TensorFlow's own, or one of kernel-lib/native/kernels where `hasNativeKernels` says so.
 *
 * @example const [y] = runNativeKernel("JomedGate", { steepness: 1 }, [x], 1)
 */
export function runNativeKernel(
  name: string,
  attributes: Readonly<Record<string, KernelAttribute>>,
  inputs: readonly tf.Tensor[],
  numOutputs: number,
): tf.Tensor[] {
  const backend: unknown = tf.backend(); // its types hide the binding
  const { binding, executeMultipleOutputs } = backend as NativeBackend;
  const given = Object.entries(attributes).map(([key, value]) => ({ name: key, ...attributeOf(value, binding) }));
  return executeMultipleOutputs.call(backend, name, given, [...inputs], numOutputs);
}

function attributeOf(value: KernelAttribute, binding: NativeBackend["binding"]): { type: number; value: number } {
  if (typeof value === "number") return { type: binding.TF_ATTR_FLOAT, value };
  if ("int" in value) return { type: binding.TF_ATTR_INT, value: value.int };
  return { type: binding.TF_ATTR_TYPE, value: value.type === "float" ? binding.TF_FLOAT : binding.TF_INT32 };
}
