import { createRandom } from "../base/random";
import type { WeightArray } from "./parameters";
import type { Qwen2VlConfig } from "./qwen2-vl-config";
import { TEXT_PREFIX } from "./vision-language";

/** Prefix of the vision tower's modules. */
export const VISION_PREFIX = "model.visual";

const EMBEDDING_DEVIATION = 0.02;

/** Name and shape of every weight, under the module names of transformers 5 (those PEFT adapters use). */
export function qwen2VlShapes(config: Qwen2VlConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>([...visionShapes(config), ...textShapes(config)]);
  if (!config.tieWordEmbeddings) shapes.set("lm_head.weight", [config.text.vocabSize, config.text.hiddenSize]);
  return shapes;
}

function visionShapes({ vision, text }: Qwen2VlConfig): [string, number[]][] {
  const { embedDim: width, patchSize, temporalPatchSize, inChannels } = vision;
  const mlpWidth = Math.floor(width * vision.mlpRatio);
  const merged = width * vision.spatialMergeSize ** 2;
  const shapes: [string, number[]][] = [
    [`${VISION_PREFIX}.patch_embed.proj.weight`, [width, inChannels, temporalPatchSize, patchSize, patchSize]],
  ];
  for (let block = 0; block < vision.depth; block++) {
    const prefix = `${VISION_PREFIX}.blocks.${block}`;
    shapes.push(
      ...affine(`${prefix}.norm1`, [width]),
      ...affine(`${prefix}.norm2`, [width]),
      ...affine(`${prefix}.attn.qkv`, [3 * width, width]),
      ...affine(`${prefix}.attn.proj`, [width, width]),
      ...affine(`${prefix}.mlp.fc1`, [mlpWidth, width]),
      ...affine(`${prefix}.mlp.fc2`, [width, mlpWidth]),
    );
  }
  shapes.push(
    ...affine(`${VISION_PREFIX}.merger.ln_q`, [width]),
    ...affine(`${VISION_PREFIX}.merger.mlp.0`, [merged, merged]),
    ...affine(`${VISION_PREFIX}.merger.mlp.2`, [text.hiddenSize, merged]),
  );
  return shapes;
}

function textShapes({ text }: Qwen2VlConfig): [string, number[]][] {
  const { hiddenSize: width, intermediateSize } = text;
  const keyWidth = (width / text.numHeads) * text.numKeyValueHeads;
  const shapes: [string, number[]][] = [[`${TEXT_PREFIX}.embed_tokens.weight`, [text.vocabSize, width]]];
  for (let layer = 0; layer < text.numLayers; layer++) {
    const prefix = `${TEXT_PREFIX}.layers.${layer}`;
    shapes.push(
      ...affine(`${prefix}.self_attn.q_proj`, [width, width]),
      ...affine(`${prefix}.self_attn.k_proj`, [keyWidth, width]),
      ...affine(`${prefix}.self_attn.v_proj`, [keyWidth, width]),
      [`${prefix}.self_attn.o_proj.weight`, [width, width]],
      [`${prefix}.mlp.gate_proj.weight`, [intermediateSize, width]],
      [`${prefix}.mlp.up_proj.weight`, [intermediateSize, width]],
      [`${prefix}.mlp.down_proj.weight`, [width, intermediateSize]],
      [`${prefix}.input_layernorm.weight`, [width]],
      [`${prefix}.post_attention_layernorm.weight`, [width]],
    );
  }
  shapes.push([`${TEXT_PREFIX}.norm.weight`, [width]]);
  return shapes;
}

function affine(module: string, weightShape: number[]): [string, number[]][] {
  return [
    [`${module}.weight`, weightShape],
    [`${module}.bias`, [weightShape[0]!]],
  ];
}

/**
 * Fresh weights: normal with deviation 1/√inputs for linear maps and 0.02 for embeddings, one for the scale of a norm, zero
 * for biases. (0.02 for all, as large models have it, leaves the attention of a narrow model flat for a thousand steps.)
 */
export function initialQwen2VlWeights(config: Qwen2VlConfig, seed: number): Map<string, WeightArray> {
  const random = createRandom(seed).fork("qwen2-vl");
  const weights = new Map<string, WeightArray>();
  for (const [name, shape] of qwen2VlShapes(config)) {
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

/** The module name in memory of a name in a file: the published dialect drops parts of the path. */
export function toModuleName(fileName: string): string {
  if (fileName.startsWith("visual.")) return `model.${fileName}`;
  if (fileName.startsWith("model.") && !/^model\.(visual|language_model)\./.test(fileName))
    return `${TEXT_PREFIX}.${fileName.slice("model.".length)}`;
  return fileName;
}

/** The name transformers' `save_pretrained` writes for a module of this model. */
export function toFileName(moduleName: string): string {
  if (moduleName.startsWith(`${VISION_PREFIX}.`)) return moduleName.slice("model.".length);
  if (moduleName.startsWith(`${TEXT_PREFIX}.`)) return `model.${moduleName.slice(TEXT_PREFIX.length + 1)}`;
  return moduleName;
}
