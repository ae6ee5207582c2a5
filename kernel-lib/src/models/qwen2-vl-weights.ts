import { createRandom } from "../base/random";
import { affine, decoderShapes, drawWeights } from "./decoder-weights";
import type { WeightArray } from "./parameters";
import type { Qwen2VlConfig } from "./qwen2-vl-config";
import { TEXT_PREFIX } from "./vision-language";

/** Prefix of the vision tower's modules. */
export const VISION_PREFIX = "model.visual";

/** Name and shape of every weight, under the module names of transformers 5 (those PEFT adapters use). */
export function qwen2VlShapes(config: Qwen2VlConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>([...visionShapes(config), ...decoderShapes(config.text, "bias")]);
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

/** Fresh weights, see `drawWeights`. */
export function initialQwen2VlWeights(config: Qwen2VlConfig, seed: number): Map<string, WeightArray> {
  return drawWeights(qwen2VlShapes(config), createRandom(seed).fork("qwen2-vl"));
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
