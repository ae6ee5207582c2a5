// A process of its own: loads the library ("library"), or the replica models too and uses them ("models", folder).
const tf = require("@tensorflow/tfjs-core");
const kernel = require("../dist/index.js");

const [what, checkpoints] = process.argv.slice(2);

async function useModels() {
  const { loadClip, encodeImages } = kernel.models;
  const clip = loadClip(`${checkpoints}/clip`);
  const reader = kernel.models.loadQwen2Vl(`${checkpoints}/qwen2-vl`);
  const image = { height: 32, width: 32, channels: 3, data: new Uint8Array(32 * 32 * 3) };
  await encodeImages(clip, Array(64).fill(image));
  await reader.parameters.count();
}

async function main() {
  await kernel.compute.openBackend();
  const product = tf.tidy(() => tf.matMul([[1, 2]], [[3], [4]]).dataSync()[0]);
  if (what === "models") await useModels();
  const residentMiB = process.memoryUsage().rss / 2 ** 20;
  process.stdout.write(`${JSON.stringify({ product, residentMiB })}\n`);
}

main();
