import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createLabCommand } from "../../src/cli/lab";
import { reportTable } from "../../src/cli/reproduce";
import { figuresSince, selectNotebooks } from "../../src/cli/reproduce-notebooks";
import { parseReproduce } from "../../src/cli/reproduce-options";
import { createTerminalProgress, terminalControl } from "../../src/cli/terminal-progress";

const folder = mkdtempSync(join(tmpdir(), "jomed-reproduce-"));
afterAll(() => rmSync(folder, { recursive: true }));
const parse = (argv: string[], env: Record<string, string> = {}) => parseReproduce(argv, env, "/project");

describe("parseReproduce", () => {
  it("without arguments runs everything on phantoms, into the tracked files", () => {
    expect(parse([])).toEqual({
      profile: "quick",
      seed: 7,
      source: "phantom",
      notebooks: [],
      parameters: {},
      target: "tracked",
      notebooksDir: null,
      figuresDir: "/project/figures",
      dataDir: null,
      name: "phantom-quick-7",
      grid: null,
    });
    expect(parse([], { JOMED_FIGURES_DIR: "/elsewhere" }).figuresDir).toBe("/elsewhere");
  });

  it("takes real data where a data folder is named, and then never writes into tracked files", () => {
    const options = parse([], { JOMED_DATA_DIR: "../data", JOMED_FIGURES_DIR: "/project/figures" });
    expect(options).toMatchObject({
      source: "real",
      target: "report",
      name: "real-quick-7",
      dataDir: resolve("../data"),
    });
    expect(options.figuresDir).toBe("/project/data/artifacts/reports/real-quick-7/figures");
    expect(options.notebooksDir).toBe("/project/data/artifacts/reports/real-quick-7/notebooks");
    expect(parse(["--source", "phantom"], { JOMED_DATA_DIR: "/d" }).target).toBe("tracked");
  });

  it.each([
    [["--seed", "8"], "phantom-quick-8"],
    [["--profile", "test"], "phantom-test-7"],
    [["--param", "numPassages=4"], "phantom-quick-7-numPassages=4"],
    [["--source", "real"], "real-quick-7"],
  ])("%j is no default run", (argv, name) => {
    expect(parse(argv)).toMatchObject({ target: "report", name });
  });

  it("names of unusual values are safe file names and differ", () => {
    const names = ["a/b", "a?b", "x".repeat(200)].map((value) => parse(["--param", `text=${value}`]).name);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^[\w.=-]{1,80}$/);
  });

  it("--out writes there", () => {
    expect(parse(["--out", "/o"])).toMatchObject({
      notebooksDir: "/o/notebooks",
      figuresDir: "/o/figures",
      target: "report",
    });
  });

  it.each([
    [["--seed", "x"], "--seed must be a whole number"],
    [["--seed", "-1"], "reproduce:"],
    [["--profile", "huge"], '--profile must be one of quick, full, paper, test; got "huge"'],
    [["--source", "fake"], '--source must be one of phantom, real; got "fake"'],
    [["--param", "x"], "must be written name=value"],
    [["--param", "seed=3"], "--param must not name seed; got seed. Use --seed."],
    [["--what"], "Unknown option '--what'"],
    [["03"], "Unexpected argument '03'"],
  ])("%j is refused", (argv, message) => {
    expect(() => parse(argv)).toThrow(message);
  });
});

describe("reproduce", () => {
  it("selects notebooks by the beginning of their names, in order", async () => {
    for (const name of ["01-b.ipynb", "00-a.ipynb", "notes.md"]) writeFileSync(join(folder, name), "");
    expect(await selectNotebooks(folder, [])).toEqual([join(folder, "00-a.ipynb"), join(folder, "01-b.ipynb")]);
    expect(await selectNotebooks(folder, ["01"])).toEqual([join(folder, "01-b.ipynb")]);
    await expect(selectNotebooks(folder, ["9"])).rejects.toThrow("got 9. Use one of 00-a, 01-b.");
  });

  it("counts the figures written since a notebook began", async () => {
    for (const name of ["old.json", "new.json", "new.svg"]) writeFileSync(join(folder, name), "");
    utimesSync(join(folder, "old.json"), 1, 1);
    expect(await figuresSince(folder, Date.now() - 60_000)).toEqual(["new"]);
    expect(await figuresSince(join(folder, "missing"), 0)).toEqual([]);
  });

  it("prints a table with sums", () => {
    const reports = [
      { notebook: "00-a", seconds: 30, figures: ["figure-1"] },
      { notebook: "01-longer", seconds: 6, figures: [] },
    ];
    expect(reportTable(reports, 40)).toBe(
      "notebook   minutes  figures\n00-a          0.50  figure-1\n01-longer     0.10\ntotal         0.67  1",
    );
  });
});

describe("createTerminalProgress", () => {
  it("in a log writes a job's line at most every 15 s, and always its last", () => {
    const written: string[] = [];
    let time = 0;
    const progress = createTerminalProgress({ write: (text) => written.push(text) }, () => time);
    for (; time < 31_000; time += 5000) progress.update("a", `at ${time}`);
    progress.finish("a", "done");
    expect(written).toEqual(["at 0\n", "at 15000\n", "at 30000\n", "done\n"]);
  });

  it("on a terminal redraws live lines in place, cut to its width, below lines that stay", () => {
    let screen = "";
    const progress = createTerminalProgress({ write: (text) => (screen += text), isTTY: true, columns: 31 });
    progress.update("a", "a".repeat(40));
    progress.update("b", "b 1");
    progress.finish("a", "a done");
    progress.finish("b");
    progress.say("end");
    expect(render(screen)).toEqual(["a done", "end"]);
    expect(screen).toContain("a".repeat(30));
    expect(screen).not.toContain("a".repeat(31));
  });

  it("terminalControl shows stages and warnings", () => {
    const written: string[] = [];
    const control = terminalControl(createTerminalProgress({ write: (text) => written.push(text) }));
    control.onProgress?.({ stage: "s", done: 2, total: 2 });
    control.onWarn?.("checksum", "other md5", {});
    expect(written).toEqual([expect.stringMatching(/^s: 100%\|█+\| 2\/2 /), "warning: other md5\n"]);
  });
});

/** What a terminal would show: understands "line up" and "clear line". */
function render(text: string): string[] {
  const lines: string[] = [""];
  let row = 0;
  for (const [token] of text.replaceAll("\u001b", "␛").matchAll(/␛\[(\d+)A|␛\[2K|\n|[^␛\n]+/g)) {
    if (token === "\n") row++;
    else if (token.endsWith("A") && token.startsWith("␛")) row -= Number(token.slice(2, -1));
    else lines[row] = token === "␛[2K" ? "" : (lines[row] ?? "") + token;
    lines[row] ??= "";
  }
  return lines.filter((line) => line !== "");
}

describe("createLabCommand", () => {
  it("says what to install where JupyterLab is missing", () => {
    expect(() => createLabCommand(folder, [], {})).toThrow(
      /JupyterLab must be installed in \.venv; it is not\. Install Python 3\.10/,
    );
  });
});
