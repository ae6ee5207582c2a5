// Draws valid files of every format, has pydicom, Pillow, pyarrow, NumPy, transformers, tokenizers and PEFT make and read them, and compares:
//   node kernel-lib/test/tools/try-variants.mjs <python with test/reference/requirements.txt> [count, default 10000] [seed, default 7] [format,format …]
// Writes the sample that the tests hold, which stands beside the Python programs:
//   node kernel-lib/test/tools/try-variants.mjs <python> sample
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SAMPLE = { count: "240", seed: "3" };
/** Longest line of the sample, and of adapters, of which a few are enough. */
const LONGEST = 6_000;
const ADAPTERS = 4;

const [python, what = "10000", seed = "7", formats] = process.argv.slice(2);
const library = join(import.meta.dirname, "..", "..");
const print = (text) => process.stdout.write(`${text}\n`);

function show({ format, equal, refused, invalid, faults }) {
  const sum = (counts) => Object.values(counts).reduce((total, n) => total + n, 0);
  const unwritten = sum(invalid);
  print(
    `${format}: ${equal} equal, ${sum(refused)} refused by name, ${faults.length} different; ${unwritten} that the other program does not write`,
  );
  for (const [name, counts] of Object.entries({ refused, "not written": invalid }))
    for (const [reason, n] of Object.entries(counts).sort(([, a], [, b]) => b - a))
      print(`    ${name} ${n} x ${reason}`);
  for (const fault of faults.slice(0, 5)) print(`  DIFFERENT: ${fault.slice(0, 1500)}`);
}

function writeSample(kept) {
  const lines = readFileSync(kept, "utf8").trim().split("\n");
  const isAdapter = (line) => line.startsWith('{"format":"adapter"');
  const adapters = lines.filter(isAdapter).slice(0, ADAPTERS);
  const chosen = [...lines.filter((line) => !isAdapter(line) && line.length <= LONGEST), ...adapters];
  writeFileSync(join(library, "test", "reference", "variants", "sample.jsonl"), `${chosen.join("\n")}\n`);
  print(`${chosen.length} variants stored`);
}

if (python === undefined) {
  print("Name a Python that holds the packages of kernel-lib/test/reference/requirements.txt.");
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "variants-"));
const [report, kept] = [join(folder, "report.jsonl"), join(folder, "kept.jsonl")];
writeFileSync(report, "");
const isSample = what === "sample";
const env = {
  ...process.env,
  JOMED_JUDGE: python,
  JOMED_VARIANTS: isSample ? SAMPLE.count : what,
  JOMED_VARIANTS_SEED: isSample ? SAMPLE.seed : seed,
  JOMED_VARIANTS_REPORT: report,
  ...(isSample ? { JOMED_VARIANTS_KEEP: kept } : {}),
  ...(formats === undefined ? {} : { JOMED_VARIANTS_ONLY: formats }),
};
const vitest = join(library, "..", "node_modules", "vitest", "vitest.mjs");
const options = ["run", "--config", join(library, "vitest.config.ts"), "--project", "slow", "test/variants/live"];
const run = spawnSync(process.execPath, [vitest, ...options], { cwd: library, env, encoding: "utf8" });
const lines = readFileSync(report, "utf8").trim().split("\n").filter(Boolean);
lines.map((line) => JSON.parse(line)).forEach(show);
if (lines.length === 0) print(run.stdout + run.stderr);
if (isSample && existsSync(kept)) writeSample(kept);
rmSync(folder, { recursive: true });
process.exitCode = run.status ?? 1;
