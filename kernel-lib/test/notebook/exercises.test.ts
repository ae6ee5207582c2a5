import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { selectNotebooks } from "../../src/cli/reproduce-notebooks";
import { hasTag, readNotebook } from "../../src/notebook/notebook-file";

const folder = join(repositoryRoot(), "notebooks");
const names = readdirSync(folder).flatMap((name) => (name.endsWith(".ipynb") ? [basename(name, ".ipynb")] : []));
const solutionOf = (name: string): string => join(folder, "solutions", `${name}-solutions.ipynb`);
const exercises = async (file: string) =>
  new Map(
    (await readNotebook(file)).cells.flatMap(({ id, source }) => (id.startsWith("exercise-") ? [[id, source]] : [])),
  );

describe.each(names)("the exercises of %s", (name) => {
  const file = join(folder, `${name}.ipynb`);

  it("are one to predict, one to modify and one to build, each with a cell to fill in and a check", async () => {
    const cells = await exercises(file);
    const wanted = [1, 2, 3].flatMap((n) => [`exercise-${n}`, `exercise-${n}-answer`, `exercise-${n}-check`]);
    expect([...cells.keys()]).toEqual(wanted);
    ["Predict", "Modify", "Build"].forEach((kind, i) => {
      const [text, answer, check] = wanted.slice(3 * i, 3 * i + 3).map((id) => cells.get(id));
      expect(text).toContain(`**${i + 1} · ${kind}.** `);
      const variable = /^let (\w+): .+ \| undefined = undefined;/m.exec(answer!)?.[1];
      expect(check).toContain(`kernel.checkExercise(${variable}, `);
    });
  });

  it("are solved elsewhere, under the same checks", async () => {
    const [asked, solved] = [await exercises(file), await exercises(solutionOf(name))];
    for (const n of [1, 2, 3]) {
      expect(solved.get(`exercise-${n}-check`)).toBe(asked.get(`exercise-${n}-check`));
      expect(solved.get(`exercise-${n}-answer`)).not.toContain("= undefined");
      expect(solved.get(`exercise-${n}-why`)!.length).toBeGreaterThan(80);
    }
    expect(asked.get("exercise-1")).toContain(`](solutions/${basename(solutionOf(name))})`);
  });

  it("have solutions with the parameters of the notebook", async () => {
    const [asked, solved] = await Promise.all(
      [file, solutionOf(name)].map(async (path) =>
        (await readNotebook(path)).cells.find((cell) => hasTag(cell, "parameters")),
      ),
    );
    expect(solved?.source).toBe(asked?.source);
  });
});

it("every notebook has solutions, and reproduce leaves them alone", async () => {
  expect(readdirSync(join(folder, "solutions"))).toEqual(names.map((name) => basename(solutionOf(name))));
  expect(await selectNotebooks(folder, [])).toEqual(names.map((name) => join(folder, `${name}.ipynb`)));
  for (const name of names) expect(readFileSync(solutionOf(name), "utf8")).not.toContain("saveFigure");
});
