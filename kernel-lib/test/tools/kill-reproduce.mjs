// Kills `npm run reproduce` at random moments, kernels included, starts it again until it ends, and compares its predictions with an undisturbed run's:
//   node kernel-lib/test/tools/kill-reproduce.mjs [number of kills, default 20] [seed, default 7] [arguments of reproduce …]
// Results go to a folder of its own below .setup. Set-up is not part of it: it has steps and tests of its own.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const [kills = "20", seed = "7", ...words] = process.argv.slice(2);
const TOY = ["--profile", "test", "--tasks", "breast-mnist", "--systems", "closed-book,ft-rag", "--notebook", "00"];
const argv = words.length > 0 ? words : TOY;
const repository = join(import.meta.dirname, "..", "..", "..");
mkdirSync(join(repository, ".setup"), { recursive: true });
const root = mkdtempSync(join(repository, ".setup", "kill-reproduce-"));
const say = (report) => process.stdout.write(`${JSON.stringify(report)}\n`);

/** Numbers in [0, 1) that follow from the seed. */
function* numbers() {
  for (let i = 0; ; i++) yield createHash("sha256").update(`${seed}/${i}`).digest().readUInt32LE() / 2 ** 32;
}

/** Starts the command in a group of its own, so that its kernels die with it. */
function start(artifactsDir) {
  const program = "require(process.argv[1]).main(process.argv.slice(2)).then((code) => process.exit(code))";
  const file = join(repository, "kernel-lib", "dist", "cli", "reproduce.js");
  const env = { ...process.env, JOMED_ARTIFACTS_DIR: artifactsDir, TF_CPP_MIN_LOG_LEVEL: "3" };
  const child = spawn(process.execPath, ["-e", program, file, ...argv, "--out", join(artifactsDir, "out")], {
    cwd: repository,
    env,
    detached: true,
    stdio: "pipe",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text) => (output = (output + text).slice(-4000)));
  const ended = new Promise((done) => child.on("close", (code) => done({ code, output })));
  return { child, ended };
}

/** The bytes of all predictions, by key. */
function predictionsOf(artifactsDir) {
  const folder = join(artifactsDir, "predictions");
  const keys = existsSync(folder) ? readdirSync(folder).filter((name) => /^[0-9a-f]{32}$/.test(name)) : [];
  const digest = (key) =>
    createHash("sha256")
      .update(readFileSync(join(folder, key, "predictions.json")))
      .digest("hex");
  return JSON.stringify(keys.sort().map((key) => [key, digest(key)]));
}

async function undisturbed(artifactsDir) {
  const begun = performance.now();
  const { code, output } = await start(artifactsDir).ended;
  if (code !== 0) throw new Error(`the undisturbed run ended with ${code}:\n${output}`);
  return performance.now() - begun;
}

/** Kills the command until it ends by itself or all kills have struck. @returns how many struck, and how the last run ended. */
async function disturbed(artifactsDir, left, draw, limitMs) {
  for (let struck = 0; ; ) {
    const { child, ended } = start(artifactsDir);
    const waitMs = struck < left ? draw.next().value * limitMs : Number.POSITIVE_INFINITY;
    const first = waitMs === Number.POSITIVE_INFINITY ? await ended : await Promise.race([ended, sleep(waitMs, null)]);
    if (first !== null) return { struck, ...first };
    process.kill(-child.pid, "SIGKILL");
    await ended;
    struck++;
  }
}

try {
  const lengthMs = await undisturbed(join(root, "undisturbed"));
  const expected = predictionsOf(join(root, "undisturbed"));
  say({ command: argv.join(" "), seconds: Math.round(lengthMs / 1000), predictions: JSON.parse(expected).length });
  const draw = numbers();
  const total = { kills: 0, runs: 0, different: 0, failed: 0 };
  while (total.kills < Number(kills)) {
    const artifactsDir = join(root, `run-${total.runs}`);
    const { struck, code, output } = await disturbed(artifactsDir, Number(kills) - total.kills, draw, lengthMs);
    total.kills += struck;
    total.runs++;
    if (code !== 0) total.failed++;
    if (predictionsOf(artifactsDir) !== expected) total.different++;
    say(code === 0 ? total : { ...total, output });
    rmSync(artifactsDir, { recursive: true, force: true });
  }
  process.exitCode = total.different + total.failed === 0 ? 0 : 1;
} finally {
  rmSync(root, { recursive: true, force: true });
}
