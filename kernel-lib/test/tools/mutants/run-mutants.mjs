// Tries the mutants of one room with the tests of that room: see docs/mutants.md.
//   node kernel-lib/test/tools/mutants/run-mutants.mjs <room> [--tests folder,folder] [--from <folder with @stryker-mutator/instrumenter>]
//     [--only <part of a file's name>] [--first <mutant>] [--every <step>: a share in equal steps through all files] [--out <file>]
//     [--again <file of an earlier --out>: only those that were not found then; tests may have come since]
//     [--beyond <such a file>: all others too, but those that were found then]
// The parent watches the worker's processor time: a mutant that never ends counts as found, and a new worker goes on behind it.
import { fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tests: { type: "string" },
    from: { type: "string", default: "." },
    out: { type: "string" },
    only: { type: "string" },
    first: { type: "string", default: "0" },
    every: { type: "string", default: "1" },
    again: { type: "string" },
    beyond: { type: "string" },
  },
});
const [room] = positionals;
const library = join(import.meta.dirname, "..", "..", "..");
const tests = (values.tests ?? (room === "answers" ? "answers,systems" : room)).split(",");
const MOST_SECONDS = 10;
const TICKS = 100; // of processor time, a second

/** Processor time of a process, seconds. */
function processorTime(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}

/** Runs a worker from a mutant on. @returns the mutant at which it hung or died; null where it came to the end. */
function work(settings) {
  return new Promise((done, fail) => {
    const program = join(import.meta.dirname, "mutant-worker.mjs");
    const worker = fork(program, [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    worker.send(settings);
    let [current, since, refused] = [null, 0, false];
    const watch = setInterval(() => {
      if (current !== null && processorTime(worker.pid) - since > MOST_SECONDS) worker.kill("SIGKILL");
    }, 500);
    worker.on("message", (message) => {
      for (const mutant of message.mutants ?? []) made.set(mutant.id, mutant);
      if (message.begun !== undefined) [current, since] = [message.begun, processorTime(worker.pid)];
      if (message.result !== undefined) {
        note(message.result);
        current = null;
      }
      refused ||= message.refused === true;
    });
    worker.on("exit", (code) => {
      clearInterval(watch);
      if (current === null && code === 0) return done(null);
      if (current === null)
        return fail(new Error(refused ? "the tests fail without a mutant" : `the worker ended with ${code}`));
      note({ id: current, status: "timeout" });
      done(current);
    });
  });
}

const before = values.again ?? values.beyond;
const earlier = before === undefined ? [] : JSON.parse(readFileSync(before, "utf8")).mutants;
const wasFound = ({ status }) => status === "found" || status === "timeout";
const among = values.again === undefined ? null : earlier.filter((each) => !wasFound(each)).map(({ key }) => key);
const skip = earlier.filter(wasFound).map(({ key }) => key);
const share = { only: values.only ?? null, every: Number(values.every), among, skip };
const settings = { library, room, tests, from: values.from, ...share };
const say = (text) => process.stdout.write(`${text}\n`);
const made = new Map(); // mutants by id
const statusOf = new Map(earlier.filter(wasFound).map(({ key, status }) => [key, status])); // those tried now go by number

/** Notes what came of a mutant; one that no test found is said at once. */
function note({ id, status }) {
  statusOf.set(id, status);
  if (status !== "survived" && status !== "uncovered") return;
  const { fileName, location, mutatorName, replacement, original } = made.get(id);
  const { line, column } = location.start;
  say(`${relative(library, fileName)}:${line + 1}:${column + 1} ${mutatorName} ${status}`);
  say(`  - ${original.replace(/\s+/g, " ").slice(0, 150)}\n  + ${replacement.replace(/\s+/g, " ").slice(0, 150)}`);
}

/** Says what came of all that were tried. */
function report() {
  const count = (wanted) => [...statusOf.values()].filter((status) => status === wanted).length;
  const [found, withoutEnd, tried] = [count("found") + count("timeout"), count("timeout"), statusOf.size];
  const summary = { room, tests, made: made.size, tried, found, withoutEnd, uncovered: count("uncovered") };
  say(JSON.stringify({ ...summary, share: `${((100 * found) / tried).toFixed(1)} %` }));
  if (values.out === undefined) return;
  const known = new Map(earlier.map((each) => [each.key, each]));
  const mutants = [...statusOf].map(([id, status]) => ({ ...(made.get(id) ?? known.get(id)), status }));
  writeFileSync(values.out, JSON.stringify({ ...summary, mutants }));
}

process.on("SIGINT", () => {
  report(); // of those tried so far
  process.exit(130);
});
try {
  for (let first = Number(values.first); ; ) {
    const stoppedAt = await work({ ...settings, first });
    if (stoppedAt === null) break;
    first = Number(stoppedAt) + 1;
  }
} finally {
  report();
}
