import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { repositoryRoot } from "../../src/base/paths";
import type { CodeCell, Notebook } from "../../src/notebook/notebook-file";
import { formatNotebook, readNotebook } from "../../src/notebook/notebook-file";
import { type RunNotebookOptions, runNotebook } from "../../src/notebook/runner";
import { PLOTLY_MIME } from "../../src/notebook/show";

const root = repositoryRoot();
const python = join(root, ".venv", "bin", "python");
const out = mkdtempSync(join(tmpdir(), "jomed-runner-"));
afterAll(() => rmSync(out, { recursive: true }));

const source = (name: string): string => join(import.meta.dirname, "files", name);
const output = (name: string): string => join(out, name);
const run = (name: string, options: RunNotebookOptions = {}) =>
  runNotebook(source(name), { output: output(name), cellTimeoutMs: 120_000, ...options });
const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error) => error,
  );

function cellOf(notebook: Notebook, id: string): CodeCell {
  return notebook.cells.find((cell) => cell.id === id) as CodeCell;
}
function stdout(notebook: Notebook, id: string): string {
  return cellOf(notebook, id)
    .outputs.map((o) => (o.output_type === "stream" && o.name === "stdout" ? o.text : ""))
    .join("");
}
function value(notebook: Notebook, id: string): unknown {
  const last = cellOf(notebook, id).outputs.at(-1);
  return last?.output_type === "execute_result" ? last.data["text/plain"] : undefined;
}
function dataOf(notebook: Notebook, id: string): Record<string, unknown> {
  const first = cellOf(notebook, id).outputs[0]!;
  return "data" in first ? first.data : {};
}

describe("runNotebook", () => {
  it("executes a notebook with all kinds of output, parameters, and cells that may fail or are skipped", async () => {
    const progress: string[] = [];
    const before = readFileSync(source("basic.ipynb"), "utf8");
    const { notebook } = await run("basic.ipynb", {
      parameters: { profile: "test", seed: 11 },
      onProgressText: (line) => progress.push(line),
    });
    expect(readFileSync(source("basic.ipynb"), "utf8")).toBe(before);
    expect(value(notebook, "injected-parameters")).toBe("{ profile: 'test', seed: 11 }");
    expect(cellOf(notebook, "streams").outputs).toEqual([
      { output_type: "stream", name: "stdout", text: "one line\n" },
      { output_type: "stream", name: "stderr", text: "on stderr\n" },
      { output_type: "stream", name: "stdout", text: "profile test\n" },
    ]);
    expect(Object.keys(dataOf(notebook, "figure")).sort()).toEqual([
      PLOTLY_MIME,
      "image/svg+xml",
      "text/html",
      "text/plain",
    ]);
    expect(dataOf(notebook, "figure")["image/svg+xml"]).toMatch(/^<svg[\s\S]*Two [\s\S]*<\/svg>\s*$/);
    expect(dataOf(notebook, "table")["text/plain"]).toBe("name   value\nx     0.1235\n<y>        2");
    expect(dataOf(notebook, "images")["text/html"]).toContain("data:image/png;base64,");
    expect(dataOf(notebook, "words")).toEqual({
      "text/markdown": "**11** is the seed",
      "text/plain": "**11** is the seed",
    });
    expect(dataOf(notebook, "update")).toEqual({ "text/plain": "second" });
    expect([cellOf(notebook, "progress").outputs, progress.at(-1)]).toEqual([[], expect.stringContaining("100%")]);
    expect(cellOf(notebook, "expected").outputs).toMatchObject([{ ename: "RangeError", evalue: "meant to fail" }]);
    expect(cellOf(notebook, "skipped")).toMatchObject({ execution_count: null, outputs: [] });
    expect(value(notebook, "shorthand")).toBe("{ seed: 11, profile: 'test' }");
    expect(value(notebook, "after")).toBe("12");
    expect(cellOf(notebook, "after").execution_count).toBe(14);
    expect(await readNotebook(output("basic.ipynb"))).toEqual(notebook);
    expect(formatNotebook(notebook)).not.toContain(root);
  });

  it.skipIf(!existsSync(python))(
    "writes what Python's nbformat calls valid 4.5, byte for byte as it would",
    async () => {
      await run("basic.ipynb");
      const check = [
        "import nbformat, sys",
        "with open(sys.argv[1], encoding='utf8') as file: text = file.read()",
        "notebook = nbformat.reads(text, as_version=4)",
        "nbformat.validate(notebook)",
        "assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)",
        "assert nbformat.writes(notebook) + '\\n' == text, 'other bytes'",
      ].join("\n");
      const result = spawnSync(python, ["-W", "error", "-c", check, output("basic.ipynb")], { encoding: "utf8" });
      expect([result.stderr, result.status]).toEqual(["", 0]);
    },
  );

  it("gives the same bytes twice", async () => {
    await run("basic.ipynb");
    const first = readFileSync(output("basic.ipynb"), "utf8");
    await run("basic.ipynb", { output: output("again.ipynb") });
    expect(readFileSync(output("again.ipynb"), "utf8")).toBe(first);
  });

  it("every line and every display of a cell arrives, in order, with the cell's value", {
    timeout: 180_000,
  }, async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `row ${i}\n`).join("");
    for (const file of ["floods-1.ipynb", "floods-2.ipynb"]) {
      const { notebook } = await run("floods.ipynb", { output: output(file) });
      expect(stdout(notebook, "lines") === lines && value(notebook, "lines") === "'the end'").toBe(true); // no diff of 20,000 lines
      const displays = cellOf(notebook, "displays").outputs.filter((o) => o.output_type === "display_data");
      const lengths = displays.map((o) => String(o.data["text/plain"]).length);
      expect(lengths).toEqual(Array.from({ length: 20 }, (_, i) => 1_000_000 + i));
      expect(stdout(notebook, "displays")).toBe(Array.from({ length: 20 }, (_, i) => `after ${i}\n`).join(""));
    }
    expect(readFileSync(output("floods-2.ipynb")).equals(readFileSync(output("floods-1.ipynb")))).toBe(true);
  });

  it("a failed cell ends the run with an error that quotes it, and the notebook is written up to there", async () => {
    const error = (await caught(run("fails.ipynb"))) as Error;
    expect(error).toSatisfy((e) => isKernelError(e, "state") && e.details["cell"] === 2);
    expect(error.message).toMatch(/cell 2 of fails\.ipynb must run without an error; got RangeError: out of range/);
    for (const part of [
      'console.error("a warning");',
      "… 3 more lines …",
      "deep();",
      "at deep (Cell [2], line 3, column 9)",
    ])
      expect(error.message).toContain(part);
    const notebook = await readNotebook(output("fails.ipynb"));
    expect(cellOf(notebook, "broken").outputs).toMatchObject([
      { output_type: "stream", name: "stderr", text: "a warning\n" },
      { output_type: "error", ename: "RangeError", evalue: "out of range" },
    ]);
    expect(cellOf(notebook, "never")).toMatchObject({ execution_count: null, outputs: [] });
  });

  it("a type error is a failed cell with every complaint", async () => {
    const error = (await caught(run("types.ipynb"))) as Error;
    expect(error.message).toContain(
      "got TypeScriptError: 1:7 - TS2322: Type 'string' is not assignable to type 'number'.",
    );
    expect(error.message).toContain("TS2322: Type 'number' is not assignable to type 'string'.");
  });

  it("a parameter of another type is refused by the type checker, an unknown one before anything runs", async () => {
    expect(((await caught(run("basic.ipynb", { parameters: { seed: "x" } }))) as Error).message).toContain(
      "TypeScriptError",
    );
    expect(await caught(run("basic.ipynb", { parameters: { sed: 1 } }))).toSatisfy((e) => isKernelError(e, "config"));
  });

  it("a dead kernel and a slow cell are told apart, both naming notebook and cell", async () => {
    const dead = (await caught(run("dies.ipynb"))) as Error;
    expect(dead).toSatisfy((e) => isKernelError(e, "environment") && e.details["reason"] === "kernel-died");
    expect(dead.message).toContain("cell 1 of dies.ipynb");
    expect(stdout(await readNotebook(output("dies.ipynb")), "exit")).toBe("last words\n");
    const slow = await caught(run("waits.ipynb", { cellTimeoutMs: 8000 }));
    expect(slow).toSatisfy(
      (e) => isKernelError(e, "state") && e.details["reason"] === "cell-timeout" && e.details["cell"] === 2,
    );
  });

  it("an aborted signal stops the running cell and the run, and writes nothing", async () => {
    const controller = new AbortController();
    const running = caught(
      run("loops.ipynb", {
        output: output("aborted.ipynb"),
        signal: controller.signal,
        onProgress: (event) => event.done === 1 && setTimeout(() => controller.abort(), 1500),
      }),
    );
    expect(await running).toSatisfy((e) => isKernelError(e, "interrupted"));
    expect(existsSync(output("aborted.ipynb"))).toBe(false);
  });

  it("arquero's op look-ups work in cells, imported or through the namespace", async () => {
    const { notebook } = await run("arquero.ipynb");
    expect(value(notebook, "op")).toBe("[ { g: 'x', mean: 2 }, { g: 'y', mean: 2 } ]");
    expect(value(notebook, "aq-op")).toBe("3");
  });
});

describe("a killed runner", () => {
  it.each(["loops.ipynb", "never-yields.ipynb"])("takes its kernel with it (%s)", async (notebook) => {
    const script = [
      `const { runNotebook } = require(${JSON.stringify(join(root, "kernel-lib", "dist", "notebook", "runner.js"))});`,
      `runNotebook(${JSON.stringify(source(notebook))}, { output: ${JSON.stringify(output("killed.ipynb"))},`,
      "  onProgress: (event) => console.log(event.done) });",
    ].join("\n");
    const runner = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise<void>((done) => runner.stdout.on("data", (text) => String(text).includes("1") && done()));
    const [kernel] = childrenOf(runner.pid!);
    expect(kernel).toBeGreaterThan(0);
    runner.kill("SIGKILL");
    await expect.poll(() => isAlive(kernel!), { timeout: 10_000 }).toBe(false);
  });
});

function childrenOf(pid: number): number[] {
  const { stdout: text } = spawnSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" });
  return text.split("\n").filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
