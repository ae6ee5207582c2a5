import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isKernelError } from "../../../src/base/errors";
import type { Control, Prediction } from "../../../src/base/types";
import { readSafetensors } from "../../../src/compute/safetensors";
import { predict } from "../../../src/experiments/stages/predictions";
import { tuneReader } from "../../../src/experiments/stages/reader";
import { bytesOf, type SmallWorld, smallWorld } from "../helpers/small-world";

let world: SmallWorld;
beforeAll(async () => {
  world = await smallWorld();
});
afterAll(() => world.dispose());

/** Changes with which a few steps of untrained models learn something. */
const STAGES = {
  reader: { steps: 8, learningRate: 1e-2 },
  retriever: { steps: 20, batchSize: 16, evaluateEvery: 5, learningRate: 1e-3 },
};
const FILES = {
  "medical-reader": ["captions/adapter_model.safetensors", "task/adapter_model.safetensors"],
  "medical-encoder": ["encoder/model.safetensors", "embeddings.safetensors"],
  "gsco-like": ["tower.safetensors", "classifier.safetensors", "choice.json"],
} as const;
type Name = keyof typeof FILES;

async function answered(artifacts: string, system: Name, control: Control = {}) {
  const run = await world.openRun(artifacts, control);
  const index = await world.index(run);
  const closed = system === "medical-reader";
  const reader = closed
    ? await tuneReader(run, { task: world.task, mode: "closedBook", readerFolder: world.readerFolder })
    : await world.reader(run, index);
  try {
    const parts = { task: world.task, index, reader };
    const { predictions, artifact } = await predict(run, { ...parts, system, stages: STAGES });
    const folder = join(run.artifactsDir, "system", artifact.manifest.inputs.at(-1)!);
    const plain = await predict(run, { ...parts, system: closed ? "closed-book" : "ft-rag" });
    const cost = JSON.parse(readFileSync(join(folder, "cost.json"), "utf8"));
    const trained = FILES[system].map((file) => bytesOf({ folder }, file));
    return { predictions, plain: plain.predictions, trained, folder, cost, embeddings: index.embeddings };
  } finally {
    index.dispose();
    reader.dispose();
  }
}

const probabilities = (predictions: readonly Prediction[]): number[][] =>
  predictions.map((each) => [...(each as Prediction<"label">).probabilities]);
const found = (predictions: readonly Prediction[]): string[][] =>
  predictions.map(({ readings }) => readings.map(({ retrieved }) => retrieved?.passageId ?? "none"));

describe.each(Object.keys(FILES) as Name[])("%s", (system) => {
  /** What tells that the training is under way, and how far. */
  const stages = { "medical-reader": "reader", "medical-encoder": "medical encoder", "gsco-like": "specialist" };

  test("answers every question by its name, and says what it cost; nothing is left in memory", async () => {
    await answered(system, system); // what the engine keeps for good is there
    const before = tf.memory().numTensors;
    const { predictions, cost } = await answered(`${system}-again`, system);
    expect(tf.memory().numTensors).toBe(before);
    expect(predictions.map(({ exampleId }) => exampleId)).toEqual(world.task.splits.test.map(({ id }) => id));
    expect(new Set(predictions.map((each) => each.system)).size).toBe(1);
    expect(cost.trainedWeights).toBeGreaterThan(1000);
    expect(cost.readerPasses).toBe(system === "gsco-like" ? 8 * 4 : 0); // validation, two passages a head
  });

  test("interrupted in its training, it goes on to the same bytes", async () => {
    const stop = new AbortController();
    let seen = 0;
    const control: Control = {
      signal: stop.signal,
      onProgress: ({ stage, done }) => {
        if (stage !== stages[system] || done !== 6) return;
        seen += 1;
        if (system !== "medical-reader" || seen === 2) stop.abort(); // the run's own reader is trained first
      },
    };
    const stopped = await answered(`${system}-stopped`, system, control).catch((error: unknown) => error);
    expect(isKernelError(stopped, "interrupted")).toBe(true);
    const resumed = await answered(`${system}-stopped`, system);
    const undisturbed = await answered(system, system);
    expect(resumed.trained).toEqual(undisturbed.trained);
    expect(resumed.predictions).toEqual(undisturbed.predictions);
  });
});

test("the reader that has read captions answers closed-book, and otherwise than one that has not", async () => {
  const { predictions, plain } = await answered("medical-reader", "medical-reader");
  expect(
    found(predictions)
      .flat()
      .every((id) => id === "none"),
  ).toBe(true);
  expect(probabilities(predictions)).not.toEqual(probabilities(plain));
});

test("the trained encoder searches a corpus of its own, in which a picture and its caption lie nearer than before", async () => {
  const { predictions, plain, folder, embeddings } = await answered("medical-encoder", "medical-encoder");
  expect(found(predictions)).not.toEqual(found(plain));
  const { tensors } = readSafetensors(join(folder, "embeddings.safetensors"));
  const [rows, cols] = tensors.get("image")!.shape as [number, number];
  const margin = (image: ArrayLike<number>, text: ArrayLike<number>): number => {
    const dot = (a: number, b: number): number => {
      let sum = 0;
      for (let d = 0; d < cols; d++) sum += image[a * cols + d]! * text[b * cols + d]!;
      return sum;
    };
    let total = 0;
    for (let row = 0; row < rows; row++) total += dot(row, row) - dot(row, (row + 1) % rows);
    return total / rows;
  };
  const own = margin(tensors.get("image")!.data as Float32Array, tensors.get("text")!.data as Float32Array);
  expect(own).toBeGreaterThan(margin(embeddings.image.data, embeddings.text.data));
});

test("the specialist helps as much as was chosen, over FT RAG's own readings", async () => {
  const { predictions, plain, folder } = await answered("gsco-like", "gsco-like");
  expect(found(predictions)).toEqual(found(plain));
  const { share } = JSON.parse(readFileSync(join(folder, "choice.json"), "utf8"));
  const changed = JSON.stringify(probabilities(predictions)) !== JSON.stringify(probabilities(plain));
  expect(changed).toBe(share > 0);
});
