import { closeSection, Fields, type JsonObject, MAX_LAYERS, wordsOf } from "../weights/fields";

const ACTIVATIONS = ["quick_gelu", "gelu"] as const;

/** Sizes of one tower. */
export interface ClipTowerConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly activation: (typeof ACTIVATIONS)[number];
  readonly layerNormEpsilon: number;
}

/** Sizes of the image tower. */
interface ClipVisionConfig extends ClipTowerConfig {
  readonly imageSize: number;
  readonly patchSize: number;
}

/** Sizes of the text tower, and the tokens it knows by id. */
interface ClipTextConfig extends ClipTowerConfig {
  readonly vocabularySize: number;
  readonly maxPositions: number;
  /** Where a text is read out: at the first token of this id, or, in older files, of the highest id in the text. */
  readonly endTokenId: number | "highest";
  readonly padTokenId: number;
}

/** Architecture of a CLIP model. */
export interface ClipConfig {
  readonly projectionSize: number;
  /** Where the logarithm of the inverse temperature starts. */
  readonly logitScale: number;
  readonly vision: ClipVisionConfig;
  readonly text: ClipTextConfig;
}

/** Sizes of a tower that a file leaves out. */
interface TowerDefaults {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_attention_heads: number;
}

/** Sizes of the classes of transformers, which are those of openai/clip-vit-base-patch32; files leave out what equals them. */
const VISION_DEFAULTS: TowerDefaults = { hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12 };
const TEXT_DEFAULTS: TowerDefaults = { hidden_size: 512, intermediate_size: 2048, num_attention_heads: 8 };

/** The projection is the model's own field; dropout is for training. */
const TOWER_IRRELEVANT = wordsOf("dropout projection_dim");

/**
 * Reads the content of a CLIP config.json as transformers writes it; what is left out is as in its classes.
 *
 * @throws DataError naming a field that is wrong, unknown or asks for what is not built.
 */
export function parseClipConfig(json: JsonObject): ClipConfig {
  const top = new Fields(json, { where: "parseClipConfig", advice: "Use the config.json of a CLIP checkpoint." });
  // in files of 2022 a section of this older name holds all that is said; the one of today's name repeats it
  const section = (name: string): Fields =>
    top.section(top.value(`${name}_dict`) === undefined ? name : `${name}_dict`, {});
  const config = {
    projectionSize: top.size("projection_dim", 512),
    logitScale: top.number("logit_scale_init_value", 2.6592),
    vision: parseVision(section("vision_config")),
    text: parseText(section("text_config")),
  };
  closeSection(top, ["vision_config", "text_config"]);
  return config;
}

function parseTower(fields: Fields, defaults: TowerDefaults): ClipTowerConfig {
  const sizeOf = (field: keyof TowerDefaults): number => fields.size(field, defaults[field]);
  const [hiddenSize, numHeads] = [sizeOf("hidden_size"), sizeOf("num_attention_heads")];
  if (hiddenSize % numHeads !== 0) throw fields.wrong("hidden_size", `a multiple of the ${numHeads} heads`, hiddenSize);
  const config: ClipTowerConfig = {
    hiddenSize,
    numHeads,
    activation: fields.oneOf("hidden_act", ACTIVATIONS, "quick_gelu"),
    intermediateSize: sizeOf("intermediate_size"),
    numLayers: fields.whole("num_hidden_layers", { most: MAX_LAYERS, fallback: 12 }),
    layerNormEpsilon: fields.number("layer_norm_eps", 1e-5),
  };
  closeSection(fields, TOWER_IRRELEVANT);
  return config;
}

function parseVision(fields: Fields): ClipVisionConfig {
  const [imageSize, patchSize] = [fields.size("image_size", 224), fields.size("patch_size", 32)];
  if (imageSize % patchSize !== 0) throw fields.wrong("image_size", `a multiple of patch_size ${patchSize}`, imageSize);
  fields.only("num_channels", 3);
  return { ...parseTower(fields, VISION_DEFAULTS), imageSize, patchSize };
}

/** What configurations up to 2023 name as the end, which their tokenizers never write: then the highest id of a text is meant. */
const OLD_END = 2;

function parseText(fields: Fields): ClipTextConfig {
  const endTokenId = fields.tokenId("eos_token_id", 49_407);
  const tokens = {
    vocabularySize: fields.size("vocab_size", 49_408),
    maxPositions: fields.size("max_position_embeddings", 77),
    endTokenId: endTokenId === OLD_END ? ("highest" as const) : endTokenId,
    padTokenId: fields.tokenId("pad_token_id", 1),
  };
  return { ...parseTower(fields, TEXT_DEFAULTS), ...tokens };
}
