import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../base/errors";
import { repositoryRoot } from "../base/paths";

/** What one part of `npm test` found. A static check counts 1. */
interface CheckResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
}

/** Counts of a test runner, and what it says beside them. */
type Counts = Pick<CheckResult, "passed" | "failed" | "skipped">;

/** A program to run: `show` "always" passes its output on, "onFailure" prints it only when it fails. */
interface Command {
  readonly parameters: readonly string[];
  readonly cwd: string;
  readonly show: "always" | "onFailure";
}

/** Runs a Node program to its end; returns its exit code (1 when a signal ended it). */
function runNode(command: Command): Promise<number> {
  const { parameters, cwd, show } = command;
  const out = show === "always" ? "inherit" : "pipe";
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...parameters], { cwd, stdio: ["ignore", out, out] });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", (error) => {
      process.stdout.write(`${error.message}\n`);
      resolve(1);
    });
    child.on("close", (code) => {
      if (code !== 0) process.stdout.write(Buffer.concat(chunks));
      resolve(code ?? 1);
    });
  });
}

interface FileReport {
  readonly status: string;
  readonly assertionResults: readonly { readonly status: string }[];
}

/**
 * Counts in the JSON report of vitest; a file that could not be loaded counts as one failure.
 *
 * @returns null when the file is missing or is no report: the runner crashed.
 */
export function readVitestReport(file: string): Counts | null {
  let files: readonly FileReport[] | undefined;
  try {
    files = (JSON.parse(readFileSync(file, "utf8")) as { testResults?: readonly FileReport[] }).testResults;
  } catch {
    return null; // countFailures takes it for a crash
  }
  if (files === undefined) return null;
  const all = files.flatMap((each) => each.assertionResults.map((test) => test.status));
  const count = (status: string) => all.filter((each) => each === status).length;
  const broken = files.filter(
    (each) => each.status === "failed" && !each.assertionResults.some((test) => test.status === "failed"),
  ).length;
  const passed = count("passed");
  const failed = count("failed");
  return { passed, failed: failed + broken, skipped: all.length - passed - failed };
}

/** Counts of a runner beside its exit code: one that crashed, or ran nothing, has failed once. */
export function countFailures(counts: Counts | null, exitCode: number): Counts {
  if (counts === null || counts.passed + counts.failed === 0) return { passed: 0, failed: 1, skipped: 0 };
  if (exitCode !== 0 && counts.failed === 0) return { ...counts, failed: 1 };
  return counts;
}

/** The table at the end of `npm test`. */
export function formatTable(results: readonly CheckResult[]): string {
  const row = (cells: readonly (string | number)[]) => {
    const [name = "", ...numbers] = cells.map(String);
    return `${name.padEnd(16)}${numbers.map((cell) => cell.padStart(10)).join("")}`;
  };
  const rows = results.map((r) => row([r.name, r.passed, r.failed, r.skipped, `${r.seconds.toFixed(1)} s`]));
  return [row(["check", "passed", "failed", "skipped", "time"]), ...rows].join("\n");
}

/** The last line: "N passed, N failed", and the skipped ones where there are any. */
export function formatTotal(results: readonly CheckResult[]): string {
  const sum = (key: keyof Counts) => results.reduce((total, result) => total + result[key], 0);
  const skipped = sum("skipped");
  return `${sum("passed")} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Checks that read the code without running it, cheapest to understand first. */
const STATIC = [
  { name: "type check", parameters: ["node_modules/typescript/bin/tsc", "-p", "kernel-lib/tsconfig.test.json"] },
  { name: "lint", parameters: ["node_modules/@biomejs/biome/bin/biome", "ci", "--colors=off"] },
  {
    name: "import rules",
    parameters: [
      "node_modules/dependency-cruiser/bin/dependency-cruise.mjs",
      ...["--config", ".dependency-cruiser.cjs", "kernel-lib/src"],
    ],
  },
];

async function timed(name: string, work: () => Promise<Counts>): Promise<CheckResult> {
  process.stdout.write(`\n${name} …\n`);
  const begun = performance.now();
  const counts = await work();
  return { name, ...counts, seconds: (performance.now() - begun) / 1000 };
}

function runStatic(root: string, check: (typeof STATIC)[number]): Promise<CheckResult> {
  return timed(check.name, async () => {
    const code = await runNode({ parameters: check.parameters, cwd: root, show: "onFailure" });
    return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
  });
}

/** vitest's projects by what they are called here. */
const PROJECTS = { fast: ["fast", "alone"], slow: ["slow"] } as const;

function runVitest(root: string, tests: keyof typeof PROJECTS): Promise<CheckResult> {
  return timed(`${tests} tests`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "jomed-test-"));
    const report = join(folder, "report.json");
    const parameters = [
      "node_modules/vitest/vitest.mjs",
      ...["run", "--config", "./kernel-lib/vitest.config.ts"],
      ...PROJECTS[tests].flatMap((project) => ["--project", project]),
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
    ];
    try {
      const code = await runNode({ parameters, cwd: root, show: "always" });
      return countFailures(readVitestReport(report), code);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/**
 * `npm test`: type check, lint, import rules, fast and slow tests; all of them run whatever fails before.
 * The last line is `N passed, N failed`, with `, N skipped` where there are any.
 *
 * @param argv `--fast` leaves the slow tests out.
 * @returns the exit code: 0 when nothing failed.
 * @throws ConfigError for any other argument.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const unknown = argv.find((word) => word !== "--fast");
  if (unknown !== undefined) {
    throw new ConfigError(
      `test: argument must be --fast or nothing; got "${unknown}". For one file use npx vitest run --config ./kernel-lib/vitest.config.ts <file>.`,
    );
  }
  const root = repositoryRoot();
  const parts = argv.includes("--fast") ? (["fast"] as const) : (["fast", "slow"] as const);
  const results: CheckResult[] = [];
  for (const check of STATIC) results.push(await runStatic(root, check));
  for (const part of parts) results.push(await runVitest(root, part));
  process.stdout.write(`\n${formatTable(results)}\n\n${formatTotal(results)}\n`);
  return results.every((result) => result.failed === 0) ? 0 : 1;
}
