import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { COMPILER_ADVICE, compile, findCompiler, THIS_PROCESSOR, tunedInputs } from "../compiler.mjs";
import { StepSkipped } from "../errors.mjs";
import { lastLines, run } from "../programs.mjs";
import { hashFolder } from "../stamps.mjs";

const SOURCES = fileURLToPath(new URL("../../native/search", import.meta.url));
const FOLDER = "node_modules/hnswlib-node";
const OUTPUT = "build/Release/jomed_search.node";

/** Builds and asks a graph of 32 numbers a row, and scans the rows: instructions the processor lacks would end the process. */
const PROBE = `const { Graph, scanRows } = require(process.argv[1]);
const rows = new Float32Array(64).fill(1).fill(-1, 32);
const query = new Float32Array(32).fill(1);
const expectFirst = ([position]) => {
  if (position !== 0) throw new Error("it finds the wrong row");
};
async function probe() {
  const graph = new Graph(32);
  graph.create(2, 16, 200, 7);
  await graph.add(rows, 0);
  const positions = new Int32Array(1);
  await graph.search(query, 1, positions, new Float32Array(1));
  expectFirst(positions);
  await scanRows(rows, 32, query, 1, null, positions, new Float64Array(1));
  expectFirst(positions);
}
probe().catch((error) => {
  console.error(error);
  process.exit(1);
});`;

/** Search, compiled for this processor: hnswlib's graph with a door for typed arrays, and the exact scan. Without it the exact index does all searches, in JavaScript. */
export const hnswlib = {
  name: "hnswlib",
  title: "native search",
  file: import.meta.url,
  needs: ["packages"],
  after: [],
  inputs: ({ env }) => ({ ...tunedInputs(env), sources: hashFolder(SOURCES) }),
  async run(context) {
    if (findCompiler(context.env) === null) {
      throw new StepSkipped("no C++ compiler was found; all search is exact, in JavaScript", COMPILER_ADVICE);
    }
    const folder = join(context.root, FOLDER);
    mkdirSync(join(folder, "build/Release"), { recursive: true });
    let refusal = await build(context, folder, THIS_PROCESSOR);
    if (refusal !== null && THIS_PROCESSOR.length > 0) {
      context.log(`  ${hnswlib.title}: without the processor's own instructions (${refusal})`);
      refusal = await build(context, folder, []);
    }
    if (refusal === null) return [`${FOLDER}/${OUTPUT}`];
    throw new StepSkipped(refusal, "All search is exact, in JavaScript; see .setup/logs/hnswlib.log.");
  },
};

/** Compiles and tries the add-on, and puts it into place; says why not, or null. */
async function build(context, folder, flags) {
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith(".cc"));
  try {
    await compile(context, hnswlib, folder, {
      sources: sources.sort().map((name) => join(SOURCES, name)),
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
