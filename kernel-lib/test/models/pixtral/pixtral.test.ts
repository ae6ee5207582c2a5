import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { RasterImage } from "../../../src/base/types";
import { createAdamW } from "../../../src/compute/adamw";
import { openBackend } from "../../../src/compute/backend";
import { crossEntropy } from "../../../src/compute/ops/cross-entropy";
import { readSafetensors } from "../../../src/compute/safetensors";
import { loadReaderModel, saveReaderModel } from "../../../src/models/architectures";
import { attachLora } from "../../../src/models/lora/lora";
import { parsePixtralConfig, pixtralConfigJson } from "../../../src/models/pixtral/config";
import { PIXTRAL_CHAT_TEMPLATE, pixtralSize } from "../../../src/models/pixtral/processor";
import { createPixtral, loadPixtral, savePixtral } from "../../../src/models/pixtral/weights";
import { type ChatMessage, renderChat } from "../../../src/models/text/chat-template";
import { scoreAnswers } from "../../../src/models/vision-language/answer-scores";
import { generate } from "../../../src/models/vision-language/generate";
import { encodeVision } from "../../../src/models/vision-language/image-batch";
import { readerLogits } from "../../../src/models/vision-language/logits";
import { collatePrompts, type PromptTokens } from "../../../src/models/vision-language/prompt-batch";
import { tinyModel } from "../qwen2-vl/tiny";
import { loadPixtralCase } from "./reference-case";

let folder: string;

beforeAll(async () => {
  await openBackend();
}, 60_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixtral-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const stored = (name: string): string => join(__dirname, "../../reference/pixtral", name);

function logitsOf(model: ReturnType<typeof loadPixtral>, prompts: readonly PromptTokens[], options = {}): number[] {
  const batch = collatePrompts(model, prompts, options);
  const last = Array.from(batch.lastColumns, (column, row) => ({ row, column }));
  return tf.tidy(() => [...readerLogits(model, batch, last).dataSync()]);
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

describe("savePixtral and loadPixtral", () => {
  test.each(["tied", "regex", "published"])(
    "give back the same reader, under the names transformers writes (%s)",
    (name) => {
      const model = loadPixtral(stored(name));
      saveReaderModel(model, folder);
      const namesOf = (file: string): string[] =>
        [...readSafetensors(join(file, "model.safetensors")).tensors.keys()].sort();
      expect(namesOf(folder)).toEqual(namesOf(stored(name)));
      const loaded = loadReaderModel(folder);
      expect(loaded.kind).toBe("pixtral");
      expect(loaded.config).toEqual(model.config);
      expect(loaded.imageConfig).toEqual(model.imageConfig);
      expect(loaded.chatTemplate).toBe(model.chatTemplate);
      expect(loaded.parameters.export()).toEqual(model.parameters.export());
      expect(loaded.tokenizer.encode("what is it[IMG]")).toEqual(model.tokenizer.encode("what is it[IMG]"));
      model.dispose();
      loaded.dispose();
    },
  );

  test("the same seed makes the same weights, another seed others; sizes that contradict each other are refused", () => {
    const model = loadPixtral(stored("tied"));
    const [a, b, c] = [1, 1, 2].map((seed) => createPixtral(model.config, model, seed));
    expect(a!.parameters.export()).toEqual(b!.parameters.export());
    expect(a!.parameters.export()).not.toEqual(c!.parameters.export());
    const broken = { ...model.config, text: { ...model.config.text, numKeyValueHeads: 3 } };
    expect(() => createPixtral(broken, model, 1)).toThrow(/numHeads must be a multiple of text.numKeyValueHeads = 3/);
    for (const made of [model, a, b, c]) made!.dispose();
  });

  test("refuse weights of another configuration, naming the tensor and both shapes, and another image token", () => {
    const model = loadPixtral(stored("tied"));
    savePixtral(model, folder);
    const file = join(folder, "config.json");
    const json = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...json, text_config: { ...json.text_config, head_dim: 8 } }));
    expect(() => loadPixtral(folder)).toThrow(
      /layers.0.self_attn.q_proj.weight must have shape \[32, 24\]; got \[40, 24\]/,
    );
    writeFileSync(file, JSON.stringify({ ...json, image_token_index: 7 }));
    expect(() => loadPixtral(folder)).toThrow(/the id of \[IMG\] must be the model's, 7; got 6/);
    model.dispose();
  });
});

describe("parsePixtralConfig", () => {
  const json = (name: string) => JSON.parse(readFileSync(join(stored(name), "config.json"), "utf8"));

  test("reads its own output, and the published dialect with rope_theta and fields left out", () => {
    const config = parsePixtralConfig(json("published"));
    expect(parsePixtralConfig(pixtralConfigJson(config))).toEqual(config);
    expect(config.text.ropeTheta).toBe(1e6);
    expect(config.text.mropeSection).toEqual([4 / 2, 0, 0]);
    expect(parsePixtralConfig(json("regex")).featureLayer).toBe(2 - 1); // -2: what enters the last block
  });

  test.each([
    [{ model_type: "qwen2_vl" }, /model_type must be "llava"; got "qwen2_vl"/],
    [{ vision_config: { model_type: "clip_vision_model" } }, /model_type must be "pixtral"/],
    [{ vision_feature_select_strategy: "default" }, /vision_feature_select_strategy must be "full"; got "default"/],
    [{ vision_feature_layer: [1, 2] }, /vision_feature_layer must be one whole number from -3 to 2; got \[1,2\]/],
    [{ projector_hidden_act: "relu" }, /projector_hidden_act must be "gelu" or "silu"; got "relu"/],
  ])("refuses %o", (change, message) => {
    expect(() => parsePixtralConfig({ ...json("tied"), ...change })).toThrow(message);
  });

  test("refuses sliding windows, unknown ways of stretching positions and other text models", () => {
    const text = (change: object): object => ({
      ...json("tied"),
      text_config: { ...json("tied").text_config, ...change },
    });
    expect(() => parsePixtralConfig(text({ sliding_window: 128 }))).toThrow(
      /sliding_window must be null or at least .* 512; got 128/,
    );
    expect(() => parsePixtralConfig(text({ model_type: "llama" }))).toThrow(/model_type must be "mistral"/);
    const rope = { rope_type: "longrope", rope_theta: 1e6, factor: 4 };
    expect(() => parsePixtralConfig(text({ rope_parameters: rope }))).toThrow(
      /rope_type must be "default" or "linear" or "dynamic" or "yarn" or "llama3"; got "longrope"/,
    );
  });
});

test("pixtralSize shrinks to the longest edge, then fills up whole patches", () => {
  expect(pixtralSize(20, 30, { patchSize: 16, longestEdge: 1024 })).toEqual({ height: 2 * 16, width: 2 * 16 });
  // ratio 2.5: 40 -> 16, 5 -> 2
  expect(pixtralSize(5, 40, { patchSize: 4, longestEdge: 16 })).toEqual({ height: 4, width: 16 });
  expect(() => pixtralSize(0, 4, { patchSize: 4, longestEdge: 16 })).toThrow(/height must be a whole number/);
});

test("Pixtral's chat format puts a system text before the next user turn and refuses markers in texts", () => {
  const tokens = { begin: "<s>", end: "</s>" };
  const image: RasterImage = { width: 1, height: 1, channels: 1, data: new Uint8Array(1) };
  const messages: ChatMessage[] = [
    { role: "system", content: "be brief" },
    {
      role: "user",
      content: [
        { type: "image", image },
        { type: "text", text: "what?" },
      ],
    },
    { role: "assistant", content: "a cat" },
    { role: "user", content: "sure?" },
  ];
  const text = renderChat(PIXTRAL_CHAT_TEMPLATE, messages, "assistant", tokens);
  expect(text).toBe("<s>[INST]be brief\n\n[IMG]what?[/INST]a cat</s>[INST]sure?[/INST]");
  for (const marker of ["[/INST]", "[IMG_BREAK]", "</s>"])
    expect(() =>
      renderChat(PIXTRAL_CHAT_TEMPLATE, [{ role: "user", content: `x ${marker}` }], "closed", tokens),
    ).toThrow(`no marker of the chat format; got "${marker}"`);
});

describe("reading with a Pixtral", () => {
  test("does not depend on the neighbours, on the side of the padding, or on who read the pictures", async () => {
    const { model, prompts } = loadPixtralCase("published");
    const alone = prompts.flatMap((prompt) => logitsOf(model, [prompt]));
    expect(largestDifference(logitsOf(model, prompts), alone)).toBeLessThan(1e-4);
    expect(largestDifference(logitsOf(model, prompts, { side: "right" }), alone)).toBeLessThan(1e-4);
    const images = prompts.flatMap((prompt) => prompt.images);
    const tokens = await encodeVision(model, images);
    const vision = new Map(images.map((image, i) => [image, tokens[i]!] as const));
    expect(largestDifference(logitsOf(model, prompts, { vision }), alone)).toBeLessThan(1e-4);
    model.dispose();
  });

  test("scores an answer by the log-likelihood of its tokens read in full", async () => {
    const { model, prompts } = loadPixtralCase("regex");
    const answers = [" yes, tall", "no"];
    const scores = await scoreAnswers(model, collatePrompts(model, prompts), answers);
    for (const [column, answer] of answers.entries()) {
      const batch = collatePrompts(model, prompts, { answers: prompts.map(() => answer), answerEnd: "open" });
      const { positions, targets } = batch.answers!;
      const all = tf.tidy(() => tf.logSoftmax(readerLogits(model, batch, positions)).arraySync()) as number[][];
      prompts.forEach((_, row) => {
        const sum = positions.reduce((total, place, i) => total + (place.row === row ? all[i]![targets[i]!]! : 0), 0);
        expect(scores[row]![column]!.logLikelihood).toBeCloseTo(sum, 3);
      });
    }
    expect(collatePrompts(model, prompts, { answers: ["no", "no"] }).answers!.targets).toContain(
      model.config.text.endTokenId,
    );
    model.dispose();
  });

  test("leaves no tensors behind", async () => {
    const { model, prompts } = loadPixtralCase("tied");
    const adapter = attachLora(model.parameters, { rank: 2, seed: 1 });
    const use = async (): Promise<void> => {
      const batch = collatePrompts(model, prompts);
      await generate(model, batch, { maxNewTokens: 3 });
      await scoreAnswers(model, batch, ["yes, tall"]);
      const loss = () => tf.tidy((): tf.Scalar => tf.mean(readerLogits(model, batch, [{ row: 0, column: 3 }])));
      const { value, grads } = tf.variableGrads(loss, [...adapter.variables]);
      tf.dispose([value, grads]);
    };
    await use();
    const before = tf.memory().numTensors;
    await use();
    expect(tf.memory().numTensors).toBe(before);
    adapter.dispose();
    model.dispose();
  });

  test("learns an answer by its adapter alone: the loss falls, frozen weights keep their bits", () => {
    const { model, prompts } = loadPixtralCase("tied");
    const frozen = model.parameters.export();
    const adapter = attachLora(model.parameters, { rank: 2, seed: 1 });
    const optimiser = createAdamW(adapter.variables);
    const batch = collatePrompts(model, prompts, { side: "right", answers: ["yes", "no"] });
    const { positions, targets } = batch.answers!;
    const loss = (): tf.Scalar => tf.tidy(() => tf.mean(crossEntropy(readerLogits(model, batch, positions), targets)));
    const values: number[] = [];
    for (let step = 0; step < 5; step++) {
      const { value, grads } = tf.variableGrads(loss, [...adapter.variables]);
      values.push(value.dataSync()[0]!);
      optimiser.step(
        adapter.variables.map((variable) => grads[variable.name]!),
        0.05,
      );
      tf.dispose([value, grads]);
    }
    expect(values.at(-1)!).toBeLessThan(0.9 * values[0]!);
    expect(model.parameters.export()).toEqual(frozen);
    for (const owner of [optimiser, adapter, model]) owner.dispose();
  });

  test("refuses a prompt whose placeholders are not its pictures'", () => {
    const { model, prompts } = loadPixtralCase("tied");
    const [first] = prompts as [PromptTokens];
    const broken = { ...first, images: first.images.slice(1) };
    expect(() => collatePrompts(model, [broken])).toThrow(/must hold 6 image placeholders for its 1 images; got 10/);
    model.dispose();
  });
});

describe("loadReaderModel", () => {
  test("opens a Qwen2-VL by its model_type and refuses other folders", () => {
    const model = tinyModel(3);
    saveReaderModel(model, folder);
    const loaded = loadReaderModel(folder);
    expect(loaded.kind).toBe("qwen2-vl");
    expect(loaded.parameters.export()).toEqual(model.parameters.export());
    writeFileSync(join(folder, "config.json"), '{"model_type": "toString"}');
    expect(() => loadReaderModel(folder)).toThrow(/must be one of llava, qwen2_vl; got "toString"/);
    expect(() => loadReaderModel(join(folder, "none"))).toThrow(/must be a JSON file/);
    model.dispose();
    loaded.dispose();
  });
});
