import * as tf from "@tensorflow/tfjs-core";
import { StateError } from "../../base/errors";
import type { Random } from "../../base/random";
import { gatedSilu } from "../../compute/ops/activations";
import { attention } from "../../compute/ops/attention";
import { rmsNorm } from "../../compute/ops/norms";
import { type RotaryTable, rotate } from "../../compute/ops/rotary";
import { TEXT_PREFIX } from "../vision-language/model";
import type { ParameterStore, WeightArray } from "../weights/parameters";
import { type LinearMaps, linearMaps } from "./linear";
import { createRotaryTable, type RotaryAngles } from "./rotary";
import { gatherRows } from "./token-rows";

/** Sizes of a decoder with rotary positions, grouped-query attention and a gated MLP: Qwen2's and Mistral's. */
export interface DecoderConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly numKeyValueHeads: number;
  /** Width of a head. Default hiddenSize / numHeads. */
  readonly headDim?: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  /** How many rotary frequencies follow the time, height and width position; sums to half a head. */
  readonly mropeSection: readonly [number, number, number];
  readonly maxPositions: number;
  readonly padTokenId: number;
  readonly endTokenId: number;
}

/** Most layers a model may claim: a damaged file must not make millions of names. */
export const MAX_LAYERS = 1000;
/** Largest size a model may claim. */
export const MAX_SIZE = 2 ** 31;

/** Width of one attention head. */
export function headWidth(config: DecoderConfig): number {
  return config.headDim ?? config.hiddenSize / config.numHeads;
}

/**
 * Keys and values of one layer, keys rotated already, each in at most two blocks [batch, K, keyValueHeads * headDim]: those of
 * the first pass and, behind them, those of all later ones. So a further token need not copy the prompt's.
 */
export type LayerMemory = {
  readonly keys: tf.Tensor3D[];
  readonly values: tf.Tensor3D[];
};

/** One pass of the text model over L new tokens of each of B rows. */
export interface DecoderPass {
  readonly rows: number;
  readonly columns: number;
  /** Rotary angles of the new tokens, [B * L, headDim]. */
  readonly angles: RotaryAngles;
  /** Which of the K keys (remembered ones first) each row may look at, [B, K]: 1 = yes. Later tokens are hidden anyway. */
  readonly visible: Uint8Array;
  /** Keys and values of earlier tokens, layer by layer; empty in a first pass. */
  readonly memory: readonly LayerMemory[];
  /** Whether more will be read after this pass. "drop" goes with an empty memory only. */
  readonly remember: "keep" | "drop";
  /** The tokens whose hidden state is asked for, as row * L + column. */
  readonly keep: Int32Array;
  /** Default: those of the store. */
  readonly maps?: LinearMaps;
}

const EMBEDDING_DEVIATION = 0.02;

/** Whether queries, keys and values have a bias: Qwen2 yes, Mistral no. */
export type AttentionBias = "bias" | "none";

/** Name and shape of every weight of a text model, under the module names of transformers 5. */
export function decoderShapes(config: DecoderConfig, bias: AttentionBias): [string, number[]][] {
  const { hiddenSize: width, intermediateSize } = config;
  const queryWidth = headWidth(config) * config.numHeads;
  const keyWidth = headWidth(config) * config.numKeyValueHeads;
  const projection = bias === "bias" ? affine : plain;
  const shapes: [string, number[]][] = [[`${TEXT_PREFIX}.embed_tokens.weight`, [config.vocabSize, width]]];
  for (let layer = 0; layer < config.numLayers; layer++) {
    const prefix = `${TEXT_PREFIX}.layers.${layer}`;
    shapes.push(
      ...projection(`${prefix}.self_attn.q_proj`, [queryWidth, width]),
      ...projection(`${prefix}.self_attn.k_proj`, [keyWidth, width]),
      ...projection(`${prefix}.self_attn.v_proj`, [keyWidth, width]),
      ...plain(`${prefix}.self_attn.o_proj`, [width, queryWidth]),
      ...plain(`${prefix}.mlp.gate_proj`, [intermediateSize, width]),
      ...plain(`${prefix}.mlp.up_proj`, [intermediateSize, width]),
      ...plain(`${prefix}.mlp.down_proj`, [width, intermediateSize]),
      ...plain(`${prefix}.input_layernorm`, [width]),
      ...plain(`${prefix}.post_attention_layernorm`, [width]),
    );
  }
  shapes.push(...plain(`${TEXT_PREFIX}.norm`, [width]));
  return shapes;
}

/** A module with a weight of this shape and no bias. */
export function plain(module: string, weightShape: number[]): [string, number[]][] {
  return [[`${module}.weight`, weightShape]];
}

/** A module with a weight of this shape and a bias as long as its first axis. */
export function affine(module: string, weightShape: number[]): [string, number[]][] {
  return [
    [`${module}.weight`, weightShape],
    [`${module}.bias`, [weightShape[0]!]],
  ];
}

/**
 * Fresh weights: normal with deviation 1/√inputs for linear maps and 0.02 for embeddings, one for the scale of a norm, zero
 * for biases. (0.02 for all, as large models have it, leaves the attention of a narrow model flat for a thousand steps.)
 */
export function drawWeights(shapes: ReadonlyMap<string, readonly number[]>, random: Random): Map<string, WeightArray> {
  const weights = new Map<string, WeightArray>();
  for (const [name, shape] of shapes) {
    const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
    const draw = random.fork(name);
    const inputs = data.length / shape[0]!;
    const deviation = name.includes("embed_tokens") ? EMBEDDING_DEVIATION : inputs ** -0.5;
    if (shape.length > 1) for (let i = 0; i < data.length; i++) data[i] = draw.normal(0, deviation);
    else if (name.endsWith(".weight")) data.fill(1);
    weights.set(name, { shape, data });
  }
  return weights;
}

const HIDDEN_SCORE = -1e9;

/** Which tokens ask in a layer, and what they may see. */
export interface QueryView {
  /** Rows of the activation that ask, the same number M for each batch row; null: all of them. */
  readonly pick: Int32Array | null;
  /** Where the kept tokens stand among the asking ones; null: they are the same. */
  readonly order: Int32Array | null;
  readonly table: RotaryTable;
  /** [B, 1, M, K] */
  readonly mask: tf.Tensor4D;
}

/** All tokens of a pass ask; `table` holds their angles. */
export function fullView(pass: DecoderPass, table: RotaryTable): QueryView {
  const all = Int32Array.from({ length: pass.rows * pass.columns }, (_, i) => i);
  return { pick: null, order: null, table, mask: maskOf(pass, all) };
}

/** Whether every token is kept, in its place. */
export function keepsAll({ keep, rows, columns }: DecoderPass): boolean {
  return keep.length === rows * columns && keep.every((token, i) => token === i);
}

/** The kept tokens, filled up so that each batch row asks equally often. */
export function keptView(pass: DecoderPass): QueryView {
  const byRow = Array.from({ length: pass.rows }, (): number[] => []);
  for (const token of pass.keep) byRow[Math.floor(token / pass.columns)]!.push(token);
  const most = byRow.reduce((high, tokens) => Math.max(high, tokens.length), 1);
  const pick = Int32Array.from(
    byRow.flatMap((tokens, row) =>
      Array.from({ length: most }, (_, i) => tokens[i] ?? tokens[0] ?? row * pass.columns),
    ),
  );
  const seen = new Int32Array(pass.rows);
  const order = pass.keep.map((token) => {
    const row = Math.floor(token / pass.columns);
    return row * most + seen[row]!++;
  });
  const same = order.length === pick.length && order.every((place, i) => place === i);
  return {
    pick,
    order: same ? null : order,
    table: createRotaryTable(pickAngles(pass.angles, pick)),
    mask: maskOf(pass, pick),
  };
}

function pickAngles(angles: RotaryAngles, pick: Int32Array): RotaryAngles {
  const { headDim } = angles;
  const take = (values: Float32Array): Float32Array => {
    const out = new Float32Array(pick.length * headDim);
    pick.forEach((from, to) => {
      out.set(values.subarray(from * headDim, (from + 1) * headDim), to * headDim);
    });
    return out;
  };
  return { cos: take(angles.cos), sin: take(angles.sin), count: pick.length, headDim };
}

/** 0 where an asking token may look, a large negative score at hidden and at later keys. */
function maskOf(pass: DecoderPass, asking: Int32Array): tf.Tensor4D {
  const keyCount = pass.visible.length / pass.rows;
  const remembered = keyCount - pass.columns;
  const mask = new Float32Array(asking.length * keyCount);
  asking.forEach((token, i) => {
    const row = Math.floor(token / pass.columns);
    const last = remembered + (token % pass.columns);
    for (let key = 0; key < keyCount; key++)
      if (key > last || pass.visible[row * keyCount + key] === 0) mask[i * keyCount + key] = HIDDEN_SCORE;
  });
  return tf.tensor4d(mask, [pass.rows, 1, asking.length / pass.rows, keyCount]);
}

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
