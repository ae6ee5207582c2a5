import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { main } from "../../src/cli/notebooks";
import { readNotebook } from "../../src/notebook/notebook-file";

const folder = mkdtempSync(join(tmpdir(), "jomed-notebooks-"));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string): string => join(import.meta.dirname, "../notebook/files", name);
const root = repositoryRoot();
const python = join(root, ".venv", "bin", "python");

it("runs two at once with values for those that declare them, goes on after a failure, and reports each cell", async () => {
  const [out, junit] = [join(folder, "out"), join(folder, "out", "junit.xml")];
  const before = readFileSync(file("basic.ipynb"), "utf8");
  let text = "";
  const words = ["--out", out, "--parallel", "2", "--junit", junit, "-p", "seed", "8"];
  const code = await main(["run", file("fails.ipynb"), file("basic.ipynb"), ...words], {
    write: (line) => (text += line),
  });
  expect(code).toBe(1);
  expect(text).toContain("cell 2 of fails.ipynb must run without an error; got RangeError: out of range");
  expect(text).toMatch(/2 notebooks, 1 failed, 0 not begun, [\d.]+ s\.\n$/);
  const { cells } = await readNotebook(join(out, "notebooks", "basic.ipynb"));
  expect(cells.find((cell) => cell.id === "injected-parameters")?.source).toBe("seed = 8;\n({ seed: seed })");
  expect(readFileSync(file("basic.ipynb"), "utf8")).toBe(before);
  const xml = readFileSync(junit, "utf8");
  // basic: 14 code cells and the injected one, of which one is tagged to be skipped
  expect(xml).toContain('<testsuites name="notebooks" tests="18" failures="1" errors="0" skipped="2"');
  expect(xml).toContain('<failure message="RangeError: out of range" type="RangeError">');
  expect(xml).toContain("at deep (Cell [2], line 3, column 9)");
  if (!existsSync(python)) return;
  const parse = "import sys, xml.etree.ElementTree as e; print([len(s) for s in e.parse(sys.argv[1]).getroot()])";
  expect(spawnSync(python, ["-c", parse, junit], { encoding: "utf8" }).stdout).toBe("[3, 15]\n");
});

it("a cell that is too slow fails; so says the report", async () => {
  const junit = join(folder, "slow.xml");
  const words = ["--out", join(folder, "slow"), "--timeout", "15", "--junit", junit];
  expect(await main(["run", file("waits.ipynb"), ...words], { write: () => undefined })).toBe(1);
  expect(readFileSync(junit, "utf8")).toMatch(
    /cell 2 \(waits\)[\s\S]*<failure message="CellTimeoutError: [^"]*within 15000 ms/,
  );
});

it("Ctrl-C stops all that run; those that wait are not begun", async () => {
  const junit = join(folder, "stopped.xml");
  const program = `require(${JSON.stringify(join(root, "kernel-lib/dist/cli/notebooks.js"))}).main(process.argv.slice(1)).then(process.exit)`;
  const words = ["run", file("waits.ipynb"), file("basic.ipynb"), "--out", join(folder, "stop"), "--junit", junit];
  const child = spawn(process.execPath, ["-e", program, "--", ...words], { cwd: root });
  let text = "";
  child.stderr.on("data", (chunk) => (text += chunk));
  child.stdout.on("data", (chunk) => {
    text += chunk;
    if (text.includes("starting")) setTimeout(() => child.kill("SIGINT"), 4000);
  });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  expect([code, text]).toEqual([130, expect.stringContaining("2 notebooks, 1 failed, 1 not begun")]);
  expect(readFileSync(junit, "utf8")).toContain('<skipped message="not begun: the run was stopped"/>');
});
