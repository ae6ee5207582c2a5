import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../base/errors";
import { runFused } from "../../compute/fused-op";
import { embedding } from "../../compute/ops/embedding";
import { type DecoderResult, runDecoder } from "../layers/decoder";
import { applyLinear } from "../layers/linear";
import { multimodalAngles } from "../layers/rotary";
import { placeRows } from "../layers/token-rows";
import type { ParameterStore } from "../weights/parameters";
import { TEXT_PREFIX, type VisionLanguageModel } from "./model";
import type { PromptBatch, TokenPosition } from "./prompt-batch";

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
  return tf.tidy(() => applyHead(model, readBatch(model, batch, positions, "drop").hidden));
}

/** Hidden states of a batch at chosen places, and what each layer remembers, if it is kept. Run it inside tf.tidy. */
export function readBatch(
  model: VisionLanguageModel,
  batch: PromptBatch,
  positions: readonly TokenPosition[],
  remember: "keep" | "drop",
): DecoderResult {
  const { rows, columns } = batch;
  const keep = Int32Array.from(positions, ({ row, column }) => {
    if (row >= 0 && row < rows && column >= 0 && column < columns) return row * columns + column;
    throw new ShapeError(
      `readerLogits: positions must lie within ${rows} rows and ${columns} columns; got row ${row}, column ${column}.`,
      { row, column, rows, columns },
    );
  });
  return runDecoder(model.parameters, model.config.text, embedBatch(model, batch), {
    rows,
    columns,
    angles: multimodalAngles(model.config.text, batch.positions),
    visible: batch.mask,
    memory: [],
    remember,
    keep,
  });
}

/** Logits of hidden states, [n, hiddenSize] -> [n, vocabSize]. */
export function applyHead(model: VisionLanguageModel, hidden: tf.Tensor2D): tf.Tensor2D {
  const moduleName = model.config.tieWordEmbeddings ? `${TEXT_PREFIX}.embed_tokens` : "lm_head";
  const weight = model.parameters.get(`${moduleName}.weight`) as unknown as tf.Tensor2D;
  const update = model.parameters.adapters.get("lm_head") ?? null;
  return applyLinear(hidden, { moduleName, weight, bias: null, update });
}

/** Token embeddings of some ids, [n, hiddenSize]. */
export function embedIds(model: VisionLanguageModel, ids: Int32Array): tf.Tensor2D {
  return embedding(model.parameters.get(`${TEXT_PREFIX}.embed_tokens.weight`), ids);
}

function embedBatch(model: VisionLanguageModel, batch: PromptBatch): tf.Tensor2D {
  const text = embedIds(model, batch.inputIds); // [B * L, hiddenSize]
  if (!batch.slots.some((slot) => slot >= 0)) return text;
  return placeRows(text, imageTokens(model, batch), batch.slots);
}

function imageTokens(model: VisionLanguageModel, batch: PromptBatch): tf.Tensor2D {
  const { images } = batch;
  if (images.kind === "tokens") {
    const width = model.config.text.hiddenSize;
    return tf.tensor2d(images.tokens, [images.tokens.length / width, width]);
  }
  const run = (): tf.Tensor2D => {
    const parts = images.groups.map((group) => model.pictures.run(model.parameters, group));
    return parts.length === 1 ? parts[0]! : (tf.concat(parts) as tf.Tensor2D);
  };
  if (model.pictures.modules.some((module) => isTrained(model.parameters, module))) return run();
  // one operation without inputs: nothing inside it is recorded
  return runFused<tf.Tensor2D>({ inputs: {}, forward: run, backward: () => ({}) });
}

/** Whether any weight or adapter below a module can learn. */
export function isTrained(store: ParameterStore, prefix: string): boolean {
  const below = (name: string): boolean => name.startsWith(`${prefix}.`);
  if ([...store.adapters.keys()].some(below)) return true;
  return store.names().some((name) => below(name) && store.get(name).trainable);
}
