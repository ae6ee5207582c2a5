import { ConfigError, DataError, ShapeError } from "../../base/errors";
import type { RasterImage } from "../../base/types";
import { longestText } from "../layers/rope";
import { type ChatMessage, imagesOf, renderChat } from "../text/chat-template";
import { type BatchImages, gatherImages, type ImageTable, type ImageTokens } from "./image-batch";
import type { VisionLanguageModel } from "./model";

/** A prompt as token ids, image placeholders expanded to one id per image token. */
export interface PromptTokens {
  readonly inputIds: Int32Array;
  /** In reading order. */
  readonly images: readonly RasterImage[];
}

/** The answers a batch is to learn: token i of `targets` is predicted at `positions[i]`. */
interface BatchAnswers {
  readonly positions: readonly TokenPosition[];
  readonly targets: Int32Array;
}

/** A token of a batch. */
export interface TokenPosition {
  readonly row: number;
  readonly column: number;
}

/** Prompts side by side, padded to one length. B rows, L columns. Plain arrays: nothing to dispose. */
export interface PromptBatch {
  readonly rows: number;
  readonly columns: number;
  /** [B, L]; the pad token where there is nothing. */
  readonly inputIds: Int32Array;
  /** [B, L]: 1 where there is a token. */
  readonly attentionMask: Uint8Array;
  /** [3, B, L]: time, height and width of every token. */
  readonly positionIds: Int32Array;
  /** [B]: position id of the token that would come next. */
  readonly nextPositionIds: Int32Array;
  /** [B]: column of the last token. */
  readonly lastColumns: Int32Array;
  /** [B, L]: which image token stands there, counted over all images of the batch; -1 for text. */
  readonly slots: Int32Array;
  readonly images: BatchImages;
  readonly answers: BatchAnswers | null;
}

export interface CollateOptions {
  /** Where the padding goes. Default "left", so that every prompt ends in the last column. */
  readonly side?: "left" | "right";
  /** One answer per prompt, appended to it as the assistant's words. */
  readonly answers?: readonly string[];
  /** Whether an answer ends with the end-of-turn token, which is then learned too. Default "endToken". */
  readonly answerEnd?: "endToken" | "open";
  /** Image tokens by image, as `encodeVision` made them; then no patches are cut. Must hold every image of the batch. */
  readonly vision?: ReadonlyMap<RasterImage, ImageTokens>;
  /** Leading tokens of each prompt that were read already, with whole images only: they are left out of the batch. Default none. */
  readonly read?: readonly number[];
  /** The number of columns is filled up to a multiple of this. Default 1. */
  readonly columnsOf?: number;
}

/**
 * Turns a conversation into token ids, ready for the assistant to answer.
 *
 * @throws DataError when a text holds a marker of the chat format, or the template loses or adds images.
 */
export function tokenizePrompt(model: VisionLanguageModel, messages: readonly ChatMessage[]): PromptTokens {
  return expandImages(model, tokenizeChat(model, messages), imagesOf(messages));
}

/** A conversation as token ids with one placeholder an image: they depend on its texts, not on what its pictures show. */
export function tokenizeChat(model: VisionLanguageModel, messages: readonly ChatMessage[]): readonly number[] {
  return encodeChat(model, renderChat(model.chatTemplate, messages, "assistant", model.tokenizer));
}

/**
 * Puts as many placeholders as an image has tokens in the place of each one.
 *
 * @throws DataError when there is not one placeholder per image.
 */
export function expandImages(
  model: VisionLanguageModel,
  ids: readonly number[],
  images: readonly RasterImage[],
): PromptTokens {
  const { imageTokenId } = model.config;
  const found = ids.filter((id) => id === imageTokenId).length;
  if (found !== images.length)
    throw new DataError(
      `tokenizePrompt: the chat template must write one image placeholder per image, ${images.length}; got ${found}. Check the checkpoint's chat template and image_token_id.`,
      { found, images: images.length },
    );
  let next = 0;
  const expanded = ids.flatMap((id) => {
    if (id !== imageTokenId) return [id];
    return model.imageProcessor.placeholdersOf(model.imageProcessor.gridOf(images[next++]!));
  });
  return { inputIds: Int32Array.from(expanded), images };
}

/** A template that writes the first token itself gets no second one from the tokenizer. */
function encodeChat({ tokenizer }: VisionLanguageModel, text: string): number[] {
  const begins = typeof tokenizer.begin === "string" && text.startsWith(tokenizer.begin);
  return tokenizer.encode(text, begins ? "bare" : "added");
}

/**
 * Pads prompts to one length and gathers their images; an image used by several prompts is kept once.
 *
 * @throws ConfigError when there is no prompt, or not one answer per prompt. DataError when placeholders and images do not match.
 */
export function collatePrompts(
  model: VisionLanguageModel,
  prompts: readonly PromptTokens[],
  options: CollateOptions = {},
): PromptBatch {
  const { side = "left", answers, answerEnd = "endToken", vision, columnsOf = 1 } = options;
  const read = options.read ?? prompts.map(() => 0);
  if (prompts.length === 0)
    throw new ConfigError(
      "collatePrompts: prompts must hold at least one prompt; got none. Pass what tokenizePrompt made.",
    );
  if (answers !== undefined && answers.length !== prompts.length)
    throw new ConfigError(
      `collatePrompts: answers must hold one answer per prompt, ${prompts.length}; got ${answers.length}.`,
      { answers: answers.length, prompts: prompts.length },
    );
  const end = answerEnd === "endToken" ? [model.config.text.endTokenId] : [];
  const answerIds = prompts.map((_, row) =>
    answers === undefined ? [] : [...model.tokenizer.encode(answers[row]!, "bare"), ...end],
  );
  const sequences = prompts.map((prompt, row) => Int32Array.from([...prompt.inputIds, ...answerIds[row]!]));
  const table = gatherImages(
    model,
    prompts.flatMap((prompt, row) => prompt.images.slice(countImages(model, prompt, read[row]!))),
    vision,
  );
  const batch = layOut(model, { sequences, prompts, table, side, read, columnsOf });
  return { ...batch, answers: answers === undefined ? null : answerPlaces(batch, answerIds) };
}

/** How many of a prompt's images stand in its first tokens. */
function countImages(model: VisionLanguageModel, { inputIds, images }: PromptTokens, numTokens: number): number {
  if (numTokens === 0) return 0;
  const { imageProcessor, config } = model;
  let left = inputIds.subarray(0, numTokens).filter((id) => id === config.imageTokenId).length;
  const first = images.findIndex((image) => {
    const size = imageProcessor.tokensOf(imageProcessor.gridOf(image));
    left -= size;
    return left < 0;
  });
  return first === -1 ? images.length : first;
}

interface Layout {
  readonly sequences: readonly Int32Array[];
  readonly prompts: readonly PromptTokens[];
  readonly table: ImageTable;
  readonly side: "left" | "right";
  readonly read: readonly number[];
  readonly columnsOf: number;
}

type BareBatch = Omit<PromptBatch, "answers">;

function layOut(model: VisionLanguageModel, layout: Layout): BareBatch {
  const { sequences, table, read, columnsOf } = layout;
  const { text } = model.config;
  const rows = sequences.length;
  const longest = Math.max(...sequences.map((ids) => ids.length));
  const most = longestText(text);
  if (longest > most)
    throw new ShapeError(
      `collatePrompts: a prompt must have at most ${most} tokens; got ${longest}. Shorten the text.`,
      { columns: longest },
    );
  const columns = Math.ceil(Math.max(...sequences.map((ids, row) => ids.length - read[row]!)) / columnsOf) * columnsOf;
  const size = rows * columns;
  const batch: BareBatch = {
    rows,
    columns,
    inputIds: new Int32Array(size).fill(text.padTokenId),
    attentionMask: new Uint8Array(size),
    positionIds: new Int32Array(3 * size),
    nextPositionIds: new Int32Array(rows),
    lastColumns: new Int32Array(rows),
    slots: new Int32Array(size).fill(-1),
    images: table.images,
  };
  for (let row = 0; row < rows; row++) fillRow(model, batch, layout, row);
  return batch;
}

/** Writes one sequence, its position ids and its images' places into its row. */
function fillRow(model: VisionLanguageModel, batch: BareBatch, layout: Layout, row: number): void {
  const { columns, rows, inputIds, attentionMask, positionIds, nextPositionIds, lastColumns, slots } = batch;
  const { table, side } = layout;
  const [prompt, whole, read] = [layout.prompts[row]!, layout.sequences[row]!, layout.read[row]!];
  const ids = whole.subarray(read);
  const shift = side === "left" ? columns - ids.length : 0;
  const start = row * columns + shift;
  const grids = prompt.images.map((image) => table.grids.get(image) ?? model.imageProcessor.gridOf(image));
  const placed = model.positionIds(whole, grids);
  inputIds.set(ids, start);
  attentionMask.fill(1, start, start + ids.length);
  for (let axis = 0; axis < 3; axis++) {
    const line = placed.positionIds.subarray(axis * whole.length + read, (axis + 1) * whole.length);
    positionIds.set(line, axis * rows * columns + start);
  }
  nextPositionIds[row] = placed.next;
  lastColumns[row] = shift + ids.length - 1;
  const imageSlots = prompt.images.slice(countImages(model, prompt, read)).flatMap((image) => {
    const first = table.offsets.get(image)!;
    return Array.from({ length: model.imageProcessor.tokensOf(table.grids.get(image)!) }, (_, token) => first + token);
  });
  let next = 0;
  ids.forEach((id, i) => {
    if (id === model.config.imageTokenId) slots[start + i] = imageSlots[next++]!;
  });
}

function answerPlaces(batch: BareBatch, answerIds: readonly number[][]): BatchAnswers {
  const positions = answerIds.flatMap((ids, row) =>
    ids.map((_, i) => ({ row, column: batch.lastColumns[row]! - ids.length + i })),
  );
  return { positions, targets: Int32Array.from(answerIds.flat()) };
}
