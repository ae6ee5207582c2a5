import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { startKernel } from "../../src/kernel/client";
import { type CodeCell, readNotebook } from "../../src/notebook/notebook-file";
import { injectParameters } from "../../src/notebook/parameters";
import { runNotebook } from "../../src/notebook/runner";
import { SMALL_PARAMETERS } from "../helpers/small-casebook";

const NAME = "01-indexing";

const root = repositoryRoot();
const folder = join(root, "notebooks");
const work = mkdtempSync(join(tmpdir(), "plain-tslab-"));
const env = { ...process.env, JOMED_ARTIFACTS_DIR: join(work, "artifacts"), JOMED_FIGURES_DIR: join(work, "figures") };
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** What a cell shows: the names of its displays' formats, and its text. */
interface Shown {
  readonly formats: string[][];
  text: string;
}

/** Runs the cells on tslab's own kernel, its executor and all; fails at the first that fails. */
async function runOnTslab(cells: readonly CodeCell[]): Promise<Shown[]> {
  const program = join(root, "node_modules", "tslab", "bin", "tslab");
  const argv = [process.execPath, program, "kernel", "--config-path", "{connection_file}"];
  const { client } = await startKernel({ name: "tslab", argv, cwd: folder, env }, { timeoutMs: 300_000 });
  const all: Shown[] = [];
  for (const { source } of cells) {
    const shown: Shown = { formats: [], text: "" };
    const { status } = await client.execute(source, {
      onOutput: (type, content) => {
        if (type === "display_data") shown.formats.push(Object.keys(content["data"] as object));
        if (type === "stream") shown.text += content["text"];
      },
    });
    expect([source, status, shown.text]).toEqual([source, "ok", shown.text]);
    all.push(shown);
  }
  await client.shutdown();
  return all;
}

/** The same of a cell that this library's kernel has run. */
function shownBy({ outputs }: CodeCell): Shown {
  const shown: Shown = { formats: [], text: "" };
  for (const output of outputs) {
    if (output.output_type === "display_data") shown.formats.push(Object.keys(output.data));
    if (output.output_type === "stream") shown.text += output.text;
    if (output.output_type === "execute_result") shown.text += `${output.data["text/plain"]}\n`;
  }
  return shown;
}

describe(`${NAME} on two kernels`, () => {
  it("runs to its end on both, shows the same things, and on plain tslab each in one format", async () => {
    const file = join(folder, `${NAME}.ipynb`);
    const isCode = (cell: { cell_type: string; source: string }): cell is CodeCell =>
      cell.cell_type === "code" && cell.source.trim() !== "";
    const cells = injectParameters(await readNotebook(file), SMALL_PARAMETERS).cells.filter(isCode);
    const plain = await runOnTslab(cells);
    const { notebook } = await runNotebook(file, {
      output: join(work, "own.ipynb"),
      parameters: SMALL_PARAMETERS,
      env,
    });
    const own = notebook.cells.filter(isCode).map(shownBy);
    // a progress bar is cleared in the notebook; plain tslab has sent its states by then, as displays of their own
    for (const [i, { formats, text }] of own.entries()) {
      const [{ source }, there] = [cells[i]!, plain[i]!];
      const sent = there.formats.flat();
      expect([source, there.formats.every((names) => names.length === 1)]).toEqual([source, true]);
      for (const names of formats) expect([source, names.some((name) => sent.includes(name))]).toEqual([source, true]);
      if (text !== "") expect([source, there.text]).not.toEqual([source, ""]);
    }
    expect(own.flatMap(({ formats }) => formats).some((names) => names.length > 1)).toBe(true);
  }, 1_800_000);
});
