import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it, test } from "vitest";
import { formatJunit } from "../../src/cli/junit";
import { workInLanes } from "../../src/cli/notebook-runs";
import { main, readRunOptions } from "../../src/cli/notebooks";

const folder = mkdtempSync(join(tmpdir(), "jomed-notebooks-"));
afterAll(() => rmSync(folder, { recursive: true }));

const read = (...argv: string[]) => readRunOptions(argv, {}, "/root");

/** What the command says, and its exit code. */
async function said(...argv: string[]): Promise<[number, string]> {
  let text = "";
  const code = await main(argv, { write: (line) => (text += line) });
  return [code, text];
}

describe("the command line of npm run notebooks", () => {
  it("runs all notebooks one at a time into data/artifacts, without a limit, unless told otherwise", () => {
    expect(read("run")).toEqual({
      files: [],
      outDir: join("/root", "data", "artifacts", "reports", "run"),
      parameters: {},
      cellTimeoutMs: null,
      lanes: 1,
      junit: null,
      dataDir: null,
    });
  });

  it("takes files, values of two words, seconds, lanes and the report", () => {
    const words =
      "run a.ipynb -p seed -8 b/c.ipynb -p name x=y --param list=[1,2] --timeout 1.5 --parallel 3 --junit j.xml";
    expect(readRunOptions([...words.split(" "), "--out", "o"], { JOMED_DATA_DIR: "d" }, "/root")).toEqual({
      files: [resolve("a.ipynb"), resolve("b/c.ipynb")],
      outDir: resolve("o"),
      parameters: { seed: -8, name: "x=y", list: [1, 2] },
      cellTimeoutMs: 1500,
      lanes: 3,
      junit: resolve("j.xml"),
      dataDir: resolve("d"),
    });
    expect([read(), read("run", "-h")]).toEqual(["help", "help"]);
  });

  it.each([
    [["walk"], "the command must be one of run; got"],
    [["run", "-p", "seed"], "-p must be followed by a name and a value; got seed."],
    [["run", "-p", "1st", "2"], "must be written name=value"],
    [["run", "--timeout", "0"], "--timeout must be a number in [0.001, 1000000]; got 0"],
    [["run", "--timeout", ""], "--timeout must be a number"],
    [["run", "--parallel", "1.5"], "--parallel must be a whole number in [1, 64]; got 1.5"],
    [["run", "--quick"], "Unknown option '--quick'"],
  ])("refuses %j", (argv, message) => {
    expect(() => read(...argv)).toThrow(message);
  });

  it("refuses files that are not there, two of one name, and results over their notebook", async () => {
    const file = join(folder, "a.ipynb");
    writeFileSync(file, '{"nbformat":4,"cells":[]}');
    expect(await said("run", join(folder, "none.ipynb"))).toEqual([1, expect.stringContaining("each file must exist")]);
    expect(await said("run", file, file)).toEqual([1, expect.stringContaining("two of a.ipynb")]);
    const copy = join(folder, "notebooks", "a.ipynb");
    mkdirSync(join(folder, "notebooks"));
    copyFileSync(file, copy);
    expect(await said("run", copy, "--out", folder)).toEqual([1, expect.stringContaining("over their notebook")]);
  });

  it("refuses a parameter that no notebook declares, before anything runs", async () => {
    const [code, text] = await said("run", join(folder, "a.ipynb"), "--out", join(folder, "o"), "-p", "seed", "1");
    expect(code).toBe(1);
    expect(text).toContain('-p must name a parameter of a notebook; got seed. Tag a cell "parameters" first.');
    expect(existsSync(join(folder, "o"))).toBe(false);
  });
});

test("work in lanes keeps the order, at most so many at once, and begins nothing after a stop", async () => {
  const begun: number[] = [];
  let [running, most] = [0, 0];
  await workInLanes([1, 2, 3, 4, 5, 6], 2, async (item) => {
    begun.push(item);
    most = Math.max(most, ++running);
    await new Promise((done) => setTimeout(done, 5));
    running--;
    return item === 3 ? "stop" : "go on";
  });
  expect([begun, most]).toEqual([[1, 2, 3, 4], 2]);
});

describe("the JUnit report", () => {
  const error = {
    output_type: "error",
    ename: "RangeError",
    evalue: 'a < b & "c"\nnext',
    traceback: ["\u001b[31mRangeError\u001b[39m: ]]> \u0000", "at deep <x>"],
  } as const;
  const failing = [
    { position: 2, id: "fine", seconds: 0.25, state: "ok", error: null },
    { position: 4, id: "broken", seconds: 1.5, state: "failed", error },
    { position: 5, id: "never", seconds: 0, state: "skipped", error: null },
  ] as const;

  it("has a suite a notebook and a case a cell, with everything escaped and no colours", () => {
    const outcomes = [
      { file: "notebooks/a.ipynb", seconds: 2, state: "failed", cells: failing, message: "cell 4 …" },
      { file: "b.ipynb", seconds: 0.5, state: "failed", cells: [], message: "no kernel\nsecond line" },
      { file: "c.ipynb", seconds: 0, state: "skipped", cells: [], message: "" },
    ] as const;
    expect(formatJunit(outcomes, 2.5)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="notebooks" tests="5" failures="1" errors="1" skipped="2" time="2.500">
  <testsuite name="notebooks/a.ipynb" tests="3" failures="1" errors="0" skipped="1" time="2.000">
    <testcase name="cell 2 (fine)" classname="notebooks/a" time="0.250"/>
    <testcase name="cell 4 (broken)" classname="notebooks/a" time="1.500">
      <failure message="RangeError: a &lt; b &amp; &quot;c&quot;&#10;next" type="RangeError">RangeError: ]]&gt; ␀
at deep &lt;x&gt;</failure>
    </testcase>
    <testcase name="cell 5 (never)" classname="notebooks/a" time="0.000">
      <skipped/>
    </testcase>
  </testsuite>
  <testsuite name="b.ipynb" tests="1" failures="0" errors="1" skipped="0" time="0.500">
    <testcase name="notebook" classname="b" time="0.500">
      <error message="no kernel">no kernel
second line</error>
    </testcase>
  </testsuite>
  <testsuite name="c.ipynb" tests="1" failures="0" errors="0" skipped="1" time="0.000">
    <testcase name="notebook" classname="c" time="0.000">
      <skipped message="not begun: the run was stopped"/>
    </testcase>
  </testsuite>
</testsuites>
`);
  });
});
