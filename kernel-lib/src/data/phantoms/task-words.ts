import { BRSET } from "../tasks/brset";
import { DERMA_MNIST } from "../tasks/derma-mnist";
import { RETINA_MNIST } from "../tasks/retina-mnist";
import { VINDR_PCXR } from "../tasks/vindr-pcxr";

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
