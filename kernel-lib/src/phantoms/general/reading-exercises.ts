import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import { classQuestion } from "../../data/tasks/definition";
import { CLASS_MODES, DRAW_CLASS_EXERCISE } from "./class-exercises";
import { CLASS_WORDS, TASK_WORDS } from "./vocabulary";
import { ATTRIBUTES, type AttributeName, attributeOf, attributeQuestion, drawGeneralScene, type Scene } from "./world";

/**
 * What a general-purpose reader is asked in its pre-training:
 * - `describe`: name all twelve attributes of the picture, in their fixed order: most of what there is to learn of seeing;
 * - `attribute`: name an attribute of the picture, closed-book;
 * - `attributeWithPassage`: the same with a background pair that shares the attribute three times in four;
 * - `copyWord`: repeat the word the background names;
 * - `readClass`: find a class word in the background and answer with its number;
 * - `seeClass`: answer with the number of the class the picture shows, half of the time with a background pair;
 * - `compare`: say whether both pictures share an attribute;
 * - and the exercises on long lists of classes (CLASS_MODES).
 */
export const READING_MODES = [
  "describe",
  "attribute",
  "attributeWithPassage",
  "copyWord",
  "readClass",
  "seeClass",
  "compare",
  ...CLASS_MODES,
] as const;
export type ReadingMode = (typeof READING_MODES)[number];

/** One exercise, in the shape of the prompt: background pair (or none), picture, question, answer. */
export interface ReadingExercise {
  readonly mode: ReadingMode;
  readonly passage: { readonly image: RasterImage; readonly text: string } | null;
  readonly image: RasterImage;
  readonly question: string;
  readonly answer: string;
}

type Draft = Omit<ReadingExercise, "mode" | "image"> & { readonly scene: Scene };

const SHARED_SHARE = 0.75;
const SUBJECTS = ["picture", "image", "scene"];

function pickName(random: Random): AttributeName {
  return random.pick(ATTRIBUTES).name;
}

/** A second scene that has the same word for `name` this often. */
function drawCompanion(scene: Scene, name: AttributeName, share: number, random: Random): Scene {
  return drawGeneralScene(random, random.chance(share) ? { fixed: { [name]: scene.attributes[name] } } : {});
}

function passageOf(scene: Scene) {
  return { image: scene.image, text: scene.caption };
}

/** "which class is this picture ? 0 : smooth 1 : spiky". No class is named twice: a repeated word must come from the background. */
function askForClass(names: readonly (readonly string[])[], random: Random): string {
  return classQuestion(
    `which class is this ${random.pick(SUBJECTS)} ?`,
    names.map((words) => words.join(" , ")),
  );
}

function drawDescribe(random: Random): Draft {
  const scene = drawGeneralScene(random);
  const answer = ATTRIBUTES.map(({ name }) => scene.attributes[name]).join(" ");
  return { scene, passage: null, question: `what is in this ${random.pick(SUBJECTS)} ?`, answer };
}

function drawAttribute(random: Random): Draft {
  const scene = drawGeneralScene(random);
  const name = pickName(random);
  return { scene, passage: null, question: attributeQuestion(name), answer: scene.attributes[name] };
}

function drawAttributeWithPassage(random: Random): Draft {
  const draft = drawAttribute(random);
  const name = ATTRIBUTES.find((entry) => attributeQuestion(entry.name) === draft.question)!.name;
  return { ...draft, passage: passageOf(drawCompanion(draft.scene, name, SHARED_SHARE, random)) };
}

function drawCopyWord(random: Random): Draft {
  const companion = drawGeneralScene(random);
  const word = random.pick(random.chance(0.5) ? CLASS_WORDS : TASK_WORDS);
  const text = `${companion.caption} . the word is ${word}`;
  return {
    scene: drawGeneralScene(random),
    passage: { image: companion.image, text },
    question: "what is the word ?",
    answer: word,
  };
}

/** Lists of classes with their numbers that come up again and again: a word and its number are learnt by heart, as vocabulary is. */
const KNOWN_LISTS: readonly (readonly (readonly string[])[])[] = [
  [["malignant"], ["normal", "benign"]],
  [["river"], ["lamp"]],
  [["stone"], ["garden", "forest"], ["engine"]],
  [["paper"], ["winter"], ["summer"], ["copper"]],
  [["silver"], ["window"], ["bridge"], ["island"], ["market"]],
];
const KNOWN_SHARE = 0.6;

/** Two to five classes in random order; one in five has two words, of which the background holds one. */
function drawNewList(random: Random): (readonly string[])[] {
  const words = random.shuffle(CLASS_WORDS);
  return Array.from({ length: random.chance(0.6) ? 2 : 3 + random.integer(3) }, () =>
    words.splice(0, random.chance(0.2) ? 2 : 1),
  );
}

function drawReadClass(random: Random): Draft {
  const names = random.chance(KNOWN_SHARE) ? random.pick(KNOWN_LISTS) : drawNewList(random);
  const answer = random.integer(names.length);
  const companion = drawGeneralScene(random);
  const caption = companion.caption.split(" ");
  caption.splice(3 + random.integer(caption.length - 2), 0, random.pick(names[answer]!));
  return {
    scene: drawGeneralScene(random),
    passage: { image: companion.image, text: caption.join(" ") },
    question: askForClass(names, random),
    answer: String(answer),
  };
}

function drawSeeClass(random: Random): Draft {
  const name = pickName(random);
  const words = random.shuffle(attributeOf(name).words);
  const truth = random.integer(words.length);
  const scene = drawGeneralScene(random, { fixed: { [name]: words[truth]! } });
  const passage = random.chance(0.5) ? passageOf(drawCompanion(scene, name, SHARED_SHARE, random)) : null;
  const question = askForClass(
    words.map((word) => [word]),
    random,
  );
  return { scene, passage, question, answer: String(truth) };
}

/** How one asks whether two pictures share an attribute; the answer is yes or no. */
export function compareQuestion(name: AttributeName): string {
  return `do both pictures have the same ${name} ?`;
}

function drawCompare(random: Random): Draft {
  const name = pickName(random);
  const scene = drawGeneralScene(random);
  const companion = drawCompanion(scene, name, 0.3, random);
  return {
    scene,
    passage: { image: companion.image, text: random.pick(["a picture", "an image", "a scene"]) },
    question: compareQuestion(name),
    answer: companion.attributes[name] === scene.attributes[name] ? "yes" : "no",
  };
}

const DRAW: Readonly<Record<ReadingMode, (random: Random) => Draft>> = {
  describe: drawDescribe,
  attribute: drawAttribute,
  attributeWithPassage: drawAttributeWithPassage,
  copyWord: drawCopyWord,
  readClass: drawReadClass,
  seeClass: drawSeeClass,
  compare: drawCompare,
  ...DRAW_CLASS_EXERCISE,
};

/**
 * Draws one exercise for the pre-training of a reader: how to look at a picture, and how to use a background text before
 * any task asks for it.
 *
 * @example drawReadingExercise("readClass", createRandom(7)).answer   // the number of the class word in the background
 */
export function drawReadingExercise(mode: ReadingMode, random: Random): ReadingExercise {
  const { scene, ...draft } = DRAW[mode](random);
  return { mode, image: scene.image, ...draft };
}
