import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { createRandom } from "../../src/base/random";
import type { RasterImage } from "../../src/base/types";
import { BREAST_MNIST } from "../../src/data/tasks/breast-mnist";
import { TASKS } from "../../src/data/tasks/tasks";
import { drawCorpusPhantom } from "../../src/phantoms/corpora/breast-corpus";
import { CLASS_MODES } from "../../src/phantoms/general/class-exercises";
import { drawReadingExercise, READING_MODES } from "../../src/phantoms/general/reading-exercises";
import { renderScene } from "../../src/phantoms/general/render";
import { readerWords, vocabularyWords } from "../../src/phantoms/general/vocabulary";
import { ATTRIBUTES, attributeOf, drawGeneralScene, drawValue, wordFor } from "../../src/phantoms/general/world";
import { drawBreastPhantom, writeBreastArchive } from "../../src/phantoms/tasks/breast";
import { drawPathologyCase } from "../../src/phantoms/tasks/pathology";
import { drawRadiologyCase } from "../../src/phantoms/tasks/radiology";
import { cutWords } from "../../src/replicas/tokenizers";
import { refusal } from "../data/helpers";
import { PATHOLOGY_WORLD, RADIOLOGY_WORLD, shownPlan } from "./plans";

const VOCABULARY = new Set(vocabularyWords().map((entry) => entry.word));
const READER_VOCABULARY = new Set(readerWords().map((entry) => entry.word));
const missingIn = (known: ReadonlySet<string>) => (text: string) =>
  text.split(" ").filter((word) => word !== "" && !known.has(word));
const unknownWords = missingIn(VOCABULARY);
const unknownToReader = missingIn(READER_VOCABULARY);
const isGrey = ({ data }: RasterImage) => data.every((value, i) => Math.abs(value - data[i - (i % 3)]!) <= 1);

test("no word names two attributes, and a word drawn is the word found", () => {
  const words = ATTRIBUTES.flatMap((entry) => entry.words);
  expect(new Set(words).size).toBe(words.length);
  const random = createRandom(1);
  for (const { name, words: own } of ATTRIBUTES) {
    for (const word of own) expect(wordFor(name, drawValue(name, word, random))).toBe(word);
  }
});

test("a scene is the same for the same stream, and shows the fixed words", () => {
  const draw = () => drawGeneralScene(createRandom("scene"), { fixed: { border: "spiky", color: "blue" } });
  expect(draw()).toEqual(draw());
  expect(draw().attributes).toMatchObject({ border: "spiky", color: "blue" });
});

test("an unknown word is refused with the known ones", async () => {
  const error = await refusal(() => drawGeneralScene(createRandom(1), { fixed: { border: "fluffy" } }));
  expect(error.code).toBe("config");
  expect(error.message).toBe('drawValue: word must be one of smooth, wavy, spiky for border; got "fluffy".');
});

test("two fifths of the scenes are grey, and captions are true", () => {
  const scenes = Array.from({ length: 200 }, (_, i) => drawGeneralScene(createRandom(`grey/${i}`)));
  const grey = scenes.filter((scene) => scene.attributes.color === "grey");
  expect(grey.length).toBeGreaterThan(55);
  expect(grey.length).toBeLessThan(105);
  expect(grey.every((scene) => isGrey(scene.image))).toBe(true);
  for (const { caption, attributes } of scenes) {
    const true_ = new Set([...Object.values(attributes), "a", "an", "picture", "image", "scene", "with"]);
    expect(caption.split(" ").filter((word) => !true_.has(word))).toEqual([]);
  }
});

test("the words of brightness and color are visible in the pixels", () => {
  const mean = (image: RasterImage, channel: number) => {
    const values = image.data.filter((_, i) => i % 3 === channel);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  const draw = (fixed: Record<string, string>, i: number) =>
    drawGeneralScene(createRandom(`seen/${i}`), { fixed }).image;
  for (let i = 0; i < 10; i++) {
    const dark = draw({ brightness: "dark", color: "grey", fill: "deep" }, i);
    const bright = draw({ brightness: "bright", color: "grey", fill: "pale" }, i);
    expect(mean(dark, 0)).toBeLessThan(mean(bright, 0));
    const blue = draw({ color: "blue" }, i);
    expect(mean(blue, 2)).toBeGreaterThan(mean(blue, 0));
  }
});

test("a body's fill darkens its middle by hand", () => {
  const base = {
    brightness: 0.5,
    contrast: 1,
    grain: "fine",
    texture: 0,
    slope: 0,
    spots: [],
    letter: 0,
    noise: 0,
  } as const;
  const blob = { x: 0, y: 0, radius: 0.5, border: 0, lobes: 3, phase: 0, aspect: 0, fill: -0.2, shadow: 0 };
  const size = { width: 28, height: 28, channels: 1 } as const;
  const image = renderScene({ ...base, tint: [1, 1, 1], blobs: [blob] }, size, createRandom(1));
  expect(image.data[14 * 28 + 14]).toBe(Math.round((0.5 - 0.2) * 255)); // the middle
  expect(image.data[27 * 28 + 27]).toBe(Math.round(0.5 * 255)); // the corner
});

const PLAN = shownPlan("breast-mnist");

test("with contrast 0 the signs do not depend on the diagnosis; with 1.4 they do", () => {
  const spiky = (diagnosis: "malignant" | "benign", contrast: number) =>
    Array.from({ length: 100 }, (_, i) =>
      drawBreastPhantom(diagnosis, PLAN, createRandom(`sign/${i}`), { contrast }),
    ).filter((phantom) => phantom.signs.includes("spiky")).length / 100;
  expect(spiky("malignant", 0)).toBe(spiky("benign", 0));
  expect(spiky("malignant", 1.4) - spiky("benign", 1.4)).toBeGreaterThan(0.5);
});

test("the breast archive is the same bytes for the same seed, others for another", () => {
  const one = Buffer.from(writeBreastArchive(7));
  expect(one.equals(writeBreastArchive(7))).toBe(true);
  expect(one.equals(writeBreastArchive(8))).toBe(false);
});

test("the corpus says what it knows: shares, truths, words", () => {
  const corpus = drawCorpusPhantom({ numPassages: 400 });
  const known = corpus.passages.filter((passage) => passage.truth !== undefined);
  expect(known.length / 400).toBeGreaterThan(0.62);
  expect(known.length / 400).toBeLessThan(0.78);
  const names = BREAST_MNIST.labels.map((label) => label.name);
  for (const { text, truth } of known) {
    expect(names).toContain(truth);
    const said = text.split(" ").filter((word) => word === "malignant" || word === "benign");
    for (const word of said) expect(truth).toContain(word);
  }
  expect(corpus.passages.flatMap((passage) => unknownWords(passage.text))).toEqual([]);
  expect(new Set(corpus.passages.map((passage) => passage.id)).size).toBe(400);
  expect(drawCorpusPhantom({ numPassages: 3 }).passages).toEqual(corpus.passages.slice(0, 3));
});

test("a pair of the corpus does not depend on which was looked at first, or at what", () => {
  const [forward, backward] = [drawCorpusPhantom({ numPassages: 12 }), drawCorpusPhantom({ numPassages: 12 })];
  const pictures = [...backward.passages].reverse().map(({ image }) => image);
  expect(forward.passages.map(({ text }) => text)).toEqual(backward.passages.map(({ text }) => text));
  expect(forward.passages.map(({ image }) => image)).toEqual(pictures.reverse());
  expect(forward.passages[0]!.image).toBe(forward.passages[0]!.image);
});

const SMALL_MODES = READING_MODES.filter((mode) => !(CLASS_MODES as readonly string[]).includes(mode));
test.each(SMALL_MODES)("exercises of mode %s are answerable and in the vocabulary", (mode) => {
  for (let i = 0; i < 40; i++) {
    const exercise = drawReadingExercise(mode, createRandom(`exercise/${i}`));
    const text = exercise.passage?.text ?? "";
    expect(unknownToReader(`${text} ${exercise.question} ${exercise.answer}`)).toEqual([]);
    if (mode === "copyWord") expect(text.split(" ").at(-1)).toBe(exercise.answer);
    if (mode !== "readClass") continue;
    const names = exercise.question.split(/ \d+ : /).slice(1);
    const named = names.filter((name) => name.split(" , ").some((word) => text.split(" ").includes(word)));
    expect(named).toEqual([names[Number(exercise.answer)]]);
  }
});

test("the question of BreastMNIST is in the vocabulary and numbers its classes", () => {
  expect(unknownWords(BREAST_MNIST.question)).toEqual([]);
  expect(BREAST_MNIST.question).toBe("which class is this breast ultrasound ? 0 : malignant 1 : normal , benign");
  expect(attributeOf("border").words).toContain("spiky");
});

test("the readers know every word and sign of the questions, labels and phantom answers of all tasks", () => {
  const pieces = cutWords(readerWords());
  const texts = [...TASKS.values()].flatMap(({ question, labels }) => [
    ...(question === null ? [] : [question]),
    ...labels.map(({ name }) => name),
  ]);
  for (let i = 0; i < 40; i++) {
    const random = createRandom(`asked/${i}`);
    const cases = [drawRadiologyCase(RADIOLOGY_WORLD, random, 8), drawPathologyCase(PATHOLOGY_WORLD, random, 8)];
    texts.push(...cases.flatMap(({ questions }) => questions.flatMap(({ question, answer }) => [question, answer])));
  }
  const cut = texts.flatMap((text) => text.match(/\p{L}+|\p{N}|[^\p{L}\p{N}\s]/gu) ?? []);
  expect([...new Set(cut)].filter((piece) => !pieces.has(piece))).toEqual([]);
});

test("what the replica models learnt from is what it was: another hash needs new checkpoints", () => {
  const exercises = createHash("sha256");
  for (const mode of READING_MODES) {
    for (let i = 0; i < 3; i++) {
      const { question, answer, passage, image } = drawReadingExercise(mode, createRandom(`${mode}/${i}`));
      exercises.update(JSON.stringify([question, answer, passage?.text ?? null])).update(image.data);
      exercises.update(passage?.image.data ?? "");
    }
  }
  expect(exercises.digest("hex").slice(0, 16)).toBe("832e55573c518c7d");
  const words = createHash("sha256").update(JSON.stringify(vocabularyWords()));
  expect(words.digest("hex").slice(0, 16)).toBe("b3645584ba0cd238");
});
