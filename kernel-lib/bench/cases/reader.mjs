import * as tf from "@tensorflow/tfjs-core";
import { CHECKPOINTS, f32, from } from "../library.mjs";

const { clippingScale, createAdamW, globalNorm } = from("compute/adamw");
const { loadCorpus } = from("phantoms/load-corpus");
const { loadTask } = from("phantoms/load-task");
const { generate } = from("models/vision-language/generate");
const { attachLora } = from("models/lora/lora");
const { collatePrompts } = from("models/vision-language/prompt-batch");
const { loadQwen2Vl } = from("models/qwen2-vl/weights");
const { readerLogits } = from("models/vision-language/logits");
const { promptTokensOf } = from("reader/prompt");
const { answerNll } = from("losses/answer-nll");

const NEW_TOKENS = 32;

/** `count` pairs of a question and a passage, `perQuery` in a row with the same question; pictures are objects of their own. */
async function openPairs(count, perQuery) {
  const task = await loadTask("breast-mnist", { source: "phantom" });
  const corpus = await loadCorpus("phantom", { numPassages: 400 });
  return Array.from({ length: count }, (_, i) => {
    const example = task.splits.train[Math.floor(i / perQuery) % task.splits.train.length];
    const passage = corpus.passages[(i * 13) % corpus.passages.length];
    // so that both sides read as many pictures
    const own = perQuery === 1 ? { ...example, image: { ...example.image } } : example;
    return { example: own, passage: { ...passage, image: { ...passage.image } } };
  });
}

const loadReader = () => loadQwen2Vl(`${CHECKPOINTS}/qwen2-vl`);
const tokensOf = (model, pairs) => pairs.map((pair) => promptTokensOf(model, pair));

/** What transformers calls the parts of a batch. */
function promptTensors({ rows, columns, inputIds, attentionMask, images }) {
  const { patches, grid, numImages } = images.groups[0];
  const perImage = grid.frames * grid.height * grid.width;
  return {
    input_ids: f32([rows, columns], inputIds),
    attention_mask: f32([rows, columns], attentionMask),
    pixel_values: f32([numImages * perImage, patches.length / (numImages * perImage)], patches),
    image_grid_thw: f32(
      [numImages, 3],
      Array.from({ length: numImages }, () => [grid.frames, grid.height, grid.width]).flat(),
    ),
  };
}

/** The same where transformers reads a picture once for every prompt that shows it. */
function shownTensors(model, batch) {
  const [group] = batch.images.groups;
  const perImage = group.patches.length / group.numImages;
  const tokens = (group.grid.height * group.grid.width) / model.config.vision.spatialMergeSize ** 2;
  const shown = [...batch.slots].filter((slot) => slot >= 0 && slot % tokens === 0).map((slot) => slot / tokens);
  const patches = new Float32Array(shown.length * perImage);
  for (const [i, image] of shown.entries())
    patches.set(group.patches.subarray(image * perImage, (image + 1) * perImage), i * perImage);
  return promptTensors({ ...batch, images: { groups: [{ ...group, numImages: shown.length, patches }] } });
}

/** A step on 24 prompts: loss of the answers, gradients, clipping, AdamW. Tokens and patches are cut before. */
export async function openTraining(kind) {
  const model = loadReader();
  const pairs = await openPairs(24, 1);
  const answers = pairs.map(({ example }) => example.answer);
  const batch = collatePrompts(model, tokensOf(model, pairs), { side: "right", answers });
  const variables =
    kind === "lora"
      ? attachLora(model.parameters, { rank: 8, alpha: 16, seed: 1 }).variables
      : model.parameters.unfreeze();
  const optimiser = createAdamW(variables);
  const { positions, targets } = batch.answers;
  const run = () => {
    const { value, grads } = tf.variableGrads(
      () => answerNll(readerLogits(model, batch, positions), targets, batch.rows),
      [...variables],
    );
    const gradients = variables.map(({ name }) => grads[name]);
    optimiser.step(gradients, 1e-3, clippingScale(globalNorm(gradients), 1));
    const loss = value.dataSync()[0];
    tf.dispose([value, gradients]);
    return loss;
  };
  const whole = (values) => f32([values.length], values);
  const tensors = {
    ...promptTensors(batch),
    rows: whole(positions.map(({ row }) => row)),
    columns: whole(positions.map(({ column }) => column)),
    targets: whole(targets),
  };
  const name = kind === "lora" ? "LoRA step, 24 prompts" : "training step of the reader, 24 prompts";
  const peers = { [kind === "lora" ? "transformers + PEFT" : "transformers"]: { case: kind } };
  return { name, run, peers, tensors, result: "same", close: () => model.dispose() };
}

/** Next-token logits of 10 questions with 20 candidates each, pictures included. */
export async function openScoring() {
  const model = loadReader();
  const batch = collatePrompts(model, tokensOf(model, await openPairs(200, 20)), {});
  const last = Array.from(batch.lastColumns, (column, row) => ({ row, column }));
  const run = () => tf.tidy(() => readerLogits(model, batch, last).dataSync()[0]);
  const tensors = shownTensors(model, batch);
  const peers = { transformers: { case: "score" } };
  return { name: "scoring, 10 x 20 candidates", run, peers, tensors, result: "same", close: () => model.dispose() };
}

/** 32 tokens for each of 16 prompts, the end token ignored on both sides. */
export async function openGeneration() {
  const loaded = loadReader();
  const batch = collatePrompts(loaded, tokensOf(loaded, await openPairs(16, 1)), {});
  const text = { ...loaded.config.text, endTokenId: -1, padTokenId: -1 };
  const model = { ...loaded, config: { ...loaded.config, text } };
  const run = async () => (await generate(model, batch, { maxNewTokens: NEW_TOKENS })).flatMap(({ ids }) => ids).length;
  const peers = { transformers: { case: "generate", tokens: NEW_TOKENS, pad: loaded.config.text.padTokenId } };
  const name = `generation, 16 prompts x ${NEW_TOKENS} tokens`;
  return { name, run, peers, tensors: promptTensors(batch), result: "same", close: () => loaded.dispose() };
}
