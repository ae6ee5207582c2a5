import { DataError } from "../base/errors";
import { softmax } from "../base/softmax";
import type { Control, Example, Label, Matrix, Passage, Prediction, Reading, Retrieved } from "../base/types";
import { fuseLogits } from "../inference/fuse-logits";
import { fuseProbabilities } from "../inference/fuse-probabilities";
import { fusionWeights } from "../inference/fusion-weights";
import { parseAnswer } from "../inference/parse-answer";
import { type LabelScores, promptKey, type ReadPair } from "../reader/reader";
import { retrieve } from "../retriever/retrieve";
import type { Retrieval, System } from "./system";

/**
 * Answers every example with a system: retrieve, read each passage in a pass of its own, fuse.
 *
 * The readings of an example stand in the order of `retrieve`; closed-book there is one, without a passage.
 *
 * @throws DataError when an example has not exactly one true label, or the index knows a passage that `passages` does not.
 * InterruptedError on abort.
 */
export async function answerExamples(
  system: System,
  labels: readonly Label[],
  examples: readonly Example[],
  control: Control = {},
): Promise<Prediction[]> {
  for (const example of examples) {
    if (example.labels.length === 1) continue;
    throw new DataError(
      `answerExamples: examples must have one label each; ${example.id} has ${example.labels.length}.`,
      {
        id: example.id,
      },
    );
  }
  const retrieved = await retrieveFor(system.retrieval, examples, control);
  const slots = examples.flatMap((example, i) => slotsOf(example, retrieved[i]!, system.retrieval));
  const readings = await readSlots(system, labels, slots, control);
  const byExample = new Map<string, Reading[]>(examples.map(({ id }) => [id, []]));
  for (const reading of readings) byExample.get(reading.exampleId)!.push(reading);
  return examples.map((example) => fuse(system, example, byExample.get(example.id)!));
}

/** One reading to be made. */
interface Slot {
  readonly pair: ReadPair;
  readonly retrieved: Retrieved | null;
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

/** Reads each different prompt once. */
async function readSlots(
  { reader }: System,
  labels: readonly Label[],
  slots: readonly Slot[],
  control: Control,
): Promise<Reading[]> {
  const different = new Map<string, ReadPair>();
  const keys = slots.map(({ pair }) => promptKey(pair));
  keys.forEach((key, i) => {
    different.set(key, slots[i]!.pair);
  });
  const pairs = [...different.values()];
  const scores = await reader.scoreLabels(pairs, labels, control);
  const answers = await reader.writeAnswers(pairs, control);
  const place = new Map([...different.keys()].map((key, i) => [key, i]));
  return slots.map((slot, i) => {
    const at = place.get(keys[i]!)!;
    return readingOf(slot, scores[at]!, answers[at]!, labels);
  });
}

function readingOf(slot: Slot, scores: LabelScores, answer: string, labels: readonly Label[]): Reading {
  const parsed = parseAnswer(answer, labels);
  return {
    exampleId: slot.pair.example.id,
    retrieved: slot.retrieved,
    answer,
    label: parsed.kind === "label" ? parsed.index : null,
    logits: Array.from(scores.logits),
    probabilities: Array.from(softmax(scores.logits)),
  };
}

function fuse(system: System, example: Example, readings: readonly Reading[]): Prediction {
  const hits = readings.flatMap(({ retrieved }) => (retrieved === null ? [] : [retrieved]));
  const weights = hits.length === 0 ? [1] : fusionWeights(hits, { temperature: system.fusionTemperature });
  const fused = (system.fusion === "logits" ? fuseLogits : fuseProbabilities)(readings, weights);
  return {
    system: system.name,
    exampleId: example.id,
    group: example.group,
    trueLabel: example.labels[0]!,
    label: fused.label,
    probabilities: fused.probabilities,
    weights,
    readings,
  };
}
