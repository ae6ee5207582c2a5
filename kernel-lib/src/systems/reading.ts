import type { Form, Fusion } from "../answers/form";
import { formOf, formsOf } from "../answers/forms";
import { fusionWeights } from "../answers/fusion";
import { DataError } from "../base/errors";
import type { AnswerForm, Control, Example, Label, Prediction, Reading, Retrieved } from "../base/types";
import { openTunedReader } from "../reader/local-reader";
import { labelsFor, promptKey, type Reader, type ReadPair, scoreAndWrite } from "../reader/reader";
import { NO_PASSAGES, openCorpusFinder, openFinder, openRandomFinder, type PassageFinder } from "./retrieval";
import type { System, SystemDefinition, SystemParts } from "./system";

/** What a system that reads is made of. The reader stays its owner's; the finder becomes the system's. */
export interface ReadingParts {
  /** How its predictions name it. */
  readonly name: string;
  /** The task's. */
  readonly labels: readonly Label[];
  readonly reader: Reader;
  readonly finder: PassageFinder;
  readonly fusion: Fusion;
  /** Temperature of the fusion weights' softmax. Default 1, as in the reference code. */
  readonly temperature?: number;
}

/**
 * A system that finds passages for an example, reads each in a pass of its own, and fuses the readings. The readings of an example
 * stand in the order of the finder; an example without a passage is read once, by itself.
 *
 * Paper: arXiv 2508.17394v3, inference. The examples of each form are read together, each different prompt once.
 */
export function createReadingSystem(parts: ReadingParts): System {
  return {
    answer: async (examples, control = {}) => {
      const predictions: Prediction[] = [];
      for (const name of formsOf(examples)) {
        const own = examples.filter(({ form = "label" }) => form === name);
        predictions.push(...(await answerForm(parts, formOf(name), own, control)));
      }
      return predictions;
    },
    dispose: () => parts.finder.dispose(),
  };
}

/**
 * A system that reads with a reader of its own: the run's, with another adapter.
 *
 * Memory: opens the reader; dispose() frees it and the finder.
 */
export function openTunedReading(
  { name, task, readerFolders }: SystemParts,
  adapterFolder: string,
  { finder, fusion }: Pick<ReadingParts, "finder" | "fusion">,
): System {
  const reader = openTunedReader(readerFolders!.checkpoint, adapterFolder);
  const system = createReadingSystem({ name, labels: task.labels, reader, finder, fusion });
  const dispose = (): void => {
    system.dispose();
    reader.dispose();
  };
  return { ...system, dispose };
}

const FINDERS = { best: openFinder, random: openRandomFinder, corpus: openCorpusFinder } as const;

/** Opens a system of the table in its own way, or as one that reads: closed-book without an index, else over its retriever's passages. */
export async function openSystem(system: SystemDefinition, parts: SystemParts): Promise<System> {
  if (system.open !== undefined) return system.open(parts);
  const { fusion = "probabilities", candidates = "best" } = system.settings ?? {};
  const finder = parts.index === null ? NO_PASSAGES : FINDERS[candidates](parts);
  return createReadingSystem({ name: parts.name, labels: parts.task.labels, reader: parts.reader!, finder, fusion });
}

/**
 * What a system says that reads the same and fuses otherwise: its readings are another's. Nothing is read.
 *
 * @param predictions of a system that reads. @param options.name how the answers name their system.
 */
export function fuseAgain(
  predictions: readonly Prediction[],
  options: Pick<ReadingParts, "name" | "labels" | "fusion">,
): Prediction[] {
  return predictions.map((prediction) => {
    const fused = formOf<AnswerForm>(prediction.form).fuse(prediction.readings, prediction.weights, options);
    return { ...prediction, ...fused, system: options.name } as Prediction;
  });
}

/** One reading to be made: which pair, and how its passage was found (null: read by itself). */
interface Slot {
  readonly pair: ReadPair;
  readonly retrieved: Retrieved | null;
}

async function answerForm(
  parts: ReadingParts,
  form: Form,
  examples: readonly Example[],
  control: Control,
): Promise<Prediction[]> {
  const truths = examples.map((example) => form.truth(example)); // refuses wrong examples before anything is read
  const found = await parts.finder.find(examples, control);
  const slots = examples.map((example, i) => slotsOf(example, found[i]!, parts.finder));
  const readings = await readOnce(slots.flat(), (pairs) => readPairs(parts, form, pairs, control));
  let next = 0;
  return examples.map(({ id, group }, i) => {
    const own = slots[i]!.map(({ retrieved }) => ({ exampleId: id, retrieved, ...readings[next++]! }) as Reading);
    const weights = weightsOf(found[i]!, parts);
    const known = { form: form.name, system: parts.name, exampleId: id, group, truth: truths[i]! };
    return { ...known, ...form.fuse(own, weights, parts), weights, readings: own } as Prediction;
  });
}

function slotsOf(example: Example, found: readonly Retrieved[], { passages }: PassageFinder): Slot[] {
  if (found.length === 0) return [{ pair: { example, passage: null }, retrieved: null }];
  return found.map((retrieved) => {
    const passage = passages.get(retrieved.passageId);
    if (passage !== undefined) return { pair: { example, passage }, retrieved };
    const { passageId } = retrieved;
    throw new DataError(
      `answer: passages must hold every passage of the index; ${passageId} is missing. Pass the corpus that was indexed.`,
      { passageId },
    );
  });
}

function weightsOf(found: readonly Retrieved[], { temperature = 1 }: ReadingParts): readonly number[] {
  return found.length === 0 ? [1] : fusionWeights(found, { temperature });
}

/** What the reader has to say of a pair, whoever asks it. */
type Said = Omit<Reading, "exampleId" | "retrieved">;

/**
 * Reads pairs of one form of answer: scores of the labels, where it has labels, and the written answer, parsed.
 *
 * @returns in the order of the pairs.
 * @throws InterruptedError on abort.
 */
export async function readPairs(
  { reader, labels }: Pick<ReadingParts, "reader" | "labels">,
  { name, judge, parse }: Form,
  pairs: readonly ReadPair[],
  control: Control,
): Promise<Said[]> {
  const toSaid = (text: string, i: number, judged: object): Said =>
    ({ form: name, text, answer: parse(text, labelsFor(pairs[i]!.example, labels)), ...judged }) as Said;
  if (judge === null) return (await reader.writeAnswers(pairs, control)).map((text, i) => toSaid(text, i, {}));
  const read = await scoreAndWrite(reader, pairs, labels, control);
  return read.map(({ scores, text }, i) => toSaid(text, i, judge(scores.logits)));
}

/** The value of each slot's pair; each different prompt is read once. */
async function readOnce<T>(
  slots: readonly Slot[],
  read: (pairs: readonly ReadPair[]) => Promise<readonly T[]>,
): Promise<T[]> {
  const different = new Map<string, ReadPair>();
  const keys = slots.map(({ pair }) => promptKey(pair));
  keys.forEach((key, i) => {
    different.set(key, slots[i]!.pair);
  });
  const values = await read([...different.values()]);
  const place = new Map([...different.keys()].map((key, i) => [key, i]));
  return keys.map((key) => values[place.get(key)!]!);
}
