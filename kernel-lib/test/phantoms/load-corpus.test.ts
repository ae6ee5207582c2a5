import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Corpus } from "../../src/base/types";
import { type LoadCorpusOptions, loadCorpus } from "../../src/phantoms/load-corpus";
import { refusal } from "../data/helpers";

let folder = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "corpus-"));
  mkdirSync(join(folder, "medpix2", "images"), { recursive: true });
  const red = sharp({ create: { width: 128, height: 64, channels: 3, background: "#ff0000" } });
  await red.png().toFile(join(folder, "medpix2", "images", "red.png"));
  await red.png().toFile(join(folder, "outside.png"));
  writeFileSync(join(folder, "medpix2", "images", "broken.png"), "no picture");
  writeFileSync(join(folder, "medpix2", "images", "drawing.svg"), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  symlinkSync(join(folder, "outside.png"), join(folder, "medpix2", "images", "link.png"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function writeLines(lines: readonly unknown[]): void {
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
  writeFileSync(join(folder, "medpix2", "corpus.jsonl"), text);
}

function loadHere(options: LoadCorpusOptions = {}): Promise<Corpus> {
  return loadCorpus("medpix2", { dataDir: folder, ...options });
}

const RED = { id: "a", image: "images/red.png", text: "one", case: "case-1" };

test("a folder corpus keeps sound lines and names the others", async () => {
  writeLines([
    RED,
    { id: "b", image: "images/broken.png", text: "two" },
    { id: "c", image: "images/none.png", text: "three" },
    { id: "a", image: "images/red.png", text: "four" },
    "not json",
    { id: "d", image: 5, text: "six" },
    { id: "e", image: "images/drawing.svg", text: "seven" },
    { id: "f", image: "images/red.png", text: "  " },
  ]);
  const said: { code: string; details: object }[] = [];
  const control = { onWarn: (code: string, _message: string, details: object) => said.push({ code, details }) };
  const corpus = await loadHere({ control, maxBrokenShare: 1 });
  expect(corpus.passages).toHaveLength(1);
  expect(corpus.passages[0]).toMatchObject({ id: "a", text: "one", corpus: "medpix2", group: "case-1" });
  expect(corpus.passages[0]!.image).toMatchObject({ width: 64, height: 32, channels: 3 });
  expect([...corpus.passages[0]!.image.data.slice(0, 3)]).toEqual([255, 0, 0]);
  expect({ ...corpus.passages[0]! }.text).toBe("one"); // a copy has what is read on demand
  expect(said.map((row) => [row.code, ...Object.keys(row.details)])).toEqual([
    ["corpus", "corpus", "broken"],
    ["corpus", "corpus", "flat"], // its pictures are of one colour each
  ]);
  const { broken } = said[0]!.details as { broken: { place: string; reason: string }[] };
  expect(broken.map((row) => row.place)).toEqual([2, 3, 4, 5, 6, 7, 8].map((line) => `corpus.jsonl, line ${line}`));
  expect(broken[1]!.reason).toBe("no picture images/none.png");
  expect(broken[2]!.reason).toBe("id a stands twice");
  expect(broken[4]!.reason).toBe("image must be a string; got number");
  expect(broken[5]!.reason).toBe("an SVG drawing; JPEG, PNG, GIF, WebP and TIFF are read");
  expect(broken[6]!.reason).toBe("no text");
});

test("more broken rows than allowed are an error that counts and names them", async () => {
  writeLines([RED, { id: "b", image: "images/broken.png", text: "two" }]);
  const error = await refusal(() => loadHere());
  expect(error.code).toBe("data");
  expect(error.message).toBe(
    "readPassages: corpus medpix2 must have at most 1 % broken rows; got 1 of 2: corpus.jsonl, line 2: no JPEG, PNG, GIF, WebP or TIFF picture. Repair them, or raise maxBrokenShare to go on without them.",
  );
  expect((await loadHere({ maxBrokenShare: 0.5 })).passages).toHaveLength(1);
});

test.each(["../outside.png", "/etc/passwd", "images/../../outside.png", "..\\outside.png", "images/link.png"])(
  "a picture %s outside the folder refuses the whole corpus",
  async (image) => {
    writeLines([RED, { id: "c", image, text: "three" }]);
    const error = await refusal(() => loadHere({ maxBrokenShare: 1 }));
    expect(error.message).toMatch(/corpus\.jsonl, line 2, picture must name a file within .*medpix2; got/);
  },
);

test("a corpus without a sound line, without a file or without a folder is refused", async () => {
  writeLines(["[1]"]);
  expect((await refusal(() => loadHere())).message).toMatch(
    /must hold a sound pair; got corpus\.jsonl, line 1: no JSON/,
  );
  const missing = await refusal(() => loadHere({ dataDir: join(folder, "none") }));
  expect(missing.message).toMatch(/folder must hold corpus\.jsonl or corpus\.csv/);
  expect((await refusal(() => loadCorpus("medpix2"))).code).toBe("config");
  expect((await refusal(() => loadCorpus("pubmed"))).message).toMatch(
    /must be one of phantom, phantom-pool, casebook-pairs, .*, pmc-oa, .*; got "pubmed"/,
  );
  expect((await refusal(() => loadHere({ maxBrokenShare: 2 }))).code).toBe("config");
});

test("a cached corpus is found again until a file changes; numPassages cuts", async () => {
  writeLines([RED, { ...RED, id: "b", text: "two" }]);
  const cacheDir = join(folder, "cache");
  const stages: string[] = [];
  const control = {
    onProgress: ({ stage, done, total }: { stage: string; done: number; total: number }) =>
      stages.push(`${stage} ${done === total}`),
  };
  const first = await loadHere({ cacheDir, control });
  expect(stages).toEqual(["corpus medpix2 true"]);
  const again = await loadHere({ cacheDir, control });
  expect(stages).toHaveLength(1);
  expect(again.fingerprint).toBe(first.fingerprint);
  expect({ ...again.passages[1]! }).toEqual({ ...first.passages[1]! });
  expect((await loadHere({ cacheDir, numPassages: 1 })).passages.map((passage) => passage.id)).toEqual(["a"]);
  writeLines([RED, { ...RED, id: "b", text: "three" }]);
  const changed = await loadHere({ cacheDir });
  expect(changed.passages[1]!.text).toBe("three");
  expect(changed.fingerprint).not.toBe(first.fingerprint);
});

test("any folder with a corpus.jsonl loads, with its own ids, licences and groups", async () => {
  writeLines([{ image: "images/red.png", text: "one", licence: "CC BY", patient: "p1" }]);
  const corpus = await loadCorpus("folder", { dataDir: join(folder, "medpix2"), longestSide: 16 });
  expect(corpus.passages[0]).toMatchObject({ id: "images/red.png", licence: "CC BY", group: "p1", corpus: "folder" });
  expect(corpus.passages[0]!.image.width).toBe(16);
});

test("a corpus.csv is read like the jsonl: quotes, line ends, ids, groups", async () => {
  const own = join(folder, "own");
  mkdirSync(own);
  cpSync(join(folder, "outside.png"), join(own, "a.png"));
  writeFileSync(join(own, "corpus.csv"), 'image,text,case\r\na.png,"a ""round"" cyst,\nlarge",c1\r\n');
  const corpus = await loadCorpus("folder", { dataDir: own });
  expect({ ...corpus.passages[0]! }).toMatchObject({ id: "a.png", text: 'a "round" cyst,\nlarge', group: "c1" });
  writeFileSync(join(own, "corpus.csv"), "image,text\na.png,fine\n../outside.png,bad\n");
  const error = await refusal(() => loadCorpus("folder", { dataDir: own, maxBrokenShare: 1 }));
  expect(error.message).toMatch(/corpus\.csv, line 3, picture must name a file within/);
});

test("an aborted signal stops the reading", async () => {
  writeLines([RED]);
  expect((await refusal(() => loadHere({ control: { signal: AbortSignal.abort() } }))).code).toBe("interrupted");
});
