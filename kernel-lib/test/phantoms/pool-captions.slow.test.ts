import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { createRandom, type Random } from "../../src/base/random";
import type { RasterImage } from "../../src/base/types";
import { createTokenizer, type TextTokenizer } from "../../src/models/text/tokenizer";
import { drawPool } from "../../src/phantoms/corpora/pool";
import { vocabularyWords } from "../../src/phantoms/general/vocabulary";
import type { CasePlan } from "../../src/phantoms/knowledge/rule";
import { writeCaption } from "../../src/phantoms/looks/caption";
import { type DrawnFilm, writeChestCaption } from "../../src/phantoms/looks/chest-film";
import { type DrawnLesion, writeSkinCaption } from "../../src/phantoms/looks/dermoscopy";
import { type DrawnFundus, drawFundusNuisances, writeFundusCaption } from "../../src/phantoms/looks/fundus";
import { drawSkinPhantom } from "../../src/phantoms/tasks/derma";
import { drawEyePhantom } from "../../src/phantoms/tasks/fundus";
import { drawPathologyCase, type PathologyCase, writeHistologyCaption } from "../../src/phantoms/tasks/pathology";
import { drawRadiologyCase, type RadiologyCase, writeRadiologyCaption } from "../../src/phantoms/tasks/radiology";
import { drawChestPhantom } from "../../src/phantoms/tasks/vindr";
import { PATHOLOGY_WORLD, RADIOLOGY_WORLD, shownPlan } from "./plans";

const COUNT = 600;

/** What a caption may say (whole words) and when it is true of the picture. */
type Claims<T> = readonly (readonly [words: string, holds: (drawn: T) => boolean])[];

/** Every caption's claims hold, and every claim is made by some caption. */
function expectTrue<T>(claims: Claims<T>, draw: (i: number, random: Random) => { drawn: T; text: string }): void {
  const made = new Set<string>();
  for (let i = 0; i < COUNT; i++) {
    const { drawn, text } = draw(i, createRandom(`true/${i}`));
    for (const [words, holds] of claims) {
      if (!` ${text} `.includes(` ${words} `)) continue;
      made.add(words);
      expect(holds(drawn), `${text}: ${words}`).toBe(true);
    }
  }
  expect(claims.filter(([words]) => !made.has(words)).map(([words]) => words)).toEqual([]);
}

/** Whether the picture's mean grey level lies within these bounds. */
const within =
  (least: number, most: number) =>
  ({ image: { data } }: { readonly image: RasterImage }): boolean => {
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length / 255;
    return mean >= least && mean < most;
  };

/** Mean grey level where this holds of a pixel's column and row, as shares of the picture. */
function levelWhere({ width, height, channels, data }: RasterImage, holds: (x: number, y: number) => boolean): number {
  const own = [...data].filter((_, i) => {
    const pixel = Math.floor(i / channels);
    return holds(((pixel % width) + 0.5) / width, (Math.floor(pixel / width) + 0.5) / height);
  });
  return own.reduce((sum, value) => sum + value, 0) / own.length / 255;
}
const isMiddle = (value: number) => Math.abs(value - 0.5) < 0.13;
const isEdge = (value: number) => Math.abs(value - 0.5) > 0.43;
const middle = (image: RasterImage) => levelWhere(image, (x, y) => isMiddle(x) && isMiddle(y));
const inside = (image: RasterImage) => levelWhere(image, (x, y) => Math.abs(x - 0.5) < 0.3 && Math.abs(y - 0.5) < 0.3);
const edges = (image: RasterImage) =>
  levelWhere(image, (x, y) => (isMiddle(x) && isEdge(y)) || (isMiddle(y) && isEdge(x)));
const corners = (image: RasterImage) => levelWhere(image, (x, y) => isEdge(x) && isEdge(y));

const TAKEN: Claims<{ readonly image: RasterImage; readonly plan: CasePlan }> = [
  ["dark device", within(0.2, 0.4)],
  ["dim device", within(0.36, 0.57)],
  ["bright device", within(0.53, 0.77)],
  ["coarse image", ({ plan }) => plan.words["grain"] === "coarse"],
  ["fine image", ({ plan }) => plan.words["grain"] === "fine"],
  ["falling", ({ plan }) => plan.words["slope"] === "falling"],
  ["rising", ({ plan }) => plan.words["slope"] === "rising"],
];

const SKIN: Claims<DrawnLesion & { label: number }> = [
  ...TAKEN,
  ["red ground", ({ nuisances }) => nuisances.warmth < 0.7],
  ["amber ground", ({ nuisances }) => nuisances.warmth >= 0.7],
  ["round place", ({ nuisances }) => nuisances.corners > 0],
  ["small lesion", ({ signs, nuisances }) => signs.size * nuisances.zoom < 0.32],
  ["medium lesion", ({ signs, nuisances }) => signs.size * nuisances.zoom < 0.43],
  ["large lesion", ({ signs, nuisances }) => signs.size * nuisances.zoom >= 0.43],
  ["amber", ({ signs, nuisances }) => signs.wax >= 0.4 || nuisances.warmth > 0.7],
  ["pale middle", ({ signs }) => signs.core >= 0.4],
  ["deep", ({ image }) => middle(image) < edges(image)],
  ["smooth", ({ signs }) => signs.border < 0.1],
  ["wavy", ({ signs }) => signs.border >= 0.1 && signs.border < 0.18],
  ["spiky", ({ signs }) => signs.border >= 0.18],
  ["no spots", ({ signs }) => signs.dots === 0],
  ["speckled spots", ({ signs }) => signs.dots >= 4],
  ["bright spots", ({ signs }) => Math.round(8 * signs.scale) >= 2],
  ["fine red spots", ({ signs }) => Math.round(7 * signs.vessels) >= 2],
  ["blue", ({ signs }) => signs.veil >= 0.35],
  ["class 4", ({ label }) => label === 4],
];

test("captions of skin are true", () => {
  expectTrue(SKIN, (i, random) => {
    const phantom = drawSkinPhantom(i % 7, shownPlan("derma-mnist", `${i}`), random, 8);
    return { drawn: { ...phantom, label: i % 7 }, text: writeSkinCaption(i % 7, phantom, random) };
  });
});

const FUNDUS: Claims<DrawnFundus> = [
  ["left side", ({ nuisances }) => nuisances.eye === "left"],
  ["right side", ({ nuisances }) => nuisances.eye === "right"],
  ...TAKEN,
  ["amber red ground", ({ nuisances }) => nuisances.hue < 0.5],
  ["pale round", ({ image }) => inside(image) > corners(image)],
  ["no red spots", ({ signs }) => signs.bleedings === 0],
  ["speckled red spots", ({ signs }) => signs.bleedings >= 4],
  ["no amber spots", ({ signs }) => signs.exudates === 0],
  ["pale spots middle", ({ signs }) => signs.drusen! >= 4],
  ["grey middle", ({ signs }) => signs.oedema! >= 0.25],
  ["wide place", ({ signs }) => signs.cup! >= 0.55],
  ["grey lesion", ({ signs }) => signs.scar! >= 0.5],
  ["dark lesion", ({ signs }) => signs.nevus! >= 0.5],
  ["pale ground", ({ signs }) => signs.paleness! >= 0.4],
  ["fine shape", ({ signs }) => signs.narrowing! >= 0.5],
  ["grey slope", ({ signs }) => signs.detachment! >= 0.5],
  ["red shadow", ({ signs }) => signs.occlusion! >= 0.5],
];

test("captions of fundus photographs are true", () => {
  expectTrue(FUNDUS, (i, random) => {
    const nuisances = drawFundusNuisances(random);
    const drawn = drawEyePhantom([i % 13], { nuisances, plan: shownPlan("brset", `${i}`) }, random, 8);
    return { drawn, text: writeFundusCaption("class 0", drawn, random) };
  });
});

const hasSpot = (side: "left" | "right", sign: 1 | -1) => (drawn: DrawnFilm) =>
  drawn.signs.spots.some((spot) => spot.side === side && sign * spot.level >= 0.3);
const CHEST: Claims<DrawnFilm> = [
  ...TAKEN,
  ["letter left", ({ nuisances }) => nuisances.letter === "L"],
  ["letter right", ({ nuisances }) => nuisances.letter === "R"],
  ["opacity left side", hasSpot("left", 1)],
  ["opacity right side", hasSpot("right", 1)],
  ["dark left side", hasSpot("left", -1)],
  ["dark right side", hasSpot("right", -1)],
  ["coarse ground", ({ signs }) => signs.streaks! >= 0.5],
  ["pale ground", ({ signs }) => signs.haze! >= 0.4],
  ["deep ground", ({ signs }) => signs.inflation! >= 0.5],
  ["wide middle", ({ signs }) => signs.heart! >= 1.25],
  ["middle left", ({ signs }) => signs.mirrored === 1],
  ["pale middle", ({ signs }) => signs.middle! >= 0.3],
  ["pale side", ({ signs }) => signs.fluid! >= 0.3],
];

test("captions of chest films are true", () => {
  expectTrue(CHEST, (i, random) => {
    const drawn = drawChestPhantom([i % 15], shownPlan("vindr-pcxr", `${i}`), random, 8);
    return { drawn, text: writeChestCaption([i % 15], drawn, random) };
  });
});

const RADIOLOGY: Claims<RadiologyCase> = [
  ["chest x-ray", ({ facts }) => facts.organ === "chest"],
  ["head ct", ({ facts }) => facts.organ === "head" && facts.modality === "ct"],
  ["abdomen mri", ({ facts }) => facts.organ === "abdomen" && facts.modality === "mri"],
  ["opacity left side", ({ facts }) => facts.organ === "chest" && facts.present && facts.side === "left"],
  ["mass right side", ({ facts }) => facts.organ !== "chest" && facts.present && facts.side === "right"],
  ["side bright", ({ facts }) => facts.present && facts.level === "bright"],
  ["side dark", ({ facts }) => facts.present && facts.level === "dark"],
  ["no mass", ({ facts }) => facts.organ !== "chest" && !facts.present],
  ["no opacity", ({ facts }) => facts.organ === "chest" && !facts.present],
  ["heart normal", ({ facts }) => facts.organ === "chest" && !facts.enlarged],
  ["kidneys normal", ({ facts }) => facts.organ === "abdomen" && !facts.enlarged],
  ["heart enlarged", ({ facts }) => facts.organ === "chest" && facts.enlarged],
  ["ventricles enlarged", ({ facts }) => facts.organ === "head" && facts.enlarged],
  ["kidneys enlarged", ({ facts }) => facts.organ === "abdomen" && facts.enlarged],
  ...TAKEN,
  ["large tall", ({ facts }) => facts.organ === "head"],
  ["large wide", ({ facts }) => facts.organ === "abdomen"],
  ["pale", ({ image }) => inside(image) > corners(image)],
];
const HISTOLOGY: Claims<PathologyCase> = [
  ["glandular tissue", ({ facts }) => facts.pattern === "gland"],
  ["solid tissue", ({ facts }) => facts.pattern === "sheet"],
  ["fat tissue", ({ facts }) => facts.pattern === "fat"],
  ["malignant", ({ facts }) => facts.malignant],
  ["benign", ({ facts }) => !facts.malignant],
  ["atypical nuclei", ({ facts }) => facts.atypical === true],
  ["bleeding", ({ facts }) => facts.bleeding],
  ["inflammation", ({ facts }) => facts.inflammation],
  ["normal tissue", ({ facts }) => !facts.malignant && !facts.bleeding && !facts.inflammation],
  ["red ground", ({ scene }) => scene.stain < 0.5],
  ["red blue ground", ({ scene }) => scene.stain >= 0.5],
  ["small spots", ({ scene }) => scene.magnification < 0.06],
  ["medium spots", ({ scene }) => scene.magnification >= 0.06],
  ...TAKEN,
];

test("captions of radiology and histology answer the questions truly", () => {
  expectTrue(RADIOLOGY, (_, random) => {
    const drawn = drawRadiologyCase(RADIOLOGY_WORLD, random, 8);
    return { drawn, text: writeRadiologyCaption(drawn, random) };
  });
  expectTrue(HISTOLOGY, (_, random) => {
    const drawn = drawPathologyCase(PATHOLOGY_WORLD, random, 16); // eight pixels of noise would move the mean
    return { drawn, text: writeHistologyCaption(drawn, random) };
  });
});

test("neither half of a caption is empty", () => {
  expect(writeCaption([], [], createRandom(1))).toBe("picture . picture");
  expect(writeCaption([{ words: "skin", share: 1 }], [{ words: "red", share: 0 }], createRandom(1))).toBe(
    "skin . picture",
  );
});

/** Words of the questions of VQA-RAD, SLAKE and PathVQA that the replica tokenizers spell in pieces. */
const SPELLED = new Set(
  "ct mri head abdomen mass heart ventricles kidneys enlarged glandular solid fat bleeding inflammation atypical nuclei".split(
    " ",
  ),
);

function tokenizerOf(model: string): TextTokenizer {
  const read = (name: string) =>
    JSON.parse(readFileSync(join(repositoryRoot(), "data", "checkpoints", model, name), "utf8"));
  return createTokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
}

test("captions use the vocabulary, and beyond it only words that the questions ask with", () => {
  const known = new Set(vocabularyWords().map(({ word }) => word));
  const captions = [...drawPool({ seed: 7, numPassages: 420 })].map(({ text }) => text);
  const words = new Set(captions.flatMap((text) => text.split(" ")));
  expect([...words].filter((word) => !known.has(word) && !SPELLED.has(word))).toEqual([]);
  const cases = Array.from({ length: 40 }, (_, i) => [
    drawRadiologyCase(RADIOLOGY_WORLD, createRandom(`ask/${i}`), 8),
    drawPathologyCase(PATHOLOGY_WORLD, createRandom(`ask/${i}`), 8),
  ]).flat();
  const asked = new Set(
    cases.flatMap(({ questions }) => questions.flatMap(({ question, answer }) => `${question} ${answer}`.split(" "))),
  );
  expect([...SPELLED].filter((word) => !asked.has(word))).toEqual([]);
  const clip = tokenizerOf("clip");
  const single = [...words].filter((word) => known.has(word) && word !== "x-ray"); // the hyphen parts the word before merging
  expect(single.filter((word) => clip.encode(word, "bare").length > (/^\d\d$/.test(word) ? 2 : 1))).toEqual([]);
  expect(Math.max(...captions.map((text) => clip.encode(text).length))).toBeLessThan(64); // positions of the replica encoder
});
