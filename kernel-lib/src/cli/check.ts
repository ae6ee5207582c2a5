import { spawn } from "node:child_process";

/** What one part of `npm test` found. A static check counts 1. */
export interface CheckResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
}

/** Counts of a test runner, and what it says beside them. */
export type Counts = Pick<CheckResult, "passed" | "failed" | "skipped">;

/** A program to run: `show` "always" passes its output on, "onFailure" prints it only when it fails. */
export interface Command {
  readonly parameters: readonly string[];
  readonly cwd: string;
  readonly show: "always" | "onFailure";
}

/** Runs a Node program to its end; returns its exit code (1 when a signal ended it). */
export function runNode(command: Command): Promise<number> {
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

/**
 * What a runner's counts are worth beside its exit code: one that crashed, or ran nothing, counts as failed.
 */
export function judge(counts: Counts | null, exitCode: number): Counts {
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
