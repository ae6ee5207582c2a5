import { binding, bindingGpu } from "./steps/binding.mjs";
import { engine } from "./steps/engine.mjs";
import { hnswlib } from "./steps/hnswlib.mjs";
import { kernelSpec } from "./steps/kernel-spec.mjs";
import { kernels } from "./steps/kernels.mjs";
import { library } from "./steps/library.mjs";
import { packages } from "./steps/packages.mjs";
import { papermill } from "./steps/papermill.mjs";
import { python } from "./steps/python.mjs";
import { tensorflow, tensorflowGpu } from "./steps/tensorflow.mjs";

/** All steps of a variant, each after the steps it waits for. */
export function stepsOf(variant) {
  const shared = [packages, python, kernelSpec, papermill, library, hnswlib, tensorflow, binding, kernels];
  if (variant === "cpu") return [...shared, engine];
  return [...shared, tensorflowGpu, bindingGpu, { ...engine, after: [...engine.after, "binding-gpu"] }];
}
