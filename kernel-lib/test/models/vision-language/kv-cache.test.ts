import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { multimodalAngles, runDecoder } from "../../../src/models/layers/decoder";
import { linearMaps } from "../../../src/models/layers/linear";
import type { Qwen2Vl } from "../../../src/models/qwen2-vl/weights";
import {
  disposeBefore,
  disposeCache,
  prefill,
  readerLogits,
  readerStates,
  readOn,
  takeBefore,
} from "../../../src/models/vision-language/logits";
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

test("keys turned as they enter a cache and keys turned inside attention give the same bits", () => {
  const kept = prefill(model, batch, "keep");
  const dropped = prefill(model, batch, "drop");
  expect(values(kept.logits)).toEqual(values(dropped.logits));
  expect(kept.layers.map(({ keys }) => keys.length)).toEqual(new Array(model.config.text.numLayers).fill(1));
  expect(dropped.layers).toEqual([]);
  disposeCache(kept);
  disposeCache(dropped);
});

test("reading on gives the logits of reading everything at once, and frees what it is told to", () => {
  const { numTensors } = tf.memory();
  const next = [7, 5, 3]; // the same three tokens behind both prompts
  let cache = prefill(model, batch, "keep");
  for (const token of next) {
    const longer = readOn(model, cache, {
      ids: Int32Array.of(token, token),
      length: 1,
      maps: linearMaps(model.parameters),
    });
    disposeCache(cache);
    cache = longer;
  }
  const columns = batch.columns + next.length;
  const grow = (kept: Int32Array | Uint8Array, more: (row: number, i: number) => number): number[] =>
    [0, 1].flatMap((row) => [
      ...kept.subarray(row * batch.columns, (row + 1) * batch.columns),
      ...next.map((_, i) => more(row, i)),
    ]);
  const axes = [0, 1, 2].map((axis) =>
    batch.positionIds.subarray(axis * 2 * batch.columns, (axis + 1) * 2 * batch.columns),
  );
  const whole: PromptBatch = {
    ...batch,
    columns,
    inputIds: Int32Array.from(grow(batch.inputIds, (_row, i) => next[i]!)),
    attentionMask: Uint8Array.from(grow(batch.attentionMask, () => 1)),
    slots: Int32Array.from(grow(batch.slots, () => -1)),
    positionIds: Int32Array.from(axes.flatMap((line) => grow(line, (row, i) => batch.nextPositionIds[row]! + i))),
  };
  const expected = readerLogits(
    model,
    whole,
    [0, 1].map((row) => ({ row, column: columns - 1 })),
  );
  const [found, wanted] = [values(cache.logits), values(expected)];
  found.forEach((value, i) => {
    expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-5);
  });
  disposeCache(cache);
  expected.dispose();
  expect(tf.memory().numTensors).toBe(numTensors);
});

test("prompts on top of beginnings that were read give the logits of whole prompts, and what is made of a cache is freed", () => {
  const { numTensors } = tf.memory();
  const asked = ["spiky", "a tall round shadow"].map((text) =>
    tokenizePrompt(model, ask(noiseImage(2), noiseImage(9, 8), text)),
  );
  const whole = collatePrompts(model, asked);
  const { inputIds, images } = asked[0]!;
  const first = inputIds.indexOf(model.config.imageTokenId);
  const cut = inputIds.findIndex((id, i) => i > first && id !== model.config.imageTokenId); // behind the first picture
  const beginning = collatePrompts(model, [{ inputIds: inputIds.subarray(0, cut), images: images.slice(0, 1) }], {
    side: "right",
    columnsOf: 8,
  });
  expect(beginning.columns % 8).toBe(0);
  const read = prefill(model, beginning, "keep");
  const before = takeBefore(read, [0, 0]);
  const rest = collatePrompts(model, asked, { side: "right", read: [cut, cut] });
  expect(rest.columns).toBe(whole.columns - cut);
  const found = prefill(model, rest, "keep", { before });
  const wanted = prefill(model, whole, "drop");
  const expected = values(wanted.logits);
  values(found.logits).forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5);
  });
  expect(() => prefill(model, rest, "drop", { before })).toThrow('caching must be "keep"');
  for (const cache of [read, found, wanted]) disposeCache(cache);
  disposeBefore(before);
  expect(tf.memory().numTensors).toBe(numTensors);
});

test("a pass that caches nothing takes no cache", () => {
  const cache = prefill(model, batch, "keep");
  const { text } = model.config;
  const pass = {
    rows: 2,
    columns: 1,
    angles: multimodalAngles(text, new Int32Array(6)),
    attentionMask: new Uint8Array(2 * (batch.columns + 1)).fill(1),
    cache: cache.layers,
    caching: "drop",
    outputs: Int32Array.of(0, 1),
  } as const;
  const run = () => tf.tidy(() => runDecoder(model.parameters, text, tf.zeros([2, text.hiddenSize]), pass).hidden);
  expect(run).toThrow(`caching must be "keep" in a pass on top of a cache; got "drop" with ${text.numLayers} layers.`);
  disposeCache(cache);
});

test("a layer's states are what a model that ends there would say, and the logits stay the same to the bit", () => {
  const { numTensors } = tf.memory();
  const first = { ...model, config: { ...model.config, text: { ...model.config.text, numLayers: 1 } } };
  const positions = [0, 1].map((row) => ({ row, column: batch.columns - 1 }));
  const states = readerStates(model, batch, positions);
  const whole = readerLogits(model, batch, positions);
  const cut = readerLogits(first, batch, positions);
  expect(values(states.logits)).toEqual(values(whole));
  expect(states.layers.map(({ shape }) => shape)).toEqual([[2 * batch.columns, model.config.text.hiddenSize]]);
  const head = model.parameters.get("model.language_model.embed_tokens.weight") as tf.Tensor2D;
  const places = tf.tensor1d([batch.columns - 1, 2 * batch.columns - 1], "int32");
  const said = tf.tidy(() => tf.matMul(tf.gather(states.layers[0]!, places), head, false, true));
  const [found, wanted] = [values(said), values(cut)];
  found.forEach((value, i) => {
    expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-5);
  });
  tf.dispose([states.logits, ...states.layers, whole, cut, said, places]);
  expect(tf.memory().numTensors).toBe(numTensors);
});
