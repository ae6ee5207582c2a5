import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { COMPILER_ADVICE, compile, findCompiler, THIS_PROCESSOR, tunedInputs } from "../compiler.mjs";
import { StepSkipped } from "../errors.mjs";
import { lastLines, run } from "../programs.mjs";

const FOLDER = "node_modules/hnswlib-node";
const OUTPUT = "build/Release/addon.node";

/** Builds and asks a graph of 32 numbers a row: instructions the processor lacks would end the process. */
const PROBE = `const { HierarchicalNSW } = require(process.argv[1]);
const graph = new HierarchicalNSW("ip", 32);
graph.initIndex(2);
graph.addPoint(new Array(32).fill(1), 0);
graph.addPoint(new Array(32).fill(-1), 1);
if (graph.searchKnn(new Array(32).fill(1), 1).neighbors[0] !== 0) throw new Error("it finds the wrong row");`;

/** The approximate index's add-on, compiled for this processor. Without it the exact index does all searches. */
export const hnswlib = {
  name: "hnswlib",
  title: "approximate index",
  file: import.meta.url,
  needs: ["packages"],
  after: [],
  inputs: ({ env }) => tunedInputs(env),
  async run(context) {
    if (findCompiler(context.env) === null) {
      throw new StepSkipped("no C++ compiler was found; only the exact index is there", COMPILER_ADVICE);
    }
    const folder = join(context.root, FOLDER);
    mkdirSync(join(folder, "build/Release"), { recursive: true });
    let refusal = await build(context, folder, THIS_PROCESSOR);
    if (refusal !== null && THIS_PROCESSOR.length > 0) {
      context.log(`  ${hnswlib.title}: without the processor's own instructions (${refusal})`);
      refusal = await build(context, folder, []);
    }
    if (refusal === null) return [`${FOLDER}/${OUTPUT}`];
    throw new StepSkipped(refusal, "Only the exact index is there; see .setup/logs/hnswlib.log.");
  },
};

/** Compiles and tries the add-on, and puts it into place; says why not, or null. */
async function build(context, folder, flags) {
  try {
    await compile(context, hnswlib, folder, {
      sources: ["src/addon.cc"],
      includes: ["../node-addon-api"],
      defines: ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED", "NDEBUG"],
      flags,
      link: [],
      output: `${OUTPUT}.new.node`,
    });
  } catch (error) {
    if (!(error instanceof StepSkipped)) throw error;
    return error.message;
  }
  const file = join(folder, `${OUTPUT}.new.node`);
  const { code, output } = await run(process.execPath, ["-e", PROBE, file], { cwd: context.root, env: context.env });
  if (code !== 0) return `the add-on does not work (${lastLines(output, 1)})`;
  renameSync(file, join(folder, OUTPUT));
  return null;
}
