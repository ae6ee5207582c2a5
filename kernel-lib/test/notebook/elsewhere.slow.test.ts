import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "@swc/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { hasLab, kernelSpecFolder } from "../helpers/lab-server";
import { SMALL_PARAMETERS } from "../helpers/small-casebook";

/** A notebook of the repository, which trains nothing, as a program. */
const NAME = "01-indexing";
const root = repositoryRoot();

let folder: string;
let kernels: string;
beforeAll(() => {
  // in the project, so that the program finds its packages
  const artifacts = join(root, "data", "artifacts");
  mkdirSync(artifacts, { recursive: true });
  folder = mkdtempSync(join(artifacts, "elsewhere-"));
  kernels = kernelSpecFolder(root);
});
afterAll(() => {
  for (const each of [folder, kernels]) rmSync(each, { recursive: true, force: true });
});

describe.skipIf(!hasLab(root))("a notebook of the repository, by nbconvert --to script", () => {
  it("is a program that runs, and saves the notebook's figures", () => {
    const convert = ["-m", "jupyter", "nbconvert", "--to", "script", "--output-dir", folder, `${NAME}.ipynb`];
    const converted = spawnSync(join(root, ".venv", "bin", "python"), convert, {
      cwd: join(root, "notebooks"),
      encoding: "utf8",
      env: { ...process.env, JUPYTER_PATH: kernels },
    });
    expect(converted.status, converted.stderr).toBe(0);
    const script = readFileSync(join(folder, `${NAME}.ts`), "utf8")
      .replace('= "quick"', `= "${SMALL_PARAMETERS.profile}"`)
      .replace('= "casebook"', `= "${SMALL_PARAMETERS.taskName}"`);
    // as a Node that knows TypeScript takes it: the types are left out, nothing else
    const { code } = transformSync(script, {
      jsc: { parser: { syntax: "typescript" }, target: "es2022" },
      module: { type: "es6" },
    });
    writeFileSync(join(folder, "program.mjs"), code);
    const figures = join(folder, "figures");
    const ran = spawnSync(process.execPath, ["program.mjs"], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, JOMED_ARTIFACTS_DIR: join(folder, "artifacts"), JOMED_FIGURES_DIR: figures },
    });
    expect(ran.status, ran.stderr).toBe(0);
    expect(existsSync(join(figures, "indexing-recall.svg"))).toBe(true);
  });
});
