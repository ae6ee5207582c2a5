import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const SCRIPT = join(__dirname, "compare-predictions.mjs");
const folder = mkdtempSync(join(tmpdir(), "compare-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** An artifacts folder with the predictions of one cell of a grid, in these files. */
function artifacts(name: string, files: Readonly<Record<string, readonly object[]>>): string {
  const root = join(folder, name);
  const [cells, answers] = [join(root, "grid", "phantom-quick", "cells"), join(root, "predictions", `key-${name}`)];
  for (const each of [cells, answers]) mkdirSync(each, { recursive: true });
  const about = { source: "phantom", profile: "quick", task: "toy", backbone: "qwen2-vl", seed: 7, system: "ft-rag" };
  writeFileSync(join(cells, "one.json"), JSON.stringify({ kind: "predictions", key: `key-${name}`, ...about }));
  for (const [file, rows] of Object.entries(files)) writeFileSync(join(answers, file), JSON.stringify(rows));
  return root;
}

function compare(first: string, second: string): { code: number | null; text: string } {
  const { status, stdout } = spawnSync(process.execPath, [SCRIPT, first, second], { encoding: "utf8" });
  return { code: status, text: stdout };
}

const known = (exampleId: string) => ({ system: "ft-rag", exampleId, group: "g", weights: [1] });
const read = (exampleId: string) => ({ exampleId, retrieved: { passageId: "p", head: "text", score: 0.1, rank: 0 } });
const scores = { logits: [0.1, 0.2], probabilities: [0.475, 0.525] };

const byForm = artifacts("by-form", {
  "predictions.json": [
    {
      ...known("a"),
      trueLabel: 1,
      label: 0,
      probabilities: [0.5, 0.5],
      readings: [{ ...read("a"), answer: "no", label: 1, ...scores }],
    },
  ],
  "label-sets.json": [
    {
      ...known("b"),
      trueLabels: [0],
      labels: null,
      shares: [0, 0],
      readings: [{ ...read("b"), answer: "?", labels: null }],
    },
  ],
  "words.json": [{ ...known("c"), trueAnswer: "liver", answer: "Lung", readings: [{ ...read("c"), answer: "Lung " }] }],
});
const inOneList = (probability: number) => ({
  "predictions.json": [
    {
      form: "words",
      ...known("c"),
      truth: "liver",
      answer: "Lung",
      readings: [{ form: "words", ...read("c"), text: "Lung ", answer: "Lung" }],
    },
    {
      ...{ form: "yesNo", ...known("a"), truth: 1, answer: 0, probabilities: [probability, 0.5] },
      readings: [{ form: "yesNo", ...read("a"), text: "no", answer: 1, ...scores }],
    },
    {
      form: "labels",
      ...known("b"),
      truth: [0],
      answer: null,
      shares: [0, 0],
      readings: [{ form: "labels", ...read("b"), text: "?", answer: null }],
    },
  ],
});

test("predictions kept by form and in one list are equal where every value is", () => {
  const { code, text } = compare(byForm, artifacts("in-one-list", inOneList(0.5)));
  expect(text).toContain("toy / qwen2-vl / 7 / ft-rag: 3 predictions, 3 readings");
  expect([code, text.trimEnd().split("\n").at(-1)]).toEqual([0, expect.stringMatching(/^1 of 1 equal, 0 without/)]);
});

test("one bit in one number is found and named", () => {
  const { code, text } = compare(byForm, artifacts("one-bit", inOneList(0.5 + 2 ** -53)));
  expect(code).toBe(1);
  expect(text).toContain("a/probabilities/0: 0.5 and 0.5000000000000001");
});

test("predictions without a partner, and folders without a grid, are not called equal", () => {
  const lacking = artifacts("lacking", { "predictions.json": inOneList(0.5)["predictions.json"].slice(1) });
  expect(compare(byForm, lacking).code).toBe(1);
  expect(compare(byForm, folder).code).toBe(2);
});
