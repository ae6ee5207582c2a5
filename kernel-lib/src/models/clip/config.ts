import { Fields, type JsonObject, MAX_LAYERS } from "../weights/fields";

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
  readonly endTokenId: number;
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

/**
 * Reads the content of a CLIP config.json as transformers writes it.
 *
 * @throws DataError naming a field that is missing or asks for what is not built.
 */
export function parseClipConfig(json: JsonObject): ClipConfig {
  const top = new Fields(json, { where: "parseClipConfig", advice: "Use the config.json of a CLIP checkpoint." });
  return {
    projectionSize: top.size("projection_dim"),
    logitScale: top.number("logit_scale_init_value", 2.6592),
    vision: parseVision(top.section("vision_config")),
    text: parseText(top.section("text_config")),
  };
}

function parseTower(fields: Fields): ClipTowerConfig {
  const [hiddenSize, numHeads] = [fields.size("hidden_size"), fields.size("num_attention_heads")];
  if (hiddenSize % numHeads !== 0) throw fields.wrong("hidden_size", `a multiple of the ${numHeads} heads`);
  return {
    hiddenSize,
    numHeads,
    activation: fields.oneOf("hidden_act", ACTIVATIONS, "quick_gelu"),
    intermediateSize: fields.size("intermediate_size"),
    numLayers: fields.whole("num_hidden_layers", { most: MAX_LAYERS }),
    layerNormEpsilon: fields.number("layer_norm_eps", 1e-5),
  };
}

function parseVision(fields: Fields): ClipVisionConfig {
  const [imageSize, patchSize] = [fields.size("image_size"), fields.size("patch_size")];
  if (imageSize % patchSize !== 0) throw fields.wrong("image_size", `a multiple of patch_size ${patchSize}`);
  fields.only("num_channels", 3);
  return { ...parseTower(fields), imageSize, patchSize };
}

function parseText(fields: Fields): ClipTextConfig {
  const endTokenId = fields.whole("eos_token_id");
  // published configurations up to 2023 name token 2 as the end, which their tokenizers never write
  if (endTokenId === 2) throw fields.wrong("eos_token_id", "the id of the end token");
  return {
    ...parseTower(fields),
    vocabularySize: fields.size("vocab_size"),
    maxPositions: fields.size("max_position_embeddings"),
    endTokenId,
    padTokenId: fields.whole("pad_token_id"),
  };
}
