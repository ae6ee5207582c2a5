import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StepSkipped } from "./errors.mjs";
import { findProgram, lastLines, runForStep } from "./programs.mjs";
import { hashFile } from "./stamps.mjs";

/** What to say where no compiler is. */
export const COMPILER_ADVICE = "Install a C++ compiler (Debian: apt-get install g++; macOS: xcode-select --install).";

/** The C++ compiler: $CXX when it names one, else g++, c++ or clang++ on PATH; null when there is none. */
export function findCompiler(env) {
  const wanted = env.CXX ? [env.CXX] : [];
  return findProgram([...wanted, "g++", "c++", "clang++"], env);
}

/** What a compiled file depends on: the compiler, and the flags of this page. */
export function compileInputs(env) {
  return { compiler: findCompiler(env), flags: hashFile(fileURLToPath(import.meta.url)) };
}

/** All instructions of the processor a file is compiled on: such a file is for this machine alone. */
export const THIS_PROCESSOR = process.arch === "x64" ? ["-march=native"] : [];

/** What a file compiled with THIS_PROCESSOR depends on. */
export function tunedInputs(env) {
  return { ...compileInputs(env), processor: cpus()[0]?.model ?? process.arch };
}

/** Flags that make a loadable Node add-on, by platform. */
const SHARED = {
  darwin: { flags: ["-bundle", "-undefined", "dynamic_lookup"], origin: "@loader_path" },
  linux: { flags: ["-shared"], origin: "$ORIGIN" },
};

/**
 * Compiles one N-API add-on in `folder`. N-API keeps its shape over Node versions: one file serves Node 20, 22 and 24,
 * and the headers come from npm (node-api-headers), so neither node-gyp nor a download is needed.
 *
 * @throws StepSkipped when the compiler refuses.
 */
export async function compile(context, step, folder, options) {
  const shared = SHARED[process.platform];
  if (shared === undefined) throw new StepSkipped(`no recipe for ${process.platform}`, "Use Linux, macOS or WSL.");
  const headers = join(context.root, "node_modules/node-api-headers/include");
  const run = options.searchAtRunTime ? [`-Wl,-rpath,${shared.origin}/${options.searchAtRunTime}`] : [];
  const parameters = [
    ...shared.flags,
    ...["-fPIC", "-O3", "-std=c++17", "-DBUILDING_NODE_EXTENSION"],
    ...(options.flags ?? []),
    ...options.defines.map((define) => `-D${define}`),
    ...[headers, ...options.includes].flatMap((include) => ["-I", include]),
    ...options.sources,
    ...options.link,
    ...run,
    ...["-o", options.output],
  ];
  await runForStep(context, step, findCompiler(context.env), parameters, {
    cwd: folder,
    onFailure: (output) =>
      new StepSkipped(`the compiler failed (${lastLines(output, 1)})`, `See .setup/logs/${step.name}.log.`),
  });
}
