import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/repository-root";
import { runNotebook } from "../../src/notebook/runner";

const notebooks = join(repositoryRoot(), "notebooks");
const names = readdirSync(notebooks).filter((name) => name.endsWith(".ipynb"));
const work = mkdtempSync(join(tmpdir(), "notebooks-"));
const env = {
  ...process.env,
  JOMED_ARTIFACTS_DIR: join(work, "artifacts"),
  JOMED_FIGURES_DIR: join(work, "figures"),
};

afterAll(() => rmSync(work, { recursive: true, force: true }));

describe("the notebooks, in order, at the size of tests", () => {
  test("there are seven", () => {
    expect(names.map((name) => name.slice(0, 2))).toEqual(["00", "01", "02", "03", "04", "05", "06"]);
  });

  test.each(names)(
    "%s runs without an error and saves its figures",
    async (name) => {
      const output = join(work, name);
      await runNotebook(join(notebooks, name), {
        output,
        parameters: { profile: "test", source: "phantom" },
        env,
        cellTimeoutMs: 300_000,
      });
      const executed = JSON.parse(readFileSync(output, "utf8")) as {
        cells: { source: string[]; outputs?: object[] }[];
      };
      const source = executed.cells.map((cell) => [cell.source].flat().join("")).join("\n");
      const figures = [...source.matchAll(/saveFigure\(\w+, "([\w-]+)"\)/g)].map((match) => match[1]);
      expect(figures.length).toBeGreaterThan(0);
      const saved = readdirSync(join(work, "figures"));
      for (const figure of figures) expect(saved).toEqual(expect.arrayContaining([`${figure}.svg`, `${figure}.json`]));
    },
    600_000,
  );
});
