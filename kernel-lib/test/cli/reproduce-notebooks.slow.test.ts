import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { reproduceNotebooks } from "../../src/cli/reproduce-notebooks";
import type { ReproduceOptions } from "../../src/cli/reproduce-options";
import { createTerminalProgress } from "../../src/cli/terminal-progress";
import type { GridOptions } from "../../src/experiments/grid/options";
import { readNotebook } from "../../src/notebook/notebook-file";

const folder = mkdtempSync(join(tmpdir(), "jomed-reproduce-"));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string): string => join(import.meta.dirname, "../notebook/files", name);
const options: ReproduceOptions = {
  profile: "test",
  seed: 8,
  source: "phantom",
  notebooks: [],
  parameters: {},
  settings: "chosen",
  target: "report",
  notebooksDir: join(folder, "notebooks"),
  figuresDir: join(folder, "figures"),
  dataDir: null,
  name: "test",
  grid: null,
};
const run = (
  names: string[],
  lanes: number,
  lines: string[],
  changes: Partial<ReproduceOptions> = {},
  beside: GridOptions | null = null,
) =>
  reproduceNotebooks(
    names.map(file),
    { order: names.map(file), lanes, beside },
    {
      options: { ...options, ...changes },
      progress: createTerminalProgress({ write: (line) => lines.push(line) }),
      signal: new AbortController().signal,
    },
  );

it("executes notebooks two at a time with the settings they declare, and reports them in order", async () => {
  const lines: string[] = [];
  const result = await run(["basic.ipynb", "arquero.ipynb"], 2, lines);
  expect(result.failure).toBeNull();
  expect(result.reports.map((report) => report.notebook)).toEqual(["basic", "arquero"]);
  expect(lines.slice(0, 2)).toEqual(["basic  starting\n", "arquero  starting\n"]);
  const { cells } = await readNotebook(join(folder, "notebooks", "basic.ipynb"));
  expect(cells.find((cell) => cell.id === "injected-parameters")?.source).toBe(
    'profile = "test";\nseed = 8;\nsource = "phantom";\n({ profile: profile, seed: seed, source: source })',
  );
  const other = await readNotebook(join(folder, "notebooks", "arquero.ipynb"));
  expect(other.cells.some((cell) => cell.id === "injected-parameters")).toBe(false);
});

it("executes notebooks as they are with the default settings", async () => {
  expect((await run(["basic.ipynb"], 1, [], { settings: "default" })).failure).toBeNull();
  const { cells } = await readNotebook(join(folder, "notebooks", "basic.ipynb"));
  expect(cells.some((cell) => cell.id === "injected-parameters")).toBe(false);
});

it("executes them all the same when nothing can be computed beside them", async () => {
  const lines: string[] = [];
  const result = await run(["basic.ipynb"], 1, lines, {}, { tasks: ["nothing"] });
  expect([result.failure, result.reports.length]).toEqual([null, 1]);
  expect(lines).toContain("beside the notebooks: what they share\n");
});

it("begins no further notebook after a failure, which names notebook and cell", async () => {
  const lines: string[] = [];
  const result = await run(["fails.ipynb", "types.ipynb"], 1, lines);
  expect(result.failure).toSatisfy(
    (e) => isKernelError(e) && e.details["notebook"] === "fails.ipynb" && e.details["cell"] === 2,
  );
  expect(result.reports).toEqual([]);
  expect(lines.at(-1)).toBe("fails  FAILED\n");
  expect(existsSync(join(folder, "notebooks", "types.ipynb"))).toBe(false);
});

it("refuses a parameter that no notebook declares", async () => {
  await expect(run(["basic.ipynb"], 1, [], { parameters: { speed: 1 } })).rejects.toThrow(
    "--param must name a parameter of a notebook; got speed. Use one of profile, seed, source.",
  );
});
