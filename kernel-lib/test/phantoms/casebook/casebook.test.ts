import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { RasterImage, Task } from "../../../src/base/types";
import {
  CASEBOOK_VARIANTS,
  type CasebookOptions,
  type CasebookVariant,
  settleDials,
  standardDials,
} from "../../../src/phantoms/casebook/dials";
import { casebookName, parseCasebookName } from "../../../src/phantoms/casebook/names";
import { drawCasebook } from "../../../src/phantoms/casebook/world";
import { vocabularyWords } from "../../../src/phantoms/general/vocabulary";
import { loadCasebook } from "../../../src/phantoms/load-casebook";
import { corpusFor, loadCorpus } from "../../../src/phantoms/load-corpus";
import { isTaskDrawn, loadTask } from "../../../src/phantoms/load-task";
import { refusal } from "../../data/helpers";

const cacheDir = mkdtempSync(join(tmpdir(), "casebook-"));
afterAll(() => rmSync(cacheDir, { recursive: true }));

const SMALL = { train: 40, validation: 20, test: 30, pairs: 60 };
const small = (options: CasebookOptions & { readonly variant?: CasebookVariant; readonly seed?: number } = {}) =>
  loadCasebook({ cacheDir, ...options, sizes: { ...SMALL, ...options.sizes } });
const world = (turned: CasebookOptions = {}, seed = 7, variant: CasebookVariant = "casebook") =>
  drawCasebook(variant, settleDials(variant, turned), seed);
/** Of the first channel: a PNG file holds a grey picture three times. */
const bytesOf = ({ data, channels }: RasterImage): string =>
  Buffer.from(data.filter((_, at) => at % channels === 0)).toString("base64");
const answersOf = ({ splits }: Task): string[] =>
  Object.values(splits).flatMap((rows) => rows.map(({ answer }) => answer));

test.each(CASEBOOK_VARIANTS)("%s is written in a publisher's format and read back as it was drawn", async (variant) => {
  const { task, corpus, dials, facts } = await small({ variant });
  const drawn = drawCasebook(variant, dials, 7);
  for (const split of ["train", "validation", "test"] as const) {
    const cases = drawn.cases(split);
    expect(task.splits[split]).toHaveLength(SMALL[split]);
    task.splits[split].forEach((example, i) => {
      expect(bytesOf(example.image)).toBe(bytesOf(cases[i]!.draw()));
      if (variant === "casebook-phrases") expect(example.wordings![cases[i]!.told[0]!]).toBe(example.answer);
      if (variant === "casebook-words") expect(example.question).toMatch(/\?$/);
      else expect(example.labels).toEqual(cases[i]!.told);
      expect(facts.words.get(example.id)).toMatchObject(cases[i]!.facts.words);
    });
  }
  expect(corpus.passages).toHaveLength(SMALL.pairs);
  expect(corpusFor(task.name)).toBe(corpus.name);
});

test("the same seed and dials give the same bytes in task and corpus; another seed its own table, pictures and pairs", async () => {
  const [one, again, other] = [await small(), await small(), await small({ seed: 8 })];
  expect(again.task.fingerprint).toBe(one.task.fingerprint);
  expect(again.corpus.passages.map(({ text }) => text)).toEqual(one.corpus.passages.map(({ text }) => text));
  expect(again.corpus.passages.map(({ image }) => bytesOf(image))).toEqual(
    one.corpus.passages.map(({ image }) => bytesOf(image)),
  );
  expect(other.task.fingerprint).not.toBe(one.task.fingerprint);
  expect(other.corpus.fingerprint).not.toBe(one.corpus.fingerprint);
  const tables = [7, 8, 9, 10, 11].map((seed) => JSON.stringify(world({}, seed).table.diagnoses));
  expect(new Set(tables).size).toBeGreaterThan(2);
});

test("every dial is part of the fingerprints; standard dials are those of loadTask and loadCorpus", async () => {
  const [standard, turned] = [world(), world({ knowledge: 0.5 })];
  expect(standard.dials).toEqual(standardDials("casebook"));
  expect(turned.dials).not.toEqual(standard.dials);
  const [one, other] = [await small(), await small({ knowledge: 0.5 })];
  expect(other.task.fingerprint).not.toBe(one.task.fingerprint);
  expect(other.corpus.fingerprint).not.toBe(one.corpus.fingerprint);
  const sizes = ":sizes.train=40:sizes.validation=20:sizes.test=30:sizes.pairs=60";
  expect([one.task.name, other.task.name]).toEqual([`casebook${sizes}`, `casebook:knowledge=0.5${sizes}`]);
  expect(other.corpus.name).toBe(`casebook-pairs:knowledge=0.5${sizes}`);
  expect(one.task.fingerprint).toMatch(/^casebook:sizes\.train=40.*:phantom:v3:7:[0-9a-f]{16}$/);
  expect([isTaskDrawn("casebook", { cacheDir }), isTaskDrawn(one.task.name, { cacheDir })]).toEqual([false, true]);
});

test("loadTask and loadCorpus know the standard world under its names", async () => {
  const task = await loadTask("casebook", { cacheDir });
  expect(Object.values(task.splits).map((rows) => rows.length)).toEqual([6000, 300, 1000]);
  expect(task.fingerprint).toMatch(/^casebook:phantom:v3:7:[0-9a-f]{16}$/);
  expect(task.card.description).toContain("70 % of the cases are told by the corpus only");
  const corpus = await loadCorpus("casebook-pairs");
  expect(corpus.passages).toHaveLength(4000);
  expect(corpus.fingerprint).toBe("corpus:casebook-pairs:v3:7:4000");
  const { passages } = await loadCorpus("casebook-pairs", { numPassages: 5 });
  expect(passages.map(({ text }) => text)).toEqual(corpus.passages.slice(0, 5).map(({ text }) => text));
});

test("the corpus stands in for a published one, in its format", async () => {
  const corpus = await loadCorpus("roco", { drawnFrom: "casebook-pairs", numPassages: 60, cacheDir });
  const drawn = await loadCorpus("casebook-pairs", { numPassages: 60 });
  const texts = drawn.passages.filter((passage) => passage.corpus === "roco-phantom").map(({ text }) => text);
  expect(corpus.passages.map(({ text }) => text).sort()).toEqual([...texts].sort());
});

test("knowledge is the share of cases that show no mark, and a mark shows the diagnosis", () => {
  const shown = (knowledge: number) =>
    world({ knowledge })
      .cases("test")
      .filter(({ facts }) => facts.isShown).length;
  expect(shown(1)).toBe(0);
  expect(shown(0)).toBe(1000);
  expect(shown(0.7) / 1000).toBeCloseTo(0.3, 1);
  const [with_, without] = [world({ knowledge: 0 }).cases("test"), world({ knowledge: 1 }).cases("test")];
  expect(bytesOf(with_[0]!.draw())).not.toBe(bytesOf(without[0]!.draw()));
  expect(with_[0]!.facts.words).toEqual(without[0]!.facts.words); // the same case but for the mark
});

test("at visibility 0 the words of a sign look alike, at pull 0 the letter is one; the cases are the same", () => {
  const casesAt = (turned: CasebookOptions) => world({ ...turned, knowledge: 1, sizes: { test: 150 } }).cases("test");
  const level = ({ data }: RasterImage) => data.reduce((sum, value) => sum + value, 0) / data.length;
  const levelOf = (turned: CasebookOptions, word: string) => {
    const kept = casesAt(turned).filter(({ facts }) => facts.words.brightness === word);
    return kept.reduce((sum, { draw }) => sum + level(draw()), 0) / kept.length;
  };
  const gap = (turned: CasebookOptions) => levelOf(turned, "bright") - levelOf(turned, "dark");
  expect(gap({})).toBeGreaterThan(60);
  expect(gap({ visibility: 0.5 }) / gap({})).toBeCloseTo(0.5, 1);
  expect(Math.abs(gap({ visibility: 0 }))).toBeLessThan(6);
  const letters = (pull: number) => new Set(casesAt({ pull }).map(({ facts }) => facts.words.letter)).size;
  expect([letters(1), letters(0)]).toEqual([4, 1]);
  expect(casesAt({ visibility: 0 })[0]!.facts).toEqual(casesAt({})[0]!.facts);
});

test("a long tail: rare patterns are rare, and the unseen ones come up in test and corpus only", () => {
  const { cases, facts } = world({
    tail: 1,
    unseen: 0.25,
    sizes: { train: 400, validation: 200, test: 1000, pairs: 400 },
  });
  const patternsIn = (split: "train" | "validation" | "test") => new Set(cases(split).map((one) => one.facts.pattern));
  expect(patternsIn("train").size).toBe(9);
  expect([...patternsIn("validation")].every((pattern) => patternsIn("train").has(pattern))).toBe(true);
  expect(patternsIn("test").size).toBe(12);
  const ids = { train: [], validation: [], test: [] };
  const ofPairs = [...facts(ids).words]
    .filter(([id]) => id?.startsWith("casebook/"))
    .map(([, words]) => words["pattern"]);
  expect(new Set(ofPairs).size).toBe(12);
});

test("captions name what they name as often as their shares say, in words the encoders know", () => {
  const known = new Set(vocabularyWords().map(({ word }) => word));
  const texts = (captionShares: CasebookOptions["captionShares"] & object, variant: CasebookVariant = "casebook") =>
    world({ captionShares, sizes: { taskShare: 1, pairs: 120 } }, 7, variant)
      .pairs()
      .map(({ text }) => text);
  const naming = (list: readonly string[], pattern: RegExp) =>
    list.filter((text) => pattern.test(text)).length / list.length;
  const [all, none] = [
    { diagnosis: 1, sign: 1, nuisance: 1 },
    { diagnosis: 0, sign: 0, nuisance: 0 },
  ];
  expect(naming(texts(all), /\b(malignant|benign) lesion (coarse|fine) (clear|shadow) (dark|dim|bright)\b/)).toBe(1);
  expect(naming(texts(none), /malignant|benign|coarse|fine|clear|shadow|dark|dim|bright|letter|side/)).toBe(0);
  expect(naming(texts({ diagnosis: 0.5 }), /malignant|benign/)).toBeCloseTo(0.5, 1);
  for (const variant of CASEBOOK_VARIANTS) {
    const words = texts(all, variant).flatMap((text) => text.split(" "));
    expect([...new Set(words)].filter((word) => !known.has(word))).toEqual([]);
  }
});

test("noise of labels touches training only, noise of captions the pairs only", () => {
  const wrong = (turned: CasebookOptions, split: "train" | "test") =>
    world(turned)
      .cases(split)
      .filter(({ facts, told }) => told.join() !== facts.diagnosis.join()).length;
  expect([wrong({}, "train"), wrong({ labelNoise: 1 }, "test")]).toEqual([0, 0]);
  expect(wrong({ labelNoise: 1 }, "train") / 6000).toBeCloseTo(0.5, 1);
  const told = (captionNoise: number) => {
    const { pairs } = world({ captionNoise, captionShares: { diagnosis: 1 }, sizes: { pairs: 400, taskShare: 1 } });
    return pairs().filter(({ text, truth }) => text.split(" ").includes(truth!)).length / 400;
  };
  expect(told(0)).toBe(1);
  expect(told(1)).toBeLessThan(0.6);
});

test("the four variants ask in the paper's forms of answer", async () => {
  const seven = (await small({ variant: "casebook-seven" })).task;
  expect(seven.labels).toHaveLength(7);
  expect(seven.splits.train[0]!.question).toMatch(/^which class is this breast ultrasound \? 0 : river .* 6 : winter$/);
  const set = (await small({ variant: "casebook-set" })).task;
  expect(new Set(answersOf(set).map((answer) => answer.split(", ").length)).size).toBeGreaterThan(1);
  expect(set.splits.test.every(({ form }) => form === "labels")).toBe(true);
  const words = (await small({ variant: "casebook-words", yesNo: 0.5 })).task;
  const forms = words.splits.train.map(({ form, kind }) => `${form} ${kind}`);
  expect(new Set(forms)).toEqual(new Set(["yesNo closed", "words open"]));
  const open = words.splits.train.filter(({ form }) => form === "words");
  expect(open.every(({ answer }) => /^(left|right) (alpha|beta|gamma|delta) (malignant|benign)$/.test(answer))).toBe(
    true,
  );
});

test("phrases ask for two nuisances and the diagnosis; the choices differ in the diagnosis only", async () => {
  const { task } = await small({ variant: "casebook-phrases" });
  const [first] = task.splits.test;
  expect(first).toMatchObject({ form: "label", question: "what side , letter and class ?" });
  for (const { wordings, answer, labels } of Object.values(task.splits).flat()) {
    const [one, other] = wordings!.map((text) => text.split(" "));
    expect([one!.slice(0, 2), one![2], other![2]]).toEqual([other!.slice(0, 2), "malignant", "benign"]);
    expect(wordings![labels[0]!]).toBe(answer);
  }
});

test("the archive is a MedMNIST file, the others lists beside a folder of pictures", async () => {
  await small();
  await small({ variant: "casebook-set" });
  await small({ variant: "casebook-words" });
  const folderOf = (variant: CasebookVariant) => join(cacheDir, casebookName(variant, { sizes: SMALL }), "v3-quick-7");
  const filesOf = (name: CasebookVariant): string[] => {
    return readdirSync(folderOf(name)).filter((file) => !file.startsWith(".") && file !== "manifest.json");
  };
  expect(filesOf("casebook")).toContain("casebook.npz");
  expect(filesOf("casebook-set")).toEqual(
    expect.arrayContaining([
      "image_labels_test.csv",
      "image_labels_train.csv",
      "image_labels_validation.csv",
      "images",
    ]),
  );
  expect(filesOf("casebook-words")).toEqual(
    expect.arrayContaining(["images", "test.json", "train.json", "validate.json"]),
  );
  const csv = readFileSync(join(folderOf("casebook-set"), "image_labels_test.csv"), "utf8");
  expect(csv.split("\n")[0]).toBe("image_id,river,lamp,stone,garden");
});

test("a setting has one name, by which it is found again", () => {
  const name = casebookName("casebook-words", { alike: 0.5, captionShares: { sign: 0.2 }, sizes: { test: 90 } });
  expect(name).toBe("casebook-words:alike=0.5:captionShares.sign=0.2:sizes.test=90");
  const { variant, dials } = parseCasebookName(name)!;
  expect([variant, dials.alike, dials.captionShares.sign, dials.sizes.test, dials.knowledge]).toEqual([
    ...["casebook-words", 0.5, 0.2, 90],
    standardDials("casebook-words").knowledge,
  ]);
  expect([casebookName("casebook"), parseCasebookName("breast-mnist")]).toEqual(["casebook", null]);
});

test.each([
  [`casebook:knowledge=${standardDials("casebook").knowledge}`, /must be written casebook:/],
  ["casebook:pull=0.5:visibility=0.5", /must be written casebook:visibility=0.5:pull=0.5/],
  ["casebook:pull=0.50", /must be written casebook:pull=0.5/],
  ["casebook:pull", /must name dials as :dial=number; got "pull"/],
  ["casebook:pull=0.5=1", /got "pull=0.5=1"/],
  ["casebook:pull=", /got "pull="/],
  ["casebook:sizes=3", /got "sizes=3"\. Dials are knowledge, .*sizes.test/],
  ["casebook:pull=1.5", /pull must be a number in \[0, 1\]; got 1.5/],
])("the name %s is refused", (name, wording) => {
  expect(() => parseCasebookName(name)).toThrow(wording);
});

test.each([
  [{ knowledge: 1.1 }, /settleDials: knowledge must be a number in \[0, 1\]; got 1.1/],
  [{ visibility: -0.1 }, /visibility must be a number in \[0, 1\]/],
  [{ pull: Number.NaN }, /pull must be a number in \[0, 1\]/],
  [{ numPatterns: 10 }, /numPatterns must be one of 6, 12, 24, 36, 72; got 10/],
  [{ numClasses: 8 }, /numClasses must be a whole number in \[2, 7\]/],
  [{ numClasses: 7, numPatterns: 12 }, /numPatterns must be at least 14 for 7 classes; got 12/],
  [{ tail: 4 }, /tail must be a number in \[0, 3\]/],
  [{ unseen: 0.9 }, /unseen must be a number in \[0, 0.75\]/],
  [{ captionShares: { diagnosis: 2 } }, /captionShares.diagnosis must be a number in \[0, 1\]/],
  [{ captionShares: { sings: 1 } }, /captionShares has no option "sings". Use one of diagnosis, sign, nuisance/],
  [{ sizes: { train: 0 } }, /sizes.train must be a whole number in \[1, /],
  [{ clarity: 0.3 }, /has no option "clarity". Use one of knowledge, visibility/],
  [{ variant: "casebook-eight" }, /variant must be one of casebook, casebook-seven, casebook-set, casebook-words/],
])("%j is refused by name", async (turned, wording) => {
  const error = await refusal(() => loadCasebook({ cacheDir, ...(turned as CasebookOptions) }));
  expect(error.code).toBe("config");
  expect(error.message).toMatch(wording);
});
