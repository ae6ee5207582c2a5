import { basename, join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { DataError } from "../base/errors";
import { createRandom } from "../base/random";
import type { Control, Example, Matrix, Passage } from "../base/types";
import { readMatrices, writeMatrices } from "../compute/safetensors";
import { loadDualEncoder, loadReaderModel, saveDualEncoder } from "../models/architectures";
import {
  contrastiveLoss,
  type DualEncoder,
  type EncoderTexts,
  encodeImages,
  encodeTexts,
} from "../models/dual-encoder/encoder";
import { mergeLora } from "../models/lora/lora";
import { holdsLora, loadLora, saveLora } from "../models/lora/peft-files";
import type { VisionLanguageModel } from "../models/vision-language/model";
import { createLocalReader } from "../reader/local-reader";
import { cutText } from "../reader/prompt";
import { createDualHead } from "../retriever/dual-head";
import { type CorpusViews, HEADS } from "../retriever/retrieve";
import { createFlatIndex } from "../search/flat-index";
import { createBatchOrder, type Trainee, trainLoop } from "../training/loop";
import { type ReadableExample, trainReader } from "../training/reader-stage";
import { asLongAsStage2, countWeights, writeCost } from "./own-training";
import { createReadingSystem } from "./reading";
import { createFinder, NO_PASSAGES } from "./retrieval";
import type { System, SystemDefinition, SystemParts, TrainingContext } from "./system";

// What stands for the medically pre-trained models of the paper's tables: the same replicas, trained on the corpora's pairs before anything
// else. A reader, closed-book (LLaVA-Med, BiomedGPT, MedVInT), and an encoder in the retriever's place (PMC-CLIP, BiomedCLIP).

/** Part of the passages that is not learnt from but measured on, and the most of them. */
const HELD_OUT = { share: 0.05, most: 128 } as const;

interface Pairs {
  readonly train: readonly Passage[];
  readonly heldOut: readonly Passage[];
}

/** The corpus in two by chance. @throws DataError when it has fewer than two passages. */
function splitCorpus({ index, seed }: SystemParts): Pairs {
  const { passages, name } = index!.corpus;
  if (passages.length < 2)
    throw new DataError(
      `splitCorpus: ${name} must have two passages to learn from and to measure on; got ${passages.length}. Search a larger corpus.`,
      { corpus: name },
    );
  const places = createRandom(seed)
    .fork("held-out passages")
    .shuffle(passages.map((_, place) => place));
  const count = Math.min(HELD_OUT.most, Math.max(1, Math.round(HELD_OUT.share * passages.length)));
  const out = new Set(places.slice(0, count));
  return {
    train: passages.filter((_, place) => !out.has(place)),
    heldOut: passages.filter((_, place) => out.has(place)),
  };
}

// ---- the reader --------------------------------------------------------------------------------------------------------

const QUESTION = "describe the picture .";
/** Longest caption that is learnt, in tokens; what is longer is cut at its end. */
const MOST_CAPTION_TOKENS = 64;
/** Adapters in the order in which they are merged: the captions', then the task's. */
const ADAPTERS = ["captions", "task"] as const;

/** A passage as a question about its picture, whose answer is its text. The picture is read when it is asked for. */
function captionQuestion(model: VisionLanguageModel, passage: Passage): ReadableExample {
  const { id, text, group = id } = passage;
  const example: Example = {
    ...{ id, task: "captions", split: "train", question: QUESTION, labels: [], form: "words", group },
    answer: cutText(model.tokenizer, text, MOST_CAPTION_TOKENS),
    get image() {
      return passage.image;
    },
  };
  return { example, passages: [] };
}

async function trainMedicalReader(folder: string, parts: SystemParts, context: TrainingContext): Promise<void> {
  const model = loadReaderModel(parts.readerFolders!.checkpoint);
  const { splits } = parts.task;
  const { train, heldOut } = splitCorpus(parts);
  const alone = (examples: readonly Example[]) => examples.map((example) => ({ example, passages: [] }));
  const lessons = {
    captions: () => ({
      train: train.map((passage) => captionQuestion(model, passage)),
      validation: heldOut.map((passage) => captionQuestion(model, passage)),
    }),
    task: () => ({ train: alone(splits.train), validation: alone(splits.validation) }),
  };
  let trainedWeights = 0;
  try {
    for (const name of ADAPTERS) {
      const place = join(folder, name);
      if (!holdsLora(place)) await learn(model, place, { ...lessons[name](), parts, context });
      trainedWeights += mergeFrom(model, place);
    }
    writeCost(folder, { readerPasses: 0, trainedWeights });
  } finally {
    model.dispose();
  }
}

interface Lesson {
  readonly train: readonly ReadableExample[];
  readonly validation: readonly ReadableExample[];
  readonly parts: SystemParts;
  readonly context: TrainingContext;
}

/** Trains an adapter on questions without passages and keeps it. */
async function learn(
  model: VisionLanguageModel,
  place: string,
  { train, validation, parts, context }: Lesson,
): Promise<void> {
  const { resumeDir, control, options } = context;
  const stateFile = join(resumeDir, `${basename(place)}-state.safetensors`);
  const inputs = { model, train, validation, seed: parts.seed, stateFile, control };
  const { adapter } = await trainReader(inputs, options.reader!);
  saveLora(adapter, place);
  adapter.dispose();
}

/** Merges a kept adapter into the weights; returns how many weights it has. */
function mergeFrom(model: VisionLanguageModel, place: string): number {
  const adapter = loadLora(model.parameters, place);
  const count = countWeights(adapter.variables);
  mergeLora(model.parameters, adapter);
  adapter.dispose();
  return count;
}

function openMedicalReader({ name, task, readerFolders, trained }: SystemParts): System {
  const model = loadReaderModel(readerFolders!.checkpoint);
  for (const adapter of ADAPTERS) mergeFrom(model, join(trained!, adapter));
  const reader = createLocalReader(model);
  const { labels } = task;
  const system = createReadingSystem({ name, labels, reader, finder: NO_PASSAGES, fusion: "probabilities" });
  return { ...system, dispose: () => reader.dispose() };
}

/**
 * The replica reader, taught the corpora's captions first and the task then, as many steps each as stage 1 has; it answers closed-book.
 *
 * Paper: arXiv 2508.17394v3, compared systems: LLaVA-Med, BiomedGPT, MedVInT. What is shared with them and what not: docs/systems.md.
 */
export const MEDICAL_READER: SystemDefinition = {
  ...{ name: "medical-reader", label: "reader pre-trained on the corpora", kind: "compared" },
  needs: { reader: "closedBook", retriever: [] },
  settings: { version: 1 },
  ownTraining: {
    version: 1,
    config: { captionTokens: MOST_CAPTION_TOKENS, heldOut: HELD_OUT },
    follows: ["reader"],
    train: trainMedicalReader,
  },
  open: async (parts) => openMedicalReader(parts),
};

// ---- the encoder -------------------------------------------------------------------------------------------------------

const ENCODER = "encoder";
const EMBEDDINGS_FILE = "embeddings.safetensors";
/** Passages embedded at a time: their pictures are in memory. */
const CHUNK = 256;

interface PairBatch {
  readonly pixels: tf.Tensor4D;
  readonly texts: EncoderTexts;
}

function contrastiveTrainee(
  encoder: DualEncoder,
  { train, heldOut }: Pairs,
  { batchSize, seed }: { readonly batchSize: number; readonly seed: number },
): Trainee<PairBatch> {
  const { parameters, towers } = encoder;
  const order = createBatchOrder({ numExamples: train.length, batchSize, seed: `${seed}/medical encoder` });
  const batchOf = (passages: readonly Passage[]): PairBatch => ({
    pixels: towers.pixels(passages.map(({ image }) => image)),
    texts: towers.texts(passages.map(({ text }) => text)),
  });
  const loss = ({ pixels, texts }: PairBatch): tf.Scalar =>
    contrastiveLoss(
      towers.imageEmbeddings(parameters, pixels),
      towers.textEmbeddings(parameters, texts),
      parameters.get("logit_scale"),
    );
  const release = ({ pixels }: PairBatch): void => pixels.dispose();
  return {
    stage: "medical encoder",
    variables: parameters.unfreeze(),
    prepare: async (step) => batchOf(order(step).map((row) => train[row]!)),
    loss,
    release,
    evaluate: async () => {
      const batch = batchOf(heldOut);
      const measured = tf.tidy(() => loss(batch));
      const [value] = (await measured.data()) as Float32Array;
      measured.dispose();
      release(batch);
      return { score: -value!, values: { loss: value! } };
    },
  };
}

async function trainMedicalEncoder(folder: string, parts: SystemParts, context: TrainingContext): Promise<void> {
  const { control, resumeDir, options } = context;
  const { seed, index } = parts;
  const encoder = loadDualEncoder(index!.encoder.folder);
  try {
    const pairs = splitCorpus(parts);
    const batchSize = Math.min(options.retriever!.batchSize, pairs.train.length);
    const trainee = contrastiveTrainee(encoder, pairs, { batchSize, seed });
    const stateFile = join(resumeDir, "encoder-state.safetensors");
    await trainLoop(trainee, { ...asLongAsStage2(options.retriever!), seed, stateFile, control });
    encoder.parameters.freeze();
    saveDualEncoder(encoder, join(folder, ENCODER));
    await writeEmbeddings(folder, encoder, { passages: index!.corpus.passages, control });
    writeCost(folder, { readerPasses: 0, trainedWeights: countWeights(trainee.variables) });
  } finally {
    encoder.dispose();
  }
}

/** Both views of the corpus under the trained encoder, [N, D] each. */
async function writeEmbeddings(
  folder: string,
  encoder: DualEncoder,
  { passages, control }: { readonly passages: readonly Passage[]; readonly control: Control },
): Promise<void> {
  const cols = encoder.towers.width;
  const views = { image: new Float32Array(passages.length * cols), text: new Float32Array(passages.length * cols) };
  for (let from = 0; from < passages.length; from += CHUNK) {
    const some = passages.slice(from, from + CHUNK);
    const images = some.map(({ image }) => image);
    const texts = some.map(({ text }) => text);
    views.image.set((await encodeImages(encoder, images, control)).data, from * cols);
    views.text.set((await encodeTexts(encoder, texts, control)).data, from * cols);
  }
  const matrixOf = (data: Float32Array): Matrix => ({ data, rows: passages.length, cols });
  const matrices = Object.fromEntries(HEADS.map((head) => [head, matrixOf(views[head])]));
  writeMatrices(join(folder, EMBEDDINGS_FILE), matrices);
}

function openMedicalEncoder(parts: SystemParts): System {
  const { name, task, reader, trained, learnedWeight, numPerHead } = parts;
  const { passages } = parts.index!.corpus;
  const embeddings = readMatrices(join(trained!, EMBEDDINGS_FILE), HEADS);
  const ids = passages.map(({ id }) => id);
  const [image, text] = [createFlatIndex(ids, embeddings.image), createFlatIndex(ids, embeddings.text)];
  const views: CorpusViews = { image, text };
  const encoder = loadDualEncoder(join(trained!, ENCODER));
  const encodeFrozen = (images: Parameters<typeof encodeImages>[1], control?: Control) =>
    encodeImages(encoder, images, control);
  const retriever = createDualHead({ encodeFrozen, towers: {}, learnedWeight });
  const finder = createFinder({ retriever, views, passages, numPerHead });
  const { labels } = task;
  const system = createReadingSystem({ name, labels, reader: reader!, finder, fusion: "probabilities" });
  const dispose = (): void => {
    system.dispose();
    for (const head of HEADS) views[head].dispose();
    encoder.dispose();
  };
  return { ...system, dispose };
}

/**
 * FT RAG whose frozen encoder was trained on the corpora's pairs first, all its weights, with CLIP's loss. The reader is that of FT RAG.
 *
 * Paper: arXiv 2508.17394v3, compared systems: PMC-CLIP, BiomedCLIP. What is shared with them and what not: docs/systems.md.
 */
export const MEDICAL_ENCODER: SystemDefinition = {
  ...{ name: "medical-encoder", label: "FT RAG, encoder trained on the corpora", kind: "compared" },
  needs: { reader: "retrieval", retriever: [] },
  settings: { version: 1 },
  ownTraining: { version: 1, config: { heldOut: HELD_OUT }, follows: ["retriever"], train: trainMedicalEncoder },
  open: async (parts) => openMedicalEncoder(parts),
};
