import * as tf from "@tensorflow/tfjs-core";
import { createRandom } from "../base/random";
import { crossEntropy } from "../compute/ops/cross-entropy";
import { ATTRIBUTES, type Scene } from "../phantoms/general/world";

/*
 * Linear probes that ask a model's states for the words of a scene, and are thrown away afterwards: what a state must tell, the
 * model learns to put there.
 */

/** A linear map, [width, columns] and [columns]; its maker disposes it. */
export interface Probe {
  readonly weight: tf.Variable;
  readonly bias: tf.Variable;
}

/** A fresh probe: normal weights of deviation width ^ -0.5, no bias. `name` and seed decide the draws. */
export function createProbe(name: string, [width, columns]: readonly [number, number], seed: number): Probe {
  const random = createRandom(seed).fork(name);
  const values = Float32Array.from({ length: width * columns }, () => random.normal(0, width ** -0.5));
  const start = tf.tensor2d(values, [width, columns]);
  const zero = tf.zeros([columns]);
  const probe = { weight: tf.variable(start), bias: tf.variable(zero) };
  tf.dispose([start, zero]);
  return probe;
}

/** States through a probe, [n, width] -> [n, columns]. Gradient: flows to both. */
export function probeStates({ weight, bias }: Probe, states: tf.Tensor2D): tf.Tensor2D {
  return tf.add(tf.matMul(states, weight as tf.Tensor2D), bias) as tf.Tensor2D;
}

/** Frees a probe. */
export function disposeProbe({ weight, bias }: Probe): void {
  tf.dispose([weight, bias]);
}

const WIDTHS = ATTRIBUTES.map(({ words }) => words.length);

/** Columns of a probe that tells all words of all attributes. */
export const NUM_WORDS = WIDTHS.reduce((sum, n) => sum + n, 0);

/** Where an attribute's words begin among all words. */
export function firstWordOf(attribute: number): number {
  return WIDTHS.slice(0, attribute).reduce((sum, n) => sum + n, 0);
}

/** Logits of all words, [n, NUM_WORDS], by attribute: twelve of [n, words]. */
export function splitWords(logits: tf.Tensor2D): tf.Tensor2D[] {
  return tf.split(logits, WIDTHS, 1) as tf.Tensor2D[];
}

/** Sum over the attributes of the cross-entropy of their words, mean over scenes. `logits` as splitWords gives them. */
export function wordLoss(logits: readonly tf.Tensor2D[], scenes: readonly Scene[]): tf.Scalar {
  return tf.addN(logits.map((part, i) => tf.mean(crossEntropy(part, wordsOf(scenes, i))))) as tf.Scalar;
}

/** Which of its words an attribute has in each scene. */
export function wordsOf(scenes: readonly Scene[], attribute: number): number[] {
  const { name, words } = ATTRIBUTES[attribute]!;
  return scenes.map(({ attributes }) => words.indexOf(attributes[name]));
}
