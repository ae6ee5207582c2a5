import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { codeCell } from "../helpers/code-cell";
import { kernelSpecFolder } from "../helpers/lab-server";

const root = repositoryRoot();
const python = join(root, ".venv", "bin", "python");

describe("the kernel and Jupyter's own programs", () => {
  let folder: string;
  let kernels: string;
  const run = (program: readonly string[], input?: string) =>
    spawnSync(python, program, {
      cwd: folder,
      encoding: "utf8",
      ...(input === undefined ? {} : { input }),
      env: {
        ...process.env,
        JUPYTER_PATH: kernels,
        JUPYTER_DATA_DIR: join(folder, "data"),
        JUPYTER_RUNTIME_DIR: join(folder, "runtime"),
        JUPYTER_CONFIG_DIR: join(folder, "config"),
        NO_COLOR: "1",
      },
    });
  /** A notebook of these cells in the folder. @returns its name. */
  const writeNotebook = (name: string, cells: readonly object[]): string => {
    const kernelspec = { name: "tslab", display_name: "x", language: "typescript" };
    writeFileSync(
      join(folder, name),
      JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 }),
    );
    return name;
  };
  /** The last result of a notebook, on one line. */
  const resultOf = (name: string): string => {
    const { cells } = JSON.parse(readFileSync(join(folder, name), "utf8")) as {
      cells: { outputs: { data: Record<string, string[]> }[] }[];
    };
    return cells.at(-1)!.outputs[0]!.data["text/plain"]!.join("").replace(/\s+/g, " ");
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "kernel-judges-"));
    kernels = kernelSpecFolder(root);
  });
  afterAll(() => {
    for (const each of [folder, kernels]) rmSync(each, { recursive: true, force: true });
  });

  // some of those tests wait a tenth of a second: on a busy machine they are tried again
  it("pass every test of jupyter_kernel_test that applies", { retry: 2 }, () => {
    const { stderr, status } = run([join(import.meta.dirname, "kernel_tests.py"), "-v"]);
    expect([status, stderr]).toEqual([0, expect.stringMatching(/Ran \d+ tests[\s\S]*OK/)]);
    // the pager is IPython's own
    expect(stderr.match(/skipped/g)?.length ?? 0).toBeLessThanOrEqual(2);
  });

  it("run a script", () => {
    writeFileSync(join(folder, "script.ts"), "const x: number = 20;\nconsole.log(x * 2 + 2);\n");
    const ran = run(["-m", "jupyter", "run", "--RunApp.kernel_timeout=120", "--kernel", "tslab", "script.ts"]);
    expect([ran.status, ran.stdout]).toEqual([0, expect.stringContaining("42")]);
  });

  it("jupyter run tells of a script that fails", () => {
    writeFileSync(join(folder, "bad.ts"), "console.log('before');\nthrow new RangeError('meant');\n");
    const ran = run(["-m", "jupyter", "run", "--RunApp.kernel_timeout=120", "--kernel", "tslab", "bad.ts"]);
    expect(ran.stdout).toContain("before");
    expect(ran.stdout + ran.stderr).toContain("RangeError: meant");
    expect(ran.status).not.toBe(0);
  });

  it("jupyter console takes lines, questions, Ctrl-C and exit", () => {
    expect(run([join(import.meta.dirname, "console.py")])).toMatchObject({ stdout: "all seen\n", status: 0 });
  });

  it("papermill -p sets values of every kind, and refuses one of another type", () => {
    const parameters =
      "let seed = 1;\nlet names: string[] = ['a']; // whom\nlet ratio = 0.5, on = false;\nlet rest = {};";
    const cells = [parameters, "[seed + 1, names, ratio, on, rest]"].map(codeCell);
    const file = writeNotebook("parameters.ipynb", [{ ...cells[0]!, metadata: { tags: ["parameters"] } }, cells[1]!]);
    const papermill = ["-m", "papermill", "--no-progress-bar", file];
    const given = ["-p", "seed", "7", "-p", "ratio", "0.25", "-p", "on", "True"];
    const yaml = "{ names: [b, 'c\"d'], rest: { k: [1, { deep: null }] } }";
    const ran = run([...papermill, "set.ipynb", ...given, "-y", yaml]);
    expect(ran.status, ran.stderr).toBe(0);
    expect(resultOf("set.ipynb")).toBe("[ 8, [ 'b', 'c\"d' ], 0.25, true, { k: [ 1, { deep: null } ] } ]");
    expect(run(["-m", "papermill", "--help-notebook", file]).stdout).toMatch(/names: string\[\] .*\s+whom/);
    const refused = run([...papermill, "refused.ipynb", "-p", "seed", "seven"]);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining("TS2322") });
  });

  it("nbconvert stops at a failing cell, goes on after one that may fail, and makes a script of a notebook", () => {
    const file = writeNotebook("fails.ipynb", ["throw new TypeError('meant')", "1 + 1", "2 + 2"].map(codeCell));
    const convert = ["-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", file, "--output", "done.ipynb"];
    expect(run(convert)).toMatchObject({ status: 1, stderr: expect.stringContaining("TypeError: meant") });
    expect(run([...convert, "--allow-errors"]).status).toBe(0);
    const done = JSON.parse(readFileSync(join(folder, "done.ipynb"), "utf8")) as {
      cells: { outputs: { data?: object }[] }[];
    };
    expect(done.cells.map(({ outputs }) => outputs[0]?.data)).toEqual(
      [undefined, { "text/plain": "2" }, { "text/plain": "4" }].map(
        (x) => x && Object.fromEntries(Object.entries(x).map(([k, v]) => [k, [v]])),
      ),
    );
    expect(run(["-m", "jupyter", "nbconvert", "--to", "script", "done.ipynb"]).status).toBe(0);
    expect(readFileSync(join(folder, "done.ts"), "utf8")).toContain("throw new TypeError");
  });
});
