import { createHash } from "node:crypto";
import { setImmediate as yieldToEvents } from "node:timers/promises";
import { assertInteger, assertNotInterrupted } from "../base/check";
import { ConfigError } from "../base/errors";
import type { Control, Label, Passage, RasterImage } from "../base/types";
import { loadReaderModel } from "../models/architectures";
import { mergeLora } from "../models/lora/lora";
import { loadLora } from "../models/lora/peft-files";
import { type AnswerScore, scoreAnswers } from "../models/vision-language/answer-scores";
import { generate, scoreAndGenerate } from "../models/vision-language/generate";
import { encodeVision, type ImageTokens } from "../models/vision-language/image-batch";
import type { VisionLanguageModel } from "../models/vision-language/model";
import { collatePrompts, type PromptBatch, type PromptTokens } from "../models/vision-language/prompt-batch";
import { PROMPT_VERSION, promptTokensOf } from "./prompt";
import type { LabelScores, Reader, ReadPair, ScoredAnswer } from "./reader";

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
  batch: PromptBatch,
  labels: readonly Label[],
): Promise<LabelScores[]> {
  assertLabels(labels);
  const scores = await scoreAnswers(
    model,
    batch,
    labels.map((label) => label.answer),
  );
  return scores.map(toLabelScores);
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
  batch: PromptBatch,
  { labels, maxNewTokens }: { readonly labels: readonly Label[]; readonly maxNewTokens: number },
): Promise<ScoredAnswer[]> {
  assertLabels(labels);
  const answers = labels.map(({ answer }) => answer);
  const { scores, written } = await scoreAndGenerate(model, batch, { answers, maxNewTokens });
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
 * Prompts of similar length are read together, so that little is padded.
 * Memory: owns the model; dispose() frees it. Keeps the image tokens of every picture it has seen.
 */
export function createLocalReader(model: VisionLanguageModel, options: LocalReaderOptions = {}): Reader {
  const { batchSize = 64, maxNewTokens = 8 } = options;
  assertInteger("createLocalReader: batchSize", batchSize, 1);
  const vision = new Map<RasterImage, ImageTokens>();
  const pinned = new WeakMap<Passage, Passage>();
  const read = <T>(pairs: readonly ReadPair[], use: (batch: PromptBatch) => Promise<T[]>, control?: Control) =>
    readInBatches({ model, vision, pinned, batchSize }, pairs, use, control);
  return {
    fingerprint: fingerprintReader(model),
    scoreLabels: (pairs, labels, control) => read(pairs, (batch) => scoreLabelAnswers(model, batch, labels), control),
    writeAnswers: (pairs, control) =>
      read(pairs, async (batch) => (await generate(model, batch, { maxNewTokens })).map(({ text }) => text), control),
    scoreAndWrite: (pairs, labels, control) =>
      read(pairs, (batch) => scoreAndWriteAnswers(model, batch, { labels, maxNewTokens }), control),
    dispose: () => {
      vision.clear();
      model.dispose();
    },
  };
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

async function readInBatches<T>(
  room: ReadingRoom,
  asked: readonly ReadPair[],
  use: (batch: PromptBatch) => Promise<T[]>,
  control: Control | undefined,
): Promise<T[]> {
  const { model, vision, batchSize } = room;
  const pairs = asked.map((pair) => pin(room, pair));
  await seeImages(room, pairs, control);
  const prompts = pairs.map((pair) => promptTokensOf(model, pair));
  const order = byLength(prompts);
  const results = new Array<T>(pairs.length);
  for (let from = 0; from < order.length; from += batchSize) {
    assertNotInterrupted("reader", control?.signal);
    const rows = order.slice(from, from + batchSize);
    const found = await use(
      collatePrompts(
        model,
        rows.map((row) => prompts[row]!),
        { vision },
      ),
    );
    rows.forEach((row, i) => {
      results[row] = found[i]!;
    });
    control?.onProgress?.({ stage: "reading", done: from + rows.length, total: order.length });
    await yieldToEvents();
  }
  return results;
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

/** Positions of prompts, shortest first; equal lengths in the order given. */
function byLength(prompts: readonly PromptTokens[]): number[] {
  const lengthOf = (row: number): number => prompts[row]!.inputIds.length;
  return prompts.map((_, row) => row).sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
}
