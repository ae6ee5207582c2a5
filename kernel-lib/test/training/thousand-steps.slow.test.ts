import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { trainReader } from "../../src/training/reader-stage";
import { tinyReader } from "../helpers/tiny-reader";
import { brightnessExamples, brightnessPassages } from "../helpers/toy-task";

const STEPS = 1000;
const EVERY = 100;
/** What the allocators may still take after the first 300 steps; 6 KB lost a step would be more. */
const SLACK_MIB = 4;

beforeAll(async () => {
  await openBackend();
});

/** Memory of the process outside JavaScript's own heap, where tensors live. */
function outsideHeapMiB(): number {
  const { rss, heapTotal } = process.memoryUsage();
  return (rss - heapTotal) / 2 ** 20;
}

test("a thousand steps keep the number of tensors and the memory they started with", async () => {
  const model = tinyReader(1, 16);
  const passages = brightnessPassages(4, "p");
  const readable = (count: number, seed: string) =>
    brightnessExamples(count, seed).map((example, i) => ({ example, passages: [passages[i % 4]!] }));
  const before = tf.memory().numTensors;
  const tensors: number[] = [];
  const memory: number[] = [];
  const control = {
    onProgress: ({ done, total }: { done: number; total: number }): void => {
      if (total !== STEPS || done % EVERY !== 0) return;
      tensors.push(tf.memory().numTensors);
      memory.push(outsideHeapMiB());
    },
  };
  const { adapter } = await trainReader(
    { model, train: readable(4, "train"), validation: readable(2, "validation"), seed: 4, control },
    { steps: STEPS, batchSize: 2, learningRate: 0.01, evaluateEvery: EVERY, rank: 2, alpha: 4 },
  );
  expect(tensors).toHaveLength(STEPS / EVERY);
  expect(new Set(tensors).size).toBe(1);
  expect(Math.max(...memory) - Math.max(...memory.slice(0, 3))).toBeLessThan(SLACK_MIB);
  adapter.dispose();
  expect(tf.memory().numTensors).toBe(before);
  model.dispose();
});
