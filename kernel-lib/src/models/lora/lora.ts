import * as tf from "@tensorflow/tfjs-core";
import { assertInRange, assertInteger } from "../../base/check";
import { ConfigError, StateError } from "../../base/errors";
import { createRandom, type Random } from "../../base/random";
import type { LowRankUpdate, ParameterStore } from "../weights/parameters";

/** Which linear modules get a low-rank update: all but the output head, those a pattern finds, or a list of names. */
export type LoraTargets = "all-linear" | RegExp | readonly string[];

/** The output head. */
export const HEAD = "lm_head";

/** Modules that can carry an adapter, in the model's order: weights with two axes that are no embedding. */
export function linearModules(parameters: ParameterStore): string[] {
  return parameters
    .names()
    .filter((name) => name.endsWith(".weight") && parameters.shape(name).length === 2)
    .map((name) => name.slice(0, -".weight".length))
    .filter((module) => !/(^|\.)(embed_tokens|[a-z_]*embeddings?)$/.test(module));
}

/**
 * The modules some targets fit, in the model's order. "all-linear" leaves the output head out; a pattern or a list can name it.
 *
 * @throws ConfigError when none fits.
 */
function chooseModules(parameters: ParameterStore, targets: LoraTargets): string[] {
  const linears = linearModules(parameters);
  const chosen = linears.filter((module) => isTargeted(module, targets));
  if (chosen.length > 0) return chosen;
  throw new ConfigError(
    `attachLora: targets must fit at least one linear module; got ${String(targets)}. Modules are named like ${linears.slice(0, 3).join(", ")}.`,
    { targets: String(targets), modules: linears },
  );
}

/** Whether the output head of a model is its token embedding, without a weight of its own. */
export function sharesHead(parameters: ParameterStore): boolean {
  return !parameters.has(`${HEAD}.weight`) && embeddingOf(parameters) !== undefined;
}

function embeddingOf(parameters: ParameterStore): string | undefined {
  return parameters.names().find((name) => name.endsWith(".embed_tokens.weight"));
}

/** The weight that a module multiplies with: a shared head's is the token embedding. */
export function weightOf(parameters: ParameterStore, module: string): string {
  return module === HEAD && sharesHead(parameters) ? embeddingOf(parameters)! : `${module}.weight`;
}

/** Whether a module is meant by some targets. */
export function isTargeted(module: string, targets: LoraTargets): boolean {
  if (targets === "all-linear") return module !== HEAD;
  if (targets instanceof RegExp) return module.search(targets) >= 0;
  return targets.some((target) => module === target || module.endsWith(`.${target}`));
}

/** Whether the update is scaled by alpha / rank or by alpha / √rank (rank-stabilised). */
type LoraScaling = "rank" | "rankStabilised";

/** Rank and numerator of the scaling of one module. */
export interface ModuleRank {
  readonly rank: number;
  readonly alpha: number;
}

/** What an adapter is made of. */
export interface LoraConfig extends ModuleRank {
  readonly scaling: LoraScaling;
  /** Share of a module's inputs that is hidden from the adapter in training (`startDropout`). */
  readonly dropout: number;
  /** Full module names, in the model's order. */
  readonly modules: readonly string[];
  /** Modules with a rank or an alpha of their own. Default: none. */
  readonly ranks?: ReadonlyMap<string, ModuleRank>;
}

/** Rank and alpha of a module of an adapter. */
export function rankOf({ rank, alpha, ranks }: Omit<LoraConfig, "modules">, module: string): ModuleRank {
  return ranks?.get(module) ?? { rank, alpha };
}

export interface LoraOptions {
  /** Rank of the update. Default 8. */
  readonly rank?: number;
  /** Numerator of the scaling. Default 16. */
  readonly alpha?: number;
  /** Default "all-linear". A RegExp is searched in the full module name; a list may hold full names or their last parts. */
  readonly targets?: LoraTargets;
  /** Default "rank". */
  readonly scaling?: LoraScaling;
  /** Share of a module's inputs that is hidden from the adapter in training. Default 0, as PEFT's. */
  readonly dropout?: number;
  readonly seed: number;
}

/** A low-rank adapter attached to a model's weights. It owns its variables. */
export interface LoraAdapter {
  readonly config: LoraConfig;
  /** Of every module, in the order of `config.modules`. */
  readonly matrices: readonly Pick<LowRankUpdate, "A" | "B">[];
  /** A then B of every module: what an optimiser trains. */
  readonly variables: readonly tf.Variable[];
  /** Detaches the adapter and frees its variables. A second call does nothing. */
  dispose(): void;
}

/** Values of the two matrices of one module. */
export interface LoraMatrices {
  /** [rank, in] */
  readonly A: Float32Array;
  /** [out, rank] */
  readonly B: Float32Array;
}

/**
 * Adds a trainable low-rank update W + scaling · B·A to linear modules, as PEFT does: A uniform within ±1/√in
 * (Kaiming with a = √5), B zero, so that the model answers as before until the first step.
 *
 * @throws ConfigError when no module fits the targets. StateError when a module has an adapter already.
 * @example attachLora(model.parameters, { rank: 8, alpha: 16, targets: /language_model/, seed: 7 })
 */
export function attachLora(parameters: ParameterStore, options: LoraOptions): LoraAdapter {
  const { rank = 8, alpha = 16, targets = "all-linear", scaling = "rank", dropout = 0, seed } = options;
  assertInteger("attachLora: rank", rank, 1);
  assertInRange("attachLora: alpha", alpha, 0, Number.MAX_VALUE);
  assertInRange("attachLora: dropout", dropout, 0, 0.999);
  const modules = chooseModules(parameters, targets);
  const random = createRandom(seed).fork("lora");
  return attachMatrices(parameters, { rank, alpha, scaling, dropout, modules }, (module, outSize, inSize) => ({
    A: uniform(random.fork(module), rank * inSize, 1 / Math.sqrt(inSize)),
    B: new Float32Array(outSize * rank),
  }));
}

/** Attaches an adapter whose values come from `matricesOf`. */
export function attachMatrices(
  parameters: ParameterStore,
  config: LoraConfig,
  matricesOf: (module: string, outSize: number, inSize: number) => LoraMatrices,
): LoraAdapter {
  for (const module of config.modules)
    if (parameters.adapters.has(module))
      throw new StateError(
        `attachLora: ${module} must have no adapter yet. Call detachLora or dispose() of the earlier one first.`,
        { module },
      );
  const matrices = config.modules.map((module) => {
    const [outSize, inSize] = parameters.shape(weightOf(parameters, module)) as [number, number];
    const values = matricesOf(module, outSize, inSize);
    const { rank } = rankOf(config, module);
    const A = variableOf(values.A, [rank, inSize]);
    const B = variableOf(values.B, [outSize, rank]);
    parameters.adapters.set(module, { A, B, scaling: scalingOf(config, module) });
    return { A, B };
  });
  const variables = matrices.flatMap(({ A, B }) => [A, B]);
  let disposed = false;
  const adapter: LoraAdapter = {
    config,
    matrices,
    variables,
    dispose: () => {
      if (disposed) return;
      disposed = true;
      detachLora(parameters, adapter);
      for (const variable of variables) variable.dispose();
    },
  };
  return adapter;
}

/** Whether a module carries this adapter, of which it is number `i`. */
function carries(parameters: ParameterStore, { config, matrices }: LoraAdapter, i: number): boolean {
  return parameters.adapters.get(config.modules[i]!)?.A === matrices[i]!.A;
}

/** Takes an adapter off its model; its variables stay alive and `reattachLora` puts them back. */
export function detachLora(parameters: ParameterStore, adapter: LoraAdapter): void {
  adapter.config.modules.forEach((module, i) => {
    if (carries(parameters, adapter, i)) parameters.adapters.delete(module);
  });
}

/** Puts a detached adapter back. @throws StateError when a module has another adapter. */
export function reattachLora(parameters: ParameterStore, adapter: LoraAdapter): void {
  adapter.config.modules.forEach((module, i) => {
    if (parameters.adapters.has(module) && !carries(parameters, adapter, i))
      throw new StateError(`reattachLora: ${module} must have no other adapter. Detach that one first.`, { module });
    parameters.adapters.set(module, { ...adapter.matrices[i]!, scaling: scalingOf(adapter.config, module) });
  });
}

/** What the update B·A of a module is multiplied by. */
function scalingOf(config: LoraConfig, module: string): number {
  const { rank, alpha } = rankOf(config, module);
  return config.scaling === "rank" ? alpha / rank : alpha / Math.sqrt(rank);
}

function uniform(random: Random, count: number, bound: number): Float32Array {
  return Float32Array.from({ length: count }, () => random.uniform(-bound, bound));
}

function variableOf(data: Float32Array, shape: [number, number]): tf.Variable<tf.Rank.R2> {
  const value = tf.tensor2d(data.slice(), shape);
  const variable: tf.Variable<tf.Rank.R2> = tf.variable(value, true);
  value.dispose();
  return variable;
}

/** Whether the weights from before a merger are remembered (as much memory again as the changed weights), so that `unmergeLora` can put them back. */
export type MergeMemory = "forget" | "remember";

/** Weights from before a merger, by adapter, in the order of its modules. */
const remembered = new WeakMap<LoraAdapter, Float32Array[]>();

/**
 * Adds the update into the weights and detaches the adapter. The adapter itself is left as it was; the caller still disposes it.
 *
 * @param memory Default "forget".
 * @throws StateError when the adapter is not attached, or changes a head that is the token embedding.
 */
export function mergeLora(parameters: ParameterStore, adapter: LoraAdapter, memory: MergeMemory = "forget"): void {
  assertAttached(parameters, adapter);
  if (adapter.config.modules.includes(HEAD) && sharesHead(parameters))
    throw new StateError(
      "mergeLora: an output head with an adapter must have a weight of its own; this model's is its token embedding, which would change too. Leave the adapter attached.",
    );
  const before: Float32Array[] = [];
  adapter.config.modules.forEach((module, i) => {
    const weight = parameters.get(`${module}.weight`);
    if (memory === "remember") before.push((weight.dataSync() as Float32Array).slice());
    const { A, B } = adapter.matrices[i]!;
    const scaling = scalingOf(adapter.config, module);
    const merged = tf.tidy(() => tf.add(weight, tf.mul(tf.matMul(B, A), scaling)));
    weight.assign(merged);
    merged.dispose();
  });
  if (memory === "remember") remembered.set(adapter, before);
  detachLora(parameters, adapter);
}

/**
 * Takes a merged adapter out of the weights again and attaches it. Every weight gets the bits it had before: subtracting
 * the update would leave rounding behind.
 *
 * @throws StateError when the adapter was not merged with "remember", or its modules carry another one.
 */
export function unmergeLora(parameters: ParameterStore, adapter: LoraAdapter): void {
  const before = remembered.get(adapter);
  if (before === undefined)
    throw new StateError(
      'unmergeLora: the adapter must be merged, its weights remembered; got one that is not. Call mergeLora with "remember" first.',
    );
  reattachLora(parameters, adapter);
  adapter.config.modules.forEach((module, i) => {
    parameters.assign(`${module}.weight`, before[i]!);
  });
  remembered.delete(adapter);
}

function assertAttached(parameters: ParameterStore, adapter: LoraAdapter): void {
  adapter.config.modules.forEach((module, i) => {
    if (carries(parameters, adapter, i)) return;
    throw new StateError(`mergeLora: the adapter must be attached to ${module}. Call reattachLora first.`, { module });
  });
}

/**
 * Starts the adapter's dropout, as PEFT trains: each module's adapter sees its input with a share of the values set to 0 and
 * the others divided by 1 - dropout; the model's own weights see the input itself. A dropout of 0 changes nothing, to the bit.
 *
 * @param random decides the masks, a stream of its own per module; it is not advanced. The same state gives the same masks.
 * @returns what ends it. Call it in `finally`: evaluation is without.
 */
export function startDropout(parameters: ParameterStore, adapter: LoraAdapter, random: Random): () => void {
  const { modules, dropout } = adapter.config;
  if (dropout === 0) return () => {};
  const held = modules.flatMap((module, i) =>
    carries(parameters, adapter, i) ? [[module, parameters.adapters.get(module)!] as const] : [],
  ); // a detached adapter has no inputs
  for (const [module, update] of held) {
    const stream = random.fork(module);
    parameters.adapters.set(module, { ...update, mask: (size) => dropoutMask(stream, dropout, size) });
  }
  return () => {
    for (const [module, update] of held) parameters.adapters.set(module, update);
  };
}

/** Factors of dropout: 0 with probability `rate`, else 1 / (1 - rate), so that the mean stays. */
export function dropoutMask(random: Random, rate: number, size: number): Float32Array {
  assertInRange("dropoutMask: rate", rate, 0, 0.999);
  const kept = 1 / (1 - rate);
  const mask = new Float32Array(size);
  for (let i = 0; i < size; i++) if (random.next() >= rate) mask[i] = kept;
  return mask;
}
