import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { casebookSheet, corpusSheet, diagnosisSheet, nuisanceSheet, poolSheet, taskSheet } from "./phantom-sheets";

/** JOMED_DRAW_SHEETS=1 writes the pictures of docs/phantoms.md and docs/casebook.md anew. */
const rewrite = process.env.JOMED_DRAW_SHEETS === "1";
const folder = join(repositoryRoot(), "docs", "images");
const SHEETS = {
  "phantom-diagnosis.png": diagnosisSheet,
  "phantom-nuisances.png": nuisanceSheet,
  "phantom-corpus.png": corpusSheet,
  "phantom-tasks.png": taskSheet,
  "phantom-pool.png": poolSheet,
  "casebook-dials.png": casebookSheet,
};
const PAGES = ["phantoms.md", "casebook.md"];

test.each(Object.entries(SHEETS))("%s shows what the generators draw", async (name, sheet) => {
  const file = join(folder, name);
  const drawn = await sheet();
  if (rewrite) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, drawn);
  }
  expect(statSync(file).size).toBeLessThan(150_000);
  expect(drawn.equals(readFileSync(file)), "draw it again: JOMED_DRAW_SHEETS=1").toBe(true);
});

test("the pages show every sheet, and every picture they show is there", () => {
  const text = PAGES.map((page) => readFileSync(join(repositoryRoot(), "docs", page), "utf8")).join("\n");
  const shown = [...text.matchAll(/\]\((images\/[^)]+)\)/g)].map((match) => match[1]!);
  expect(shown.filter((path) => !existsSync(join(repositoryRoot(), "docs", path)))).toEqual([]);
  expect(Object.keys(SHEETS).filter((name) => !shown.includes(`images/${name}`))).toEqual([]);
});
