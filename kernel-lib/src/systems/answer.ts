import { fuseLogits, fuseProbabilities, fusionWeights, voteAnswers, voteLabelSets } from "../answers/fusion";
import { parseAnswer, parseLabelSet } from "../answers/parse";
import { DataError } from "../base/errors";
import { softmax } from "../base/softmax";
import type {
  AnswerForm,
  Control,
  Example,
  Label,
  Matrix,
  Passage,
  Prediction,
  Reading,
  Retrieved,
} from "../base/types";
import { type LabelScores, promptKey, type ReadPair } from "../reader/reader";
import { retrieve } from "../retriever/retrieve";
import type { Retrieval, System } from "./system";

/** One reading to be made: which pair, and how its passage was found (null closed-book). */
export interface Slot {
  readonly pair: ReadPair;
  readonly retrieved: Retrieved | null;
}

/** The readings of one example, in the order of `retrieve`, and how much each counts. */
export interface ExampleReadings<R> {
  readonly example: Example;
  readonly readings: readonly R[];
  /** Sums to 1. */
  readonly weights: readonly number[];
}

/**
 * What every form of answer needs first: retrieve for each example, read each different prompt once, weigh the readings.
 * Closed-book there is one reading per example, without a passage.
 *
 * @param read answers the pairs, one value each, in their order.
 * @param toReading makes a reading of a slot and the value of its pair.
 * @throws DataError when the index knows a passage that `passages` does not. InterruptedError on abort.
 */
export async function readSlots<T, R>(
  system: System,
  examples: readonly Example[],
  read: (pairs: readonly ReadPair[]) => Promise<readonly T[]>,
  toReading: (slot: Slot, value: T) => R,
  control: Control,
): Promise<ExampleReadings<R>[]> {
  if (examples.length === 0) return []; // a form of answer that the task lacks
  const retrieved = await retrieveFor(system.retrieval, examples, control);
  const slots = examples.map((example, i) => slotsOf(example, retrieved[i]!, system.retrieval));
  const values = await readOnce(slots.flat(), read);
  let next = 0;
  return examples.map((example, i) => {
    const own = slots[i]!;
    const readings = own.map((slot) => toReading(slot, values[next++]!));
    return { example, readings, weights: weightsOf(own, system) };
  });
}

function weightsOf(slots: readonly Slot[], { fusionTemperature }: System): readonly number[] {
  const hits = slots.flatMap(({ retrieved }) => (retrieved === null ? [] : [retrieved]));
  return hits.length === 0 ? [1] : fusionWeights(hits, { temperature: fusionTemperature });
}

async function retrieveFor(
  retrieval: Retrieval | null,
  examples: readonly Example[],
  control: Control,
): Promise<(readonly Retrieved[])[]> {
  if (retrieval === null) return examples.map(() => []);
  const { retriever, views, numPerHead, rerank } = retrieval;
  const images = examples.map((example) => example.image);
  const queries: Record<"image" | "text", Matrix> = {
    image: await retriever.queryEmbeddings(images, "image", control),
    text: await retriever.queryEmbeddings(images, "text", control),
  };
  if (rerank === undefined) return retrieve(views, queries, { numPerHead, control });
  const candidates = await retrieve(views, queries, { numPerHead: rerank.numCandidates, control });
  return examples.map((example, i) => rerank.choose(candidates[i]!, example));
}

function slotsOf(example: Example, retrieved: readonly Retrieved[], retrieval: Retrieval | null): Slot[] {
  if (retrieval === null) return [{ pair: { example, passage: null }, retrieved: null }];
  return retrieved.map((hit) => ({ pair: { example, passage: passageOf(retrieval, hit) }, retrieved: hit }));
}

function passageOf({ passages }: Retrieval, { passageId }: Retrieved): Passage {
  const passage = passages.get(passageId);
  if (passage !== undefined) return passage;
  throw new DataError(
    `answerExamples: passages must hold every passage of the index; ${passageId} is missing. Pass the corpus that was indexed.`,
    { passageId },
  );
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

/**
 * Answers examples of the form "label" with a system: retrieve, read each passage in a pass of its own, fuse.
 *
 * The readings of an example stand in the order of `retrieve`; closed-book there is one, without a passage.
 *
 * @throws DataError when an example has not exactly one true label (see answerLabelSets and answerInWords), or the index knows a
 * passage that `passages` does not. InterruptedError on abort.
 */
export async function answerExamples(
  system: System,
  labels: readonly Label[],
  examples: readonly Example[],
  control: Control = {},
): Promise<Prediction<"label">[]> {
  assertForm("answerExamples", examples, "label");
  const read = async (pairs: readonly ReadPair[]): Promise<Read[]> => {
    const scores = await system.reader.scoreLabels(pairs, labels, control);
    const answers = await system.reader.writeAnswers(pairs, control);
    return scores.map((score, i) => ({ score, answer: answers[i]! }));
  };
  const found = await readSlots(system, examples, read, (slot, value) => readingOf(slot, value, labels), control);
  return found.map((each) => fuse(system, each));
}

/** Throws DataError on an example of another form, or one of the form "label" that has not one label. */
export function assertForm(where: string, examples: readonly Example[], wanted: AnswerForm): void {
  for (const { id, form = "label", labels } of examples) {
    if (form !== wanted) {
      throw new DataError(`${where}: examples must have the form "${wanted}"; ${id} has "${form}".`, { id, form });
    }
    if (wanted !== "label" || labels.length === 1) continue;
    throw new DataError(`${where}: examples must have one label each; ${id} has ${labels.length}.`, { id });
  }
}

interface Read {
  readonly score: LabelScores;
  readonly answer: string;
}

function readingOf(slot: Slot, { score, answer }: Read, labels: readonly Label[]): Reading<"label"> {
  const parsed = parseAnswer(answer, labels);
  return {
    form: "label",
    exampleId: slot.pair.example.id,
    retrieved: slot.retrieved,
    text: answer,
    answer: parsed.kind === "label" ? parsed.index : null,
    logits: Array.from(score.logits),
    probabilities: Array.from(softmax(score.logits)),
  };
}

function fuse(system: System, { example, readings, weights }: ExampleReadings<Reading<"label">>): Prediction<"label"> {
  const fused = (system.fusion === "logits" ? fuseLogits : fuseProbabilities)(readings, weights);
  return {
    form: "label",
    system: system.name,
    exampleId: example.id,
    group: example.group,
    truth: example.labels[0]!,
    ...fused,
    weights,
    readings,
  };
}

/**
 * Answers examples of the form "labels" with a system: the reader writes the set with each passage, and every label is decided by
 * more than half of the fusion weight (voteLabelSets). The system's `fusion` plays no part: a written set has no probabilities.
 *
 * Paper: arXiv 2508.17394v3: multi-label answers are lists of class numbers. Deviation: the paper does not say how lists are fused.
 * @throws DataError on an example of another form. Otherwise as answerExamples.
 */
export async function answerLabelSets(
  system: System,
  labels: readonly Label[],
  examples: readonly Example[],
  control: Control = {},
): Promise<Prediction<"labels">[]> {
  assertForm("answerLabelSets", examples, "labels");
  const found = await readSlots(
    system,
    examples,
    (pairs) => system.reader.writeAnswers(pairs, control),
    (slot, answer) => setReadingOf(slot, answer, labels),
    control,
  );
  return found.map(({ example, readings, weights }) => ({
    form: "labels",
    system: system.name,
    exampleId: example.id,
    group: example.group,
    truth: example.labels,
    ...voteLabelSets(
      readings.map((reading) => reading.answer),
      weights,
      labels.length,
    ),
    weights,
    readings,
  }));
}

function setReadingOf(slot: Slot, answer: string, labels: readonly Label[]): Reading<"labels"> {
  const parsed = parseLabelSet(answer, labels);
  return {
    form: "labels",
    exampleId: slot.pair.example.id,
    retrieved: slot.retrieved,
    text: answer,
    answer: parsed.kind === "labels" ? parsed.indices : null,
  };
}

/**
 * Answers examples of the form "words" with a system: the reader writes an answer with each passage, and the wording with the most
 * fusion weight is taken (voteAnswers). The system's `fusion` plays no part: a written answer has no probabilities.
 *
 * Paper: arXiv 2508.17394v3, open questions, judged by token recall. Deviation: the paper does not say how free answers are fused.
 * @throws DataError on an example of another form. Otherwise as answerExamples.
 */
export async function answerInWords(
  system: System,
  examples: readonly Example[],
  control: Control = {},
): Promise<Prediction<"words">[]> {
  assertForm("answerInWords", examples, "words");
  const found = await readSlots(
    system,
    examples,
    (pairs) => system.reader.writeAnswers(pairs, control),
    ({ pair, retrieved }, text): Reading<"words"> => {
      return { form: "words", exampleId: pair.example.id, retrieved, text, answer: voteAnswers([text], [1]) };
    },
    control,
  );
  return found.map(({ example, readings, weights }) => ({
    form: "words",
    system: system.name,
    exampleId: example.id,
    group: example.group,
    truth: example.answer,
    answer: voteAnswers(
      readings.map(({ text }) => text),
      weights,
    ),
    weights,
    readings,
  }));
}
