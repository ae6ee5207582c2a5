import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { createAdamW } from "../../../src/compute/adamw";
import { openBackend } from "../../../src/compute/backend";
import { crossEntropy } from "../../../src/compute/ops/cross-entropy";
import { attachLora } from "../../../src/models/lora/lora";
import type { Qwen2Vl } from "../../../src/models/qwen2-vl/weights";
import { readerLogits } from "../../../src/models/vision-language/logits";
import { collatePrompts, type PromptBatch, tokenizePrompt } from "../../../src/models/vision-language/prompt-batch";
import { loadReference } from "./reference-case";
import { ask, noiseImage, tinyModel } from "./tiny";

beforeAll(async () => {
  await openBackend();
});

/** Two prompts that differ in the candidate's picture only, with different answers. */
function pictureBatch(model: Qwen2Vl): PromptBatch {
  const query = noiseImage(5);
  const prompts = [1, 2].map((seed) => tokenizePrompt(model, ask(noiseImage(seed), query, "spiky")));
  return collatePrompts(model, prompts, { answers: ["yes", "no"] });
}

function lossOf(model: Qwen2Vl, batch: PromptBatch): tf.Scalar {
  const { positions, targets } = batch.answers!;
  return tf.tidy(() => tf.mean(crossEntropy(readerLogits(model, batch, positions), targets)));
}

function train(model: Qwen2Vl, batch: PromptBatch, variables: readonly tf.Variable[], steps: number): number[] {
  const optimizer = createAdamW([...variables], { weightDecay: 0 });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { value, grads } = tf.variableGrads(() => lossOf(model, batch), [...variables]);
    optimizer.step(
      variables.map((variable) => grads[variable.name]!),
      0.01,
    );
    losses.push(value.dataSync()[0]!);
    tf.dispose([value, grads]);
  }
  optimizer.dispose();
  return losses;
}

describe("LoRA on every linear module", () => {
  test("learns one batch, and leaves every weight bit-identical", () => {
    const { model, batch: prompts } = loadReference("tied");
    const positions = Array.from(prompts.lastColumns, (column, row) => ({ row, column }));
    const batch = { ...prompts, answers: { positions, targets: Int32Array.of(20, 21) } };
    const weights = model.parameters.export();
    const adapter = attachLora(model.parameters, { rank: 4, alpha: 8, seed: 1 });
    const losses = train(model, batch, adapter.variables, 30);
    expect(losses[0]).toBeGreaterThan(1);
    expect(losses.at(-1)).toBeLessThan(0.1);
    expect(model.parameters.export()).toEqual(weights);
    adapter.dispose();
    model.dispose();
  });

  test("the same seed gives the same losses to the last bit", () => {
    const run = (): number[] => {
      const model = tinyModel();
      const adapter = attachLora(model.parameters, { rank: 4, seed: 1 });
      const losses = train(model, pictureBatch(model), adapter.variables, 6);
      adapter.dispose();
      model.dispose();
      return losses;
    };
    expect(run()).toEqual(run());
  });

  test("a training step leaves no tensors behind", () => {
    const model = tinyModel();
    const batch = pictureBatch(model);
    const adapter = attachLora(model.parameters, { seed: 1 });
    const before = tf.memory().numTensors;
    train(model, batch, adapter.variables, 2);
    expect(tf.memory().numTensors).toBe(before);
    adapter.dispose();
    model.dispose();
  });
});

test("LoRA on the text model alone computes the vision tower outside the tape", () => {
  const model = tinyModel();
  const batch = pictureBatch(model);
  const kernels = (targets: RegExp): number => {
    const adapter = attachLora(model.parameters, { targets, seed: 1 });
    const tape = countTape(() => tf.dispose(tf.variableGrads(() => lossOf(model, batch), [...adapter.variables])));
    adapter.dispose();
    return tape;
  };
  expect(kernels(/language_model/)).toBeLessThan(kernels(/language_model|visual/));
  model.dispose();
});

/** Length of the longest tape seen while `run` computes gradients. */
function countTape(run: () => void): number {
  const engine = tf.engine() as unknown as { state: { nextTapeNodeId: number } };
  const before = engine.state.nextTapeNodeId;
  run();
  return engine.state.nextTapeNodeId - before;
}

test("unfrozen, all weights learn: pre-training", () => {
  const model = tinyModel();
  const batch = pictureBatch(model);
  const before = model.parameters.export();
  const losses = train(model, batch, model.parameters.unfreeze(), 15);
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
  for (const [name, { data }] of model.parameters.export()) expect(data, name).not.toEqual(before.get(name)!.data);
  model.dispose();
});

test("the gradient of a LoRA matrix equals finite differences", () => {
  const model = tinyModel();
  const batch = pictureBatch(model);
  const adapter = attachLora(model.parameters, { rank: 2, seed: 3, targets: /blocks\.0\.attn\.qkv|layers\.0.*v_proj/ });
  const { value, grads } = tf.variableGrads(() => lossOf(model, batch), [...adapter.variables]);
  const lossAt = (variable: tf.Variable, index: number, shift: number): number => {
    const values = (variable.dataSync() as Float32Array).slice();
    const moved = values.slice();
    moved[index]! += shift;
    tf.tidy(() => variable.assign(tf.tensor(moved, variable.shape)));
    const loss = lossOf(model, batch);
    const found = loss.dataSync()[0]!;
    loss.dispose();
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
    return found;
  };
  for (const variable of [adapter.variables[1]!, adapter.variables[3]!]) {
    const gradient = Array.from(grads[variable.name]!.dataSync());
    const index = gradient.reduce((best, slope, i) => (Math.abs(slope) > Math.abs(gradient[best]!) ? i : best), 0);
    const slope = (lossAt(variable, index, 0.05) - lossAt(variable, index, -0.05)) / 0.1;
    expect(Math.abs(slope - gradient[index]!) / Math.abs(gradient[index]!)).toBeLessThan(0.02);
  }
  tf.dispose([value, grads]);
  adapter.dispose();
  model.dispose();
});
