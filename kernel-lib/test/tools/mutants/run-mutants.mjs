// Tries the mutants of one room with the tests of that room: see docs/mutants.md.
//   node kernel-lib/test/tools/mutants/run-mutants.mjs <room> [--tests folder,folder] [--from <folder with @stryker-mutator/instrumenter>]
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
  },
});
const [room] = positionals;
const library = join(import.meta.dirname, "..", "..", "..");
const tests = (values.tests ?? (room === "answers" ? "answers,systems" : room)).split(",");
const MOST_SECONDS = 20;
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

/** Runs a worker from a mutant on. @returns the results, and the mutant at which it hung or died, if one. */
function work(settings, first, results) {
  return new Promise((done, fail) => {
    const worker = fork(join(import.meta.dirname, "mutant-worker.mjs"), [JSON.stringify({ ...settings, first })], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    let [current, since, mutants, refused] = [null, 0, null, false];
    const watch = setInterval(() => {
      if (current !== null && processorTime(worker.pid) - since > MOST_SECONDS) worker.kill("SIGKILL");
    }, 500);
    worker.on("message", (message) => {
      if (message.mutants !== undefined) mutants = message.mutants;
      if (message.begun !== undefined) [current, since] = [message.begun, processorTime(worker.pid)];
      if (message.result !== undefined) {
        results.push(message.result);
        current = null;
      }
      refused ||= message.refused === true;
    });
    worker.on("exit", (code) => {
      clearInterval(watch);
      if (current === null && code === 0) return done({ mutants, stoppedAt: null });
      if (current === null)
        return fail(new Error(refused ? "the tests fail without a mutant" : `the worker ended with ${code}`));
      results.push({ id: current, status: "timeout" });
      done({ mutants, stoppedAt: current });
    });
  });
}

const settings = { library, room, tests, from: values.from, only: values.only ?? null };
const results = [];
let [first, mutants] = [0, null];
for (;;) {
  const outcome = await work(settings, first, results);
  mutants ??= outcome.mutants;
  if (outcome.stoppedAt === null) break;
  first = Number(outcome.stoppedAt) + 1;
}
const statusOf = new Map(results.map(({ id, status }) => [id, status]));
const tried = mutants.filter(({ id }) => statusOf.has(id));
const of = (...wanted) => tried.filter(({ id }) => wanted.includes(statusOf.get(id)));
const say = (text) => process.stdout.write(`${text}\n`);
for (const mutant of of("survived", "uncovered")) {
  const { fileName, location, mutatorName, replacement, original, id } = mutant;
  say(
    `${relative(library, fileName)}:${location.start.line + 1}:${location.start.column + 1} ${mutatorName} ${statusOf.get(id)}`,
  );
  say(`  - ${original.replace(/\s+/g, " ").slice(0, 150)}\n  + ${replacement.replace(/\s+/g, " ").slice(0, 150)}`);
}
const found = of("found", "timeout").length;
const summary = {
  room,
  tests,
  mutants: tried.length,
  found,
  ofTheseWithoutEnd: of("timeout").length,
  uncovered: of("uncovered").length,
  share: `${((100 * found) / tried.length).toFixed(1)} %`,
};
say(JSON.stringify(summary));
if (values.out !== undefined)
  writeFileSync(
    values.out,
    JSON.stringify({ ...summary, mutants: tried.map((mutant) => ({ ...mutant, status: statusOf.get(mutant.id) })) }),
  );
