import { BREAST_MNIST } from "../data/tasks/breast-mnist";
import { ATTRIBUTES } from "./general/attributes";
import { CLASS_WORDS, TASK_WORDS } from "./general/class-exercises";
import { GENERAL_VOCABULARY } from "./general/world";

/** A word and how much it weighs when a tokenizer is trained. */
export interface VocabularyWord {
  readonly word: string;
  readonly count: number;
}

/** The same for every word: each shall become one token. */
const WEIGHT = 100;
const HIGHEST_CLASS_NUMBER = 15;
const PROMPT_WORDS =
  "system user assistant background: background image picture scene yes no answer the is or and of in a an";
const EXERCISE_WORDS = "what which class this do both pictures have same word : ? . ,";
const CAPTION_WORDS =
  "breast ultrasound side tissue device letter lesion malignant benign chest x-ray opacity retina photograph skin";

/** Each word once, in the order of its first place, all of the same weight. */
function weigh(words: readonly string[]): VocabularyWord[] {
  return [...new Set(words)].map((word) => ({ word, count: WEIGHT }));
}

/**
 * The training list of the encoders' tokenizers: every word that a caption of the breast phantom, a reading exercise or the
 * prompt can hold, once, in a fixed order. Words of real captions are not in it; a byte-level tokenizer spells them in pieces.
 */
export function vocabularyWords(): VocabularyWord[] {
  const numbers = Array.from({ length: HIGHEST_CLASS_NUMBER + 1 }, (_, number) => String(number));
  return weigh([
    ...[PROMPT_WORDS, EXERCISE_WORDS, CAPTION_WORDS, BREAST_MNIST.question].flatMap((text) => text.split(" ")),
    ...numbers,
    ...GENERAL_VOCABULARY,
    ...ATTRIBUTES.map((entry) => entry.name),
    ...CLASS_WORDS,
  ]);
}

/**
 * The training list of the readers' tokenizers: the encoders' words and those of every task's questions, labels and phantom
 * answers. A label spelled in pieces makes a list of fifteen classes 150 tokens long, and every prompt with it.
 */
export function readerWords(): VocabularyWord[] {
  return weigh([...vocabularyWords().map(({ word }) => word), ...TASK_WORDS]);
}
