import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createRandom } from "../../../src/base/random";
import type { Corpus, DataSource, Example, RasterImage, Task } from "../../../src/base/types";
import { openRun } from "../../../src/experiments/run";
import { checkLeaks } from "../../../src/experiments/stages/corpus";
import { toRaster } from "../../../src/phantoms/looks/canvas";
import { drawChestFilm, drawChestNuisances } from "../../../src/phantoms/looks/chest-film";

const artifactsDir = mkdtempSync(join(tmpdir(), "check-leaks-"));
afterAll(() => rmSync(artifactsDir, { recursive: true }));

/** A healthy chest film, without what a rule adds to it. */
function film(name: string): RasterImage {
  const random = createRandom(name);
  return toRaster(drawChestFilm(64, { spots: [] }, drawChestNuisances(random), random), 1, 0.025, random);
}
const films = (name: string, count: number) => Array.from({ length: count }, (_, i) => film(`${name}/${i}`));
const card = (source: DataSource) => ({ title: "", source, description: "", licence: "", citation: "", obtain: "" });

function taskOf(source: DataSource, pictures: readonly RasterImage[]): Task {
  const test = pictures.map((image, i): Example => {
    const id = `films/test/${i}`;
    return { id, task: "films", split: "test", image, question: "?", answer: "0", labels: [0], group: id };
  });
  const splits = { train: [], validation: [], test };
  return {
    name: "films",
    source,
    modality: "",
    labels: [],
    splits,
    card: card(source),
    fingerprint: `films:${source}`,
  };
}

function corpusOf(source: DataSource, pictures: readonly RasterImage[]): Corpus {
  const passages = pictures.map((image, i) => ({
    id: `p${i}`,
    corpus: "films",
    image,
    text: "film",
    licence: "CC0-1.0",
  }));
  return { name: "films", source, passages, card: card(source), fingerprint: `corpus:films:${source}` };
}

test("between phantoms only equal pictures are leaks: films drawn apart look alike and are no copies", async () => {
  const shown = films("shown", 12);
  const held = [...films("held", 24), shown[3]!];
  const run = await openRun({ profile: "test", seed: 1, source: "phantom", artifactsDir });
  const drawn = await checkLeaks(run, corpusOf("phantom", held), taskOf("phantom", shown));
  expect(drawn).toEqual([{ passageId: "p24", exampleId: "films/test/3", shares: "picture", correlation: 1 }]);
  const real = await checkLeaks(run, corpusOf("real", held), taskOf("real", shown));
  expect(real.length).toBeGreaterThan(5); // as real pictures, so alike ones count as copies
  const mixed = await checkLeaks(run, corpusOf("phantom", held), taskOf("real", shown));
  expect(mixed).toEqual(real);
});
