import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { hasResults } from "../../src/experiments/stored-results";
import { NOT_ANSWERED, RIGHT } from "../../src/notebook/cell-tools";
import type { Notebook } from "../../src/notebook/notebook-file";
import { runNotebook } from "../../src/notebook/runner";
import { SMALL_PARAMETERS } from "../helpers/small-casebook";

const notebooks = join(repositoryRoot(), "notebooks");
const names = readdirSync(notebooks).filter((name) => name.endsWith(".ipynb"));
const work = mkdtempSync(join(tmpdir(), "notebooks-"));
const env = {
  ...process.env,
  JOMED_ARTIFACTS_DIR: join(work, "artifacts"),
  JOMED_FIGURES_DIR: join(work, "figures"),
};

afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Executes a notebook at the size of tests; all of them share one folder of artifacts. */
async function execute(file: string): Promise<Notebook> {
  const output = join(work, basename(file));
  const options = { output, parameters: SMALL_PARAMETERS, env, cellTimeoutMs: 300_000 };
  return (await runNotebook(file, options)).notebook;
}

/** Whether a cell has something to show: what is drawn of a reported run needs its table. */
function isShown(cell: string): boolean {
  const [, report] = /kernel\.hasResults\("([\w-]+)"\)/.exec(cell) ?? [];
  return report === undefined || hasResults(report);
}

/** What the check cells of the exercises say: their last value, a text in quotes. */
function verdicts(notebook: Notebook): string[] {
  return notebook.cells.flatMap((cell) => {
    if (cell.cell_type !== "code" || !/^exercise-\d-check$/.test(cell.id)) return [];
    const said = cell.outputs.map((output) => ("data" in output ? String(output.data["text/plain"]) : ""));
    return [said.join("").replace(/^'(.*)'$/s, "$1")];
  });
}

describe("the notebooks, in order, at the size of tests", () => {
  test("there are seven", () => {
    expect(names.map((name) => name.slice(0, 2))).toEqual(["00", "01", "02", "03", "04", "05", "06"]);
  });

  test.each(names)(
    "%s runs without an error, saves its figures, and asks for the answers to its exercises",
    async (name) => {
      const notebook = await execute(join(notebooks, name));
      const source = notebook.cells
        .map((cell) => cell.source)
        .filter((cell) => isShown(cell))
        .join("\n");
      const figures = [...source.matchAll(/saveFigure\(\w+, "([\w-]+)"\)/g)].map((match) => match[1]);
      expect(figures.length).toBeGreaterThan(0);
      const saved = readdirSync(join(work, "figures"));
      for (const figure of figures) expect(saved).toEqual(expect.arrayContaining([`${figure}.svg`, `${figure}.json`]));
      expect(verdicts(notebook)).toEqual([NOT_ANSWERED, NOT_ANSWERED, NOT_ANSWERED]);
    },
    600_000,
  );

  // after the notebooks, so that they find everything computed
  test.each(names)(
    "the solutions of %s are right",
    async (name) => {
      const solutions = `${basename(name, ".ipynb")}-solutions.ipynb`;
      expect(verdicts(await execute(join(notebooks, "solutions", solutions)))).toEqual([RIGHT, RIGHT, RIGHT]);
    },
    600_000,
  );
});
