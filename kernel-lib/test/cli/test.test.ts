import { describe, expect, it } from "vitest";
import { countFailures, formatTable, formatTotal, main, readVitestReport } from "../../src/cli/test";
import { place, temporaryFolder } from "../setup/fakes";

const RESULTS = [
  { name: "lint", passed: 1, failed: 0, skipped: 0, seconds: 0.25 },
  { name: "fast tests", passed: 40, failed: 2, skipped: 3, seconds: 12 },
];

describe("the summary of npm test", () => {
  it("adds up all runners in its last line", () => {
    expect(formatTotal(RESULTS)).toBe("41 passed, 2 failed, 3 skipped");
    expect(formatTotal(RESULTS.slice(0, 1))).toBe("1 passed, 0 failed");
  });

  it("shows one row a runner", () => {
    expect(formatTable(RESULTS).split("\n")).toEqual([
      "check               passed    failed   skipped      time",
      "lint                     1         0         0     0.3 s",
      "fast tests              40         2         3    12.0 s",
    ]);
  });
});

describe("countFailures", () => {
  it.each([
    ["a crash without a report", null, 1],
    ["a run of zero tests", { passed: 0, failed: 0, skipped: 5 }, 0],
  ])("counts %s as one failure", (_, counts, code) => {
    expect(countFailures(counts, code)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it("does not let a failing exit code pass for success", () => {
    expect(countFailures({ passed: 3, failed: 0, skipped: 0 }, 1)).toEqual({ passed: 3, failed: 1, skipped: 0 });
    expect(countFailures({ passed: 3, failed: 2, skipped: 0 }, 1)).toEqual({ passed: 3, failed: 2, skipped: 0 });
  });
});

describe("readVitestReport", () => {
  const file = (status: string, ...tests: string[]) => ({
    status,
    assertionResults: tests.map((each) => ({ status: each })),
  });

  it("counts tests, and a file that does not load as one failure", () => {
    const files = [file("failed", "passed", "failed"), file("passed", "passed", "pending", "todo"), file("failed")];
    const path = place(temporaryFolder(), "report.json", JSON.stringify({ testResults: files }));
    expect(readVitestReport(path)).toEqual({ passed: 2, failed: 2, skipped: 2 });
  });

  it("is null for a report that was never written, or is none", () => {
    const root = temporaryFolder();
    expect(readVitestReport(`${root}/none.json`)).toBeNull();
    expect(readVitestReport(place(root, "half.json", '{"testRes'))).toBeNull();
    expect(readVitestReport(place(root, "other.json", "{}"))).toBeNull();
  });
});

describe("npm test", () => {
  it("refuses an argument it does not know", async () => {
    await expect(main(["--slow"])).rejects.toMatchObject({ code: "config" });
  });
});
