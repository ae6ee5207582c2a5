import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { runDecoder } from "../../../src/models/layers/decoder";
import { closeMemory, continueReading, openMemory } from "../../../src/models/layers/kv-cache";
import { linearMaps } from "../../../src/models/layers/linear";
import { multimodalAngles } from "../../../src/models/layers/rotary";
import type { Qwen2Vl } from "../../../src/models/qwen2-vl/weights";
import { readerLogits } from "../../../src/models/vision-language/logits";
import { collatePrompts, type PromptBatch, tokenizePrompt } from "../../../src/models/vision-language/prompt-batch";
import { ask, noiseImage, tinyModel } from "../qwen2-vl/tiny";

let model: Qwen2Vl;
let batch: PromptBatch;

beforeAll(async () => {
  await openBackend();
  model = tinyModel();
  const long = ask(noiseImage(2), noiseImage(9, 8), "a tall round shadow");
  const prompts = [tokenizePrompt(model, long), tokenizePrompt(model, [{ role: "user", content: "what is it" }])];
  batch = collatePrompts(model, prompts, { side: "left" });
});

const values = (tensor: tf.Tensor): Float32Array => tensor.dataSync() as Float32Array;

test("keys turned as they enter a memory and keys turned inside attention give the same bits", () => {
  const kept = openMemory(model, batch, "keep");
  const dropped = openMemory(model, batch, "drop");
  expect(values(kept.logits)).toEqual(values(dropped.logits));
  expect(kept.layers.map(({ keys }) => keys.length)).toEqual(new Array(model.config.text.numLayers).fill(1));
  expect(dropped.layers).toEqual([]);
  closeMemory(kept);
  closeMemory(dropped);
});

test("reading on gives the logits of reading everything at once, and frees what it is told to", () => {
  const { numTensors } = tf.memory();
  const next = [7, 5, 3]; // the same three tokens behind both prompts
  let memory = openMemory(model, batch, "keep");
  for (const token of next) {
    const longer = continueReading(model, memory, {
      ids: Int32Array.of(token, token),
      length: 1,
      maps: linearMaps(model.parameters),
    });
    closeMemory(memory);
    memory = longer;
  }
  const columns = batch.columns + next.length;
  const grow = (kept: Int32Array | Uint8Array, more: (row: number, i: number) => number): number[] =>
    [0, 1].flatMap((row) => [
      ...kept.subarray(row * batch.columns, (row + 1) * batch.columns),
      ...next.map((_, i) => more(row, i)),
    ]);
  const axes = [0, 1, 2].map((axis) =>
    batch.positions.subarray(axis * 2 * batch.columns, (axis + 1) * 2 * batch.columns),
  );
  const whole: PromptBatch = {
    ...batch,
    columns,
    inputIds: Int32Array.from(grow(batch.inputIds, (_row, i) => next[i]!)),
    mask: Uint8Array.from(grow(batch.mask, () => 1)),
    slots: Int32Array.from(grow(batch.slots, () => -1)),
    positions: Int32Array.from(axes.flatMap((line) => grow(line, (row, i) => batch.nextPositions[row]! + i))),
  };
  const expected = readerLogits(
    model,
    whole,
    [0, 1].map((row) => ({ row, column: columns - 1 })),
  );
  const [found, wanted] = [values(memory.logits), values(expected)];
  found.forEach((value, i) => {
    expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-5);
  });
  closeMemory(memory);
  expected.dispose();
  expect(tf.memory().numTensors).toBe(numTensors);
});

test("a pass that remembers nothing takes no memory", () => {
  const memory = openMemory(model, batch, "keep");
  const { text } = model.config;
  const pass = {
    rows: 2,
    columns: 1,
    angles: multimodalAngles(text, new Int32Array(6)),
    visible: new Uint8Array(2 * (batch.columns + 1)).fill(1),
    memory: memory.layers,
    remember: "drop",
    keep: Int32Array.of(0, 1),
  } as const;
  const run = () => tf.tidy(() => runDecoder(model.parameters, text, tf.zeros([2, text.hiddenSize]), pass).hidden);
  expect(run).toThrow(
    `remember must be "keep" in a pass on top of a memory; got "drop" with ${text.numLayers} layers.`,
  );
  closeMemory(memory);
});
