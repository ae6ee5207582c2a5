import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { formatNotebook, joinLines, readNotebook, splitLines, writeNotebook } from "../../src/notebook/notebook-file";

const folder = mkdtempSync(join(tmpdir(), "jomed-notebook-file-"));
afterAll(() => rmSync(folder, { recursive: true }));

function stored(value: unknown): string {
  const file = join(folder, "stored.ipynb");
  writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
  return file;
}

const cell = { cell_type: "code", id: "a", metadata: {}, source: ["x\n", "y"], execution_count: null, outputs: [] };

describe("notebook files", () => {
  it.each(["", "one", "one\n", "one\n\ntwo", "\n"])("splitLines keeps every character of %j", (text) => {
    expect(joinLines(splitLines(text))).toBe(text);
    expect(splitLines("a\nb")).toEqual(["a\n", "b"]);
  });

  it("a written notebook is read back equal, and its bytes do not change when written again", async () => {
    const file = join(import.meta.dirname, "files", "basic.ipynb");
    const notebook = await readNotebook(file);
    const copy = join(folder, "copy.ipynb");
    writeNotebook(notebook, copy);
    expect(await readNotebook(copy)).toEqual(notebook);
    expect(readFileSync(copy, "utf8")).toBe(readFileSync(file, "utf8"));
    expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });

  it("text outputs are stored as lines, pictures and JSON as they are, keys sorted", async () => {
    const data = { "text/plain": "a\nb", "image/png": "QUJD", "application/json": { z: 1, a: "x\ny" } };
    const output = { output_type: "display_data" as const, data, metadata: {} };
    const notebook = await readNotebook(stored({ nbformat: 4, metadata: {}, cells: [{ ...cell, outputs: [output] }] }));
    const written = JSON.parse(formatNotebook(notebook));
    expect(written.cells[0].outputs[0].data).toEqual({ ...data, "text/plain": ["a\n", "b"] });
    expect(Object.keys(written)).toEqual(["cells", "metadata", "nbformat", "nbformat_minor"]);
    expect(written.nbformat_minor).toBe(5);
  });

  it("cells of older notebooks get ids", async () => {
    const { id: _id, ...old } = cell;
    const notebook = await readNotebook(stored({ nbformat: 4, nbformat_minor: 2, metadata: {}, cells: [old, old] }));
    expect(notebook.cells.map((entry) => entry.id)).toEqual([
      expect.stringMatching(/^[0-9a-f]{8}$/),
      expect.anything(),
    ]);
    expect(notebook.cells[0]!.id).not.toBe(notebook.cells[1]!.id);
  });

  it.each([
    ["{", "must be a readable JSON file"],
    [{ nbformat: 3, worksheets: [] }, "nbformat must be 4; got 3"],
    [{ nbformat: 4, cells: {} }, "cells must be a list; got {}"],
    [
      { nbformat: 4, cells: [{ ...cell, cell_type: "codes" }] },
      'cell 1 must have cell_type code, markdown or raw; got "codes"',
    ],
    [{ nbformat: 4, cells: [cell, { ...cell, id: "b", source: 3 }] }, "cell 2 must have a source of text; got 3"],
    [{ nbformat: 4, cells: [cell, cell] }, "cell ids must differ"],
  ])("%j is refused", async (value, message) => {
    await expect(readNotebook(stored(value))).rejects.toThrow(message);
  });
});
