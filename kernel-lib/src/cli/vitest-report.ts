import { readFileSync } from "node:fs";
import type { Counts } from "./check";

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
    return null; // judged as a crash by the caller
  }
  if (files === undefined) return null;
  const all = files.flatMap((each) => each.assertionResults.map((test) => test.status));
  const count = (status: string) => all.filter((each) => each === status).length;
  const broken = files.filter((each) => each.status === "failed" && !has(each, "failed")).length;
  const passed = count("passed");
  const failed = count("failed");
  return { passed, failed: failed + broken, skipped: all.length - passed - failed };
}

function has(file: FileReport, status: string): boolean {
  return file.assertionResults.some((test) => test.status === status);
}
