import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { loadLora } from "../../../src/models/lora/peft-files";
import { runVisionTower } from "../../../src/models/qwen2-vl/model";
import type { Qwen2Vl } from "../../../src/models/qwen2-vl/weights";
import { generate } from "../../../src/models/vision-language/generate";
import { readerLogits } from "../../../src/models/vision-language/logits";
import type { PromptBatch } from "../../../src/models/vision-language/prompt-batch";
import { loadReference, realPositions } from "./reference-case";

beforeAll(async () => {
  await openBackend();
});

describe.each(["tied", "untied"] as const)("a tiny Qwen2-VL (%s head) against transformers", (name) => {
  test("gives the same image tokens", () => {
    const { model, batch, numbers } = loadReference(name);
    if (batch.images.kind !== "patches") throw new Error("the reference holds patches");
    const groups = batch.images.groups.map((group) => runVisionTower(model.parameters, model.config.vision, group));
    const found = groups.flatMap((tokens) => [...tokens.dataSync()]).sort();
    expect(largestDifference(found, [...numbers.image_tokens].sort())).toBeLessThan(1e-4);
    tf.dispose(groups);
    model.dispose();
  });

  test("gives the same logits at every real token, several images per prompt, padded", () => {
    const { model, batch, numbers } = loadReference(name);
    const vocabSize = model.config.text.vocabSize;
    const positions = realPositions(batch);
    const logits = readerLogits(model, batch, positions);
    const expected = positions.flatMap(({ row, column }) => {
      const start = (row * batch.columns + column) * vocabSize;
      return numbers.logits.slice(start, start + vocabSize);
    });
    expect(largestDifference(logits.dataSync(), expected)).toBeLessThan(1e-4);
    logits.dispose();
    model.dispose();
  });

  test("gives the same loss and gradient norm of every weight", () => {
    const { model, batch, numbers } = loadReference(name);
    const variables = model.parameters.unfreeze();
    const { value, grads } = tf.variableGrads(() => lastLoss(model, batch), variables);
    expect(value.dataSync()[0]).toBeCloseTo(numbers.full.loss, 4);
    model.parameters.names().forEach((weight, i) => {
      const norm = tf.tidy(() => tf.norm(grads[variables[i]!.name]!).dataSync()[0]!);
      const expected = numbers.full.gradients[weight]!;
      expect(Math.abs(norm - expected) / (expected + 1e-4), weight).toBeLessThan(1e-3);
    });
    tf.dispose([value, grads]);
    model.dispose();
  });

  test("reads a PEFT adapter: same logits, same gradients of its matrices", () => {
    const { model, batch, numbers, folder } = loadReference(name);
    const adapter = loadLora(model.parameters, `${folder}/lora`);
    const { value, grads } = tf.variableGrads(() => lastLoss(model, batch), [...adapter.variables]);
    expect(value.dataSync()[0]).toBeCloseTo(numbers.lora.loss, 4);
    expect(Object.keys(grads)).toHaveLength(adapter.variables.length);
    const compared = Object.entries(numbers.lora.gradients);
    expect(compared.length).toBeGreaterThan(10);
    for (const [weight, expected] of compared) {
      const [, module, matrix] = /^(.*)\.lora_([AB])\.weight$/.exec(weight)!;
      const index = 2 * adapter.config.modules.indexOf(module!) + (matrix === "A" ? 0 : 1);
      const found = grads[adapter.variables[index]!.name]!.dataSync();
      const scale = Math.max(...expected.map(Math.abs)) + 1e-5;
      expect(largestDifference(found, expected) / scale, weight).toBeLessThan(1e-3);
    }
    tf.dispose([value, grads]);
    adapter.dispose();
    model.dispose();
  });
});

test("greedy generation with remembered keys writes the tokens transformers writes", async () => {
  const { model, batch, numbers } = loadReference("tied");
  const written = await generate(model, batch, { maxNewTokens: 6 });
  const end = model.config.text.endTokenId;
  const pad = model.config.text.padTokenId;
  const expected = numbers.generated!.map((ids) => {
    const stop = ids.findIndex((id) => id === end || id === pad);
    return stop < 0 ? ids : ids.slice(0, stop);
  });
  expect(written.map(({ ids }) => ids)).toEqual(expected);
  model.dispose();
});

/** Cross-entropy of token 20 after the last two real tokens of each row, averaged. */
function lastLoss(model: Qwen2Vl, batch: PromptBatch): tf.Scalar {
  const positions = Array.from(batch.lastColumns).flatMap((column, row) => [
    { row, column: column - 1 },
    { row, column },
  ]);
  return tf.tidy(() => {
    const logProbabilities = tf.logSoftmax(readerLogits(model, batch, positions));
    return tf.neg(tf.mean(tf.slice(logProbabilities, [0, 20], [positions.length, 1])));
  });
}

function largestDifference(found: ArrayLike<number>, expected: readonly number[]): number {
  expect(found.length).toBe(expected.length);
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0);
}
