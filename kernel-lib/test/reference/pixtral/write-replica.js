// Writes a replica Pixtral, an adapter and their merger, with what they answer, for check-replica.py.
// Run in this folder, after npm run build: node write-replica.js FOLDER
const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const kernel = require("../../../dist");
const { createReplicaPixtral } = require("../../../dist/replicas/replica-readers");
const tf = require("@tensorflow/tfjs-core");

const folder = process.argv[2];
const QUESTION = "background: a round shadow\n\nWhat is it?";
/** By prompt; whole patches within the longest side, so that no resizing stands between the two. */
const SIZES = [
  [[32, 32], [24, 32]],
  [[16, 8]],
];

async function main() {
  await kernel.compute.openBackend();
  const random = kernel.createRandom(5);
  const pictures = SIZES.map((row) => row.map(([height, width]) => noise(random, height, width)));
  const model = createReplicaPixtral(5);
  const messages = pictures.map((row) => [
    { role: "user", content: [...row.map((image) => ({ type: "image", image })), { type: "text", text: QUESTION }] },
  ]);
  const batch = kernel.models.collatePrompts(model, messages.map((chat) => kernel.models.tokenizePrompt(model, chat)));
  kernel.models.savePixtral(model, join(folder, "plain"));
  const answers = { plain: await answersOf(model, batch) };
  const adapter = kernel.models.attachLora(model.parameters, { rank: 4, alpha: 8, scaling: "rankStabilised", dropout: 0.05, seed: 5 });
  disturb(adapter, random);
  kernel.models.saveLora(adapter, join(folder, "adapter"));
  answers.adapted = await answersOf(model, batch);
  kernel.models.mergeLora(model.parameters, adapter);
  kernel.models.savePixtral(model, join(folder, "merged"));
  answers.merged = await answersOf(model, batch);
  const packed = pictures.map((row) => row.map(({ data, ...size }) => ({ ...size, data: Buffer.from(data).toString("base64") })));
  writeFileSync(join(folder, "answers.json"), JSON.stringify({ question: QUESTION, pictures: packed, ...answers }));
}

function noise(random, height, width) {
  return { height, width, channels: 3, data: Uint8Array.from({ length: height * width * 3 }, () => random.integer(256)) };
}

function disturb(adapter, random) {
  for (const variable of adapter.variables) {
    const values = Float32Array.from({ length: variable.size }, () => random.normal(0, 0.1));
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
}

async function answersOf(model, batch) {
  const last = Array.from(batch.lastColumns, (column, row) => ({ row, column }));
  const logits = kernel.models.readerLogits(model, batch, last);
  const written = await kernel.models.generate(model, batch, { maxNewTokens: 6 });
  return { inputIds: [...batch.inputIds], logits: [...logits.dataSync()], generated: written.map(({ ids }) => ids) };
}

mkdirSync(folder, { recursive: true });
main();
