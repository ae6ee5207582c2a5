import { BREAST_MNIST } from "../../data/tasks/breast-mnist";
import { BRSET } from "../../data/tasks/brset";
import { DERMA_MNIST } from "../../data/tasks/derma-mnist";
import { RETINA_MNIST } from "../../data/tasks/retina-mnist";
import { VINDR_PCXR } from "../../data/tasks/vindr-pcxr";
import { ATTRIBUTES, GENERAL_VOCABULARY } from "./world";

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
