import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "@swc/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { startKernel } from "../../src/kernel/client";
import type { KernelSpec } from "../../src/kernel/process";
import { type CodeCell, readNotebook } from "../../src/notebook/notebook-file";
import { createKernelSpec } from "../../src/notebook/runner";
import { hasLab, kernelSpecFolder } from "../helpers/lab-server";

/** A notebook of the repository, which trains nothing: in this kernel, in plain tslab's, and as a program. */
const NAME = "01-indexing";
const root = repositoryRoot();
const notebooks = join(root, "notebooks");

let folder: string;
let env: Record<string, string>;
let cells: CodeCell[];
beforeAll(async () => {
  const artifacts = join(root, "data", "artifacts");
  mkdirSync(artifacts, { recursive: true });
  folder = mkdtempSync(join(artifacts, "elsewhere-"));
  env = { JOMED_ARTIFACTS_DIR: join(folder, "artifacts"), JOMED_FIGURES_DIR: join(folder, "figures") };
  const { cells: all } = await readNotebook(join(notebooks, `${NAME}.ipynb`));
  cells = all.filter((cell): cell is CodeCell => cell.cell_type === "code");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** At the size of tests. */
const small = (source: string): string => source.replace('= "quick"', '= "test"');

interface Shown {
  readonly status: string;
  /** The cell's value as text, without the signs that say what is a text. */
  readonly value: string;
  readonly displays: number;
}

const plain = (text: string): string => text.replace(/['"`\s]/g, "");

async function runCells(spec: KernelSpec): Promise<Shown[]> {
  const { client } = await startKernel(spec, { timeoutMs: 120_000 });
  const shown: Shown[] = [];
  for (const { source } of cells) {
    let [value, displays] = ["", 0];
    const { status } = await client.execute(small(source), {
      onOutput: (type, content) => {
        if (type === "stream" && content["name"] === "stdout") value += content["text"];
        if (type === "execute_result") value += (content["data"] as Record<string, string>)["text/plain"];
        if (type === "display_data") displays++;
      },
    });
    shown.push({ status, value: plain(value), displays });
  }
  await client.shutdown();
  return shown;
}

describe("a notebook of the repository elsewhere", () => {
  it("runs on plain tslab, with the same values and as many pictures and tables", async () => {
    const ours = await runCells(createKernelSpec(root, notebooks, env));
    const program = join(root, "node_modules", "tslab", "bin", "tslab");
    const argv = [process.execPath, program, "kernel", "--config-path", "{connection_file}"];
    const theirs = await runCells({ name: "tslab", argv, cwd: notebooks, env });
    expect(ours.map(({ status }) => status)).toEqual(cells.map(() => "ok"));
    expect(ours.reduce((sum, { displays }) => sum + displays, 0)).toBeGreaterThan(8);
    expect(theirs).toEqual(ours);
  });

  it.skipIf(!hasLab(root))("is a program that runs, by nbconvert --to script", () => {
    const kernels = kernelSpecFolder(root);
    const convert = ["-m", "jupyter", "nbconvert", "--to", "script", "--output-dir", folder, `${NAME}.ipynb`];
    const python = join(root, ".venv", "bin", "python");
    const converted = spawnSync(python, convert, {
      cwd: notebooks,
      encoding: "utf8",
      env: { ...process.env, JUPYTER_PATH: kernels },
    });
    rmSync(kernels, { recursive: true, force: true });
    expect(converted.status, converted.stderr).toBe(0);
    // as Node takes it that knows TypeScript: the types are left out, nothing else
    const { code } = transformSync(small(readFileSync(join(folder, `${NAME}.ts`), "utf8")), {
      jsc: { parser: { syntax: "typescript" }, target: "es2022" },
      module: { type: "es6" },
    });
    writeFileSync(join(folder, "program.mjs"), code);
    rmSync(env["JOMED_FIGURES_DIR"]!, { recursive: true, force: true });
    const ran = spawnSync(process.execPath, ["program.mjs"], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, ...env },
    });
    expect(ran.status, ran.stderr).toBe(0);
    expect(existsSync(join(env["JOMED_FIGURES_DIR"]!, "indexing-recall.svg"))).toBe(true);
  });
});
