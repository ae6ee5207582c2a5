import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { StepSkipped } from "../errors.mjs";
import { lastLines, runForStep } from "../programs.mjs";
import { hashFile } from "../stamps.mjs";
import { PIP, PIP_RETRIES, withPipFolder } from "./python.mjs";

/** Names of TensorFlow's two shared libraries inside the wheel. */
export function libraryNames() {
  const end = process.platform === "darwin" ? "2.dylib" : "so.2";
  return { main: `libtensorflow_cc.${end}`, framework: `libtensorflow_framework.${end}` };
}

/** Where a variant's TensorFlow lies, relative to the checkout. GPU has a folder of its own: both may be installed. */
export function tensorflowFolder(root, variant) {
  if (variant === "gpu") return ".venv/gpu/tensorflow";
  const lib = join(root, ".venv", "lib");
  const version = existsSync(lib) ? readdirSync(lib).find((name) => name.startsWith("python3")) : undefined;
  return `.venv/lib/${version ?? "python3"}/site-packages/tensorflow`;
}

/** The files of the wheel that the binding needs; their absence means that this wheel is built differently. */
function proofs(root, variant) {
  const folder = tensorflowFolder(root, variant);
  const { main, framework } = libraryNames();
  const files = [`${folder}/${main}`, `${folder}/${framework}`, `${folder}/include/tensorflow/c/c_api.h`];
  const missing = files.find((file) => !existsSync(join(root, file)));
  if (missing !== undefined) throw new StepSkipped(`TensorFlow lacks ${missing}`, "Delete .venv and run again.");
  return files;
}

function createStep(variant) {
  const file = variant === "gpu" ? "requirements-tensorflow-gpu.txt" : "requirements-tensorflow.txt";
  const name = variant === "gpu" ? "tensorflow-gpu" : "tensorflow";
  const step = {
    name,
    title: variant === "gpu" ? "TensorFlow with CUDA" : "TensorFlow",
    file: import.meta.url,
    needs: ["python"],
    after: [],
    inputs: ({ root }) => ({ requirements: hashFile(join(root, file)) }),
    async run(context) {
      const target = variant === "gpu" ? ["--target", ".venv/gpu", "--upgrade"] : [];
      const parameters = [...PIP, ...PIP_RETRIES, "--no-deps", ...target, "-r", file];
      await runForStep(withPipFolder(context, name), step, ".venv/bin/python", parameters, {
        onFailure: (output) =>
          new StepSkipped(
            `pip found no TensorFlow for this machine (${lastLines(output, 1)})`,
            `See .setup/logs/${name}.log; Python 3.10 to 3.13 on Linux or macOS is known to work.`,
          ),
      });
      return proofs(context.root, variant);
    },
  };
  return step;
}

/** TensorFlow for the CPU (its shared libraries are used, not its Python), without its dependencies. */
export const tensorflow = createStep("cpu");

/** TensorFlow with the CUDA libraries it is built for. */
export const tensorflowGpu = createStep("gpu");
