import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { COMPILER_ADVICE, compile, findCompiler, THIS_PROCESSOR, tunedInputs } from "../compiler.mjs";
import { StepSkipped } from "../errors.mjs";
import { lastLines, run } from "../programs.mjs";
import { hashFile } from "../stamps.mjs";

const SOURCE = fileURLToPath(new URL("../../native/index/graph.cc", import.meta.url));
const FOLDER = "node_modules/hnswlib-node";
const OUTPUT = "build/Release/jomed_graph.node";

/** Builds and asks a graph of 32 numbers a row: instructions the processor lacks would end the process. */
const PROBE = `const { Graph } = require(process.argv[1]);
const graph = new Graph(32);
graph.create(2, 16, 200, 7);
graph.add(new Float32Array(64).fill(1).fill(-1, 32), 0);
const positions = new Int32Array(1);
graph.search(new Float32Array(32).fill(1), 1, positions, new Float32Array(1));
if (positions[0] !== 0) throw new Error("it finds the wrong row");`;

/** The approximate index: hnswlib's graph, compiled for this processor with a door for typed arrays. Without it the exact index does all searches. */
export const hnswlib = {
  name: "hnswlib",
  title: "approximate index",
  file: import.meta.url,
  needs: ["packages"],
  after: [],
  inputs: ({ env }) => ({ ...tunedInputs(env), source: hashFile(SOURCE) }),
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
      sources: [SOURCE],
      includes: ["../node-addon-api", "src"],
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
