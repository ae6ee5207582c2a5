import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { mergeLora, unmergeLora } from "../../../src/models/lora/lora";
import { loadLora } from "../../../src/models/lora/peft-files";
import { pixtralPatches, pixtralSize } from "../../../src/models/pixtral/processor";
import type { Pixtral } from "../../../src/models/pixtral/weights";
import { renderChat } from "../../../src/models/text/chat-template";
import { generate } from "../../../src/models/vision-language/generate";
import { readerLogits } from "../../../src/models/vision-language/logits";
import { collatePrompts, type PromptBatch } from "../../../src/models/vision-language/prompt-batch";
import { assemblePatches, loadPixtralCase, PIXTRAL_CASES, unpack } from "./reference-case";

beforeAll(async () => {
  await openBackend();
}, 60_000);

describe.each(PIXTRAL_CASES)("a tiny Pixtral (%s) against transformers", (name) => {
  test("writes the same text and the same token ids, padding included", () => {
    const { model, messages, batch, numbers } = loadPixtralCase(name);
    const texts = messages.map((chat) => renderChat(model.chatTemplate, chat, "closed", model.tokenizer));
    expect(texts).toEqual(numbers.texts);
    const ids = numbers.input_ids.map((_, row) => [
      ...batch.inputIds.slice(row * batch.columns, (row + 1) * batch.columns),
    ]);
    expect(ids).toEqual(numbers.input_ids);
    expect([...batch.attentionMask]).toEqual(numbers.attention_mask.flat());
    model.dispose();
  });

  test("gives the same pixel values, to the bit but rounding where nothing is resized", () => {
    const { model, numbers } = loadPixtralCase(name);
    const pictures = numbers.pictures.flat().map(unpack);
    pictures.forEach((picture, i) => {
      const patches = pixtralPatches(picture, model.imageConfig);
      const found = assemblePatches(patches, numbers.image_sizes[i]!, 4);
      expect(largestDifference(found, numbers.pixel_values[i]!)).toBeLessThan(1e-5);
    });
    for (const resized of numbers.resized) {
      const size = pixtralSize(resized.height, resized.width, model.imageConfig);
      expect([size.height, size.width]).toEqual(resized.size);
      const found = assemblePatches(pixtralPatches(unpack(resized), model.imageConfig), resized.size, 4);
      const mean = found.reduce((sum, value, i) => sum + Math.abs(value - resized.pixel_values[i]!), 0) / found.length;
      expect(mean * 0.28).toBeLessThan(0.2 / 255); // in units of full brightness; 0.28 is the largest deviation
    }
    model.dispose();
  });

  test("gives the same logits at every real token, several images per prompt, padded", () => {
    const { model, batch, numbers } = loadPixtralCase(name);
    const positions = Array.from(batch.attentionMask).flatMap((real, i) =>
      real === 1 ? [{ row: Math.floor(i / batch.columns), column: i % batch.columns }] : [],
    );
    const logits = tf.tidy(() => readerLogits(model, batch, positions).arraySync());
    const perToken = Math.ceil(model.config.text.vocabSize / 16);
    const found = logits.flatMap((row) => row.filter((_, id) => id % 16 === 0));
    const expected = positions.flatMap(({ row, column }) => {
      const start = (row * batch.columns + column) * perToken;
      return numbers.some_logits.slice(start, start + perToken);
    });
    expect(largestDifference(found, expected)).toBeLessThan(1e-4);
    expect(largestDifference(lastLogits(model, batch), numbers.last_logits)).toBeLessThan(1e-4);
    model.dispose();
  });

  test("greedy generation with remembered keys writes the same tokens", async () => {
    const { model, prompts, numbers } = loadPixtralCase(name);
    const written = await generate(model, collatePrompts(model, prompts), { maxNewTokens: 6 });
    const { endTokenId, padTokenId } = model.config.text;
    const expected = numbers.generated.map((ids) => {
      const stop = ids.findIndex((id) => id === endTokenId || id === padTokenId);
      return stop < 0 ? ids : ids.slice(0, stop);
    });
    expect(written.map(({ ids }) => ids)).toEqual(expected);
    model.dispose();
  });

  test("gives the same loss and gradient norm of every weight", () => {
    const { model, batch, numbers } = loadPixtralCase(name);
    const variables = model.parameters.unfreeze();
    const { value, grads } = tf.variableGrads(() => lastLoss(model, batch), variables);
    expect(value.dataSync()[0]).toBeCloseTo(numbers.full.loss, 4);
    expect(Object.keys(numbers.full.gradients).length).toBeGreaterThan(20);
    for (const [weight, expected] of Object.entries(numbers.full.gradients)) {
      const gradient = grads[model.parameters.get(weight).name]!;
      const norm = tf.tidy(() => tf.norm(gradient).dataSync()[0]!);
      expect(Math.abs(norm - expected) / (expected + 1e-4), weight).toBeLessThan(1e-3);
    }
    tf.dispose([value, grads]);
    model.dispose();
  });

  test("reads a PEFT adapter: same logits, same gradients of its matrices", () => {
    const { model, batch, numbers, folder } = loadPixtralCase(name);
    const adapter = loadLora(model.parameters, `${folder}/lora`);
    expect(largestDifference(lastLogits(model, batch), numbers.lora.last_logits)).toBeLessThan(1e-4);
    const { value, grads } = tf.variableGrads(() => lastLoss(model, batch), [...adapter.variables]);
    expect(value.dataSync()[0]).toBeCloseTo(numbers.lora.loss, 4);
    const compared = Object.entries(numbers.lora.gradients);
    expect(compared.length).toBeGreaterThanOrEqual(adapter.variables.length - 8); // blocks above the feature layer have none
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

test.each(PIXTRAL_CASES)(
  "merging a PEFT adapter (%s) gives the weights PEFT merges to, and the same logits",
  (name) => {
    const { model, batch, numbers, folder } = loadPixtralCase(name);
    const adapter = loadLora(model.parameters, `${folder}/lora`);
    mergeLora(model.parameters, adapter, "remember");
    expect(largestDifference(lastLogits(model, batch), numbers.lora.last_logits)).toBeLessThan(1e-4);
    const merged = Object.entries(numbers.lora.merged);
    expect(merged.length).toBeGreaterThan(5);
    for (const [module, expected] of merged) {
      const found = model.parameters
        .get(`${module}.weight`)
        .dataSync()
        .filter((_, i) => i % 3 === 0);
      expect(largestDifference(found, expected), module).toBeLessThan(1e-6);
    }
    unmergeLora(model.parameters, adapter);
    const fresh = loadPixtralCase(name);
    expect(model.parameters.export()).toEqual(fresh.model.parameters.export());
    for (const owner of [adapter, model, fresh.model]) owner.dispose();
  },
);

function lastLogits(model: Pixtral, batch: PromptBatch): Float32Array {
  const last = Array.from(batch.lastColumns, (column, row) => ({ row, column }));
  return tf.tidy(() => readerLogits(model, batch, last).dataSync() as Float32Array);
}

/** Cross-entropy of token 20 after the last two real tokens of each row, averaged. */
function lastLoss(model: Pixtral, batch: PromptBatch): tf.Scalar {
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
