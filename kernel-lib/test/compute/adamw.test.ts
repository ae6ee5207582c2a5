import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../src/base/random";
import { clippingScale, createAdamW, globalNorm } from "../../src/compute/adamw";
import { openBackend } from "../../src/compute/backend";
import { expectNoLeak } from "../helpers/tensors";

beforeAll(async () => void (await openBackend()));

const make = () => [tf.variable(tf.tensor2d([[1, -2]])), tf.variable(tf.tensor1d([0.5]))];
const values = (variables: tf.Variable[]) => variables.flatMap((variable) => [...variable.dataSync()]);

function gradientsAt(step: number): tf.Tensor[] {
  const random = createRandom(step);
  return [tf.tensor2d([[random.normal(), random.normal()]]), tf.tensor1d([random.normal()])];
}

/** The textbook update of one number, in plain arithmetic. */
function textbook(weight: number, gradients: number[], learningRate: number, weightDecay: number): number {
  let [mean, variance] = [0, 0];
  gradients.forEach((gradient, i) => {
    mean = 0.9 * mean + 0.1 * gradient;
    variance = 0.999 * variance + 0.001 * gradient ** 2;
    const corrected = mean / (1 - 0.9 ** (i + 1)) / (Math.sqrt(variance / (1 - 0.999 ** (i + 1))) + 1e-8);
    weight = weight * (1 - learningRate * weightDecay) - learningRate * corrected;
  });
  return weight;
}

describe("createAdamW", () => {
  it("equals the textbook update over five steps, number by number", () => {
    const variables = make();
    const start = values(variables);
    const optimiser = createAdamW(variables, { weightDecay: 0.1 });
    const steps = [0, 1, 2, 3, 4].map(gradientsAt);
    for (const gradients of steps) optimiser.step(gradients, 0.05);
    values(variables).forEach((value, i) => {
      const own = steps.map((gradients) => gradients.flatMap((gradient) => [...gradient.dataSync()])[i]!);
      expect(value).toBeCloseTo(textbook(start[i]!, own, 0.05, 0.1), 5);
    });
  });

  it("decays only matrices when asked to", () => {
    const variables = make();
    const optimiser = createAdamW(variables, { weightDecay: 0.5, decayed: "matrices" });
    optimiser.step([tf.zeros([1, 2]), tf.zeros([1])], 0.1);
    [1 * 0.95, -2 * 0.95, 0.5].forEach((value, i) => {
      expect(values(variables)[i]).toBeCloseTo(value, 6);
    });
  });

  it("goes on from a stored state bit for bit", () => {
    const [undisturbed, stopped] = [make(), make()];
    const whole = createAdamW(undisturbed);
    for (let step = 0; step < 6; step++) whole.step(gradientsAt(step), 0.01);
    const first = createAdamW(stopped);
    for (let step = 0; step < 3; step++) first.step(gradientsAt(step), 0.01);
    const second = createAdamW(stopped);
    second.restore(structuredClone(first.state()));
    first.dispose();
    for (let step = 3; step < 6; step++) second.step(gradientsAt(step), 0.01);
    expect(values(stopped)).toEqual(values(undisturbed));
    expect(second.state()).toEqual(whole.state());
  });

  it("leaves no tensors behind", () => {
    const variables = make();
    const gradients = gradientsAt(0);
    const optimiser = createAdamW(variables);
    expectNoLeak(() => optimiser.step(gradients, 0.01));
    expectNoLeak(() => createAdamW(variables).dispose());
  });

  it("refuses a gradient of another shape, an unknown option, a state of other variables, and use after dispose", () => {
    const optimiser = createAdamW(make());
    expect(() => optimiser.step([tf.zeros([2, 1]), tf.zeros([1])], 0.1)).toThrow("gradient 0 must have shape [1, 2]");
    expect(() => createAdamW([], { decay: 1 } as never)).toThrow('createAdamW has no option "decay"');
    const state = { step: 1, mean: new Float32Array(2), variance: new Float32Array(2) };
    expect(() => optimiser.restore(state)).toThrow("AdamW.restore: state.mean must have 3 entries; got 2.");
    optimiser.dispose();
    expect(() => optimiser.step(gradientsAt(0), 0.1)).toThrow("the optimiser was disposed");
  });
});

describe("globalNorm and clippingScale", () => {
  it("shorten all gradients, taken together, by one factor", () => {
    const norm = globalNorm([tf.tensor1d([3, 0]), tf.tensor2d([[4]])]);
    expect(norm).toBe(Math.sqrt(3 * 3 + 4 * 4));
    expect(clippingScale(norm, 1)).toBe(1 / 5);
  });

  it("leave shorter ones as they are, and hand on NaN", () => {
    expect(clippingScale(globalNorm([tf.tensor1d([0.3, 0.4])]), 1)).toBe(1);
    expect(globalNorm([tf.tensor1d([Number.NaN])])).toBeNaN();
    expect(clippingScale(Number.NaN, 1)).toBe(1);
  });
});
