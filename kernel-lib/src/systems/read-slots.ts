import { DataError } from "../base/errors";
import type { Control, Example, Matrix, Passage, Retrieved } from "../base/types";
import { fusionWeights } from "../inference/fusion-weights";
import { promptKey, type ReadPair } from "../reader/reader";
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
