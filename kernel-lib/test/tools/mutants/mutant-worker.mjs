// One process that holds a room's tests and tries its mutants one after the other: every mutant is in the code, behind a switch
// (Stryker's instrumenter), so that nothing is compiled twice and tensors' engine is loaded once. Between mutants all modules but the engine are
// evaluated anew. Only the tests that reach a mutant are run, until the first that fails.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire, Module } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createTests } from "./small-runner.mjs";

const { library, room, tests, from, only, first } = JSON.parse(process.argv[2]);
const require = createRequire(import.meta.url);
const { transformSync } = require("@swc/core");
process.env.JOMED_DRAWINGS = "fresh";

const inFolder = (folder, ending) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();

// ---- the mutants -------------------------------------------------------------------------------------------------------------

async function instrument() {
  const outside = createRequire(join(resolve(from), "package.json"));
  const { Instrumenter } = await import(pathToFileURL(outside.resolve("@stryker-mutator/instrumenter")).href);
  const logger = { debug() {}, info() {}, warn() {}, isDebugEnabled: () => false };
  const sources = inFolder(join(library, "src", room), ".ts").filter((file) => !file.endsWith("index.ts"));
  const files = sources.map((name) => ({
    name,
    mutate: only === null || name.includes(only),
    content: readFileSync(name, "utf8"),
  }));
  const made = await new Instrumenter(logger).instrument(files, { plugins: null, excludedMutations: [], ignorers: [] });
  const texts = new Map(made.files.map(({ name, content }) => [name, content]));
  const linesOf = new Map(files.map(({ name, content }) => [name, content.split("\n")]));
  const mutants = made.mutants.map(({ id, fileName, location, mutatorName, replacement }) => {
    const { start, end } = location;
    const lines = linesOf.get(fileName).slice(start.line, end.line + 1);
    lines[lines.length - 1] = lines.at(-1).slice(0, end.column);
    lines[0] = lines[0].slice(start.column);
    return { id, fileName, location, mutatorName, replacement, original: lines.join("\n") };
  });
  return { texts, mutants };
}

// ---- modules -----------------------------------------------------------------------------------------------------------------

const runner = await createTests();
const { texts, mutants } = await instrument();
const compiled = new Map();
const compile = (file) => {
  const content = texts.get(file) ?? readFileSync(file, "utf8");
  const options = {
    filename: file,
    module: { type: "commonjs" },
    jsc: { parser: { syntax: "typescript" }, target: "es2022" },
    isModule: true,
  };
  return transformSync(content, options).code;
};
Module._extensions[".ts"] = (module, file) => {
  if (!compiled.has(file)) compiled.set(file, compile(file));
  module._compile(compiled.get(file), file);
};
const load = Module._load;
Module._load = (request, ...rest) => (request === "vitest" ? runner.vitest : load(request, ...rest));

const KEPT = ["compute", "base"].filter((name) => name !== room).map((name) => join(library, "src", name));
/** Forgets every module of the library and its tests but the engine's. */
function forget() {
  for (const file of Object.keys(require.cache))
    if (file.endsWith(".ts") && !KEPT.some((folder) => file.startsWith(`${folder}/`))) delete require.cache[file];
}

// ---- trying ------------------------------------------------------------------------------------------------------------------

const files = tests
  .flatMap((name) => inFolder(join(library, "test", name), ".test.ts"))
  .filter((file) => !file.endsWith(".slow.test.ts") && !/\bvi\.(mock|doMock)\b/.test(readFileSync(file, "utf8")));
const loadTests = (file) => runner.collect(file, () => require(file));

const stryker = {};
globalThis.__stryker__ = stryker;
const all = [];
/** Runs all tests without a mutant. @throws when one fails: then nothing that fails later would tell of a mutant. */
async function runSound(control) {
  for (const file of files) {
    const failure = await runner.run(loadTests(file), { wanted: () => true, ...control(file) });
    if (failure === null) continue;
    process.stderr.write(`${failure.name}: ${failure.error?.stack}\n`);
    process.send({ refused: true });
    process.exit(1);
  }
}
await runSound((file) => ({
  onTest(id) {
    stryker.currentTestId = id;
    all.push([id, file]);
  },
  onEnd() {
    stryker.currentTestId = undefined;
  },
}));
const { static: outside = {}, perTest = {} } = stryker.mutantCoverage ?? {};
stryker.mutantCoverage = { static: {}, perTest: {} };
forget(); // and again, with modules that are evaluated anew
await runSound(() => ({ onTest() {}, onEnd() {} }));
process.send({ mutants });

const HITS = 100;
for (const { id } of mutants) {
  if (Number(id) < first || (only !== null && !mutants.find((each) => each.id === id).fileName.includes(only)))
    continue;
  const isOutside = id in outside;
  const reaching = all.filter(([test]) => isOutside || id in (perTest[test] ?? {}));
  if (reaching.length === 0) {
    process.send({ result: { id, status: "uncovered" } });
    continue;
  }
  process.send({ begun: id });
  const wanted = new Set(reaching.map(([test]) => test));
  const hits = Object.values(perTest).reduce((most, counts) => Math.max(most, counts[id] ?? 0), outside[id] ?? 0);
  Object.assign(stryker, { activeMutant: id, hitCount: 0, hitLimit: HITS * (hits + 100) });
  forget();
  let failure = null;
  for (const file of new Set(reaching.map(([, each]) => each))) {
    try {
      failure = await runner.run(loadTests(file), { wanted: (test) => wanted.has(test), onTest() {}, onEnd() {} });
    } catch (error) {
      failure = { name: file, error }; // the file does not even load
    }
    if (failure !== null) break;
    stryker.hitCount = 0;
  }
  stryker.activeMutant = undefined;
  process.send({ result: { id, status: failure === null ? "survived" : "found" } });
}
process.exit(0);
