import * as tf from "@tensorflow/tfjs-core";
import { StateError } from "../base/errors";
import { gatedSilu } from "../compute/ops/activations";
import { attention } from "../compute/ops/attention";
import { rmsNorm } from "../compute/ops/norms";
import { type RotaryTable, rotate } from "../compute/ops/rotary";
import type { DecoderConfig } from "./decoder-config";
import type { DecoderPass, LayerMemory } from "./decoder-pass";
import { fullView, keepsAll, keptView, type QueryView } from "./decoder-view";
import { type LinearMaps, linearMaps } from "./linear";
import type { ParameterStore } from "./parameters";
import { createRotaryTable } from "./rotary";
import { gatherRows } from "./token-rows";
import { TEXT_PREFIX } from "./vision-language";

/** Hidden states of the kept tokens, [keep, hiddenSize], after the last norm, and what each layer remembers; empty when dropped. */
export interface DecoderResult {
  readonly hidden: tf.Tensor2D;
  readonly memory: LayerMemory[];
}

/**
 * Runs the decoder layers and the last norm.
 *
 * The last layer computes queries and MLP for the kept tokens only: nothing reads its other outputs.
 * Shapes: x [B * L, hiddenSize]. Gradient: flows to x and to whatever is trainable in the layers.
 * Memory: run it inside tf.tidy and return what is needed.
 *
 * @throws StateError when a pass that remembers nothing is given a memory.
 */
export function runDecoder(
  store: ParameterStore,
  config: DecoderConfig,
  x: tf.Tensor2D,
  pass: DecoderPass,
): DecoderResult {
  if (pass.remember === "drop" && pass.memory.length > 0)
    throw new StateError(
      `runDecoder: remember must be "keep" in a pass on top of a memory; got "drop" with ${pass.memory.length} layers.`,
    );
  const maps = pass.maps ?? linearMaps(store);
  const keyTable = createRotaryTable(pass.angles);
  const everything = fullView(pass, keyTable);
  const kept = keepsAll(pass) ? everything : keptView(pass);
  const memory: LayerMemory[] = [];
  let hidden = x;
  for (let index = 0; index < config.numLayers; index++) {
    const view = index === config.numLayers - 1 ? kept : everything;
    const prefix = `${TEXT_PREFIX}.layers.${index}`;
    const layer = { store, maps, config, prefix, rows: pass.rows, remember: pass.remember, keyTable, view };
    const result = runLayer(layer, hidden, pass.memory[index] ?? null);
    hidden = result.hidden;
    if (result.memory !== null) memory.push(result.memory);
  }
  if (kept.order !== null) hidden = gatherRows(hidden, kept.order);
  return { hidden: norm(store, `${TEXT_PREFIX}.norm`, hidden, config.rmsNormEps), memory };
}

interface Layer {
  readonly store: ParameterStore;
  readonly maps: LinearMaps;
  readonly config: DecoderConfig;
  readonly prefix: string;
  readonly rows: number;
  readonly remember: "keep" | "drop";
  readonly keyTable: RotaryTable;
  readonly view: QueryView;
}

function runLayer(
  layer: Layer,
  x: tf.Tensor2D,
  past: LayerMemory | null,
): { hidden: tf.Tensor2D; memory: LayerMemory | null } {
  const { store, maps, config, prefix, rows, view } = layer;
  const eps = config.rmsNormEps;
  const normed = norm(store, `${prefix}.input_layernorm`, x, eps);
  const asking = view.pick === null ? normed : gatherRows(normed, view.pick);
  const residual = view.pick === null ? x : gatherRows(x, view.pick);

  const projected = project(layer, normed, asking);
  const memory = layer.remember === "drop" ? null : remember(layer, past, projected);
  const { keys, values } = memory ?? { keys: byRow(projected.keys, rows), values: byRow(projected.values, rows) };
  const rotary = { queries: view.table, keys: memory === null ? layer.keyTable : ("turned" as const) };
  const { numHeads, numKeyValueHeads } = config;
  const options = { numHeads, numKeyValueHeads, mask: view.mask, rotary };
  const attended = attention(byRow(projected.queries, rows), keys, values, options);
  const flat = tf.reshape(attended, [residual.shape[0], attended.shape[2]]) as tf.Tensor2D; // [B * M, heads * headDim]
  const middle = maps([`${prefix}.self_attn.o_proj`], flat, residual);

  const mlpInput = norm(store, `${prefix}.post_attention_layernorm`, middle, eps);
  const wide = maps([`${prefix}.mlp.gate_proj`, `${prefix}.mlp.up_proj`], mlpInput);
  const gated = gatedSilu(wide); // [B * M, intermediateSize]
  return { hidden: maps([`${prefix}.mlp.down_proj`], gated, middle), memory };
}

interface Projected {
  readonly queries: tf.Tensor2D;
  readonly keys: tf.Tensor2D;
  readonly values: tf.Tensor2D;
}

/** Queries of the asking tokens, keys and values of all; one product where all ask. */
function project({ store, maps, prefix }: Layer, normed: tf.Tensor2D, asking: tf.Tensor2D): Projected {
  const names = ["q_proj", "k_proj", "v_proj"].map((name) => `${prefix}.self_attn.${name}`);
  const [queryWidth, keyWidth, valueWidth] = names.map((name) => store.shape(`${name}.weight`)[0]!);
  if (asking === normed) {
    const joined = maps(names, normed);
    const [queries, keys, values] = tf.split(joined, [queryWidth!, keyWidth!, valueWidth!], 1) as tf.Tensor2D[];
    return { queries: queries!, keys: keys!, values: values! };
  }
  const joined = maps(names.slice(1), normed);
  const [keys, values] = tf.split(joined, [keyWidth!, valueWidth!], 1) as tf.Tensor2D[];
  return { queries: maps(names.slice(0, 1), asking), keys: keys!, values: values! };
}

/** The past with what a pass adds, keys turned once as they enter; nothing of the past changes. */
function remember({ rows, keyTable }: Layer, past: LayerMemory | null, projected: Projected): LayerMemory {
  const keys = byRow(rotate(projected.keys, keyTable), rows);
  const values = byRow(projected.values, rows);
  if (past === null) return { keys: [keys], values: [values] };
  return { keys: append(past.keys, keys), values: append(past.values, values) };
}

function append([first, ...later]: readonly tf.Tensor3D[], fresh: tf.Tensor3D): tf.Tensor3D[] {
  const last = later.length === 0 ? fresh : (tf.concat([...later, fresh], 1) as tf.Tensor3D);
  return [tf.clone(first!), last]; // a clone shares its values; either may be disposed first
}

/** [B * L, D] -> [B, L, D] */
function byRow(x: tf.Tensor2D, rows: number): tf.Tensor3D {
  return tf.reshape(x, [rows, x.shape[0] / rows, x.shape[1]]);
}

function norm(store: ParameterStore, module: string, x: tf.Tensor2D, eps: number): tf.Tensor2D {
  return rmsNorm(x, store.get(`${module}.weight`), eps);
}
