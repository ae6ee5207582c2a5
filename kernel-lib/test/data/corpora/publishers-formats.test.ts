import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RasterImage } from "../../../src/base/types";
import { formatTar } from "../../../src/data/formats/tar";
import { drawCorpusPhantom } from "../../../src/phantoms/corpora/breast-corpus";
import { PMC_OA_TWIN, twinPairs, writeArchives } from "../../../src/phantoms/corpora/twins";
import { loadCorpus } from "../../../src/phantoms/load-corpus";
import { CORPUS_TWINS } from "../../../src/phantoms/phantoms";
import { refusal } from "../helpers";

const { passages } = drawCorpusPhantom({ seed: 5, numPassages: 60 });
const TWINS = [...CORPUS_TWINS];
let folder = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "formats-"));
  for (const twin of CORPUS_TWINS.values()) await twin.write(folder, twinPairs(twin, passages));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Mean distance of two pictures in grey levels; a grey one counts for all three channels. */
function distance(a: RasterImage, b: RasterImage): number {
  const level = (image: RasterImage, p: number, c: number) => image.data[p * image.channels + (c % image.channels)]!;
  let sum = 0;
  for (let p = 0; p < a.width * a.height; p++)
    for (const c of [0, 1, 2]) sum += Math.abs(level(a, p, c) - level(b, p, c));
  return sum / (3 * a.width * a.height);
}

test.each(TWINS)("the stand-in for %s, written in its format and read back, is what was drawn", async (name, twin) => {
  const drawn = twinPairs(twin, passages);
  const corpus = await loadCorpus(name, { dataDir: folder });
  expect(drawn.length).toBeGreaterThan(0);
  expect(corpus.passages).toHaveLength(drawn.length);
  expect(corpus.passages.map((passage) => passage.text)).toEqual(drawn.map((passage) => passage.text));
  const far = corpus.passages.map((passage, i) => distance(passage.image, drawn[i]!.image));
  expect(Math.max(...far)).toBeLessThan(6); // JPEG
  expect(corpus.passages.every((passage) => passage.group !== undefined)).toBe(true);
  expect(corpus.source).toBe("real");
});

test.each(TWINS)("loadCorpus(%s) without files is its stand-in, the same for the same seed", async (name) => {
  const [first, again, other] = await Promise.all([5, 5, 6].map((seed) => loadCorpus(name, { seed, numPassages: 60 })));
  expect(first!.source).toBe("phantom");
  expect(again!.fingerprint).toBe(first!.fingerprint);
  expect(other!.fingerprint).not.toBe(first!.fingerprint);
  expect(new Set(first!.passages.map((passage) => passage.licence))).toEqual(new Set(["CC0-1.0"]));
});

test("webdataset archives hold the same pairs as the jsonl; a json part may hold the caption", async () => {
  const archives = mkdtempSync(join(folder, "tar-"));
  await writeArchives(archives, twinPairs(PMC_OA_TWIN, passages));
  const [jsonl, tar] = [
    await loadCorpus("pmc-oa", { dataDir: folder }),
    await loadCorpus("pmc-oa", { dataDir: archives }),
  ];
  expect(tar.fingerprint).toBe(jsonl.fingerprint);
  const picture = readFileSync(join(folder, "pmc-oa/images", readdirSync(join(folder, "pmc-oa/images"))[0]!));
  const file = join(archives, "pmc-oa", "00001.tar");
  writeFileSync(
    file,
    formatTar([
      ["x/PMC1_a.jpg", picture],
      ["x/PMC1_a.json", Buffer.from('{"caption":"a cyst"}')],
      ["x/PMC1_b.txt", Buffer.from("no picture")],
    ]),
  );
  const said: string[] = [];
  const onWarn = (_code: string, message: string) => said.push(message);
  const more = await loadCorpus("pmc-oa", { dataDir: archives, maxBrokenShare: 0.2, control: { onWarn } });
  expect({ ...more.passages.at(-1)! }).toMatchObject({ id: "x/PMC1_a", text: "a cyst", group: "PMC1" });
  expect(said[0]).toMatch(/1 of \d+ rows of pmc-oa were left out; 00001\.tar, x\/PMC1_b: no picture part/);
});

test("two studies of a patient share a group, and a picture without a report is named", async () => {
  const copy = mkdtempSync(join(folder, "mimic-"));
  cpSync(join(folder, "mimic-cxr"), join(copy, "mimic-cxr"), { recursive: true });
  const corpus = await loadCorpus("mimic-cxr", { dataDir: copy });
  expect(corpus.passages.slice(0, 3).map((passage) => passage.group)).toEqual(
    ["p10000000", "p10000000", "p10000001"].map((patient) => `mimic-cxr/${patient}`),
  );
  const study = corpus.passages[1]!.id.split("/")[1]!;
  rmSync(join(copy, "mimic-cxr/mimic-cxr-reports/files/p10/p10000000", `${study}.txt`));
  const error = await refusal(() => loadCorpus("mimic-cxr", { dataDir: copy }));
  expect(error.message).toMatch(new RegExp(`must have at most 1 % broken rows; got 1 of .*${study}.*: no report`));
});

test("a corpus names the pictures that decode to nearly one value, from its cache too, and keeps their pairs", async () => {
  const own = mkdtempSync(join(folder, "own-"));
  for (const [name, step] of Object.entries({ slope: 1, flat: 0 })) {
    const levels = Buffer.from(Uint8Array.from({ length: 256 }, (_, p) => 40 + ((step * p) % 200)));
    await sharp(levels, { raw: { width: 16, height: 16, channels: 1 } })
      .png()
      .toFile(join(own, `${name}.png`));
  }
  writeFileSync(join(own, "corpus.jsonl"), '{"image":"slope.png","text":"a"}\n{"image":"flat.png","text":"b"}\n');
  const cacheDir = mkdtempSync(join(folder, "cache-"));
  for (const _ of ["read", "found again"]) {
    const said: string[] = [];
    const onWarn = (_code: string, message: string) => void said.push(message);
    const corpus = await loadCorpus("folder", { dataDir: own, cacheDir, control: { onWarn } });
    expect(corpus.passages).toHaveLength(2);
    expect(said).toEqual([
      "openCorpus: no picture of folder should decode to nearly one value; 1 of 2 did: corpus.jsonl, line 2. Compare with a viewer.",
    ]);
  }
});

test("ROCO v2: captions by split with a folder of pictures", async () => {
  const second = mkdtempSync(join(folder, "v2-"));
  const pictures = readdirSync(join(folder, "pmc-oa/images")).slice(0, 2);
  const ids = ["ROCOv2_2023_train_000001", "ROCOv2_2023_train_000002"];
  mkdirSync(join(second, "roco/train"), { recursive: true });
  for (const [i, id] of ids.entries()) {
    cpSync(join(folder, "pmc-oa/images", pictures[i]!), join(second, "roco/train", `${id}.jpg`));
  }
  writeFileSync(join(second, "roco/train_captions.csv"), `ID,Caption\n${ids[0]},one\n${ids[1]},"two, three"\n`);
  const corpus = await loadCorpus("roco", { dataDir: second });
  expect(corpus.passages.map(({ id, text }) => [id, text])).toEqual([
    [ids[0], "one"],
    [ids[1], "two, three"],
  ]);
});

test("ROCO v2: parquet files with the pictures inside", async () => {
  const parquet = mkdtempSync(join(folder, "parquet-"));
  mkdirSync(join(parquet, "roco/data"), { recursive: true });
  const file = join(__dirname, "../../reference/corpora/roco-v2.parquet");
  cpSync(file, join(parquet, "roco/data/test-00000-of-00001.parquet"));
  const { passages } = await loadCorpus("roco", { dataDir: parquet });
  expect(passages.map(({ text }) => text)).toEqual(["CT, axial", "chest “x-ray”", "MRI\nof the knee"]);
  expect(passages.map(({ image }) => image.data[0])).toEqual([10, 20, 30]);
  expect(passages[2]!.id).toBe("ROCOv2_2023_test_000003");
});

test("a stand-in that would be empty is refused", async () => {
  const error = await refusal(() => loadCorpus("mimic-cxr", { seed: 5, numPassages: 1 }));
  expect(error.message).toMatch(/numPassages must be large enough for a pair of mimic-cxr; got 1/);
});

test("captions and licences of ROCO belong together, and a missing folder says how to obtain it", async () => {
  const corpus = await loadCorpus("roco", { dataDir: folder });
  expect(new Set(corpus.passages.map((passage) => passage.licence))).toEqual(new Set(["CC0-1.0"]));
  expect(corpus.passages[0]!.group).toMatch(/^PMC7\d+$/);
  const error = await refusal(() => loadCorpus("mimic-cxr", { dataDir: join(folder, "pmc-oa") }));
  expect(error.message).toMatch(/got no folder .*mimic-cxr.*credentialed user/);
});
