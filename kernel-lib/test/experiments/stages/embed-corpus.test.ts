import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Matrix } from "../../../src/base/types";
import { checkpointFolder } from "../../../src/experiments/checkpoint-folder";
import { openRun } from "../../../src/experiments/run";
import { embedCorpus } from "../../../src/experiments/stages/corpus";
import { loadCorpus } from "../../../src/phantoms/load-corpus";

const artifactsDir = mkdtempSync(join(tmpdir(), "embed-corpus-"));
afterAll(() => rmSync(artifactsDir, { recursive: true }));

const rowOf = ({ data, cols }: Matrix, row: number) => [...data.subarray(row * cols, (row + 1) * cols)];

test("a corpus is embedded once, and who leaves passages out gets the rows of the others", async () => {
  const run = await openRun({ profile: "test", seed: 1, source: "phantom", artifactsDir });
  const clip = await checkpointFolder("clip");
  const whole = await loadCorpus("phantom", { seed: 2, numPassages: 9 });
  const kept = { ...whole, passages: whole.passages.filter((_, i) => i !== 0 && i !== 5) };
  const [all, some] = [await embedCorpus(run, whole, whole, clip), await embedCorpus(run, whole, kept, clip)];
  expect(readdirSync(join(artifactsDir, "corpus-embeddings"))).toHaveLength(1);
  for (const head of ["image", "text"] as const) {
    expect([all[head].rows, some[head].rows, some[head].data.length]).toEqual([9, 7, 7 * all[head].cols]);
    const rows = [1, 2, 3, 4, 6, 7, 8].map((row) => rowOf(all[head], row));
    expect(rows.map((_, row) => rowOf(some[head], row))).toEqual(rows);
    if (head === "image") expect(new Set(rows.map(String)).size).toBe(7); // two captions may be the same
  }
});
