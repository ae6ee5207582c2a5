import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createRandom } from "../../src/base/random";
import type { Passage } from "../../src/base/types";
import { TASKS } from "../../src/data/tasks/tasks";
import { drawCorpusPhantom } from "../../src/phantoms/corpora/breast-corpus";
import { drawPool, POOL_LOOKS, pickClass } from "../../src/phantoms/corpora/pool";
import { loadCorpus } from "../../src/phantoms/load-corpus";
import { refusal } from "../data/helpers";

const cacheDir = mkdtempSync(join(tmpdir(), "pool-"));
afterAll(() => rmSync(cacheDir, { recursive: true }));

const drawn = [...drawPool({ seed: 7, numPassages: 1050 })];
const lookOf = ({ id }: Passage) => id.split("/")[1]!;
const of = (look: string) => drawn.filter((passage) => lookOf(passage) === look);
const share = (list: readonly Passage[], holds: (passage: Passage) => boolean) =>
  list.filter(holds).length / list.length;

function hashOf(passages: readonly Passage[]): string {
  const hash = createHash("sha256");
  for (const { id, corpus, text, truth, image } of passages) {
    hash.update(JSON.stringify([id, corpus, text, truth ?? null, image.width, image.channels])).update(image.data);
  }
  return hash.digest("hex").slice(0, 16);
}

test("the same seed gives the same pairs, a longer pool begins with the shorter, another seed is another pool", () => {
  expect(hashOf([...drawPool({ seed: 7, numPassages: 70 })])).toBe(hashOf(drawn.slice(0, 70)));
  expect(hashOf([...drawPool({ seed: 8, numPassages: 70 })])).not.toBe(hashOf(drawn.slice(0, 70)));
  expect(hashOf(drawn.slice(0, 70))).toBe("e855e3faeacde2bf"); // another hash needs another POOL_VERSION
});

test("the walkthrough's corpus is what it was", () => {
  const corpus = drawCorpusPhantom({ numPassages: 300 });
  expect(corpus.fingerprint).toBe("corpus:phantom:v2:7:300:0.7");
  expect(hashOf(corpus.passages)).toBe("1d4789d3b3da5133");
});

test("every look has its share, its size, and its corpus", () => {
  for (const look of Object.keys(POOL_LOOKS)) expect(of(look)).toHaveLength(150);
  const sizes = Object.keys(POOL_LOOKS).map(
    (look) => new Set(of(look).map(({ image }) => `${image.width}x${image.channels}`)),
  );
  expect(sizes.map((size) => [...size].join())).toEqual(["28x1", "28x3", "28x3", "64x1", "64x3", "64x1", "64x3"]);
  expect(share(of("breast"), ({ corpus }) => corpus === "roco-phantom")).toBeCloseTo(0.5, 0);
  for (const look of ["skin", "retina", "fundus", "histology"]) {
    expect(new Set(of(look).map(({ corpus }) => corpus))).toEqual(new Set(["pmc-oa-phantom"]));
  }
  expect(new Set(of("chest").map(({ corpus }) => corpus))).toEqual(new Set(["mimic-cxr-phantom"]));
  for (const { corpus, text } of of("radiology")) {
    if (/head|abdomen|mass/.test(text)) expect(corpus).toBe("roco-phantom");
    if (/chest|opacity|heart/.test(text)) expect(corpus).toBe("mimic-cxr-phantom");
  }
});

test.each([
  ["breast", "breast-mnist"],
  ["skin", "derma-mnist"],
  ["retina", "retina-mnist"],
  ["chest", "vindr-pcxr"],
  ["fundus", "brset"],
])("truths of %s are labels of %s, all of them come up, and nine captions in ten say so", (look, task) => {
  const { labels } = TASKS.get(task)!;
  const answers = new Map(labels.map(({ name, answer }) => [name, answer]));
  const word = look === "retina" ? "level" : "class";
  const says = ({ text, truth }: Passage) =>
    look === "breast"
      ? text.split(" ").some((said) => truth!.split(", ").includes(said))
      : new RegExp(` ${word} ${answers.get(truth!)}( |$)`).test(text);
  expect(of(look).filter(({ truth }) => !answers.has(truth!))).toEqual([]);
  expect(new Set(of(look).map(({ truth }) => truth)).size).toBe(labels.length);
  expect(share(of(look), says)).toBeGreaterThan(0.8);
  expect(share(of(look), says)).toBeLessThan(0.97);
  const named = of(look).filter(({ text }) => new RegExp(`${word} \\d`).test(text));
  expect(look === "breast" ? [] : named.filter((passage) => !says(passage))).toEqual([]);
});

test("pairs for questions have no truth", () => {
  expect([...of("radiology"), ...of("histology")].filter(({ truth }) => truth !== undefined)).toEqual([]);
});

test("pickClass draws by weight, by hand", () => {
  const at = (value: number) => pickClass([1, 2, 1], { ...createRandom(1), next: () => value });
  expect([0, 0.24, 0.26, 0.74, 0.76, 0.9999].map(at)).toEqual([0, 0, 1, 1, 2, 2]);
});

test("loadCorpus draws the pool once, reads it back as it was drawn, and lazily", async () => {
  const stages: string[] = [];
  const control = { onProgress: ({ stage }: { stage: string }) => stages.push(stage) };
  const options = { numPassages: 140, cacheDir, control };
  const first = await loadCorpus("phantom-pool", options);
  expect(new Set(stages)).toEqual(new Set(["corpus phantom-pool"]));
  const count = stages.length;
  const again = await loadCorpus("phantom-pool", options);
  expect(stages).toHaveLength(count);
  expect(hashOf(again.passages)).toBe(hashOf(drawn.slice(0, 140)));
  expect(again.fingerprint).toBe(first.fingerprint);
  expect(first.fingerprint).toMatch(/^corpus:phantom-pool:v5:7:[0-9a-f]{24}$/);
  expect(Object.getOwnPropertyDescriptor(again.passages[0]!, "image")?.get).toBeTypeOf("function");
  expect((await loadCorpus("phantom-pool", { ...options, seed: 8 })).fingerprint).not.toBe(first.fingerprint);
});

test("an aborted signal stops the drawing, and wrong options are refused", async () => {
  const stopped = refusal(() =>
    loadCorpus("phantom-pool", { seed: 9, cacheDir, control: { signal: AbortSignal.abort() } }),
  );
  expect((await stopped).code).toBe("interrupted");
  expect((await refusal(() => loadCorpus("phantom-pool", { seed: -1, cacheDir }))).message).toMatch(/^openPool: seed/);
  const wrong = await refusal(() => loadCorpus("medpix2", { dataDir: cacheDir, drawnFrom: "phantom-pool" }));
  expect(wrong.message).toBe(
    "loadCorpus: drawnFrom must go with a stand-in of pmc-oa, mimic-cxr, roco; got medpix2 (real). Leave it out.",
  );
});
