import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { COMPILER_ADVICE, compile, compileInputs, findCompiler } from "../compiler.mjs";
import { StepSkipped } from "../errors.mjs";
import { libraryNames, tensorflowFolder } from "./tensorflow.mjs";

const OUTPUT = "lib/napi-v8/tfjs_binding.node";

function link(target, path) {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(relative(dirname(path), target), path);
}

/** Points `deps/` of the npm package to the TensorFlow of the Python wheel. */
function linkTensorflow(root, folder, variant) {
  const wheel = join(root, tensorflowFolder(root, variant));
  const { main, framework } = libraryNames();
  const end = process.platform === "darwin" ? "dylib" : "so";
  const deps = join(folder, "deps");
  link(join(wheel, "include"), join(deps, "include"));
  link(join(wheel, main), join(deps, "lib", `libtensorflow.${end}`));
  link(join(wheel, main), join(deps, "lib", main));
  link(join(wheel, framework), join(deps, "lib", `libtensorflow_framework.${end}`));
  link(join(wheel, framework), join(deps, "lib", framework));
}

function createStep(variant) {
  const name = variant === "gpu" ? "binding-gpu" : "binding";
  const package_ = `node_modules/@tensorflow/${variant === "gpu" ? "tfjs-node-gpu" : "tfjs-node"}`;
  const step = {
    name,
    title: variant === "gpu" ? "native engine (GPU)" : "native engine",
    file: import.meta.url,
    needs: ["packages", variant === "gpu" ? "tensorflow-gpu" : "tensorflow"],
    after: [],
    inputs: ({ env }) => compileInputs(env),
    async run(context) {
      const { root, env } = context;
      if (findCompiler(env) === null) throw new StepSkipped("no C++ compiler was found", COMPILER_ADVICE);
      const folder = join(root, package_);
      if (!existsSync(join(folder, "binding"))) throw new StepSkipped(`${package_} is missing`, "Delete node_modules.");
      linkTensorflow(root, folder, variant);
      mkdirSync(join(folder, dirname(OUTPUT)), { recursive: true });
      await compile(context, step, folder, {
        sources: ["binding/tfjs_backend.cc", "binding/tfjs_binding.cc"],
        includes: [".", "deps/include"],
        defines: ["NAPI_VERSION=8"],
        link: ["-L", "deps/lib", "-ltensorflow", "-ltensorflow_framework"],
        searchAtRunTime: "../../deps/lib",
        output: `${OUTPUT}.new`,
      });
      renameSync(join(folder, `${OUTPUT}.new`), join(folder, OUTPUT));
      return [`${package_}/${OUTPUT}`, `${package_}/deps/lib/${libraryNames().main}`];
    },
  };
  return step;
}

/** TensorFlow.js's native binding, compiled against the wheel's TensorFlow. */
export const binding = createStep("cpu");

/** The same for the GPU package. */
export const bindingGpu = createStep("gpu");
