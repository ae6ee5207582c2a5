import type { Random } from "../base/random";
import { type DecoderConfig, headWidth } from "./decoder-config";
import type { WeightArray } from "./parameters";
import { TEXT_PREFIX } from "./vision-language";

const EMBEDDING_DEVIATION = 0.02;

/** Whether queries, keys and values have a bias: Qwen2 yes, Mistral no. */
export type AttentionBias = "bias" | "none";

/** Name and shape of every weight of a text model, under the module names of transformers 5. */
export function decoderShapes(config: DecoderConfig, bias: AttentionBias): [string, number[]][] {
  const { hiddenSize: width, intermediateSize } = config;
  const queryWidth = headWidth(config) * config.numHeads;
  const keyWidth = headWidth(config) * config.numKeyValueHeads;
  const projection = bias === "bias" ? affine : plain;
  const shapes: [string, number[]][] = [[`${TEXT_PREFIX}.embed_tokens.weight`, [config.vocabSize, width]]];
  for (let layer = 0; layer < config.numLayers; layer++) {
    const prefix = `${TEXT_PREFIX}.layers.${layer}`;
    shapes.push(
      ...projection(`${prefix}.self_attn.q_proj`, [queryWidth, width]),
      ...projection(`${prefix}.self_attn.k_proj`, [keyWidth, width]),
      ...projection(`${prefix}.self_attn.v_proj`, [keyWidth, width]),
      ...plain(`${prefix}.self_attn.o_proj`, [width, queryWidth]),
      ...plain(`${prefix}.mlp.gate_proj`, [intermediateSize, width]),
      ...plain(`${prefix}.mlp.up_proj`, [intermediateSize, width]),
      ...plain(`${prefix}.mlp.down_proj`, [width, intermediateSize]),
      ...plain(`${prefix}.input_layernorm`, [width]),
      ...plain(`${prefix}.post_attention_layernorm`, [width]),
    );
  }
  shapes.push(...plain(`${TEXT_PREFIX}.norm`, [width]));
  return shapes;
}

/** A module with a weight of this shape and no bias. */
export function plain(module: string, weightShape: number[]): [string, number[]][] {
  return [[`${module}.weight`, weightShape]];
}

/** A module with a weight of this shape and a bias as long as its first axis. */
export function affine(module: string, weightShape: number[]): [string, number[]][] {
  return [
    [`${module}.weight`, weightShape],
    [`${module}.bias`, [weightShape[0]!]],
  ];
}

/**
 * Fresh weights: normal with deviation 1/√inputs for linear maps and 0.02 for embeddings, one for the scale of a norm, zero
 * for biases. (0.02 for all, as large models have it, leaves the attention of a narrow model flat for a thousand steps.)
 */
export function drawWeights(shapes: ReadonlyMap<string, readonly number[]>, random: Random): Map<string, WeightArray> {
  const weights = new Map<string, WeightArray>();
  for (const [name, shape] of shapes) {
    const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
    const draw = random.fork(name);
    const inputs = data.length / shape[0]!;
    const deviation = name.includes("embed_tokens") ? EMBEDDING_DEVIATION : inputs ** -0.5;
    if (shape.length > 1) for (let i = 0; i < data.length; i++) data[i] = draw.normal(0, deviation);
    else if (name.endsWith(".weight")) data.fill(1);
    weights.set(name, { shape, data });
  }
  return weights;
}
