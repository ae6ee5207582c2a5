import * as tf from "@tensorflow/tfjs-core";
import { DataError, ShapeError, StateError } from "../../base/errors";

/** A weight on its way into or out of a store: row-major values. `data` may be made or read anew each time it is asked for. */
export interface WeightArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A low-rank update of one linear map: W + scaling · B·A. */
export interface LowRankUpdate {
  /** [rank, in] */
  readonly A: tf.Variable;
  /** [out, rank] */
  readonly B: tf.Variable;
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
  #disposed = false;

  /** Takes a copy of every array. Use `createParameterStore`. */
  constructor(weights: Iterable<readonly [string, WeightArray]>) {
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
 * @throws ShapeError when an array does not fit its shape.
 * @example createParameterStore([["proj.weight", { shape: [2, 3], data: new Float32Array(6) }]])
 */
export function createParameterStore(weights: Iterable<readonly [string, WeightArray]>): ParameterStore {
  return new ParameterStore(weights);
}
