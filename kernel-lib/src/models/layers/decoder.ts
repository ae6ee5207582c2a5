import * as tf from "@tensorflow/tfjs-core";
import { StateError } from "../../base/errors";
import { gatedSilu } from "../../compute/ops/activations";
import { attention } from "../../compute/ops/attention";
import { rmsNorm } from "../../compute/ops/norms";
import { createRotaryTable, fillAngles, type RotaryAngles, type RotaryTable, rotate } from "../../compute/ops/rotary";
import { gatherRows } from "../../compute/ops/rows";
import { assertMultiple, assertSizes } from "../weights/fields";
import { type NamedShape, type ParameterStore, type WeightArray, withBias, withoutBias } from "../weights/parameters";
import { type LinearMaps, linearMaps } from "./linear";
import { type RopeConfig, rotaryFrequencies, rotaryScale } from "./rope";

/*
 * The text model of every reader: a decoder with rotary positions, grouped-query attention, RMS norms before each part and a
 * gated MLP, Qwen2's and Mistral's. B rows of L tokens stand below each other, [B * L, D].
 */

/** Sizes of a decoder. */
export interface DecoderConfig extends RopeConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly numKeyValueHeads: number;
  /** Width of a head. Default hiddenSize / numHeads. */
  readonly headDim?: number;
  readonly rmsNormEps: number;
  /** How many rotary frequencies follow the time, height and width position; sums to half a head. */
  readonly mropeSection: readonly [number, number, number];
  /** Fills up shorter prompts of a batch; where the model writes it, its answer is over. */
  readonly padTokenId: number;
  /** Ends a turn: the last token of an answer that is learned. */
  readonly endTokenId: number;
  /** Tokens that end an answer as well. Default none. */
  readonly otherEndTokenIds?: readonly number[];
}

/** Width of one attention head. */
export function headWidth(config: DecoderConfig): number {
  return config.headDim ?? config.hiddenSize / config.numHeads;
}

const TOKENS = ["padTokenId", "endTokenId", "otherEndTokenIds"];
/** Fields of a text model that are no sizes. */
const NO_SIZES: readonly string[] = [...TOKENS, "mropeSection", "rmsNormEps", "ropeTheta", "ropeScaling"];

/** Throws ConfigError when the sizes of a text model contradict each other. */
export function assertDecoderConfig(where: string, text: DecoderConfig): void {
  assertSizes(where, text, NO_SIZES);
  assertMultiple(where, ["text.numHeads", text.numHeads], ["text.numKeyValueHeads", text.numKeyValueHeads]);
  assertMultiple(where, ["the text model's head width", headWidth(text)], ["a pair", 2]);
}

/** `eos_token_id` of a config.json: a number, or several. */
export function endTokensJson({ endTokenId, otherEndTokenIds = [] }: DecoderConfig): number | number[] {
  return otherEndTokenIds.length === 0 ? endTokenId : [endTokenId, ...otherEndTokenIds];
}

/** Prefix of the text model's modules, the same in every reader. */
export const TEXT_PREFIX = "model.language_model";

const HEAD_WEIGHT = "lm_head.weight";

/**
 * A configuration whose output head is the one that the file holds. Some files hold the shared matrix twice: the copy is taken out of
 * `weights`. A head with other values than the token embedding was trained apart from it, whatever the configuration says, and is
 * taken as such, as transformers 5 does.
 */
export function withStoredHead<C extends { readonly tieWordEmbeddings: boolean }>(
  config: C,
  weights: Map<string, WeightArray>,
): C {
  const [head, embedding] = [weights.get(HEAD_WEIGHT), weights.get(`${TEXT_PREFIX}.embed_tokens.weight`)];
  if (!config.tieWordEmbeddings || head === undefined || embedding === undefined) return config;
  const isCopy = head.unusable === undefined && embedding.unusable === undefined && hasSameValues(head, embedding);
  if (!isCopy) return { ...config, tieWordEmbeddings: false };
  weights.delete(HEAD_WEIGHT);
  return config;
}

function hasSameValues(one: WeightArray, other: WeightArray): boolean {
  if (one.shape.join() !== other.shape.join()) return false;
  const [values, others] = [one.data, other.data]; // read from the file once each
  return values.every((value, i) => value === others[i]);
}

/** Name and shape of every weight of a text model, under the module names of transformers 5. Qwen2's q, k and v have a bias, Mistral's none. */
export function decoderShapes(config: DecoderConfig, attentionBias: "bias" | "none"): NamedShape[] {
  const { hiddenSize: width, intermediateSize } = config;
  const queryWidth = headWidth(config) * config.numHeads;
  const keyWidth = headWidth(config) * config.numKeyValueHeads;
  const projection = attentionBias === "bias" ? withBias : withoutBias;
  const layers = Array.from({ length: config.numLayers }, (_, layer) => `${TEXT_PREFIX}.layers.${layer}`);
  return [
    [`${TEXT_PREFIX}.embed_tokens.weight`, [config.vocabSize, width]],
    ...layers.flatMap((layer) => [
      ...projection(`${layer}.self_attn.q_proj`, [queryWidth, width]),
      ...projection(`${layer}.self_attn.k_proj`, [keyWidth, width]),
      ...projection(`${layer}.self_attn.v_proj`, [keyWidth, width]),
      ...withoutBias(`${layer}.self_attn.o_proj`, [width, queryWidth]),
      ...withoutBias(`${layer}.mlp.gate_proj`, [intermediateSize, width]),
      ...withoutBias(`${layer}.mlp.up_proj`, [intermediateSize, width]),
      ...withoutBias(`${layer}.mlp.down_proj`, [width, intermediateSize]),
      ...withoutBias(`${layer}.input_layernorm`, [width]),
      ...withoutBias(`${layer}.post_attention_layernorm`, [width]),
    ]),
    ...withoutBias(`${TEXT_PREFIX}.norm`, [width]),
  ];
}

/**
 * Rotary angles of the text model (M-RoPE): each frequency follows one of the three position ids.
 *
 * Shapes: positionIds [3, count] (time, height, width) -> angles [count, headDim]. The first `mropeSection[0]`
 * frequencies turn with time, the next with height, the rest with width; both halves of a head hold the same angles.
 */
export function multimodalAngles(config: DecoderConfig, positionIds: Int32Array): RotaryAngles {
  const headDim = headWidth(config);
  const axes = config.mropeSection.flatMap((length, axis) => new Array<number>(length).fill(axis));
  const length = positionIds.reduce((most, id) => Math.max(most, id + 1), 0);
  const frequencies = rotaryFrequencies(config, headDim, length);
  const count = positionIds.length / 3;
  // one row a position, then taken from there: the tokens of a batch share few positions
  const known = fillAngles(length, headDim, (position, j) => position * frequencies[j]!, rotaryScale(config));
  const [cos, sin] = [new Float32Array(count * headDim), new Float32Array(count * headDim)];
  for (let row = 0; row < count; row++) {
    for (let j = 0; j < headDim; j++) {
      const from = positionIds[axes[j % axes.length]! * count + row]! * headDim + j;
      cos[row * headDim + j] = known.cos[from]!;
      sin[row * headDim + j] = known.sin[from]!;
    }
  }
  return { cos, sin, count, headDim };
}

/**
 * Keys and values of one layer, keys rotated already, each in at most two blocks [B, K, keyValueHeads * headDim]: those of
 * the first pass and, behind them, those of all later ones. So a further token need not copy the prompt's.
 */
export type LayerCache = {
  readonly keys: tf.Tensor3D[];
  readonly values: tf.Tensor3D[];
};

/** One pass of the text model over L new tokens of each of B rows. */
interface DecoderPass {
  readonly rows: number;
  readonly columns: number;
  /** Rotary angles of the new tokens, [B * L, headDim]. */
  readonly angles: RotaryAngles;
  /** Which of the K keys (cached ones first) each row may look at, [B, K]: 1 = yes. Later tokens are hidden anyway. */
  readonly attentionMask: Uint8Array;
  /** Keys and values of earlier tokens, layer by layer; empty in a first pass. */
  readonly cache: readonly LayerCache[];
  /** Whether more will be read after this pass. "drop" goes with an empty cache only. */
  readonly caching: "keep" | "drop";
  /** The tokens whose hidden state is asked for, as row * L + column. */
  readonly outputs: Int32Array;
  /** Sees all tokens after each layer but the last, which computes the outputs only: [B * L, D], through the last norm. */
  readonly watch?: (state: tf.Tensor2D) => void;
  /** Default: those of the store. */
  readonly maps?: LinearMaps;
}

// ---- which tokens ask, and what they see -------------------------------------------------------------------------------

const HIDDEN_SCORE = -1e9;

/** Which tokens ask in a layer, and what they may see. */
interface QueryView {
  /** Rows of the activation that ask, the same number M for each batch row; null: all of them. */
  readonly pick: Int32Array | null;
  /** Where the outputs stand among the asking tokens; null: they are the same. */
  readonly order: Int32Array | null;
  readonly table: RotaryTable;
  /** [B, 1, M, K] */
  readonly mask: tf.Tensor4D;
}

/** All tokens of a pass ask; `table` holds their angles. */
function fullView(pass: DecoderPass, table: RotaryTable): QueryView {
  const all = Int32Array.from({ length: pass.rows * pass.columns }, (_, i) => i);
  return { pick: null, order: null, table, mask: maskOf(pass, all) };
}

/** Whether the outputs are every token, in its place. */
function asksForAll({ outputs, rows, columns }: DecoderPass): boolean {
  return outputs.length === rows * columns && outputs.every((token, i) => token === i);
}

/** The outputs alone ask, filled up so that each batch row asks equally often. */
function outputView(pass: DecoderPass): QueryView {
  const rowOf = (token: number): number => Math.floor(token / pass.columns);
  const byRow = Array.from({ length: pass.rows }, (): number[] => []);
  for (const token of pass.outputs) byRow[rowOf(token)]!.push(token);
  const most = byRow.reduce((high, tokens) => Math.max(high, tokens.length), 1);
  const pick = Int32Array.from(
    byRow.flatMap((tokens, row) =>
      Array.from({ length: most }, (_, i) => tokens[i] ?? tokens[0] ?? row * pass.columns),
    ),
  );
  const seen = new Int32Array(pass.rows);
  const order = pass.outputs.map((token) => rowOf(token) * most + seen[rowOf(token)]!++);
  const same = order.length === pick.length && order.every((place, i) => place === i);
  const table = createRotaryTable(pickAngles(pass.angles, pick));
  return { pick, order: same ? null : order, table, mask: maskOf(pass, pick) };
}

function pickAngles({ cos, sin, headDim }: RotaryAngles, pick: Int32Array): RotaryAngles {
  const take = (values: Float32Array): Float32Array => {
    const out = new Float32Array(pick.length * headDim);
    pick.forEach((from, to) => {
      out.set(values.subarray(from * headDim, (from + 1) * headDim), to * headDim);
    });
    return out;
  };
  return { cos: take(cos), sin: take(sin), count: pick.length, headDim };
}

/** 0 where an asking token may look, a large negative score at hidden and at later keys. */
function maskOf({ rows, columns, attentionMask }: DecoderPass, asking: Int32Array): tf.Tensor4D {
  const numKeys = attentionMask.length / rows;
  const cached = numKeys - columns;
  const mask = new Float32Array(asking.length * numKeys);
  asking.forEach((token, i) => {
    const row = Math.floor(token / columns);
    const last = cached + (token % columns);
    for (let key = 0; key < numKeys; key++)
      if (key > last || attentionMask[row * numKeys + key] === 0) mask[i * numKeys + key] = HIDDEN_SCORE;
  });
  return tf.tensor4d(mask, [rows, 1, asking.length / rows, numKeys]);
}

// ---- one layer ---------------------------------------------------------------------------------------------------------

interface Layer {
  readonly store: ParameterStore;
  readonly maps: LinearMaps;
  readonly config: DecoderConfig;
  readonly prefix: string;
  readonly rows: number;
  readonly caching: "keep" | "drop";
  readonly keyTable: RotaryTable;
  readonly view: QueryView;
}

function norm(store: ParameterStore, module: string, x: tf.Tensor2D, eps: number): tf.Tensor2D {
  return rmsNorm(x, store.get(`${module}.weight`), eps);
}

/** [B * L, D] -> [B, L, D] */
function byRow(x: tf.Tensor2D, rows: number): tf.Tensor3D {
  return tf.reshape(x, [rows, x.shape[0] / rows, x.shape[1]]);
}

/** Queries of the M asking tokens, [B * M, heads * headDim]; keys and values of all, [B * L, keyValueHeads * headDim]. */
interface Projected {
  readonly queries: tf.Tensor2D;
  readonly keys: tf.Tensor2D;
  readonly values: tf.Tensor2D;
}

/** One product where all tokens ask. */
function project({ store, maps, prefix }: Layer, normed: tf.Tensor2D, asking: tf.Tensor2D): Projected {
  const names = ["q_proj", "k_proj", "v_proj"].map((name) => `${prefix}.self_attn.${name}`);
  const [queryWidth, keyWidth, valueWidth] = names.map((name) => store.shape(`${name}.weight`)[0]!);
  if (asking === normed) {
    const joined = maps(names, normed); // [B * L, (heads + 2 * keyValueHeads) * headDim]
    const [queries, keys, values] = tf.split(joined, [queryWidth!, keyWidth!, valueWidth!], 1) as tf.Tensor2D[];
    return { queries: queries!, keys: keys!, values: values! };
  }
  const joined = maps(names.slice(1), normed); // [B * L, 2 * keyValueHeads * headDim]
  const [keys, values] = tf.split(joined, [keyWidth!, valueWidth!], 1) as tf.Tensor2D[];
  return { queries: maps(names.slice(0, 1), asking), keys: keys!, values: values! };
}

/** The past with what a pass adds, keys turned once as they enter; nothing of the past changes. */
function extendCache({ rows, keyTable }: Layer, past: LayerCache | null, projected: Projected): LayerCache {
  const keys = byRow(rotate(projected.keys, keyTable), rows); // [B, L, keyValueHeads * headDim]
  const values = byRow(projected.values, rows);
  if (past === null) return { keys: [keys], values: [values] };
  return { keys: append(past.keys, keys), values: append(past.values, values) };
}

function append([first, ...later]: readonly tf.Tensor3D[], fresh: tf.Tensor3D): tf.Tensor3D[] {
  const last = later.length === 0 ? fresh : (tf.concat([...later, fresh], 1) as tf.Tensor3D);
  return [tf.clone(first!), last]; // a clone shares its values; either may be disposed first
}

/** x [B * L, D] -> the asking tokens' [B * M, D], and what the layer caches. */
function runLayer(
  layer: Layer,
  x: tf.Tensor2D,
  past: LayerCache | null,
): { hidden: tf.Tensor2D; cache: LayerCache | null } {
  const { store, maps, config, prefix, rows, view } = layer;
  const { numHeads, numKeyValueHeads, rmsNormEps: eps } = config;
  const normed = norm(store, `${prefix}.input_layernorm`, x, eps);
  const asking = view.pick === null ? normed : gatherRows(normed, view.pick); // [B * M, D]
  const residual = view.pick === null ? x : gatherRows(x, view.pick); // [B * M, D]

  const projected = project(layer, normed, asking);
  const cache = layer.caching === "drop" ? null : extendCache(layer, past, projected);
  const { keys, values } = cache ?? { keys: byRow(projected.keys, rows), values: byRow(projected.values, rows) };
  const rotary = { queries: view.table, keys: cache === null ? layer.keyTable : ("turned" as const) };
  const options = { numHeads, numKeyValueHeads, mask: view.mask, rotary };
  const attended = attention(byRow(projected.queries, rows), keys, values, options); // [B, M, heads * headDim]
  const flat = tf.reshape(attended, [residual.shape[0], attended.shape[2]]) as tf.Tensor2D; // [B * M, heads * headDim]
  const middle = maps([`${prefix}.self_attn.o_proj`], flat, residual); // [B * M, D]

  const mlpInput = norm(store, `${prefix}.post_attention_layernorm`, middle, eps);
  const wide = maps([`${prefix}.mlp.gate_proj`, `${prefix}.mlp.up_proj`], mlpInput); // [B * M, 2 * intermediateSize]
  const gated = gatedSilu(wide); // [B * M, intermediateSize]
  return { hidden: maps([`${prefix}.mlp.down_proj`], gated, middle), cache }; // [B * M, D]
}

// ---- the whole decoder -------------------------------------------------------------------------------------------------

/** Hidden states of the outputs, [outputs, hiddenSize], after the last norm, and what each layer caches; empty when dropped. */
export interface DecoderResult {
  readonly hidden: tf.Tensor2D;
  readonly cache: LayerCache[];
}

/**
 * Runs the decoder layers and the last norm.
 *
 * The last layer computes queries and MLP for the outputs only: nothing reads its other results.
 * Shapes: x [B * L, hiddenSize]. Gradient: flows to x and to whatever is trainable in the layers.
 * Memory: run it inside tf.tidy and return what is needed.
 *
 * @throws StateError when a pass that caches nothing is given a cache.
 */
export function runDecoder(
  store: ParameterStore,
  config: DecoderConfig,
  x: tf.Tensor2D,
  pass: DecoderPass,
): DecoderResult {
  const { rows, caching } = pass;
  if (caching === "drop" && pass.cache.length > 0)
    throw new StateError(
      `runDecoder: caching must be "keep" in a pass on top of a cache; got "drop" with ${pass.cache.length} layers.`,
    );
  const maps = pass.maps ?? linearMaps(store);
  const keyTable = createRotaryTable(pass.angles);
  const everything = fullView(pass, keyTable);
  const last = asksForAll(pass) ? everything : outputView(pass);
  const lastNorm = (state: tf.Tensor2D) => norm(store, `${TEXT_PREFIX}.norm`, state, config.rmsNormEps);
  const cache: LayerCache[] = [];
  let hidden = x;
  for (let index = 0; index < config.numLayers; index++) {
    const view = index === config.numLayers - 1 ? last : everything;
    const layer = { store, maps, config, prefix: `${TEXT_PREFIX}.layers.${index}`, rows, caching, keyTable, view };
    const result = runLayer(layer, hidden, pass.cache[index] ?? null);
    hidden = result.hidden; // [B * L, D]; [B * M, D] after the last
    if (index < config.numLayers - 1) pass.watch?.(lastNorm(hidden));
    if (result.cache !== null) cache.push(result.cache);
  }
  if (last.order !== null) hidden = gatherRows(hidden, last.order); // [outputs, D]
  return { hidden: lastNorm(hidden), cache };
}
