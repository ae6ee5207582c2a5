import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { COMPILER_ADVICE, compile, compileInputs, findCompiler } from "../compiler.mjs";
import { StepSkipped } from "../errors.mjs";
import { run } from "../programs.mjs";

const FOLDER = "node_modules/hnswlib-node";
const OUTPUT = "build/Release/addon.node";

/** The approximate index's add-on. Without it the exact index does all searches. */
export const hnswlib = {
  name: "hnswlib",
  title: "approximate index",
  file: import.meta.url,
  needs: ["packages"],
  after: [],
  inputs: ({ env }) => compileInputs(env),
  async run(context) {
    const { root, env } = context;
    if (findCompiler(env) === null) {
      throw new StepSkipped("no C++ compiler was found; only the exact index is there", COMPILER_ADVICE);
    }
    const folder = join(root, FOLDER);
    mkdirSync(join(folder, "build/Release"), { recursive: true });
    await compile(context, hnswlib, folder, {
      sources: ["src/addon.cc"],
      includes: ["../node-addon-api"],
      defines: ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED", "NDEBUG"],
      link: [],
      output: `${OUTPUT}.new`,
    });
    renameSync(join(folder, `${OUTPUT}.new`), join(folder, OUTPUT));
    const { code, output } = await run(process.execPath, ["-e", `require(${JSON.stringify(folder)})`], {
      cwd: root,
      env,
    });
    if (code === 0) return [`${FOLDER}/${OUTPUT}`];
    throw new StepSkipped(`the add-on does not load (${output.split("\n")[0]})`, "Only the exact index is there.");
  },
};
