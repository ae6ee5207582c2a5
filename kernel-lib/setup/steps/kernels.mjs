import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { COMPILER_ADVICE, compile, findCompiler, THIS_PROCESSOR, tunedInputs } from "../compiler.mjs";
import { StepSkipped } from "../errors.mjs";
import { lastLines, run } from "../programs.mjs";
import { hashFolder } from "../stamps.mjs";

const SOURCES = fileURLToPath(new URL("../../native/kernels", import.meta.url));
const PACKAGE = "node_modules/@tensorflow/tfjs-node";
const OUTPUT = "lib/napi-v8/jomed_kernels.node";

/** TensorFlow picks instructions while it runs; these files are for the processor they are compiled on. */
const TUNED = ["-pthread", "-ffp-contract=fast", "-fno-math-errno", ...THIS_PROCESSOR];

/** The project's own TensorFlow kernels. Without them every operation runs on TensorFlow's own, about half as fast. */
export const kernels = {
  name: "kernels",
  title: "fused kernels",
  file: import.meta.url,
  needs: ["binding"],
  after: [],
  inputs: ({ env }) => ({ ...tunedInputs(env), sources: hashFolder(SOURCES), tuned: TUNED }),
  async run(context) {
    const { root, env } = context;
    if (findCompiler(env) === null) {
      throw new StepSkipped("no C++ compiler was found; TensorFlow's own kernels do the work", COMPILER_ADVICE);
    }
    const folder = join(root, PACKAGE);
    if (!existsSync(join(folder, "deps/include")))
      throw new StepSkipped(`${PACKAGE} is missing`, "Delete node_modules.");
    mkdirSync(join(folder, dirname(OUTPUT)), { recursive: true });
    const sources = readdirSync(SOURCES).filter((name) => name.endsWith(".cc"));
    await compile(context, kernels, folder, {
      sources: sources.sort().map((name) => join(SOURCES, name)),
      includes: ["deps/include"],
      defines: ["NAPI_VERSION=8"],
      flags: TUNED,
      link: ["-L", "deps/lib", "-ltensorflow", "-ltensorflow_framework"],
      searchAtRunTime: "../../deps/lib",
      output: `${OUTPUT}.new.node`,
    });
    await probe(context, join(folder, `${OUTPUT}.new.node`));
    renameSync(join(folder, `${OUTPUT}.new.node`), join(folder, OUTPUT));
    return [`${PACKAGE}/${OUTPUT}`];
  },
};

/** Loads the file in a process of its own: a wrong instruction would end it. */
async function probe({ root, env }, file) {
  const { code, output } = await run(process.execPath, ["-e", `require(${JSON.stringify(file)})`], { cwd: root, env });
  if (code === 0) return;
  throw new StepSkipped(`the kernels do not load (${lastLines(output, 1)})`, "TensorFlow's own kernels do the work.");
}
