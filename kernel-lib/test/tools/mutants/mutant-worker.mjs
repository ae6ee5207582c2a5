// One process that holds a room's tests and tries its mutants one after the other: every mutant is in the code, behind a switch
// (Stryker's instrumenter), so that nothing is compiled twice and tensors' engine is loaded once. Between mutants all modules but the engine are
// evaluated anew. Only the tests that reach a mutant are run, until the first that fails.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire, Module } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createTests } from "./small-runner.mjs";

const settings = await new Promise((done) => process.once("message", done)); // too long for an argument
const { library, room, tests, from, only, first, every, among, skip } = settings;
const require = createRequire(import.meta.url);
const { transformSync } = require("@swc/core");
process.env.JOMED_DRAWINGS = "fresh";

const inFolder = (folder, ending) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();

// ---- the mutants -------------------------------------------------------------------------------------------------------------

const groups = []; // mutants that are reached together
/** Puts a count in a typed array in place of Stryker's, by name and test, which takes most of the time of inner loops. */
function countHits(code) {
  return code.replace(/stryCov_9fa48\(((?:"\d+"(?:, )?)+)\)/g, (_, ids) => {
    groups.push(ids.match(/\d+/g));
    return `mutantHits[${groups.length - 1}]++`;
  });
}

async function instrument() {
  const outside = createRequire(join(resolve(from), "package.json"));
  const { Instrumenter } = await import(pathToFileURL(outside.resolve("@stryker-mutator/instrumenter")).href);
  const logger = { debug() {}, info() {}, warn() {}, isDebugEnabled: () => false };
  const sources = inFolder(join(library, "src", room), ".ts").filter((file) => !file.endsWith("/index.ts"));
  const files = sources.map((name) => ({
    name,
    mutate: only === null || name.includes(only),
    content: readFileSync(name, "utf8"),
  }));
  const made = await new Instrumenter(logger).instrument(files, { plugins: null, excludedMutations: [], ignorers: [] });
  const texts = new Map(made.files.map(({ name, content }) => [name, countHits(content)]));
  const linesOf = new Map(files.map(({ name, content }) => [name, content.split("\n")]));
  const met = new Map();
  /** A name that stays when other lines of the file change: what is put for what, and the how manieth of these. */
  const keyOf = (...parts) => {
    const name = JSON.stringify(parts);
    met.set(name, (met.get(name) ?? 0) + 1);
    return `${name} ${met.get(name)}`;
  };
  const mutants = made.mutants.map(({ id, fileName, location, mutatorName, replacement }) => {
    const { start, end } = location;
    const lines = linesOf.get(fileName).slice(start.line, end.line + 1);
    lines[lines.length - 1] = lines.at(-1).slice(0, end.column);
    lines[0] = lines[0].slice(start.column);
    const original = lines.join("\n");
    const key = keyOf(fileName, mutatorName, original, replacement);
    return { id, key, fileName, location, mutatorName, replacement, original };
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
const hits = new Float64Array(groups.length);
globalThis.mutantHits = hits;
/** By mutant: how often it is reached at most by a test, and by which; "" stands for what happens between tests. */
const reachedBy = new Map(mutants.map(({ id }) => [id, { most: 0, tests: new Set() }]));
function noteHits(test) {
  for (const [group, ids] of groups.entries()) {
    if (hits[group] === 0) continue;
    for (const id of ids) {
      const reached = reachedBy.get(id);
      reached.most = Math.max(reached.most, hits[group]);
      reached.tests.add(test);
    }
  }
  hits.fill(0);
}

const all = [];
const costs = new Map(); // processor time by file of tests
/** Runs all tests without a mutant. @throws when one fails: then nothing that fails later would tell of a mutant. */
async function runSound(control) {
  for (const file of files) {
    const begun = process.cpuUsage();
    const failure = await runner.run(loadTests(file), { wanted: () => true, ...control(file) });
    costs.set(file, process.cpuUsage(begun).user);
    if (failure === null) continue;
    process.stderr.write(`${failure.name}: ${failure.error?.stack}\n`);
    process.send({ refused: true });
    process.exit(1);
  }
}
let running = "";
await runSound((file) => ({
  onTest(id) {
    noteHits("");
    running = id;
    all.push([id, file]);
  },
  onEnd() {
    noteHits(running);
  },
}));
noteHits("");
files.sort((a, b) => costs.get(a) - costs.get(b)); // the quickest first: the first that fails is enough
forget(); // and again, with modules that are evaluated anew
await runSound(() => ({ onTest() {}, onEnd() {} }));
process.send({ mutants });

/** Waits until a message is on its way: what comes next may end the process. */
const tell = (message) => new Promise((done) => process.send(message, done));

const HITS = 100;
const isAsked = ({ id, key, fileName }) =>
  Number(id) >= first &&
  (among ? among.includes(key) : Number(id) % every === 0 && !skip?.includes(key)) &&
  (only === null || fileName.includes(only));
for (const { id } of mutants.filter(isAsked)) {
  const reached = reachedBy.get(id);
  const reaching = all.filter(([test]) => reached.tests.has("") || reached.tests.has(test));
  if (reaching.length === 0) {
    await tell({ result: { id, status: "uncovered" } });
    continue;
  }
  await tell({ begun: id });
  const wanted = new Set(reaching.map(([test]) => test));
  Object.assign(stryker, { activeMutant: id, hitCount: 0, hitLimit: HITS * (reached.most + 100) });
  forget();
  let failure = null;
  for (const file of files.filter((each) => reaching.some(([, of]) => of === each))) {
    try {
      failure = await runner.run(loadTests(file), { wanted: (test) => wanted.has(test), onTest() {}, onEnd() {} });
    } catch (error) {
      failure = { name: file, error }; // the file does not even load
    }
    if (failure !== null) break;
    stryker.hitCount = 0;
  }
  stryker.activeMutant = undefined;
  await tell({ result: { id, status: failure === null ? "survived" : "found" } });
}
process.exit(0);
