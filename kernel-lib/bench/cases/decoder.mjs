import * as tf from "@tensorflow/tfjs-core";
import { f32, from } from "../library.mjs";

const { createRandom } = from("base/random");
const { clippingScale, createAdamW, globalNorm } = from("compute/adamw");
const { quickGelu } = from("compute/ops/activations");
const { attention } = from("compute/ops/attention");
const { crossEntropy } = from("compute/ops/cross-entropy");
const { layerNorm } = from("compute/ops/norms");
const { embedding } = from("compute/ops/rows");
const { dense } = from("models/layers/linear");
const { createParameterStore } = from("models/weights/parameters");

/** 0.93 million weights at width 128: four layers, the output tied to the embedding. */
const SHAPE = { width: 128, layers: 4, heads: 4, vocabulary: 1000, batch: 16, length: 96 };

/** Names and shapes of the weights, as the peer's modules call them. */
export function decoderShapes({ width, layers, vocabulary, length }) {
  const norm = (name) => [
    [`${name}.weight`, [width]],
    [`${name}.bias`, [width]],
  ];
  const map = (name, out, inside) => [
    [`${name}.weight`, [out, inside]],
    [`${name}.bias`, [out]],
  ];
  const layer = (name) => [
    ...norm(`${name}.norm1`),
    ...["q", "k", "v", "out"].flatMap((part) => map(`${name}.${part}`, width, width)),
    ...norm(`${name}.norm2`),
    ...map(`${name}.up`, 4 * width, width),
    ...map(`${name}.down`, width, 4 * width),
  ];
  const blocks = Array.from({ length: layers }, (_, i) => layer(`layers.${i}`)).flat();
  return [["words.weight", [vocabulary, width]], ["places.weight", [length, width]], ...blocks, ...norm("norm")];
}

function drawWeights(shapes) {
  const random = createRandom("bench decoder");
  return shapes.map(([name, shape]) => {
    const size = shape.reduce((product, n) => product * n, 1);
    const fill = name.endsWith("bias") ? () => 0 : shape.length === 1 ? () => 1 : () => random.normal(0, 0.05);
    return [name, { shape, data: Float32Array.from({ length: size }, fill) }];
  });
}

/** Logits of the next token at every place, [batch · length, vocabulary]. */
function decoderLogits(store, ids, { width, layers, heads, batch, length }) {
  const norm = (x, name) =>
    layerNorm(x, { weight: store.get(`${name}.weight`), bias: store.get(`${name}.bias`), epsilon: 1e-5 });
  const map = (x, name, residual) =>
    dense(x, { weight: store.get(`${name}.weight`), bias: store.get(`${name}.bias`), ...(residual && { residual }) });
  // rows of tokens throughout, as in the library's own decoder; only attention asks which row a token belongs to
  const byRow = (each) => tf.reshape(each, [batch, length, width]);
  const flat = (each) => tf.reshape(each, [batch * length, width]);
  let x = flat(tf.add(byRow(embedding(store.get("words.weight"), ids)), store.get("places.weight")));
  for (let i = 0; i < layers; i++) {
    const layer = `layers.${i}`;
    const before = norm(x, `${layer}.norm1`);
    const [q, k, v] = ["q", "k", "v"].map((part) => byRow(map(before, `${layer}.${part}`)));
    x = map(flat(attention(q, k, v, { numHeads: heads, mask: "causal" })), `${layer}.out`, x);
    x = map(quickGelu(map(norm(x, `${layer}.norm2`), `${layer}.up`)), `${layer}.down`, x);
  }
  return dense(norm(x, "norm"), { weight: store.get("words.weight"), bias: null });
}

/** Floating-point operations of a step: forward and twice as much back; a causal mask leaves half of the attention. */
export function decoderFlops({ width, layers, vocabulary, batch, length }) {
  const products = 2 * batch * length * (layers * 12 * width ** 2 + vocabulary * width);
  return 3 * (products + layers * 2 * batch * length ** 2 * width);
}

/** A training step of a small causal transformer: loss, gradients, clipping, AdamW. */
export function openDecoder(given = {}) {
  const shape = { ...SHAPE, ...given };
  const { batch, length, vocabulary } = shape;
  const weights = drawWeights(decoderShapes(shape));
  const store = createParameterStore(weights);
  const variables = store.unfreeze();
  const optimiser = createAdamW(variables);
  const random = createRandom("bench tokens");
  const draw = () => Int32Array.from({ length: batch * length }, () => random.integer(vocabulary));
  const [ids, targets] = [draw(), draw()];
  const run = () => {
    const { value, grads } = tf.variableGrads(() => tf.mean(crossEntropy(decoderLogits(store, ids, shape), targets)));
    const gradients = variables.map(({ name }) => grads[name]);
    optimiser.step(gradients, 1e-3, clippingScale(globalNorm(gradients), 1));
    const loss = value.dataSync()[0];
    tf.dispose([value, gradients]);
    return loss;
  };
  const tensors = {
    ...Object.fromEntries(weights.map(([name, each]) => [`weight:${name}`, f32(each.shape, each.data)])),
    ids: f32([batch, length], ids),
    targets: f32([batch * length], targets),
  };
  return {
    name: `training step of a transformer, ${(store.count() / 1e6).toFixed(2)} M weights, ${batch} x ${length} tokens`,
    run,
    peers: { PyTorch: { case: "decoder", shape } },
    tensors,
    result: "same",
    flops: decoderFlops(shape),
    close: () => {
      optimiser.dispose();
      store.dispose();
    },
  };
}

/** Products of two 1024 x 1024 matrices: what this machine can do at most. */
export function openMatmul() {
  const random = createRandom("bench matmul");
  const [a, b] = [0, 1].map(() =>
    tf.tensor2d(
      Float32Array.from({ length: 2 ** 20 }, () => random.normal()),
      [1024, 1024],
    ),
  );
  const run = () =>
    tf.tidy(
      () =>
        [0, 1, 2, 3]
          .map(() => tf.matMul(a, b))
          .at(-1)
          .dataSync().length,
    );
  const peers = { PyTorch: { case: "matmul" } };
  return { name: "4 products of 1024 x 1024", run, peers, flops: 4 * 2 * 1024 ** 3, close: () => tf.dispose([a, b]) };
}
