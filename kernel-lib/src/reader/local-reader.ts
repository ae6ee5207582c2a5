import { createHash } from "node:crypto";
import { setImmediate as yieldToEvents } from "node:timers/promises";
import { assertInteger, assertNotInterrupted } from "../base/check";
import { ConfigError } from "../base/errors";
import type { Control, Label, Passage, RasterImage } from "../base/types";
import { loadReaderModel } from "../models/architectures";
import { fixLinears, type LinearMaps } from "../models/layers/linear";
import { mergeLora } from "../models/lora/lora";
import { loadLora } from "../models/lora/peft-files";
import { type AnswerScore, scoreAnswers } from "../models/vision-language/answer-scores";
import { type GenerateOptions, generate, scoreAndGenerate } from "../models/vision-language/generate";
import { encodeVision, type ImageTokens } from "../models/vision-language/image-batch";
import { disposeBefore, disposeCache, prefill, type ReadHow, takeBefore } from "../models/vision-language/logits";
import type { VisionLanguageModel } from "../models/vision-language/model";
import { collatePrompts, type PromptBatch, type PromptTokens } from "../models/vision-language/prompt-batch";
import { PROMPT_VERSION, promptTokensOf } from "./prompt";
import { type LabelScores, promptKey, type Reader, type ReadPair, type ScoredAnswer } from "./reader";

/** A batch of prompts that lack their beginnings, and how it is read on top of these. */
interface OpenedBatch {
  readonly batch: PromptBatch;
  readonly how: ReadHow;
}

function assertLabels(labels: readonly Label[]): void {
  if (labels.length === 0) throw new ConfigError("scoreLabelAnswers: labels must hold at least one label; got none.");
}

/**
 * What the reader thinks of each label, for every prompt of a batch.
 *
 * Paper: arXiv 2508.17394v3: the mean over a label's answer tokens of the logits at those positions; a softmax over the
 * labels makes probabilities of them.  Deviation: none.
 * Shapes: B prompts, C labels -> B times { logits [C], logLikelihoods [C] }.
 *
 * @throws ConfigError when there is no label.
 */
async function scoreLabelAnswers(
  model: VisionLanguageModel,
  { batch, how }: OpenedBatch,
  labels: readonly Label[],
): Promise<LabelScores[]> {
  assertLabels(labels);
  const answers = labels.map(({ answer }) => answer);
  return (await scoreAnswers(model, batch, answers, how)).map(toLabelScores);
}

function toLabelScores(row: readonly AnswerScore[]): LabelScores {
  return {
    logits: Float32Array.from(row, (score) => score.meanLogit),
    logLikelihoods: Float32Array.from(row, (score) => score.logLikelihood),
  };
}

/** Scores of the labels and the written answer of every prompt of a batch, each prompt read once. @throws ConfigError when there is no label. */
async function scoreAndWriteAnswers(
  model: VisionLanguageModel,
  { batch, how }: OpenedBatch,
  { labels, maxNewTokens }: { readonly labels: readonly Label[]; readonly maxNewTokens: number },
): Promise<ScoredAnswer[]> {
  assertLabels(labels);
  const answers = labels.map(({ answer }) => answer);
  const { scores, written } = await scoreAndGenerate(model, batch, { ...how, answers, maxNewTokens });
  return scores.map((row, i) => ({ scores: toLabelScores(row), text: written[i]!.text }));
}

export interface LocalReaderOptions {
  /** Prompts per pass. Default 64. */
  readonly batchSize?: number;
  /** Most tokens of a written answer. Default 8 (paper). */
  readonly maxNewTokens?: number;
}

/** Hash of a model's weights (adapters included), tokenizer and prompt wording, 32 hex digits. */
export function fingerprintReader(model: VisionLanguageModel): string {
  const hash = createHash("sha256").update(`prompt ${PROMPT_VERSION} ${model.chatTemplate}`);
  hash.update(JSON.stringify([model.tokenizer.json, model.imageConfig]));
  for (const [name, { data }] of model.parameters.entries()) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  for (const [module, { A, B, scaling }] of model.parameters.adapters) {
    hash.update(`${module} ${scaling}`);
    for (const matrix of [A, B]) hash.update(new Uint8Array((matrix.dataSync() as Float32Array).slice().buffer));
  }
  return hash.digest("hex").slice(0, 32);
}

/**
 * A reader on this machine. Its weights must not change any more: each picture is encoded once, and the fingerprint is taken now.
 *
 * Prompts of similar length are read together, so that little is padded. On the native engine a prompt's scores are the same bits whatever
 * is read with it, so that those of a pair are remembered and not made again.
 * Memory: owns the model; dispose() frees it. Keeps the image tokens of every picture it has seen, and the scores of 2^17 pairs.
 */
export function createLocalReader(model: VisionLanguageModel, options: LocalReaderOptions = {}): Reader {
  const { batchSize = 64, maxNewTokens = 8 } = options;
  assertInteger("createLocalReader: batchSize", batchSize, 1);
  const vision = new Map<RasterImage, ImageTokens>();
  const pinned = new WeakMap<Passage, Passage>();
  const read = <T>(pairs: readonly ReadPair[], use: (opened: OpenedBatch) => Promise<T[]>, control?: Control) =>
    readInBatches({ model, vision, pinned, batchSize }, pairs, use, control);
  const scored = new Map<string, LabelScores>();
  const answered = new Map<string, ScoredAnswer>();
  return {
    fingerprint: fingerprintReader(model),
    scoreLabels: (pairs, labels, control) =>
      askOnce(scored, { pairs, labels, control }, (fresh) =>
        read(fresh, (opened) => scoreLabelAnswers(model, opened, labels), control),
      ),
    writeAnswers: (pairs, control) =>
      read(pairs, ({ batch, how }) => writeTexts(model, batch, { ...how, maxNewTokens }), control),
    scoreAndWrite: (pairs, labels, control) =>
      askOnce(answered, { pairs, labels, control }, (fresh) =>
        read(fresh, (opened) => scoreAndWriteAnswers(model, opened, { labels, maxNewTokens }), control),
      ),
    dispose: () => {
      vision.clear();
      scored.clear();
      answered.clear();
      model.dispose();
    },
  };
}

async function writeTexts(model: VisionLanguageModel, batch: PromptBatch, how: GenerateOptions): Promise<string[]> {
  return (await generate(model, batch, how)).map(({ text }) => text);
}

/** What a reader is asked about labels. */
interface Question {
  readonly pairs: readonly ReadPair[];
  readonly labels: readonly Label[];
  readonly control: Control | undefined;
}

/** Readings that are remembered at most, of each kind. */
const MOST_KNOWN = 2 ** 17;

/** Asks for what is not known yet of these pairs and labels, each different prompt once: systems and heads have most of their pairs in common. */
async function askOnce<T>(
  known: Map<string, T>,
  { pairs, labels, control }: Question,
  ask: (fresh: readonly ReadPair[]) => Promise<readonly T[]>,
): Promise<T[]> {
  assertNotInterrupted("reader", control?.signal);
  const wording = JSON.stringify(labels.map(({ answer }) => answer));
  const keys = pairs.map((pair) => `${promptKey(pair)} ${wording}`);
  const fresh = new Map<string, ReadPair>();
  keys.forEach((key, i) => {
    if (!known.has(key)) fresh.set(key, pairs[i]!);
  });
  const read = fresh.size === 0 ? [] : await ask([...fresh.values()]);
  const found = new Map([...fresh.keys()].map((key, i) => [key, read[i]!]));
  for (const [key, value] of found) if (known.size < MOST_KNOWN) known.set(key, value);
  return keys.map((key) => found.get(key) ?? known.get(key)!);
}

/**
 * A reader on this machine from a Hugging Face folder, Qwen2-VL or Pixtral by the `model_type` of its config.json.
 *
 * @throws DataError when the folder holds neither.
 */
export function openLocalReader(folder: string, options: LocalReaderOptions = {}): Reader {
  return createLocalReader(loadReaderModel(folder), options);
}

/**
 * A fine-tuned reader: a model's folder with an adapter of it, in PEFT's format, merged into its weights.
 *
 * @throws DataError when the folder holds no reader, or the adapter is not one of it.
 */
export function openTunedReader(folder: string, adapterFolder: string): Reader {
  const model = loadReaderModel(folder);
  const adapter = loadLora(model.parameters, adapterFolder);
  mergeLora(model.parameters, adapter);
  adapter.dispose();
  return createLocalReader(model);
}

interface ReadingRoom {
  readonly model: VisionLanguageModel;
  readonly vision: Map<RasterImage, ImageTokens>;
  /** A passage read from disk gives another picture object each time it is asked; here it keeps its first. */
  readonly pinned: WeakMap<Passage, Passage>;
  readonly batchSize: number;
}

function pin({ pinned }: ReadingRoom, { example, passage }: ReadPair): ReadPair {
  if (passage === null) return { example, passage };
  const found = pinned.get(passage) ?? { ...passage };
  pinned.set(passage, found);
  return { example, passage: found };
}

/** Columns are filled up to whole vectors of the engine: a prompt's bits then do not depend on what is read with it. */
const COLUMNS_OF = 8;

/**
 * Reads pairs, batch by batch. A prompt begins with its passage, which many questions have in common: each beginning is read once, and the
 * rest of the prompts on top of its keys and values.
 */
async function readInBatches<T>(
  room: ReadingRoom,
  asked: readonly ReadPair[],
  use: (opened: OpenedBatch) => Promise<T[]>,
  control: Control | undefined,
): Promise<T[]> {
  const { model, batchSize } = room;
  const pairs = asked.map((pair) => pin(room, pair));
  await seeImages(room, pairs, control);
  const prompts = pairs.map((pair) => promptTokensOf(model, pair));
  const beginnings = findBeginnings(model, prompts);
  const results = new Array<T>(pairs.length);
  const linears = fixLinears(model.parameters);
  let done = 0;
  try {
    for (let from = 0; from < beginnings.length; from += batchSize) {
      const block = beginnings.slice(from, from + batchSize);
      const batches = readBlock({ room, prompts, block, maps: linears.maps }, use, control);
      for await (const { rows, found } of batches) {
        rows.forEach((row, i) => {
          results[row] = found[i]!;
        });
        done += rows.length;
        control?.onProgress?.({ stage: "reading", done, total: prompts.length });
      }
    }
  } finally {
    linears.dispose();
  }
  return results;
}

/** Some beginnings and the prompts that have them. */
interface Block {
  readonly room: ReadingRoom;
  readonly prompts: readonly PromptTokens[];
  readonly block: readonly Beginning[];
  readonly maps: LinearMaps;
}

/** Reads the beginnings of a block, then its prompts on top of them; yields what is found of each batch. */
async function* readBlock<T>(
  { room: { model, vision, batchSize }, prompts, block, maps }: Block,
  use: (opened: OpenedBatch) => Promise<T[]>,
  control: Control | undefined,
): AsyncGenerator<{ readonly rows: readonly number[]; readonly found: readonly T[] }> {
  const shared = { vision, side: "right", columnsOf: COLUMNS_OF } as const;
  const places = new Map(block.flatMap(({ rows }, place) => rows.map((row) => [row, place] as const)));
  const order = byLength([...places.keys()], (row) => prompts[row]!.inputIds.length - block[places.get(row)!]!.length);
  const read = prefill(
    model,
    collatePrompts(
      model,
      block.map(({ tokens }) => tokens),
      shared,
    ),
    "keep",
    { maps },
  );
  try {
    for (let from = 0; from < order.length; from += batchSize) {
      assertNotInterrupted("reader", control?.signal);
      const rows = order.slice(from, from + batchSize);
      const chosen = rows.map((row) => prompts[row]!);
      const lengths = rows.map((row) => block[places.get(row)!]!.length);
      const before = takeBefore(
        read,
        rows.map((row) => places.get(row)!),
      );
      try {
        yield {
          rows,
          found: await use({
            batch: collatePrompts(model, chosen, { ...shared, read: lengths }),
            how: { maps, before },
          }),
        };
      } finally {
        disposeBefore(before);
      }
      await yieldToEvents();
    }
  } finally {
    disposeCache(read);
  }
}

/** What some prompts begin with: all that stands before their last picture. */
interface Beginning {
  readonly tokens: PromptTokens;
  readonly length: number;
  /** Of the prompts that have it. */
  readonly rows: number[];
}

/** The different beginnings of prompts, shortest first. */
function findBeginnings(model: VisionLanguageModel, prompts: readonly PromptTokens[]): Beginning[] {
  const images = new Map<RasterImage, number>();
  const numberOf = (image: RasterImage): number => {
    const number = images.get(image) ?? images.size;
    images.set(image, number);
    return number;
  };
  const found = new Map<string, Beginning>();
  prompts.forEach((prompt, row) => {
    const tokens = beginningOf(model, prompt);
    const key = `${tokens.images.map(numberOf).join()} ${tokens.inputIds.join()}`;
    const beginning = found.get(key) ?? { tokens, length: tokens.inputIds.length, rows: [] };
    beginning.rows.push(row);
    found.set(key, beginning);
  });
  return byLength([...found.values()], ({ length }) => length);
}

/** What stands before the last picture; without a picture, the first token. */
function beginningOf(
  { config, imageProcessor }: VisionLanguageModel,
  { inputIds, images }: PromptTokens,
): PromptTokens {
  const last = images.at(-1);
  if (last === undefined) return { inputIds: inputIds.subarray(0, 1), images: [] };
  let left = imageProcessor.tokensOf(imageProcessor.gridOf(last));
  let at = inputIds.length;
  while (left > 0) if (inputIds[--at] === config.imageTokenId) left--;
  return { inputIds: inputIds.subarray(0, at), images: images.slice(0, -1) };
}

/** Encodes the pictures not seen before. */
async function seeImages({ model, vision }: ReadingRoom, pairs: readonly ReadPair[], control?: Control): Promise<void> {
  const images = new Set<RasterImage>();
  for (const { example, passage } of pairs) {
    if (!vision.has(example.image)) images.add(example.image);
    if (passage !== null && !vision.has(passage.image)) images.add(passage.image);
  }
  const fresh = [...images];
  const tokens = await encodeVision(model, fresh, control?.signal === undefined ? {} : { signal: control.signal });
  fresh.forEach((image, i) => {
    vision.set(image, tokens[i]!);
  });
}

/** Shortest first; equal lengths in the order given. */
function byLength<T>(items: readonly T[], lengthOf: (item: T) => number): T[] {
  return [...items].sort((a, b) => lengthOf(a) - lengthOf(b));
}
