import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { openBackend } from "../../src/compute/backend";
import { attachLora } from "../../src/models/lora/lora";
import { scoreAnswers } from "../../src/models/vision-language/answer-scores";
import { collatePrompts, tokenizePrompt } from "../../src/models/vision-language/prompt-batch";
import { createLocalReader, fingerprintReader } from "../../src/reader/local-reader";
import { buildPrompt, cutText, MAX_BACKGROUND_TOKENS, promptTokensOf } from "../../src/reader/prompt";
import { type LabelScores, type Reader, type ReadPair, scoreAndWrite } from "../../src/reader/reader";
import { tinyReader } from "../helpers/tiny-reader";
import { BRIGHTNESS_LABELS, brightnessExamples, brightnessPassages } from "../helpers/toy-task";

beforeAll(() => openBackend());

const examples = brightnessExamples(3, "e");
const passages = brightnessPassages(4, "p");
const pairs: ReadPair[] = examples.flatMap((example) => [
  { example, passage: null },
  ...passages.map((passage) => ({ example, passage })),
]);

test("the prompt has the paper's order", () => {
  const [message] = buildPrompt(pairs[1]!);
  expect(message!.role).toBe("user");
  expect(message!.content).toEqual([
    { type: "image", image: passages[0]!.image },
    { type: "text", text: `background: ${passages[0]!.text}\n\n` },
    { type: "image", image: examples[0]!.image },
    { type: "text", text: examples[0]!.question },
  ]);
  expect(buildPrompt(pairs[0]!)[0]!.content).toEqual([
    { type: "image", image: examples[0]!.image },
    { type: "text", text: examples[0]!.question },
  ]);
});

test("scores are the same bits whatever is read with a pair, and in whatever order", async () => {
  const scoresOf = async (asked: readonly ReadPair[], batchSize: number) => {
    const reader = createLocalReader(tinyReader(), { batchSize });
    const scores = await reader.scoreLabels(asked, BRIGHTNESS_LABELS);
    reader.dispose();
    return scores;
  };
  const together = await scoresOf(pairs, 64);
  const backwards = (await scoresOf([...pairs].reverse(), 4)).reverse();
  const alone: LabelScores[] = [];
  for (const pair of pairs) alone.push(...(await scoresOf([pair], 4)));
  expect(alone).toEqual(together);
  expect(backwards).toEqual(together);
  const values = together.map(({ logits }) => logits[0]!);
  expect(new Set(values.map((value) => value.toFixed(6))).size).toBeGreaterThan(pairs.length / 2);
});

test("a prompt read on top of its beginning says what the whole prompt says", async () => {
  const model = tinyReader();
  const prompts = pairs.map((pair) => promptTokensOf(model, pair));
  const whole = await scoreAnswers(model, collatePrompts(model, prompts), ["0", "10"]);
  const reader = createLocalReader(model, { batchSize: 4 });
  const labels = ["0", "10"].map((answer, index) => ({ index, name: answer, answer }));
  for (const [i, { logits, logLikelihoods }] of (await reader.scoreLabels(pairs, labels)).entries())
    for (const [c, { meanLogit, logLikelihood }] of whole[i]!.entries()) {
      expect(logits[c]).toBeCloseTo(meanLogit, 4);
      expect(logLikelihoods[c]).toBeCloseTo(logLikelihood, 4);
    }
  reader.dispose();
});

test("each pair is read once for the same labels, and anew for others", async () => {
  const seen: number[] = [];
  const model = tinyReader();
  const reader = createLocalReader({
    ...model,
    positionIds: (ids, grids) => {
      seen.push(ids.length);
      return model.positionIds(ids, grids);
    },
  });
  const readings = async (read: () => Promise<unknown>): Promise<number> => {
    seen.length = 0;
    await read();
    return seen.length;
  };
  const beginnings = 1 + passages.length; // closed-book prompts have theirs in common
  expect(await readings(() => reader.scoreLabels(pairs, BRIGHTNESS_LABELS))).toBe(beginnings + pairs.length);
  expect(await readings(() => reader.scoreLabels(pairs, BRIGHTNESS_LABELS))).toBe(0);
  expect(await readings(() => reader.scoreAndWrite!(pairs.slice(0, 3), BRIGHTNESS_LABELS))).toBeGreaterThan(3);
  expect(await readings(() => reader.scoreAndWrite!(pairs.slice(1, 3), BRIGHTNESS_LABELS))).toBe(0);
  const others = BRIGHTNESS_LABELS.map((label) => ({ ...label, answer: `${label.answer} .` }));
  expect(await readings(() => reader.scoreLabels(pairs, others))).toBe(beginnings + pairs.length);
  reader.dispose();
});

test("log-likelihoods are over the whole vocabulary, so the labels' probabilities sum to less than 1", async () => {
  const reader = createLocalReader(tinyReader());
  const [scores] = await reader.scoreLabels(pairs.slice(0, 1), BRIGHTNESS_LABELS);
  const sum = scores!.logLikelihoods.reduce((total, value) => total + Math.exp(value), 0);
  expect(sum).toBeGreaterThan(0);
  expect(sum).toBeLessThan(1);
  expect(scores!.logits[0]! - scores!.logits[1]!).toBeCloseTo(
    scores!.logLikelihoods[0]! - scores!.logLikelihoods[1]!,
    4,
  );
  reader.dispose();
});

test("scores and answers of one reading are those of two, also where answers have several tokens", async () => {
  const reader = createLocalReader(tinyReader(), { batchSize: 4, maxNewTokens: 3 });
  const long = BRIGHTNESS_LABELS.map((label) => ({ ...label, answer: `${label.answer} round shadow` }));
  for (const labels of [BRIGHTNESS_LABELS, long]) {
    const both = await scoreAndWrite(reader, pairs, labels);
    expect(both.map(({ text }) => text)).toEqual(await reader.writeAnswers(pairs));
    expect(both.map(({ scores }) => scores)).toEqual(await reader.scoreLabels(pairs, labels));
  }
  await expect(reader.scoreAndWrite!(pairs, [])).rejects.toThrow(/at least one label/);
  reader.dispose();
});

test("a reader reads once for both where all questions want the labels written alike, else twice", async () => {
  const calls: string[] = [];
  const local = createLocalReader(tinyReader());
  const noting =
    <A extends unknown[], R>(name: string, call: (...asked: A) => R) =>
    (...asked: A): R => {
      calls.push(name);
      return call(...asked);
    };
  const reader: Reader = {
    ...local,
    scoreLabels: noting("scores", local.scoreLabels),
    writeAnswers: noting("words", local.writeAnswers),
    scoreAndWrite: noting("both", local.scoreAndWrite!),
  };
  const some = pairs.slice(0, 2);
  const odd = [some[0]!, { ...some[1]!, example: { ...some[1]!.example, wordings: ["dark", "bright"] } }];
  await scoreAndWrite(reader, some, BRIGHTNESS_LABELS);
  expect(calls.splice(0)).toEqual(["both"]);
  await scoreAndWrite(reader, odd, BRIGHTNESS_LABELS);
  expect(calls.splice(0)).toEqual(["scores", "scores", "words"]);
  expect(await scoreAndWrite(reader, [], BRIGHTNESS_LABELS)).toEqual([]);
  local.dispose();
});

test("a prompt met again has the ids of the first time and its own pictures", () => {
  const model = tinyReader();
  const [first, second] = [passages[0]!, { ...passages[1]!, text: passages[0]!.text }];
  const prompts = [first, second].map((passage) => promptTokensOf(model, { example: examples[0]!, passage }));
  expect(prompts[1]!.inputIds).toEqual(prompts[0]!.inputIds);
  expect(prompts.map(({ images }) => images)).toEqual([
    [first.image, examples[0]!.image],
    [second.image, examples[0]!.image],
  ]);
  for (const pair of pairs) expect(promptTokensOf(model, pair)).toEqual(tokenizePrompt(model, buildPrompt(pair)));
  model.dispose();
});

test("answers are text, one per pair", async () => {
  const reader = createLocalReader(tinyReader(), { maxNewTokens: 3 });
  const answers = await reader.writeAnswers(pairs);
  expect(answers).toHaveLength(pairs.length);
  for (const answer of answers) expect(typeof answer).toBe("string");
  reader.dispose();
});

test("passages read from disk, whose picture is another object each time, score as those in memory", async () => {
  const reader = createLocalReader(tinyReader());
  const fromDisk = passages.map(({ image, ...passage }) => ({
    ...passage,
    get image() {
      return { ...image };
    },
  }));
  const lazy = examples.flatMap((example) => fromDisk.map((passage) => ({ example, passage })));
  const plain = examples.flatMap((example) => passages.map((passage) => ({ example, passage })));
  const wanted = await reader.scoreLabels(plain, BRIGHTNESS_LABELS);
  expect(await reader.scoreLabels(lazy, BRIGHTNESS_LABELS)).toEqual(wanted);
  expect(await reader.scoreLabels(lazy, BRIGHTNESS_LABELS)).toEqual(wanted);
  reader.dispose();
});

test("the fingerprint follows weights and adapter", () => {
  const [a, same, other] = [tinyReader(1), tinyReader(1), tinyReader(2)];
  const plain = fingerprintReader(a);
  expect(fingerprintReader(same)).toBe(plain);
  expect(fingerprintReader(other)).not.toBe(plain);
  const adapter = attachLora(a.parameters, { rank: 2, alpha: 4, seed: 3 });
  expect(fingerprintReader(a)).not.toBe(plain);
  adapter.dispose();
  expect(fingerprintReader(a)).toBe(plain);
  for (const model of [a, same, other]) model.dispose();
});

test("a long background is cut to its beginning, in whole characters; a short one stays as it is", () => {
  const model = tinyReader();
  const long = "bright café ".repeat(100);
  const cut = cutText(model.tokenizer, long, MAX_BACKGROUND_TOKENS);
  expect(long.startsWith(cut)).toBe(true);
  expect(model.tokenizer.encode(cut).length).toBeLessThanOrEqual(MAX_BACKGROUND_TOKENS);
  expect(model.tokenizer.encode(cut).length).toBeGreaterThan(MAX_BACKGROUND_TOKENS - 4);
  for (let tokens = 1; tokens < 40; tokens++) {
    const piece = cutText(model.tokenizer, long, tokens);
    expect(long.startsWith(piece)).toBe(true);
  }
  expect(cutText(model.tokenizer, "dark", MAX_BACKGROUND_TOKENS)).toBe("dark");
  const pair = { example: examples[0]!, passage: { ...passages[0]!, text: long } };
  const { inputIds } = promptTokensOf(model, pair);
  expect(inputIds.length).toBeLessThan(MAX_BACKGROUND_TOKENS + 60);
  model.dispose();
});

test("reading leaves no tensor behind, and stops when asked", async () => {
  const reader = createLocalReader(tinyReader());
  await reader.scoreLabels(pairs, BRIGHTNESS_LABELS);
  const before = tf.memory().numTensors;
  await reader.scoreLabels(pairs, BRIGHTNESS_LABELS);
  await reader.writeAnswers(pairs);
  expect(tf.memory().numTensors).toBe(before);
  const error = await reader
    .scoreLabels(pairs, BRIGHTNESS_LABELS, { signal: AbortSignal.abort() })
    .catch((caught) => caught);
  expect(isKernelError(error, "interrupted")).toBe(true);
  expect(tf.memory().numTensors).toBe(before);
  reader.dispose();
});
