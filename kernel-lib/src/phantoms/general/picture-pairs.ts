import { pickWeighted, type Random } from "../../base/random";
import { compareQuestion, type ReadingExercise } from "./reading-exercises";
import { ATTRIBUTES, type AttributeName, attributeOf, attributeQuestion, drawGeneralScene, type Scene } from "./world";

/** Two scenes side by side and what is asked of them: the exercise `compare`, with everything that is true of both pictures. */
export interface PicturePair {
  /** The picture of the question. */
  readonly scene: Scene;
  /** The picture of the background. */
  readonly companion: Scene;
  /** The attribute that the question asks for. */
  readonly asked: AttributeName;
  readonly exercise: ReadingExercise;
}

/** How often the background's caption is left out, so that only the picture can tell. */
const SILENT_SHARE = 0.5;

/**
 * Draws two scenes that share each attribute by a coin of its own: half of all twelve verdicts are "the same", and none tells of another.
 *
 * @param asked how often each attribute is asked for, in any unit; those left out count 1.
 * @example drawPicturePair(createRandom(7)).exercise.question   // "do both pictures have the same grain ?"
 */
export function drawPicturePair(
  random: Random,
  asked: Readonly<Partial<Record<AttributeName, number>>> = {},
): PicturePair {
  const scene = drawGeneralScene(random);
  const fixed = Object.fromEntries(
    ATTRIBUTES.map(({ name, words }) => {
      const word = scene.attributes[name];
      return [name, random.chance(0.5) ? word : random.pick(words.filter((other) => other !== word))];
    }),
  );
  const companion = drawGeneralScene(random, { fixed });
  const { name } = pickWeighted(random, ATTRIBUTES, (attribute) => asked[attribute.name] ?? 1);
  const text = random.chance(SILENT_SHARE) ? "a picture" : companion.caption;
  const answer = sharesWord(scene, companion, name) ? "yes" : "no";
  const passage = { image: companion.image, text };
  const exercise = { mode: "compare", passage, image: scene.image, question: compareQuestion(name), answer } as const;
  return { scene, companion, asked: name, exercise };
}

/** One attribute of clear pictures, asked for in both ways. */
export interface SightTest {
  /** `attribute`: its word in a picture, closed-book; words come equally often. */
  readonly named: ReadingExercise;
  /** `compare`: whether two pictures share it, half of them do; no caption tells. */
  readonly compared: ReadingExercise;
}

/** What else has to hold for a person to see an attribute: waves of a small body are less than a pixel, a spot on fine ground looks like its grain. */
const SEEN_ONLY_WITH: Readonly<
  Partial<Record<AttributeName, Readonly<Partial<Record<AttributeName, readonly string[]>>>>>
> = {
  border: { size: ["medium", "large"] },
  spots: { grain: ["coarse"] },
};

/**
 * Draws what a person would see: every value from the middle of its word's range, borders of bodies that are not small, spots on coarse ground.
 *
 * @param name the attribute that is asked for.
 */
export function drawSightTest(name: AttributeName, random: Random): SightTest {
  const { words } = attributeOf(name);
  const needed = Object.entries(SEEN_ONLY_WITH[name] ?? {});
  const others = (): Record<string, string> =>
    Object.fromEntries(needed.map(([key, some]) => [key, random.pick(some)]));
  const draw = (word: string): Scene =>
    drawGeneralScene(random, { values: "clear", fixed: { ...others(), [name]: word } });
  const word = random.pick(words);
  const another = words.filter((other) => other !== word);
  const [scene, companion] = [draw(word), draw(random.chance(0.5) ? word : random.pick(another))];
  const passage = { image: companion.image, text: "a picture" };
  const answer = sharesWord(scene, companion, name) ? "yes" : "no";
  return {
    named: { mode: "attribute", passage: null, image: scene.image, question: attributeQuestion(name), answer: word },
    compared: { mode: "compare", passage, image: scene.image, question: compareQuestion(name), answer },
  };
}

/** Whether both scenes have the same word for an attribute. */
export function sharesWord(one: Scene, other: Scene, name: AttributeName): boolean {
  return one.attributes[name] === other.attributes[name];
}
