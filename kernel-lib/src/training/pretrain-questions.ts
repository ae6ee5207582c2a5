import type { Random } from "../base/random";
import type { RasterImage } from "../base/types";
import { ATTRIBUTES, type AttributeName, attributeOf, attributeQuestion } from "../data/phantoms/attributes";
import type { Scene } from "../data/phantoms/general-world";
import { classQuestion } from "../data/question";

/** What a pre-training question exercises. */
export type Skill = "see" | "seeWithPassage" | "copy" | "readClass" | "compare";

export const SKILLS: readonly Skill[] = ["see", "seeWithPassage", "copy", "readClass", "compare"];

/** One pre-training question: what the reader is shown and what it must write. */
export interface PretrainQuestion {
  readonly skill: Skill;
  readonly image: RasterImage;
  readonly question: string;
  readonly passage: { readonly image: RasterImage; readonly text: string } | null;
  readonly answer: string;
}

/** Where the questions come from. */
export interface QuestionSource {
  readonly scenes: readonly Scene[];
  /** Scenes by attribute and word, so that one sharing a word is found without a search. */
  readonly byWord: ReadonlyMap<string, readonly Scene[]>;
  /** Words a numbered class may be called by; any word of the vocabulary. */
  readonly classWords: readonly string[];
}

/** Indexes the scenes by each word that is true of them. */
export function createQuestionSource(scenes: readonly Scene[], classWords: readonly string[]): QuestionSource {
  const byWord = new Map<string, Scene[]>();
  for (const scene of scenes) {
    for (const word of Object.values(scene.attributes)) {
      const known = byWord.get(word);
      if (known === undefined) byWord.set(word, [scene]);
      else known.push(scene);
    }
  }
  return { scenes, byWord, classWords };
}

const pickAttribute = (random: Random): AttributeName => random.pick(ATTRIBUTES).name;

/** Asks for an attribute openly ("what is the border ?" -> "spiky") or as numbered classes (-> "2"). */
function askAttribute(name: AttributeName, scene: Scene, random: Random): { question: string; answer: string } {
  const word = scene.attributes[name];
  if (random.chance(0.5)) return { question: attributeQuestion(name), answer: word };
  const words = random.shuffle(attributeOf(name).words);
  return { question: classQuestion(`what is the ${name} ?`, words), answer: String(words.indexOf(word)) };
}

function see(source: QuestionSource, random: Random): PretrainQuestion {
  const scene = random.pick(source.scenes);
  return { skill: "see", image: scene.image, passage: null, ...askAttribute(pickAttribute(random), scene, random) };
}

/** As `see`, with a passage beside it that shares the asked word in every second case: a hint worth weighing, not copying. */
function seeWithPassage(source: QuestionSource, random: Random): PretrainQuestion {
  const scene = random.pick(source.scenes);
  const name = pickAttribute(random);
  const other = random.chance(0.5)
    ? random.pick(source.byWord.get(scene.attributes[name])!)
    : random.pick(source.scenes);
  return {
    skill: "seeWithPassage",
    image: scene.image,
    passage: { image: other.image, text: other.caption },
    ...askAttribute(name, scene, random),
  };
}

/** Asks what the background says of an attribute; the passage's caption names it. */
function copy(source: QuestionSource, random: Random): PretrainQuestion {
  const scene = random.pick(source.scenes);
  const name = pickAttribute(random);
  const other = random.pick(source.scenes);
  const word = other.attributes[name];
  const words = other.caption.split(" ");
  const text = words.includes(word) ? other.caption : [...words, word].join(" ");
  return {
    skill: "copy",
    image: scene.image,
    passage: { image: other.image, text },
    question: `what does the background say of the ${name} ?`,
    answer: word,
  };
}

/**
 * Names two to seven classes by arbitrary words; the background holds one of these words among others, and the answer is that
 * class's number. This is how the reader learns to use a background text at all, before any task.
 */
function readClass(source: QuestionSource, random: Random): PretrainQuestion {
  const numClasses = 2 + (random.chance(0.5) ? 0 : random.integer(6));
  const pool = random.shuffle(source.classWords);
  // one class in four is called by two words, as "normal , benign" is
  const names = Array.from({ length: numClasses }, () => {
    const first = pool.pop()!;
    return random.chance(0.25) ? `${first} , ${pool.pop()!}` : first;
  });
  const truth = random.integer(numClasses);
  const word = random.pick(names[truth]!.split(" , "));
  const other = random.pick(source.scenes);
  const words = other.caption.split(" ").filter((each) => !names.some((name) => name.split(" , ").includes(each)));
  words.splice(random.integer(words.length + 1), 0, word);
  // distractors: words that name no class
  for (let i = random.integer(5); i > 0; i--) words.splice(random.integer(words.length + 1), 0, pool.pop()!);
  return {
    skill: "readClass",
    image: random.pick(source.scenes).image,
    passage: { image: other.image, text: words.join(" ") },
    question: classQuestion(`is this picture ${names.join(" or ")} ?`, names),
    answer: String(truth),
  };
}

function compare(source: QuestionSource, random: Random): PretrainQuestion {
  const scene = random.pick(source.scenes);
  const name = pickAttribute(random);
  const same = random.chance(0.5);
  const words = attributeOf(name).words.filter((word) => (word === scene.attributes[name]) === same);
  const other = random.pick(source.byWord.get(random.pick(words))!);
  return {
    skill: "compare",
    image: scene.image,
    passage: { image: other.image, text: other.caption },
    question: `do both pictures have the same ${name} ?`,
    answer: same ? "yes" : "no",
  };
}

const MAKERS: Readonly<Record<Skill, (source: QuestionSource, random: Random) => PretrainQuestion>> = {
  see,
  seeWithPassage,
  copy,
  readClass,
  compare,
};

/** How often each skill is asked for. */
const SHARES: readonly (readonly [Skill, number])[] = [
  ["see", 0.27],
  ["seeWithPassage", 0.27],
  ["copy", 0.1],
  ["readClass", 0.26],
  ["compare", 0.1],
];

/** Draws a question, of one skill or of all in their shares. */
export function drawQuestion(source: QuestionSource, random: Random, skill?: Skill): PretrainQuestion {
  if (skill !== undefined) return MAKERS[skill](source, random);
  let left = random.next();
  for (const [name, share] of SHARES) {
    left -= share;
    if (left < 0) return MAKERS[name](source, random);
  }
  return compare(source, random);
}
