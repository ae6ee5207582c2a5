import * as tf from "@tensorflow/tfjs-core";
import { createRandom } from "../../src/base/random";
import type { Example, Label, Matrix, Passage, RasterImage } from "../../src/base/types";
import type { Reader, ReadPair } from "../../src/reader/reader";
import { createCachedScores, openScoreCache } from "../../src/reader/score-cache";
import type { LearnedTower } from "../../src/retriever/learned-tower";
import { embedInBatches } from "../../src/retriever/learned-tower";
import { mixEmbeddings, normaliseRows } from "../../src/retriever/mix";
import { topColumns } from "../../src/training/health";
import type { RetrieverStageInputs, RetrieverStageOptions } from "../../src/training/retriever-options";
import { candidateScores } from "../../src/training/retriever-stage";

/**
 * A world without models: pictures of 8 bytes whose first byte carries the class, a linear tower [8, 6], a corpus of random
 * directions of class 0 and 1, and a reader that is sure of the label of the passage's class.
 */
export const TOY_LABELS: Label[] = [0, 1].map((index) => ({ index, name: `class ${index}`, answer: String(index) }));

/** A stage of seconds in which the toy's head learns what its reader prefers. */
export const TOY_STAGE: RetrieverStageOptions = {
  steps: 60,
  batchSize: 8,
  numCandidates: 10,
  learningRate: 0.05,
  warmupSteps: 5,
  evaluateEvery: 10,
  refreshEvery: 2,
  learnedWeight: 0.5,
  validationTop: 2,
};

const PIXELS = 8;
const WIDTH = 6;

function drawImage(random: ReturnType<typeof createRandom>, label: number): RasterImage {
  const data = Uint8Array.from({ length: PIXELS }, () => random.integer(256));
  data[0] = label === 1 ? 255 : 0;
  return { width: PIXELS, height: 1, channels: 1, data };
}

export function toyExamples(count: number, seed: string): Example[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, i) => ({
    id: `${seed}-${i}`,
    task: "toy",
    split: "train",
    image: drawImage(random, i % 2),
    question: "which ?",
    answer: String(i % 2),
    labels: [i % 2],
    group: `${seed}-${i}`,
  }));
}

export function toyTower(seed: string): LearnedTower {
  const random = createRandom(seed);
  const weight = tf.variable(
    tf.tensor2d(
      Array.from({ length: PIXELS * WIDTH }, () => random.normal()),
      [PIXELS, WIDTH],
    ),
  );
  return {
    variables: [weight],
    embed: (images) =>
      tf.tidy(() => {
        const bytes = images.flatMap((image) => Array.from(image.data, (byte) => byte / 127.5 - 1));
        const out = tf.matMul(tf.tensor2d(bytes, [images.length, PIXELS]), weight as unknown as tf.Tensor2D); // [B, D]
        return tf.div(out, tf.norm(out, 2, 1, true)) as tf.Tensor2D;
      }),
    dispose: () => weight.dispose(),
  };
}

/** Logit 2 for the class of the passage, no opinion without one; counts its calls. */
export function toyReader(): Reader & { readonly readPairs: ReadPair[] } {
  const readPairs: ReadPair[] = [];
  return {
    fingerprint: "toy",
    readPairs,
    scoreLabels: async (pairs) => {
      readPairs.push(...pairs);
      return pairs.map(({ passage }) => {
        if (passage === null) return { logits: new Float32Array(2), logLikelihoods: Float32Array.of(-1, -1) };
        const named = Number(passage.truth);
        return {
          logits: Float32Array.of(named === 0 ? 2 : 0, named === 1 ? 2 : 0),
          logLikelihoods: Float32Array.of(named === 0 ? -0.13 : -2.13, named === 1 ? -0.13 : -2.13),
        };
      });
    },
    writeAnswers: async (pairs) => pairs.map(({ passage }) => passage!.truth!),
    dispose: () => {},
  };
}

export interface ToyWorld {
  readonly inputs: RetrieverStageInputs;
  readonly reader: ReturnType<typeof toyReader>;
  dispose(): void;
}

export async function toyWorld(numPassages = 30): Promise<ToyWorld> {
  const random = createRandom("toy corpus");
  const passages = Array.from({ length: numPassages }, (_, i): Passage => {
    const image = drawImage(random, i % 2);
    return { id: `p${i}`, corpus: "toy", image, text: `passage ${i}`, licence: "CC0-1.0", truth: String(i % 2) };
  });
  const data = Float32Array.from({ length: numPassages * WIDTH }, () => random.normal());
  const embeddings = normaliseRows({ data, rows: numPassages, cols: WIDTH });
  const tower = toyTower("tower");
  const querySet = async (count: number, seed: string) => {
    const examples = toyExamples(count, seed);
    return { examples, frozen: await embedInBatches(tower, imagesOf(examples)) };
  };
  const reader = toyReader();
  const cache = openScoreCache({ fingerprint: "toy", numValues: 4 });
  return {
    reader,
    inputs: {
      head: "text",
      tower,
      train: await querySet(40, "train"),
      validation: await querySet(20, "validation"),
      corpus: { passages, embeddings },
      scores: createCachedScores(reader, TOY_LABELS, cache),
      search: async (queries: Matrix, numCandidates: number) => searchAll(queries, embeddings, numCandidates),
      seed: 3,
    },
    dispose: () => tower.dispose(),
  };
}

export function imagesOf(examples: readonly Example[]): RasterImage[] {
  return examples.map((example) => example.image);
}

function searchAll(queries: Matrix, embeddings: Matrix, numCandidates: number): number[][] {
  const all = Array.from({ length: embeddings.rows }, (_, row) => row);
  const scores = candidateScores(
    queries,
    embeddings,
    Array.from({ length: queries.rows }, () => all),
  );
  return Array.from({ length: queries.rows }, (_, row) => topColumns(scores, row, numCandidates));
}

/** Share of the best two passages of each validation query that have its class. */
export async function toyAgreement(inputs: RetrieverStageInputs): Promise<number> {
  const { tower, validation, corpus, search } = inputs;
  const learned = await embedInBatches(tower, imagesOf(validation.examples));
  const found = await search(mixEmbeddings(learned, validation.frozen, 0.5), 2);
  const hits = found.flatMap((rows, i) =>
    rows.map((row) => corpus.passages[row]!.truth === validation.examples[i]!.answer),
  );
  return hits.filter(Boolean).length / hits.length;
}
