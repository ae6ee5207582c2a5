import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";

/** A number given with a kernel; whole numbers that the kernel takes as int64 are marked. */
export type KernelAttribute = number | { readonly int: number };

interface NativeBackend {
  readonly binding: Readonly<Record<"TF_ATTR_INT" | "TF_ATTR_FLOAT", number>>;
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
 * Runs one of the kernels of kernel-lib/native/kernels. Ask `hasNativeKernels` first.
 *
 * @example const [y] = runNativeKernel("JomedGate", { steepness: 1 }, [x], 1)
 */
export function runNativeKernel(
  name: string,
  attributes: Readonly<Record<string, KernelAttribute>>,
  inputs: readonly tf.Tensor[],
  numOutputs: number,
): tf.Tensor[] {
  const backend = tf.backend() as unknown as NativeBackend;
  const { TF_ATTR_INT, TF_ATTR_FLOAT } = backend.binding;
  const given = Object.entries(attributes).map(([key, value]) =>
    typeof value === "number"
      ? { name: key, type: TF_ATTR_FLOAT, value }
      : { name: key, type: TF_ATTR_INT, value: value.int },
  );
  return backend.executeMultipleOutputs(name, given, [...inputs], numOutputs);
}
