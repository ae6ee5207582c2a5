import * as tf from "@tensorflow/tfjs-core";
import { applyHead, embedIds, readBatch } from "../vision-language/logits";
import type { VisionLanguageModel } from "../vision-language/model";
import type { PromptBatch } from "../vision-language/prompt-batch";
import { type LayerMemory, runDecoder } from "./decoder";
import type { LinearMaps } from "./linear";
import { multimodalAngles } from "./rotary";

/** A batch read so far. The holder calls `closeMemory`. */
export interface ReadingMemory {
  readonly rows: number;
  /** Keys and values layer by layer; empty when nothing more will be read. */
  readonly layers: readonly LayerMemory[];
  /** [rows, K]: which remembered tokens are real. */
  readonly visible: Uint8Array;
  /** [rows]: position of the next token. */
  readonly nextPositions: Int32Array;
  /** Logits of the next token after the last one read, [rows, vocabSize]. */
  readonly logits: tf.Tensor2D;
}

/** Reads a batch up to its last tokens. `layers` says whether more will be read after it. */
export function openMemory(model: VisionLanguageModel, batch: PromptBatch, layers: "keep" | "drop"): ReadingMemory {
  const last = Array.from(batch.lastColumns, (column, row) => ({ row, column }));
  const { logits, memory } = tf.tidy(() => {
    const result = readBatch(model, batch, last, layers);
    return { logits: applyHead(model, result.hidden), memory: result.memory };
  });
  return { rows: batch.rows, layers: memory, visible: batch.mask, nextPositions: batch.nextPositions, logits };
}

/** Further tokens, the same number for every row. */
export interface Continuation {
  /** [rows, length] */
  readonly ids: Int32Array;
  readonly length: number;
  /** The model's maps, the same as for the memory. */
  readonly maps: LinearMaps;
}

/** Reads further tokens on top of a memory, which stays as it is; the result remembers both. */
export function continueReading(model: VisionLanguageModel, memory: ReadingMemory, next: Continuation): ReadingMemory {
  const { rows, nextPositions } = memory;
  const { length, maps } = next;
  const line = Int32Array.from(
    { length: rows * length },
    (_, i) => nextPositions[Math.floor(i / length)]! + (i % length),
  );
  const positions = new Int32Array(3 * line.length);
  for (let axis = 0; axis < 3; axis++) positions.set(line, axis * line.length);
  const visible = extendVisible(memory, length);
  const result = tf.tidy(() => {
    const read = runDecoder(model.parameters, model.config.text, embedIds(model, next.ids), {
      rows,
      columns: length,
      angles: multimodalAngles(model.config.text, positions),
      visible,
      memory: memory.layers,
      remember: "keep",
      keep: Int32Array.from({ length: rows * length }, (_, i) => i),
      maps,
    });
    return { logits: applyHead(model, read.hidden), layers: read.memory };
  });
  return { rows, visible, nextPositions: nextPositions.map((position) => position + length), ...result };
}

/** Frees what a memory holds. */
export function closeMemory(memory: ReadingMemory): void {
  tf.dispose([memory.logits, ...memory.layers.flatMap(({ keys, values }) => [...keys, ...values])]);
}

function extendVisible({ rows, visible }: ReadingMemory, length: number): Uint8Array {
  const before = visible.length / rows;
  const extended = new Uint8Array(rows * (before + length)).fill(1);
  for (let row = 0; row < rows; row++)
    extended.set(visible.subarray(row * before, (row + 1) * before), row * (before + length));
  return extended;
}
