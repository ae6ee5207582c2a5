import type { Random } from "../../base/random";
import { classQuestion } from "../../data/question";
import { BRSET } from "../../data/tasks/brset";
import { DERMA_MNIST } from "../../data/tasks/derma-mnist";
import { RETINA_MNIST } from "../../data/tasks/retina-mnist";
import { VINDR_PCXR } from "../../data/tasks/vindr-pcxr";
import { ATTRIBUTES } from "./attributes";
import { drawGeneralScene, type Scene } from "./world";

const LABELLED = [DERMA_MNIST, RETINA_MNIST, VINDR_PCXR, BRSET];

/** What the phantom questions of VQA-RAD, SLAKE and PathVQA and their answers hold besides. */
const QUESTIONS =
  "how where was there does to on used taken take seen shown show present part body modality abnormality none ct mri x ray - " +
  "abdomen head heart ventricles kidneys enlarged mass bleeding inflammation tissue glandular solid fat kind look stain " +
  "haematoxylin eosin nuclei atypical equal unequal";

/** The words of a text as the pre-tokenizer cuts them, numbers and signs left out. */
const wordsOf = (text: string): readonly string[] => text.match(/\p{L}+/gu) ?? [];

/**
 * Words of the tasks' label names, the longer names' parts each for itself. A language model has met them in texts; so does the
 * replica reader, as words to read and copy, never with a medical picture.
 */
export const LABEL_WORDS: readonly string[] = [
  ...new Set(LABELLED.flatMap(({ labels }) => labels.flatMap(({ name }) => wordsOf(name)))),
];

/** Every word of a phantom task's question or answer that the general world lacks. */
export const TASK_WORDS: readonly string[] = [
  ...new Set([...LABELLED.flatMap(({ question }) => wordsOf(question ?? "")), ...LABEL_WORDS, ...QUESTIONS.split(" ")]),
];

/**
 * Words that name classes in reading exercises. They are words to read and copy, tied to no picture property: the label words
 * of the tasks stand among plain nouns so that a reader has met them as words, never with a medical picture.
 */
export const CLASS_WORDS: readonly string[] = [
  "malignant",
  "benign",
  "normal",
  "harmless",
  "river",
  "lamp",
  "stone",
  "garden",
  "engine",
  "paper",
  "winter",
  "summer",
  "copper",
  "silver",
  "window",
  "bridge",
  "forest",
  "island",
  "market",
  "castle",
  "violin",
  "basket",
  "anchor",
  "candle",
];

/**
 * Exercises on long lists of numbered classes, as tasks with up to fifteen labels ask:
 * - `listClass`: one class of two to fifteen is named in the background; its number is the answer;
 * - `listNumber`: the background gives the number itself, or one to three ("class 4 , 11"): they are the answer ("4, 11");
 * - `listSet`: none to three are named; the answer is their numbers, ascending ("0, 3"), or "none";
 * - `seeSet`: the classes are properties of the picture; the answer is the numbers of those it has;
 * - `confirmWord`: whether the word that the background names is this one, yes or no;
 * - `hintClass`: the background names a class by name or number, and is right three times in five: a retrieved pair is a hint,
 *   and a reader that believes it to the letter has to unlearn that first.
 */
export const CLASS_MODES = ["listClass", "listNumber", "listSet", "seeSet", "confirmWord", "hintClass"] as const;
export type ClassMode = (typeof CLASS_MODES)[number];

/** A class exercise before its picture is taken out of the scene. */
export interface ClassDraft {
  readonly scene: Scene;
  readonly passage: { readonly image: Scene["image"]; readonly text: string } | null;
  readonly question: string;
  readonly answer: string;
}

const MOST_CLASSES = 15;
const SYLLABLES = "ba ce di fo gu ka le mi no pu ra se ti vo xy der mel noma itis oma pneu ret".split(" ");
/** One name in six is an unknown word, spelled in pieces: label names of other tasks would be. */
const UNKNOWN_SHARE = 1 / 6;
/** One in three has several words. */
const LONG_LIMIT = UNKNOWN_SHARE + 1 / 3;
/** What stands before a number in a background. */
const NUMBER_WORDS = ["class", "class", "level"];
/** How often a hint is right, those right by chance left out. */
const HINT_SHARE = 0.6;
const SET_SIZES = [0, 1, 1, 1, 2, 2, 3];

function unknownWord(random: Random): string {
  return Array.from({ length: 2 + random.integer(2) }, () => random.pick(SYLLABLES)).join("");
}

const NAME_WORDS = [...new Set([...CLASS_WORDS, ...LABEL_WORDS])];

/** Names of one to three words, no word in two of them: what the background names is never in doubt. */
function drawNames(count: number, random: Random): string[] {
  const words = random.shuffle(NAME_WORDS);
  const names = new Set<string>();
  while (names.size < count) {
    const kind = random.next();
    const numWords = kind < LONG_LIMIT ? 2 + random.integer(2) : 1;
    names.add(kind < UNKNOWN_SHARE ? unknownWord(random) : words.splice(0, numWords).join(" "));
  }
  return [...names];
}

const countOf = (random: Random): number =>
  random.chance(0.4) ? 2 + random.integer(4) : 6 + random.integer(MOST_CLASSES - 5);

/** A caption with runs of words put in after its beginning, each run at a place of its own, in their order. */
function captionWith(parts: readonly (readonly string[])[], random: Random) {
  const companion = drawGeneralScene(random);
  const caption = companion.caption.split(" ");
  const places = parts.map(() => 3 + random.integer(caption.length - 2)).sort((a, b) => b - a);
  for (const [i, place] of places.entries()) caption.splice(place, 0, ...parts[parts.length - 1 - i]!);
  return { image: companion.image, text: caption.join(" ") };
}

/** The numbers of a set, as multi-label answers are written. */
function setAnswer(numbers: readonly number[]): string {
  return numbers.length === 0 ? "none" : [...numbers].sort((a, b) => a - b).join(", ");
}

function drawListClass(random: Random): ClassDraft {
  const names = drawNames(countOf(random), random);
  const answer = random.integer(names.length);
  return {
    scene: drawGeneralScene(random),
    passage: captionWith([names[answer]!.split(" ")], random),
    question: classQuestion("which class is this picture ?", names),
    answer: String(answer),
  };
}

function drawListNumber(random: Random): ClassDraft {
  const names = drawNames(countOf(random), random);
  const isSet = random.chance(0.4);
  const numbers = random.shuffle(names.map((_, i) => i)).slice(0, isSet ? 1 + random.integer(3) : 1);
  const said = [...numbers]
    .sort((a, b) => a - b)
    .join(" , ")
    .split(" ");
  return {
    scene: drawGeneralScene(random),
    passage: captionWith([[random.pick(NUMBER_WORDS), ...said]], random),
    question: classQuestion(
      `which ${isSet ? "of these does" : "class is"} this picture${isSet ? " show" : ""} ?`,
      names,
    ),
    answer: setAnswer(numbers),
  };
}

function drawListSet(random: Random): ClassDraft {
  const names = drawNames(countOf(random), random);
  const size = Math.min(random.pick(SET_SIZES), names.length);
  const named = random.shuffle(names.map((_, i) => i)).slice(0, size);
  return {
    scene: drawGeneralScene(random),
    passage: captionWith(
      named.map((i) => names[i]!.split(" ")),
      random,
    ),
    question: classQuestion("which of these does this picture show ?", names),
    answer: setAnswer(named),
  };
}

/** Words of the pictures' properties; of each property at most one that is true, so that sets stay short. */
function drawSeeSet(random: Random): ClassDraft {
  const scene = drawGeneralScene(random);
  const properties = random.shuffle(ATTRIBUTES).slice(0, 3);
  const names = random.shuffle([...new Set(properties.flatMap(({ words }) => words))]).slice(0, MOST_CLASSES);
  const seen = new Set(properties.map(({ name }) => scene.attributes[name]));
  const numbers = names.flatMap((name, i) => (seen.has(name) ? [i] : []));
  return {
    scene,
    passage: random.chance(0.5) ? captionWith([], random) : null,
    question: classQuestion("which of these does this picture show ?", names),
    answer: setAnswer(numbers),
  };
}

function drawConfirmWord(random: Random): ClassDraft {
  const [said, other] = drawNames(2, random) as [string, string];
  const isSaid = random.chance(0.5);
  const { image, text } = captionWith([], random);
  return {
    scene: drawGeneralScene(random),
    passage: { image, text: `${text} . the word is ${said}` },
    question: `is the word ${isSaid ? said : other} ?`,
    answer: isSaid ? "yes" : "no",
  };
}

function drawHintClass(random: Random): ClassDraft {
  const names = drawNames(countOf(random), random);
  const answer = random.integer(names.length);
  const said = random.chance(HINT_SHARE) ? answer : random.integer(names.length);
  const words = random.chance(0.5) ? [random.pick(NUMBER_WORDS), String(said)] : names[said]!.split(" ");
  const opening = random.pick(["which class is this picture ?", "which of these does this picture show ?"]);
  return {
    scene: drawGeneralScene(random),
    passage: captionWith([words], random),
    question: classQuestion(opening, names),
    answer: String(answer),
  };
}

/** Draws a class exercise. */
export const DRAW_CLASS_EXERCISE: Readonly<Record<ClassMode, (random: Random) => ClassDraft>> = {
  listClass: drawListClass,
  listNumber: drawListNumber,
  listSet: drawListSet,
  seeSet: drawSeeSet,
  confirmWord: drawConfirmWord,
  hintClass: drawHintClass,
};
