// Kills `npm run reproduce` at random moments, starts it again until it ends, and compares predictions and executed notebooks with an undisturbed run's:
//   node kernel-lib/test/tools/kill-reproduce.mjs [number of kills, default 20] [seed, default 7] [arguments of reproduce …]
// Results go to a folder of their own below JOMED_ARTIFACTS_DIR, default .setup. Set-up is not part of it: it has steps and tests of its own.
//
// A kill costs the time until it strikes and a start. So the world is as small as one can be that passes every stage and a notebook. Eight of
// ten kills strike within a twelfth of the undisturbed run's time, counted from the first word of the run: its start alone may take
// that long. One of ten strikes as early counted from the start, one at any moment at all; after MOST_KILLS a run may end. What was kept
// before goes on, so early kills strike late stages too: the report counts kills by how far the run was. Every second kill takes the program
// alone, as `kill -9` of its number does; the kernel it started must notice. The others take everything at once.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const [kills = "20", seed = "7", ...words] = process.argv.slice(2);
const WORLD = "casebook:sizes.train=24:sizes.validation=6:sizes.test=6:sizes.pairs=60";
const SYSTEMS = "closed-book,ft-rag,jomed";
const TOY = [
  "--profile",
  "test",
  "--tasks",
  WORLD,
  "--systems",
  SYSTEMS,
  "--notebook",
  "00",
  "--param",
  `taskName=${WORLD}`,
];
const MOST_KILLS = 25;
const EARLY_SHARE = 1 / 12;
const OTHER_EVERY = 10;

const argv = words.length > 0 ? words : TOY;
const repository = join(import.meta.dirname, "..", "..", "..");
const place = process.env.JOMED_ARTIFACTS_DIR ?? join(repository, ".setup");
mkdirSync(place, { recursive: true });
const root = mkdtempSync(join(place, "kill-reproduce-"));
const say = (report) => process.stdout.write(`${JSON.stringify(report)}\n`);

/** Numbers in [0, 1) that follow from the seed. */
function* numbers() {
  for (let i = 0; ; i++) yield createHash("sha256").update(`${seed}/${i}`).digest().readUInt32LE() / 2 ** 32;
}

/** The engine that no run may leave: another one gives other numbers, under other keys. Named to all alike, as a notebook shows why it is this one. */
function chooseEngine() {
  const program = "require(process.argv[1]).openBackend().then(({ backend }) => process.stdout.write(backend))";
  const file = join(repository, "kernel-lib", "dist", "compute", "index.js");
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3" };
  return execFileSync(process.execPath, ["-e", program, file], { cwd: repository, env, encoding: "utf8" });
}
const engine = chooseEngine();

function start(artifactsDir) {
  const program = "require(process.argv[1]).main(process.argv.slice(2)).then((code) => process.exit(code))";
  const file = join(repository, "kernel-lib", "dist", "cli", "reproduce.js");
  const env = { ...process.env, JOMED_ARTIFACTS_DIR: artifactsDir, TF_CPP_MIN_LOG_LEVEL: "3", JOMED_BACKEND: engine };
  const child = spawn(process.execPath, ["-e", program, file, ...argv, "--out", join(artifactsDir, "out")], {
    cwd: repository,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let speak;
  const spoken = new Promise((done) => (speak = done));
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text) => {
      output = (output + text).slice(-4000);
      if (/^(grid|\d\d-)/m.test(output)) speak();
    });
  const ended = new Promise((done) =>
    child.on("exit", (code) =>
      done({
        code,
        get output() {
          return output;
        },
      }),
    ),
  );
  return { child, ended, spoken };
}

/** The process and everything that it started, in groups of their own too (the kernels have some). */
function family(pid) {
  const parents = readdirSync("/proc").flatMap((name) => {
    try {
      const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, "utf8"));
      return [[Number(name), Number(parent)]];
    } catch {
      return []; // no process, or gone
    }
  });
  const found = [pid];
  for (const each of found) found.push(...parents.filter(([, parent]) => parent === each).map(([child]) => child));
  return found;
}

function strike(pids) {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // gone by itself
    }
  }
}

/** How far a run is: stages that are kept, or the notebook. */
function phaseOf(artifactsDir, pids) {
  if (pids.length > 1) return "notebook";
  const kinds = existsSync(artifactsDir) ? readdirSync(artifactsDir) : [];
  const kept = kinds.flatMap((kind) => {
    const folder = join(artifactsDir, kind);
    return kind === "out" || kind === "grid"
      ? []
      : readdirSync(folder).filter((name) => existsSync(join(folder, name, "manifest.json")));
  });
  return `${kept.length} stages kept`;
}

const digestOf = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");

/** The bytes of all predictions, by key. */
function predictionsOf(artifactsDir) {
  const folder = join(artifactsDir, "predictions");
  const keys = existsSync(folder) ? readdirSync(folder).filter((name) => /^[0-9a-f]{32}$/.test(name)) : [];
  return JSON.stringify(keys.sort().map((key) => [key, digestOf(join(folder, key, "predictions.json"))]));
}

/** The bytes of the executed notebooks. */
function notebooksOf(artifactsDir) {
  const folder = join(artifactsDir, "out", "notebooks");
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".ipynb")) : [];
  return JSON.stringify(names.sort().map((name) => [name, digestOf(join(folder, name))]));
}

async function undisturbed(artifactsDir) {
  const begun = performance.now();
  const { code, output } = await start(artifactsDir).ended;
  if (code !== 0) throw new Error(`the undisturbed run ended with ${code}:\n${output}`);
  return performance.now() - begun;
}

/** Kills the command until it ends by itself or `left` kills have struck. @returns how the last run ended. */
async function disturbed(artifactsDir, { left, draw, lengthMs, onKill }) {
  for (let struck = 0; ; ) {
    const { child, ended, spoken } = start(artifactsDir);
    const kind = Math.floor(draw.next().value * OTHER_EVERY); // 0: at any moment, 1: early from the start, else early from the first word
    const waitMs = draw.next().value * lengthMs * (kind === 0 ? 1 : EARLY_SHARE);
    const moment = kind < 2 ? sleep(waitMs, null) : spoken.then(() => sleep(waitMs, null));
    const first = struck < left ? await Promise.race([ended, moment]) : await ended;
    if (first !== null) return first;
    const pids = family(child.pid);
    onKill(phaseOf(artifactsDir, pids));
    strike(draw.next().value < 0.5 ? [child.pid] : pids);
    await ended;
    struck++;
  }
}

try {
  const lengthMs = await undisturbed(join(root, "undisturbed"));
  const expected = predictionsOf(join(root, "undisturbed"));
  const notebooks = notebooksOf(join(root, "undisturbed"));
  say({ command: argv.join(" "), seconds: Math.round(lengthMs / 1000), predictions: JSON.parse(expected).length });
  const draw = numbers();
  const total = { kills: 0, runs: 0, different: 0, failed: 0, notebooksDifferent: 0, phases: {} };
  const onKill = (phase) => {
    total.kills++;
    total.phases[phase] = (total.phases[phase] ?? 0) + 1;
  };
  while (total.kills < Number(kills)) {
    const artifactsDir = join(root, `run-${total.runs}`);
    const left = Math.min(MOST_KILLS, Number(kills) - total.kills);
    const { code, output } = await disturbed(artifactsDir, { left, draw, lengthMs, onKill });
    total.runs++;
    const found = predictionsOf(artifactsDir);
    const sameNotebooks = notebooksOf(artifactsDir) === notebooks;
    const isSound = code === 0 && found === expected && sameNotebooks;
    if (code !== 0) total.failed++;
    if (found !== expected) total.different++;
    if (!sameNotebooks) total.notebooksDifferent++;
    say(isSound ? total : { ...total, kept: artifactsDir, expected, found, output });
    if (isSound) rmSync(artifactsDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 1000 });
  }
  process.exitCode = total.different + total.failed + total.notebooksDifferent === 0 ? 0 : 1;
} finally {
  // what went wrong stays, beside what was expected
  if (process.exitCode === 0) rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 1000 });
}
