import type { Random } from "../../base/random";
import { classQuestion } from "../../data/tasks/definition";
import { CLASS_WORDS, LABEL_WORDS } from "./vocabulary";
import { ATTRIBUTES, drawGeneralScene, type Scene } from "./world";

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
interface ClassDraft {
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
