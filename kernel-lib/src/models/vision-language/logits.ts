import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../base/errors";
import { runFused } from "../../compute/ops/fused-op";
import { embedding, placeRows } from "../../compute/ops/rows";
import { type DecoderResult, type LayerCache, multimodalAngles, runDecoder, TEXT_PREFIX } from "../layers/decoder";
import { applyLinear, type LinearMaps } from "../layers/linear";
import type { ParameterStore } from "../weights/parameters";
import type { VisionLanguageModel } from "./model";
import type { PromptBatch, TokenPosition } from "./prompt-batch";

/*
 * A batch of prompts on its way through a reader: token embeddings, image tokens in their places, decoder, output head; and
 * the KV cache, on top of which further tokens are read.
 */

/** Token embeddings of some ids, [n] -> [n, hiddenSize]. */
function embedIds(model: VisionLanguageModel, ids: Int32Array): tf.Tensor2D {
  return embedding(model.parameters.get(`${TEXT_PREFIX}.embed_tokens.weight`), ids);
}

/** Whether any weight or adapter below a module can learn. */
function isTrained(store: ParameterStore, prefix: string): boolean {
  const below = (name: string): boolean => name.startsWith(`${prefix}.`);
  if ([...store.adapters.keys()].some(below)) return true;
  return store.names().some((name) => below(name) && store.get(name).trainable);
}

/** Tokens of all images of a batch, one after the other, [image tokens, hiddenSize]. */
function imageTokens({ parameters, visionTower, config }: VisionLanguageModel, { images }: PromptBatch): tf.Tensor2D {
  if (images.kind === "tokens") {
    const width = config.text.hiddenSize;
    return tf.tensor2d(images.tokens, [images.tokens.length / width, width]);
  }
  const run = (): tf.Tensor2D => {
    const parts = images.groups.map((group) => visionTower.run(parameters, group));
    return parts.length === 1 ? parts[0]! : (tf.concat(parts) as tf.Tensor2D);
  };
  if (visionTower.modules.some((module) => isTrained(parameters, module))) return run();
  // one operation without inputs: nothing inside it is recorded
  return runFused<tf.Tensor2D>({ inputs: {}, forward: run, backward: () => ({}) });
}

/** Text embeddings with the image tokens in their places, [B * L, hiddenSize]. */
function embedBatch(model: VisionLanguageModel, batch: PromptBatch): tf.Tensor2D {
  const text = embedIds(model, batch.inputIds); // [B * L, hiddenSize]
  if (!batch.slots.some((slot) => slot >= 0)) return text;
  return placeRows(text, imageTokens(model, batch), batch.slots);
}

/** Logits of hidden states, [n, hiddenSize] -> [n, vocabSize]; with the model's maps where they are given. */
function applyHead({ config, parameters }: VisionLanguageModel, hidden: tf.Tensor2D, maps?: LinearMaps): tf.Tensor2D {
  const moduleName = config.tieWordEmbeddings ? `${TEXT_PREFIX}.embed_tokens` : "lm_head";
  const update = parameters.adapters.get("lm_head") ?? null;
  if (maps !== undefined && update === null) return maps([moduleName], hidden);
  const weight = parameters.matrix(`${moduleName}.weight`); // [vocabSize, hiddenSize]
  return applyLinear(hidden, [{ moduleName, weight, bias: null, update }]);
}

/** What stands before the prompts of a batch and has been read, row by row. */
export interface ReadBefore {
  /** Keys and values, layer by layer. */
  readonly layers: readonly LayerCache[];
  /** [rows, K]: which of these tokens are real. */
  readonly attentionMask: Uint8Array;
}

/** How prompts are read whose model does not change meanwhile. */
export interface ReadHow {
  /** Its maps, made once for many batches. Default: made anew. */
  readonly maps?: LinearMaps;
  /** The beginnings of the prompts, which the batch then lacks. Default none. Goes with a cache that is kept. */
  readonly before?: ReadBefore;
}

interface ReadingOptions extends ReadHow {
  readonly caching: "keep" | "drop";
  /** Sees what runDecoder shows it. */
  readonly watch?: (state: tf.Tensor2D) => void;
}

/** Hidden states of a batch at chosen places, [positions, hiddenSize], and the cache, if it is kept. Run it inside tf.tidy. */
function readBatch(
  model: VisionLanguageModel,
  batch: PromptBatch,
  positions: readonly TokenPosition[],
  { caching, watch, maps, before }: ReadingOptions,
): DecoderResult {
  const { rows, columns } = batch;
  const outputs = Int32Array.from(positions, ({ row, column }) => {
    if (row >= 0 && row < rows && column >= 0 && column < columns) return row * columns + column;
    throw new ShapeError(
      `readerLogits: positions must lie within ${rows} rows and ${columns} columns; got row ${row}, column ${column}.`,
      { row, column, rows, columns },
    );
  });
  return runDecoder(model.parameters, model.config.text, embedBatch(model, batch), {
    rows,
    columns,
    angles: multimodalAngles(model.config.text, batch.positionIds),
    attentionMask:
      before === undefined ? batch.attentionMask : joinMasks(rows, before.attentionMask, batch.attentionMask),
    cache: before?.layers ?? [],
    caching,
    outputs,
    ...(watch === undefined ? {} : { watch }),
    ...(maps === undefined ? {} : { maps }),
  });
}

/**
 * Next-token logits at chosen places of a batch; the output head is computed there only.
 *
 * Shapes: -> [positions, vocabSize], in the order asked for.
 * Gradient: flows to all adapters and unfrozen weights. A vision tower without any of them is run outside the tape.
 *
 * @throws ShapeError when a position is outside the batch.
 */
export function readerLogits(
  model: VisionLanguageModel,
  batch: PromptBatch,
  positions: readonly TokenPosition[],
): tf.Tensor2D {
  return tf.tidy(() => applyHead(model, readBatch(model, batch, positions, { caching: "drop" }).hidden));
}

/** What a reader says, and what stands in its tokens on the way. */
export interface ReaderStates {
  /** [positions, vocabSize] */
  readonly logits: tf.Tensor2D;
  /** Of every layer but the last, all tokens, through the last norm: [B * L, hiddenSize]. */
  readonly layers: tf.Tensor2D[];
}

/**
 * `readerLogits` with the states of all tokens after each layer but the last, for probes.
 *
 * Gradient: as readerLogits, from the logits and from the states. The caller disposes both.
 *
 * @throws ShapeError when a position is outside the batch.
 */
export function readerStates(
  model: VisionLanguageModel,
  batch: PromptBatch,
  positions: readonly TokenPosition[],
): ReaderStates {
  const layers: tf.Tensor2D[] = [];
  const read = (): { logits: tf.Tensor2D; layers: tf.Tensor2D[] } => {
    const { hidden } = readBatch(model, batch, positions, { caching: "drop", watch: (state) => layers.push(state) });
    return { logits: applyHead(model, hidden), layers };
  };
  return tf.tidy(read);
}

/** Keys and values of a batch read so far, and what comes next. The holder calls `disposeCache`. */
export interface KvCache {
  readonly rows: number;
  /** Layer by layer; empty when nothing more will be read. */
  readonly layers: readonly LayerCache[];
  /** [rows, K]: which cached tokens are real. */
  readonly attentionMask: Uint8Array;
  /** [rows]: position id of the next token. */
  readonly nextPositionIds: Int32Array;
  /** Logits of the next token after the last one read, [rows, vocabSize]. */
  readonly logits: tf.Tensor2D;
}

/**
 * Reads a batch up to its last tokens. `caching` says whether more will be read after it.
 *
 * @throws StateError when what was read before is given and nothing is kept.
 */
export function prefill(
  model: VisionLanguageModel,
  batch: PromptBatch,
  caching: "keep" | "drop",
  how: ReadHow = {},
): KvCache {
  const last = Array.from(batch.lastColumns, (column, row) => ({ row, column }));
  const { logits, layers } = tf.tidy(() => {
    const result = readBatch(model, batch, last, { caching, ...how });
    return { logits: applyHead(model, result.hidden, how.maps), layers: result.cache };
  });
  const { rows, nextPositionIds } = batch;
  const { before } = how;
  const attentionMask = before ? joinMasks(rows, before.attentionMask, batch.attentionMask) : batch.attentionMask;
  return { rows, layers, attentionMask, nextPositionIds, logits };
}

/** Rows of a cache, each as often as it is named, as what stands before other prompts. The caller calls `disposeBefore`. */
export function takeBefore(cache: KvCache, rows: readonly number[]): ReadBefore {
  const columns = cache.attentionMask.length / cache.rows;
  const attentionMask = new Uint8Array(rows.length * columns);
  rows.forEach((row, i) => {
    attentionMask.set(cache.attentionMask.subarray(row * columns, (row + 1) * columns), i * columns);
  });
  const take = (blocks: readonly tf.Tensor3D[], places: tf.Tensor1D) => blocks.map((block) => tf.gather(block, places));
  const layers = tf.tidy(() => {
    const places = tf.tensor1d(rows as number[], "int32");
    return cache.layers.map(({ keys, values }) => ({ keys: take(keys, places), values: take(values, places) }));
  });
  return { layers, attentionMask };
}

/** Frees what `takeBefore` made. */
export function disposeBefore({ layers }: ReadBefore): void {
  tf.dispose(layers.flatMap(({ keys, values }) => [...keys, ...values]));
}

/** Masks side by side: [rows, K] and [rows, L] -> [rows, K + L]. */
function joinMasks(rows: number, first: Uint8Array, second: Uint8Array): Uint8Array {
  const [before, after] = [first.length / rows, second.length / rows];
  const joined = new Uint8Array(rows * (before + after));
  for (let row = 0; row < rows; row++) {
    joined.set(first.subarray(row * before, (row + 1) * before), row * (before + after));
    joined.set(second.subarray(row * after, (row + 1) * after), row * (before + after) + before);
  }
  return joined;
}

/** Further tokens, the same number for every row. */
interface Continuation {
  /** [rows, length] */
  readonly ids: Int32Array;
  readonly length: number;
  /** The model's maps, the same as for the cache. */
  readonly maps: LinearMaps;
}

/** Reads further tokens on top of a cache, which stays as it is; the result holds both. Its logits: [rows * length, vocabSize]. */
export function readOn(model: VisionLanguageModel, cache: KvCache, next: Continuation): KvCache {
  const { rows, nextPositionIds } = cache;
  const { length, maps } = next;
  const tokens = Int32Array.from({ length: rows * length }, (_, i) => i);
  const line = tokens.map((i) => nextPositionIds[Math.floor(i / length)]! + (i % length));
  const positionIds = new Int32Array(3 * line.length);
  for (let axis = 0; axis < 3; axis++) positionIds.set(line, axis * line.length);
  const attentionMask = joinMasks(rows, cache.attentionMask, new Uint8Array(rows * length).fill(1)); // the new tokens are real
  const result = tf.tidy(() => {
    const read = runDecoder(model.parameters, model.config.text, embedIds(model, next.ids), {
      rows,
      columns: length,
      angles: multimodalAngles(model.config.text, positionIds),
      attentionMask,
      cache: cache.layers,
      caching: "keep",
      outputs: tokens,
      maps,
    });
    return { logits: applyHead(model, read.hidden, maps), layers: read.cache };
  });
  return { rows, attentionMask, nextPositionIds: nextPositionIds.map((id) => id + length), ...result };
}

/** Frees what a cache holds. */
export function disposeCache(cache: KvCache): void {
  cache.logits.dispose();
  disposeBefore(cache);
}
