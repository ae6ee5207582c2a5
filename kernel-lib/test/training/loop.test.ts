import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { openBackend } from "../../src/compute/backend";
import { type LoopOptions, type LoopResult, type Trainee, trainLoop } from "../../src/training/loop";
import { copyValues } from "../../src/training/training-state";

let folder: string;
beforeAll(async () => {
  await openBackend();
  folder = mkdtempSync(join(tmpdir(), "loop-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Toy extends Trainee<tf.Tensor2D> {
  dispose(): void;
}

/** A linear map [3, 2] that should become `goal`, seen through random inputs. */
function toy(over: Partial<Trainee<tf.Tensor2D>> = {}): Toy {
  const weight = tf.variable(tf.zeros([3, 2]));
  const bias = tf.variable(tf.zeros([2]));
  const goal = tf.tensor2d([1, -2, 0.5, 3, -1, 0], [3, 2]);
  const error = (x: tf.Tensor2D): tf.Scalar =>
    tf.tidy(() => tf.mean(tf.square(tf.sub(tf.add(tf.matMul(x, weight as tf.Tensor2D), bias), tf.matMul(x, goal)))));
  return {
    stage: "toy",
    variables: [weight, bias],
    prepare: async (_step, random) =>
      tf.tensor2d(
        Array.from({ length: 12 }, () => random.normal()),
        [4, 3],
      ),
    loss: error,
    release: (batch) => batch.dispose(),
    evaluate: async () => {
      const distance = tf.tidy(() => tf.sum(tf.abs(tf.sub(weight, goal))).dataSync()[0]!);
      return { score: -distance, values: { distance } };
    },
    dispose: () => tf.dispose([weight, bias, goal]),
    ...over,
  };
}

const options: LoopOptions = { steps: 40, schedule: () => 0.05, seed: 5, evaluateEvery: 8, adamw: { weightDecay: 0 } };

async function runToy(over: Partial<LoopOptions> = {}, trainee = toy()): Promise<LoopResult & { bits: string }> {
  try {
    const result = await trainLoop(trainee, { ...options, ...over });
    const bits = copyValues(trainee.variables)
      .map((data) => Buffer.from(data.buffer).toString("hex"))
      .join();
    return { ...result, bits };
  } finally {
    trainee.dispose();
  }
}

async function failureOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    return isKernelError(error) ? `${error.code}: ${error.message}` : String(error);
  }
  return "accepted";
}

describe("trainLoop", () => {
  test("learns, and reports training loss and validation values", async () => {
    const { curve, bestStep } = await runToy({ steps: 120 });
    const distances = curve.filter((point) => point.metric === "distance").map((point) => point.value);
    expect(distances[0]).toBeCloseTo(1 + 2 + 0.5 + 3 + 1 + 0, 5);
    expect(distances.at(-1)).toBeLessThan(0.5);
    expect(bestStep).toBeGreaterThan(80);
    const losses = curve.filter((point) => point.metric === "loss" && point.split === "train");
    expect(losses.map((point) => point.step)).toEqual(Array.from({ length: 15 }, (_, i) => 8 * (i + 1)));
  });

  test("the same seed gives the same bits, another seed others", async () => {
    const [a, b, c] = [await runToy(), await runToy(), await runToy({ seed: 6 })];
    expect(a.bits).toBe(b.bits);
    expect(a.curve).toEqual(b.curve);
    expect(c.bits).not.toBe(a.bits);
  });

  test("keeps the best checkpoint, the untrained one included", async () => {
    const trainee = toy({ evaluate: async (step) => ({ score: -step, values: {} }) });
    const result = await runToy({}, trainee);
    expect(result.bestStep).toBe(0);
    expect(result.bits).toMatch(/^[0,]+$/);
  });

  test("four micro-batches of one loss are one batch of their mean", async () => {
    const fixed = (): Toy => toy({ prepare: async () => tf.tensor2d([1, 2, 3, -1, 0, 1], [2, 3]) });
    const one = await runToy({}, fixed());
    const four = await runToy({ accumulation: 4 }, fixed());
    const last = (result: LoopResult): number => result.curve.at(-1)!.value;
    expect(last(four)).toBeCloseTo(last(one), 4);
  });
});

describe("interruption", () => {
  test("an aborted training that is called again gives the bits of an undisturbed one", async () => {
    const whole = await runToy({ stateFile: join(folder, "whole.safetensors"), accumulation: 2, clipNorm: 1 });
    for (const stopAt of [1, 9, 16, 39]) {
      const stateFile = join(folder, `stopped-${stopAt}.safetensors`);
      const stop = new AbortController();
      const control = {
        signal: stop.signal,
        onProgress: ({ done }: { done: number }) => {
          if (done === stopAt) stop.abort();
        },
      };
      expect(await failureOf(runToy({ stateFile, control, accumulation: 2, clipNorm: 1 }))).toMatch(/^interrupted/);
      const steps: number[] = [];
      const resumed = await runToy({
        stateFile,
        accumulation: 2,
        clipNorm: 1,
        control: { onProgress: ({ done }) => steps.push(done) },
      });
      expect(steps[0]).toBe(Math.floor(stopAt / 8) * 8 + 1);
      expect(resumed.bits).toBe(whole.bits);
      expect(resumed.curve).toEqual(whole.curve);
      expect(resumed.bestStep).toBe(whole.bestStep);
    }
  });

  test("extra state is stored and handed back", async () => {
    const stateFile = join(folder, "extra.safetensors");
    const stop = new AbortController();
    const control = { signal: stop.signal, onProgress: () => stop.abort() };
    await failureOf(runToy({ stateFile, control }, toy({ saveExtra: () => ({ rows: [3, 1] }) })));
    const restored: unknown[] = [];
    await runToy({ stateFile }, toy({ restoreExtra: (extra) => restored.push(extra) }));
    expect(restored).toEqual([{ rows: [3, 1] }]);
  });

  test("the state of another training is refused", async () => {
    const stateFile = join(folder, "other.safetensors");
    await runToy({ stateFile });
    expect(await failureOf(runToy({ stateFile }, toy({ stage: "another" })))).toMatch(/^data: .*"another"; got "toy"/);
  });
});

test("a loss that is not finite stops the training, naming stage and step", async () => {
  const bad = toy({ prepare: async () => tf.fill([2, 3], Number.NaN) });
  const before = tf.memory().numTensors;
  expect(await failureOf(runToy({}, bad))).toMatch(/^numeric: .*toy.*at step 0/);
  expect(tf.memory().numTensors).toBe(before - 3); // the toy's own three are gone, nothing else stayed
});

test("200 steps leave no tensor behind", async () => {
  const trainee = toy();
  const before = tf.memory().numTensors;
  await trainLoop(trainee, { ...options, steps: 200, accumulation: 2, clipNorm: 0.5 });
  expect(tf.memory().numTensors).toBe(before);
  trainee.dispose();
});
