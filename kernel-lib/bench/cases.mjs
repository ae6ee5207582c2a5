import { createRequire } from "node:module";
import * as tf from "@tensorflow/tfjs-core";

const require = createRequire(import.meta.url);
const from = (file) => require(`../dist/${file}.js`);

const { createRandom } = from("base/random");
const { clippingScale, createAdamW, globalNorm } = from("compute/adamw");
const { loadCorpus } = from("data/corpora/load-corpus");
const { loadTask } = from("data/tasks/load-task");
const { loadClip } = from("models/clip");
const { clipImageEmbeddings } = from("models/clip-towers");
const { attachLora } = from("models/lora");
const { collatePrompts } = from("models/prompt-batch");
const { loadQwen2Vl } = from("models/qwen2-vl");
const { qwen2VlLogits } = from("models/qwen2-vl-logits");
const { promptTokensOf } = from("reader/prompt-tokens");
const { loadHnswlib } = from("search/hnswlib");
const { answerNll } = from("training/losses/answer-nll");

const TASK = "breast-mnist";
const HNSW = { points: 20_000, queries: 1000, dimension: 64, m: 16, efConstruction: 200, ef: 64 };

/** All cases, in the order they are run: `run` does the work once, `tensors` is what the peer needs to do the same. */
export async function openCases(checkpoints) {
  const task = await loadTask(TASK, { source: "phantom" });
  const corpus = await loadCorpus("phantom", { numPassages: 400 });
  const pairs = (count, perQuery) =>
    Array.from({ length: count }, (_, i) => ({
      example: task.splits.train[Math.floor(i / perQuery) % task.splits.train.length],
      passage: corpus.passages[(i * 13) % corpus.passages.length],
    }));
  const prompts = (model, chosen) => chosen.map((pair) => promptTokensOf(model, pair));
  return [
    ...["lora", "full"].map((kind) =>
      trainingCase(kind, loadQwen2Vl(`${checkpoints}/qwen2-vl`), pairs(24, 1), prompts),
    ),
    scoringCase(loadQwen2Vl(`${checkpoints}/qwen2-vl`), pairs(200, 20), prompts),
    clipCase(loadClip(`${checkpoints}/clip`)),
    ...hnswCases(),
  ];
}

const f32 = (shape, data) => ({ dtype: "F32", shape, data: Float32Array.from(data) });

/** What transformers calls the parts of a batch. */
function promptTensors({ rows, columns, inputIds, mask, images }) {
  const { patches, grid, numImages } = images.groups[0];
  const perImage = grid.frames * grid.height * grid.width;
  return {
    input_ids: f32([rows, columns], inputIds),
    attention_mask: f32([rows, columns], mask),
    pixel_values: f32([numImages * perImage, patches.length / (numImages * perImage)], patches),
    image_grid_thw: f32(
      [numImages, 3],
      Array.from({ length: numImages }, () => [grid.frames, grid.height, grid.width]).flat(),
    ),
  };
}

/** A step on 24 prompts: loss of the answers, gradients, clipping, AdamW. Tokens and patches are cut before. */
function trainingCase(kind, model, chosen, prompts) {
  // every picture is another object, so that both sides read as many
  const copies = chosen.map(({ example, passage }) => ({
    example: { ...example, image: { ...example.image } },
    passage: { ...passage, image: { ...passage.image } },
  }));
  const answers = copies.map(({ example }) => example.answer);
  const batch = collatePrompts(model, prompts(model, copies), { side: "right", answers });
  const variables =
    kind === "lora"
      ? attachLora(model.parameters, { rank: 8, alpha: 16, seed: 1 }).variables
      : model.parameters.unfreeze();
  const optimiser = createAdamW(variables);
  const { positions, targets } = batch.answers;
  const run = () => {
    const { value, grads } = tf.variableGrads(
      () => answerNll(qwen2VlLogits(model, batch, positions), targets, batch.rows),
      [...variables],
    );
    const gradients = variables.map(({ name }) => grads[name]);
    optimiser.step(gradients, 1e-3, clippingScale(globalNorm(gradients), 1));
    const loss = value.dataSync()[0];
    tf.dispose([value, gradients]);
    return loss;
  };
  const tensors = {
    ...promptTensors(batch),
    rows: f32(
      [positions.length],
      positions.map(({ row }) => row),
    ),
    columns: f32(
      [positions.length],
      positions.map(({ column }) => column),
    ),
    targets: f32([targets.length], targets),
  };
  return { name: kind === "lora" ? "LoRA step, 24 prompts" : "training step, 24 prompts", peer: kind, run, tensors };
}

/** Next-token logits of 10 queries with 20 candidates each, pictures included. */
function scoringCase(model, chosen, prompts) {
  const copies = chosen.map(({ example, passage }) => ({
    example,
    passage: { ...passage, image: { ...passage.image } },
  }));
  const batch = collatePrompts(model, prompts(model, copies), {});
  const last = Array.from(batch.lastColumns, (column, row) => ({ row, column }));
  const run = () => tf.tidy(() => qwen2VlLogits(model, batch, last).dataSync()[0]);
  const { groups } = batch.images;
  // transformers reads a picture once for every prompt that shows it
  const perImage = groups[0].patches.length / groups[0].numImages;
  const { spatialMergeSize: merge } = model.config.vision;
  const tokens = (groups[0].grid.height * groups[0].grid.width) / merge ** 2;
  const shown = [...batch.slots].filter((slot) => slot >= 0 && slot % tokens === 0).map((slot) => slot / tokens);
  const patches = new Float32Array(shown.length * perImage);
  for (const [i, image] of shown.entries())
    patches.set(groups[0].patches.subarray(image * perImage, (image + 1) * perImage), i * perImage);
  const asShown = { ...batch, images: { groups: [{ ...groups[0], numImages: shown.length, patches }] } };
  return { name: "scoring, 10 x 20 candidates", peer: "score", run, tensors: promptTensors(asShown) };
}

/** Image embeddings of 256 pictures that are resized already. */
function clipCase(clip) {
  const side = clip.config.vision.imageSize;
  const random = createRandom("bench");
  const values = Float32Array.from({ length: 256 * side * side * 3 }, () => random.normal());
  const pixels = tf.tensor4d(values, [256, side, side, 3]);
  const run = () => tf.tidy(() => clipImageEmbeddings(clip, pixels).dataSync()[0]);
  return {
    name: "CLIP embedding, 256 images",
    peer: "clip",
    run,
    tensors: { pixels: f32([256, side, side, 3], values) },
  };
}

/** Building and searching an HNSW index, one thread on both sides. */
function hnswCases() {
  const { HierarchicalNSW } = loadHnswlib();
  const random = createRandom("bench hnsw");
  const { points, queries, dimension, m, efConstruction, ef } = HNSW;
  const data = Float32Array.from({ length: (points + queries) * dimension }, () => random.normal());
  const row = (i) => Array.from(data.subarray(i * dimension, (i + 1) * dimension));
  const rows = Array.from({ length: points + queries }, (_, i) => row(i));
  let index = null;
  const build = () => {
    index = new HierarchicalNSW("cosine", dimension);
    index.initIndex(points, m, efConstruction, 7);
    for (let i = 0; i < points; i++) index.addPoint(rows[i], i);
    index.setEf(ef);
    return points;
  };
  const search = () => {
    let found = 0;
    for (let i = 0; i < queries; i++) found += index.searchKnn(rows[points + i], 10).neighbors.length;
    return found;
  };
  const tensors = {
    data: f32([points + queries, dimension], data),
    settings: f32([4], [points, m, efConstruction, ef]),
  };
  return [
    { name: "HNSW build, 20,000 x 64", peer: "hnsw_build", run: build, tensors },
    { name: "HNSW search, 1,000 queries", peer: "hnsw_search", run: search, tensors: {} },
  ];
}
