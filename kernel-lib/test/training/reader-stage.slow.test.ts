import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { openBackend } from "../../src/compute/backend";
import { mergeLora } from "../../src/models/lora/lora";
import type { VisionLanguageModel } from "../../src/models/vision-language/model";
import { fingerprintReader } from "../../src/reader/local-reader";
import { createReplicaPixtral } from "../../src/replicas/replica-readers";
import {
  type AugmentOptions,
  type ReadableExample,
  type ReaderStageInputs,
  type ReaderStageOptions,
  trainReader,
} from "../../src/training/reader-stage";
import { copyValues } from "../../src/training/training-state";
import { tinyReader } from "../helpers/tiny-reader";
import { brightnessExamples, brightnessPassages } from "../helpers/toy-task";

let folder: string;
beforeAll(async () => {
  await openBackend();
  folder = mkdtempSync(join(tmpdir(), "reader-stage-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const passages = brightnessPassages(8, "p");
const readable = (count: number, seed: string, mode: "retrieval" | "closedBook" = "retrieval"): ReadableExample[] =>
  brightnessExamples(count, seed).map((example, i) => ({
    example,
    passages: mode === "closedBook" ? [] : [passages[i % 8]!, passages[(i + 3) % 8]!],
  }));
const options: ReaderStageOptions = {
  steps: 60,
  batchSize: 8,
  learningRate: 0.02,
  evaluateEvery: 10,
  rank: 4,
  alpha: 8,
};
const inputs = (model: VisionLanguageModel, over: Partial<ReaderStageInputs> = {}): ReaderStageInputs => ({
  model,
  train: readable(16, "train"),
  validation: readable(8, "validation"),
  seed: 4,
  ...over,
});

function bitsOf(variables: readonly tf.Variable[]): string {
  return copyValues(variables)
    .map((values) => Buffer.from(values.buffer).toString("hex"))
    .join();
}

function isSame(one: VisionLanguageModel, other: VisionLanguageModel, name: string): boolean {
  const [a, b] = [one, other].map(({ parameters }) => Buffer.from(parameters.get(name).dataSync().slice().buffer));
  return a!.equals(b!);
}

describe("trainReader", () => {
  for (const mode of ["retrieval", "closedBook"] as const) {
    test(`learns the answers (${mode}); the model's own weights stay bit-identical`, async () => {
      const model = tinyReader(1, 64); // the frozen head of a narrower one cannot be sure of a word among a thousand
      const before = fingerprintReader(model);
      const { curve, bestStep, adapter } = await trainReader(
        inputs(model, { train: readable(16, "train", mode), validation: readable(8, "validation", mode) }),
        options,
      );
      const losses = curve.filter((point) => point.split === "validation").map((point) => point.value);
      expect(losses[0]).toBeGreaterThan(5); // untrained: about the logarithm of the vocabulary, per token
      expect(Math.min(...losses)).toBeLessThan(0.45); // who knows only how often each label occurs stays at ln 2 = 0.69
      expect(bestStep).toBeGreaterThan(0);
      adapter.dispose();
      expect(fingerprintReader(model)).toBe(before);
      model.dispose();
    });
  }

  describe.each([
    ["qwen2-vl", () => tinyReader(), /\.visual\./],
    ["pixtral", () => createReplicaPixtral(1), /\.(vision_tower|multi_modal_projector)\./],
  ] as const)("of %s", (_name, create, seen) => {
    const moved = async (vision: "trained" | "frozen"): Promise<Readonly<Record<"tower" | "language", number>>> => {
      const [before, model] = [create(), create()];
      const over = { steps: 2, evaluateEvery: 1, batchSize: 4, vision };
      const { adapter } = await trainReader(inputs(model), { ...options, ...over });
      mergeLora(model.parameters, adapter);
      const names = model.parameters.names().filter((name) => !isSame(before, model, name));
      for (const each of [before, model]) each.dispose();
      const tower = names.filter((name) => seen.test(name)).length;
      return { tower, language: names.length - tower };
    };

    test("a frozen vision tower stays as it is, to the bit; a trained one does not", async () => {
      const [frozen, trained] = [await moved("frozen"), await moved("trained")];
      expect(frozen.tower).toBe(0);
      expect(frozen.language).toBeGreaterThan(10);
      expect(trained.language).toBe(frozen.language);
      expect(trained.tower).toBeGreaterThan(3);
    });
  });

  test("dropout changes what is learnt, not what an evaluation says, and is written down for PEFT", async () => {
    const run = async (dropout?: number) => {
      const model = tinyReader();
      const over = dropout === undefined ? {} : { dropout };
      const { adapter, curve } = await trainReader(inputs(model), { ...options, steps: 4, evaluateEvery: 2, ...over });
      const result = { bits: bitsOf(adapter.variables), curve, dropout: adapter.config.dropout };
      adapter.dispose();
      model.dispose();
      return result;
    };
    const [none, zero, some] = [await run(), await run(0), await run(0.3)];
    expect(zero).toEqual(none);
    expect(some.dropout).toBe(0.3);
    expect(some.bits).not.toBe(none.bits);
    const first = (curve: typeof none.curve) => curve.find(({ split }) => split === "validation");
    expect(first(some.curve)).toEqual(first(none.curve)); // B is 0 then: no mask is seen
    expect(some.curve.at(-1)!.value).not.toBe(none.curve.at(-1)!.value);
  });

  test.each([0, 0.2])(
    "an aborted stage that is called again gives the bits of an undisturbed one (dropout %d)",
    async (dropout) => {
      const run = async (over: Partial<ReaderStageInputs>): Promise<string> => {
        const model = tinyReader();
        const { adapter } = await trainReader(inputs(model, over), {
          ...options,
          steps: 20,
          augment: {},
          accumulation: 2,
          dropout,
        });
        const bits = bitsOf(adapter.variables);
        adapter.dispose();
        model.dispose();
        return bits;
      };
      const whole = await run({});
      const stateFile = join(folder, `state-${dropout}.safetensors`);
      const stop = new AbortController();
      const control = {
        signal: stop.signal,
        onProgress: ({ done }: { done: number }) => {
          if (done === 13) stop.abort();
        },
      };
      const failed = await run({ stateFile, control }).catch((error) => error);
      expect(isKernelError(failed, "interrupted")).toBe(true);
      expect(await run({ stateFile })).toBe(whole);
    },
  );

  test("pictures are moved from the pass on that is asked for", async () => {
    const run = async (augment: AugmentOptions | null): Promise<string> => {
      const model = tinyReader();
      const { adapter } = await trainReader(inputs(model), { ...options, steps: 5, evaluateEvery: 5, augment });
      const bits = bitsOf(adapter.variables);
      adapter.dispose();
      model.dispose();
      return bits;
    };
    const plain = await run(null);
    expect(await run({ afterPasses: 3 })).toBe(plain); // five steps of 8 among 16 questions: two passes and a half
    expect(await run({ afterPasses: 2 })).not.toBe(plain);
    expect(await run({})).not.toBe(await run({ afterPasses: 2 }));
    const model = tinyReader();
    const refused = trainReader(inputs(model), { ...options, augment: { afterPasses: -1 } });
    await expect(refused).rejects.toThrow(/augment\.afterPasses must be a whole number/);
    model.dispose();
  });

  test("200 steps leave nothing behind", async () => {
    const model = tinyReader(1, 16);
    const small = { train: readable(4, "train"), validation: readable(2, "validation") };
    const before = tf.memory().numTensors;
    const { adapter } = await trainReader(inputs(model, small), {
      ...options,
      steps: 200,
      batchSize: 2,
      evaluateEvery: 100,
    });
    adapter.dispose();
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });
});
