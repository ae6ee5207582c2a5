import * as tf from "@tensorflow/tfjs-core";
import { DataError, ShapeError, StateError } from "../../base/errors";
import type { Random } from "../../base/random";

/** A weight on its way into or out of a store: row-major values. `data` may be made or read anew each time it is asked for. */
export interface WeightArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  /** Its type in the file, where that is none a weight can have; then asking for `data` throws. */
  readonly unusable?: string;
}

/** Name and shape of a weight. */
export type NamedShape = readonly [name: string, shape: readonly number[]];

/** A module with a weight of this shape and no bias. */
export function withoutBias(module: string, weightShape: readonly number[]): NamedShape[] {
  return [[`${module}.weight`, weightShape]];
}

/** A module with a weight of this shape and a bias as long as its first axis. */
export function withBias(module: string, weightShape: readonly number[]): NamedShape[] {
  return [
    [`${module}.weight`, weightShape],
    [`${module}.bias`, [weightShape[0]!]],
  ];
}

/** What a fresh weight holds: one value throughout, or normal values of this deviation around 0. */
export type InitialValues = { readonly fill: number } | { readonly deviation: number };

const EMBEDDING_DEVIATION = 0.02;

/**
 * Normal with deviation 1/√inputs for linear maps and 0.02 for embeddings, one for the scale of a norm, zero for biases.
 * (0.02 for all, as large models have it, leaves the attention of a narrow model flat for a thousand steps.)
 */
function initialValues(name: string, shape: readonly number[]): InitialValues {
  if (shape.length <= 1) return { fill: name.endsWith(".weight") ? 1 : 0 };
  const inputs = shape.slice(1).reduce((product, n) => product * n, 1);
  return { deviation: name.includes("embed_tokens") ? EMBEDDING_DEVIATION : inputs ** -0.5 };
}

/**
 * Fresh weights, one random stream per name, so that a weight does not depend on those before it.
 *
 * @param initialOf default: as `initialValues` says.
 */
export function drawWeights(
  shapes: ReadonlyMap<string, readonly number[]>,
  random: Random,
  initialOf: (name: string, shape: readonly number[]) => InitialValues = initialValues,
): Map<string, WeightArray> {
  const weights = new Map<string, WeightArray>();
  for (const [name, shape] of shapes) {
    const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
    const initial = initialOf(name, shape);
    const draw = random.fork(name);
    if ("fill" in initial) data.fill(initial.fill);
    else for (let i = 0; i < data.length; i++) data[i] = draw.normal(0, initial.deviation);
    weights.set(name, { shape, data });
  }
  return weights;
}

/** A low-rank update of one linear map: W + scaling · B·A. */
export interface LowRankUpdate {
  /** [rank, in] */
  readonly A: tf.Variable<tf.Rank.R2>;
  /** [out, rank] */
  readonly B: tf.Variable<tf.Rank.R2>;
  /** alpha / rank */
  readonly scaling: number;
  /** In training with dropout: the factors of the next `size` inputs of the update, drawn anew at each call. */
  readonly mask?: (size: number) => Float32Array;
}

/**
 * The weights of a model under their Hugging Face names, frozen until `unfreeze` is called.
 *
 * Owns its variables; adapters are owned by whoever attached them.
 */
export class ParameterStore {
  /** Low-rank updates by module name, e.g. "model.layers.0.self_attn.q_proj" (no ".weight"). `linear` adds them. */
  readonly adapters = new Map<string, LowRankUpdate>();
  readonly #variables = new Map<string, tf.Variable>();
  readonly #nameOf: (fileName: string) => string;
  readonly #olderNameOf: (name: string) => string;
  #disposed = false;

  /** Takes a copy of every array. Use `createParameterStore`. */
  constructor(
    weights: Iterable<readonly [string, WeightArray]>,
    nameOf: (fileName: string) => string,
    olderNameOf: (name: string) => string,
  ) {
    this.#nameOf = nameOf;
    this.#olderNameOf = olderNameOf;
    for (const [name, weight] of weights) {
      const { shape, data } = weight; // asked for once: they may be read from a file
      const size = shape.reduce((product, n) => product * n, 1);
      if (size !== data.length)
        throw new ShapeError(
          `createParameterStore: ${name} must have ${size} values for shape [${shape.join(", ")}]; got ${data.length}.`,
          { name, shape, length: data.length },
        );
      const value = tf.tensor(data.slice(), [...shape], "float32");
      this.#variables.set(name, tf.variable(value, false));
      if (size > 0) handOver(value);
      value.dispose();
    }
  }

  /** The variable of this name. @throws DataError when the model has none. */
  get(name: string): tf.Variable {
    if (this.#disposed)
      throw new StateError(`ParameterStore.get: the store was disposed; asked for ${name}.`, { name });
    const variable = this.#variables.get(name);
    if (variable === undefined)
      throw new DataError(`ParameterStore.get: the model has no weight "${name}". It has ${this.#sample()}.`, { name });
    return variable;
  }

  /** The same of a weight with two axes, [out, in] or [ids, width]. */
  matrix(name: string): tf.Variable<tf.Rank.R2> {
    return this.get(name) as tf.Variable<tf.Rank.R2>;
  }

  /** The module that an adapter's file calls so, by its name here or by one of the model's older and published files; null if none. */
  moduleOf(written: string): string | null {
    const names = [`${written}.weight`, this.#nameOf(`${written}.weight`)];
    return names.find((name) => this.has(name))?.slice(0, -".weight".length) ?? null;
  }

  /** What the model's older and published files call a module. */
  olderNameOf(module: string): string {
    return this.#olderNameOf(`${module}.weight`).slice(0, -".weight".length);
  }

  has(name: string): boolean {
    return this.#variables.has(name);
  }

  shape(name: string): number[] {
    return this.get(name).shape;
  }

  /** All weight names, in the order they were given. */
  names(): string[] {
    return [...this.#variables.keys()];
  }

  /** Number of values of all weights together. */
  count(): number {
    return [...this.#variables.values()].reduce((sum, variable) => sum + variable.size, 0);
  }

  /** Makes the weights whose name passes the test trainable (default: all) and returns them in order. */
  unfreeze(test: (name: string) => boolean = () => true): tf.Variable[] {
    const chosen = this.names().filter(test);
    return chosen.map((name) => {
      const variable = this.get(name);
      variable.trainable = true;
      return variable;
    });
  }

  /** Makes every weight constant again. */
  freeze(): void {
    for (const variable of this.#variables.values()) variable.trainable = false;
  }

  /** Replaces the values of one weight. @throws ShapeError on another length. */
  assign(name: string, data: Float32Array): void {
    const variable = this.get(name);
    if (data.length !== variable.size)
      throw new ShapeError(`ParameterStore.assign: ${name} must have ${variable.size} values; got ${data.length}.`, {
        name,
      });
    const value = tf.tensor(data.slice(), variable.shape, "float32");
    variable.assign(value);
    value.dispose();
  }

  /** A copy of all values, in order. */
  export(): Map<string, WeightArray> {
    return new Map(
      this.names().map((name) => {
        const variable = this.get(name);
        return [name, { shape: [...variable.shape], data: (variable.dataSync() as Float32Array).slice() }];
      }),
    );
  }

  /** All weights, in order; a weight's values are copied each time its `data` is asked for, so that no second model is in memory. */
  entries(): Map<string, WeightArray> {
    return new Map(
      [...this.#variables].map(([name, variable]) => [
        name,
        {
          shape: [...variable.shape],
          get data() {
            return (variable.dataSync() as Float32Array).slice();
          },
        },
      ]),
    );
  }

  /** Frees the weights; a second call does nothing. Adapters stay with their owner. */
  dispose(): void {
    for (const variable of this.#variables.values()) variable.dispose();
    this.#variables.clear();
    this.adapters.clear();
    this.#disposed = true;
  }

  #sample(): string {
    const names = this.names();
    return `${names.length} weights: ${names.slice(0, 3).join(", ")}${names.length > 3 ? " …" : ""}`;
  }
}

/**
 * Uses a tensor once. An engine takes values over at their first use; until then they would stay here, and a model that
 * is used for the first time as a whole would be in memory twice.
 */
function handOver(value: tf.Tensor): void {
  tf.dispose(tf.tidy(() => tf.slice(tf.reshape(value, [value.size]), [0], [1])));
}

/**
 * Creates a store from arrays; their values are copied.
 *
 * @param nameOf the name here of a weight that the model's older and published files call otherwise. Default: as it is.
 * @param olderNameOf the way back. Default: as it is.
 * @throws ShapeError when an array does not fit its shape.
 * @example createParameterStore([["proj.weight", { shape: [2, 3], data: new Float32Array(6) }]])
 */
export function createParameterStore(
  weights: Iterable<readonly [string, WeightArray]>,
  nameOf: (fileName: string) => string = (fileName) => fileName,
  olderNameOf: (name: string) => string = (name) => name,
): ParameterStore {
  return new ParameterStore(weights, nameOf, olderNameOf);
}
