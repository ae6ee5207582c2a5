import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import type { Qwen2Vl } from "../../../src/models/qwen2-vl/weights";
import { scoreAnswers } from "../../../src/models/vision-language/answer-scores";
import { generate } from "../../../src/models/vision-language/generate";
import { encodeVision } from "../../../src/models/vision-language/image-batch";
import { readerLogits } from "../../../src/models/vision-language/logits";
import {
  type CollateOptions,
  collatePrompts,
  type PromptTokens,
  tokenizePrompt,
} from "../../../src/models/vision-language/prompt-batch";
import { ask, noiseImage, tinyModel } from "../qwen2-vl/tiny";

let model: Qwen2Vl;
let prompts: PromptTokens[];

beforeAll(async () => {
  await openBackend();
  model = tinyModel();
  const query = noiseImage(9, 8);
  prompts = [
    tokenizePrompt(model, ask(noiseImage(1), query, "spiky")),
    tokenizePrompt(model, ask(noiseImage(2), query, "a tall round shadow")),
    tokenizePrompt(model, [{ role: "user", content: "what is it" }]),
  ];
});

function lastLogits(chosen: readonly PromptTokens[], options: CollateOptions = {}): number[][] {
  const batch = collatePrompts(model, chosen, options);
  const places = Array.from(batch.lastColumns, (column, row) => ({ row, column }));
  const logits = readerLogits(model, batch, places);
  const rows = logits.arraySync();
  logits.dispose();
  return rows;
}

function expectClose(found: readonly number[][], expected: readonly number[][]): void {
  found.forEach((row, i) => {
    expect(row.reduce((most, value, j) => Math.max(most, Math.abs(value - expected[i]![j]!)), 0)).toBeLessThan(1e-5);
  });
}

describe("collatePrompts", () => {
  test("keeps a picture used twice once, and names its tokens in both prompts", () => {
    const batch = collatePrompts(model, prompts);
    if (batch.images.kind !== "patches") throw new Error("patches expected");
    expect(batch.images.groups.map(({ numImages }) => numImages)).toEqual([2, 1]);
    const slots = (row: number) =>
      [...batch.slots.slice(row * batch.columns, (row + 1) * batch.columns)].filter((slot) => slot >= 0);
    expect(slots(0)).toEqual([0, 1, 2, 3, 8, 9]);
    expect(slots(1)).toEqual([4, 5, 6, 7, 8, 9]);
    expect(slots(2)).toEqual([]);
  });

  test("the answer to a prompt does not depend on its neighbours or on the side of the padding", () => {
    const alone = prompts.map((prompt) => lastLogits([prompt])[0]!);
    expectClose(lastLogits(prompts, { side: "left" }), alone);
    expectClose(lastLogits(prompts, { side: "right" }), alone);
  });

  test("image tokens read before give the same logits as patches", async () => {
    const images = prompts.flatMap((prompt) => prompt.images);
    const tokens = await encodeVision(model, images);
    const vision = new Map(images.map((image, i) => [image, tokens[i]!]));
    expectClose(lastLogits(prompts, { vision }), lastLogits(prompts));
  });

  test("appends answers with an end token and says where each of their tokens is predicted", () => {
    const answers = ["yes", "no", "round"];
    const batch = collatePrompts(model, prompts, { answers });
    const ids = answers.flatMap((answer) => [...model.tokenizer.encode(answer), model.config.text.endTokenId]);
    expect([...batch.answers!.targets]).toEqual(ids);
    batch.answers!.positions.forEach(({ row, column }, i) => {
      expect(batch.inputIds[row * batch.columns + column + 1]).toBe(ids[i]);
    });
    const open = collatePrompts(model, prompts, { answers, answerEnd: "open" });
    expect(open.columns).toBe(batch.columns - 1);
  });

  test("refuses no prompts, a wrong number of answers, a picture without tokens, foreign placeholders", () => {
    expect(() => collatePrompts(model, [])).toThrow(/at least one prompt/);
    expect(() => collatePrompts(model, prompts, { answers: ["yes"] })).toThrow(/one answer per prompt, 3; got 1/);
    expect(() => collatePrompts(model, prompts, { vision: new Map() })).toThrow(/vision must hold every image/);
    const stray = { inputIds: Int32Array.of(model.config.imageTokenId), images: [] };
    expect(() => collatePrompts(model, [stray])).toThrow(/image placeholders/);
  });

  test("readerLogits refuses a position outside the batch", () => {
    const batch = collatePrompts(model, prompts);
    expect(() => readerLogits(model, batch, [{ row: 3, column: 0 }])).toThrow(/within 3 rows/);
  });
});

describe("scoreAnswers", () => {
  test("equals the log-likelihood of the answers read in full, whatever their length", async () => {
    const answers = ["yes", "round shadow", "zq", "no"];
    expect(model.tokenizer.encode("round shadow").length).toBeGreaterThan(1);
    const scores = await scoreAnswers(model, collatePrompts(model, prompts), answers);
    for (const [i, answer] of answers.entries()) {
      const batch = collatePrompts(model, prompts, { answers: prompts.map(() => answer), answerEnd: "open" });
      const { positions, targets } = batch.answers!;
      const logits = readerLogits(model, batch, positions);
      const [raw, logs] = [logits.arraySync(), tf.tidy(() => tf.logSoftmax(logits).arraySync() as number[][])];
      logits.dispose();
      prompts.forEach((_, row) => {
        const own = positions.flatMap((place, at) => (place.row === row ? [at] : []));
        const sum = own.reduce((total, at) => total + logs[at]![targets[at]!]!, 0);
        const mean = own.reduce((total, at) => total + raw[at]![targets[at]!]!, 0) / own.length;
        expect(scores[row]![i]!.logLikelihood).toBeCloseTo(sum, 4);
        expect(scores[row]![i]!.meanLogit).toBeCloseTo(mean, 4);
      });
    }
  });

  test("refuses an empty answer", async () => {
    await expect(scoreAnswers(model, collatePrompts(model, prompts), [""])).rejects.toThrow(/at least one token/);
  });
});

test("generate writes what repeated reading of the whole text would choose", async () => {
  const written = await generate(model, collatePrompts(model, prompts), { maxNewTokens: 4 });
  for (const [row, prompt] of prompts.entries()) {
    let ids = [...prompt.inputIds];
    for (const id of written[row]!.ids) {
      const logits = lastLogits([{ ...prompt, inputIds: Int32Array.from(ids) }])[0]!;
      expect(id).toBe(logits.indexOf(Math.max(...logits)));
      ids = [...ids, id];
    }
  }
  expect(written.some(({ ids }) => ids.length > 1)).toBe(true);
});

test("reading, scoring and writing leave no tensors behind", async () => {
  const run = async (): Promise<void> => {
    const batch = collatePrompts(model, prompts);
    await scoreAnswers(model, batch, ["yes", "round shadow"]);
    await generate(model, batch, { maxNewTokens: 3 });
    await encodeVision(model, prompts[0]!.images);
  };
  await run();
  const before = tf.memory().numTensors;
  await run();
  expect(tf.memory().numTensors).toBe(before);
});
