import { createRandom } from "../base/random";
import { affine, decoderShapes, drawWeights, plain } from "./decoder-weights";
import type { WeightArray } from "./parameters";
import type { PixtralConfig } from "./pixtral-config";
import { TEXT_PREFIX } from "./vision-language";

/** Prefix of the vision tower's modules. */
export const PIXTRAL_VISION = "model.vision_tower";
/** Prefix of the two linear maps from the vision tower to the text model. */
export const PIXTRAL_PROJECTOR = "model.multi_modal_projector";

/** Name and shape of every weight, under the module names of transformers 5 (those PEFT adapters use). */
export function pixtralShapes(config: PixtralConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>([
    ...visionShapes(config),
    ...projectorShapes(config),
    ...decoderShapes(config.text, "none"),
  ]);
  if (!config.tieWordEmbeddings) shapes.set("lm_head.weight", [config.text.vocabSize, config.text.hiddenSize]);
  return shapes;
}

function visionShapes({ vision }: PixtralConfig): [string, number[]][] {
  const { hiddenSize: width, intermediateSize, patchSize, numChannels } = vision;
  const shapes = [
    ...plain(`${PIXTRAL_VISION}.patch_conv`, [width, numChannels, patchSize, patchSize]),
    ...plain(`${PIXTRAL_VISION}.ln_pre`, [width]),
  ];
  for (let layer = 0; layer < vision.numLayers; layer++) {
    const prefix = `${PIXTRAL_VISION}.transformer.layers.${layer}`;
    shapes.push(
      ...plain(`${prefix}.attention_norm`, [width]),
      ...plain(`${prefix}.attention.q_proj`, [width, width]),
      ...plain(`${prefix}.attention.k_proj`, [width, width]),
      ...plain(`${prefix}.attention.v_proj`, [width, width]),
      ...plain(`${prefix}.attention.o_proj`, [width, width]),
      ...plain(`${prefix}.ffn_norm`, [width]),
      ...plain(`${prefix}.feed_forward.gate_proj`, [intermediateSize, width]),
      ...plain(`${prefix}.feed_forward.up_proj`, [intermediateSize, width]),
      ...plain(`${prefix}.feed_forward.down_proj`, [width, intermediateSize]),
    );
  }
  return shapes;
}

function projectorShapes({ vision, text, projectorBias }: PixtralConfig): [string, number[]][] {
  const map = projectorBias === "bias" ? affine : plain;
  return [
    ...map(`${PIXTRAL_PROJECTOR}.linear_1`, [text.hiddenSize, vision.hiddenSize]),
    ...map(`${PIXTRAL_PROJECTOR}.linear_2`, [text.hiddenSize, text.hiddenSize]),
  ];
}

/** Fresh weights, see `drawWeights`. */
export function initialPixtralWeights(config: PixtralConfig, seed: number): Map<string, WeightArray> {
  return drawWeights(pixtralShapes(config), createRandom(seed).fork("pixtral"));
}

/**
 * The module name in memory of a name in a file. Files as published and as `save_pretrained` writes them put the whole text
 * model, head included, below `language_model`; a file may also hold the names in memory.
 */
export function toPixtralModule(fileName: string): string {
  if (fileName.startsWith("language_model.lm_head.")) return fileName.slice("language_model.".length);
  if (fileName.startsWith("language_model.model."))
    return `${TEXT_PREFIX}.${fileName.slice("language_model.model.".length)}`;
  if (/^(language_model|vision_tower|multi_modal_projector)\./.test(fileName)) return `model.${fileName}`;
  return fileName;
}

/** The name transformers' `save_pretrained` writes for a module of this model. */
export function toPixtralFileName(moduleName: string): string {
  if (moduleName.startsWith("lm_head.")) return `language_model.${moduleName}`;
  if (moduleName.startsWith(`${TEXT_PREFIX}.`))
    return `language_model.model.${moduleName.slice(TEXT_PREFIX.length + 1)}`;
  return moduleName.slice("model.".length);
}
