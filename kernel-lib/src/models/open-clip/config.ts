import { DataError } from "../../base/errors";
import type { EncoderImageConfig } from "../dual-encoder/processor";
import { CLIP_MEAN, CLIP_STD } from "../images/pixels";
import { Fields, type JsonObject } from "../weights/fields";
import type { WeightArray } from "../weights/parameters";

/** A plain vision transformer of timm, read out at its class token. */
export interface OpenClipVisionConfig {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
}

/** A BERT of transformers, and the maps behind it. */
export interface OpenClipTextConfig {
  readonly vocabularySize: number;
  /** Tokens of a text that are read. */
  readonly maxPositions: number;
  /** Positions that the tower has. */
  readonly numPositions: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** "first": the first token. "mean": over a text's tokens. */
  readonly pooler: "first" | "mean";
  /** Width between the two maps of an "mlp" projection; null for a single map. */
  readonly projectionHidden: number | null;
  readonly padTokenId: number;
}

/** Architecture of an open_clip model with towers of timm and transformers, as BiomedCLIP is. */
export interface OpenClipConfig {
  readonly projectionSize: number;
  readonly vision: OpenClipVisionConfig;
  readonly text: OpenClipTextConfig;
}

/** Width of a head: of ViT tiny to large, and of every BERT. Weights do not tell it, and the folder has no other word on it. */
const HEAD_WIDTH = 64;
/** [PAD] of every BERT. */
const PAD_TOKEN = 0;

const PLAIN_VIT = /^(?:hf-hub:timm\/)?vit_(?:tiny|small|base|large)_patch(\d+)_(\d+)(?:\.[\w.]+)?$/;
const OTHER_BERTS = /roberta|deberta|albert|distil|modern|mobile|camembert|electra|xlm/i;
const POOLERS = { cls_last_hidden_state_pooler: "first", mean_pooler: "mean" } as const;
const SOURCE = {
  where: "parseOpenClipConfig",
  file: "open_clip_config.json",
  advice: "Use a folder with a plain ViT of timm and a BERT, as BiomedCLIP's.",
};

type Shapes = ReadonlyMap<string, Pick<WeightArray, "shape">>;

/**
 * Reads the content of an open_clip_config.json. It names its towers; how large they are is read from the weights, and held to what the
 * names say of patches and pictures.
 *
 * @throws DataError naming a field or weight that is missing, or asks for what is not built.
 */
export function parseOpenClipConfig(json: JsonObject, weights: Shapes): OpenClipConfig {
  const model = new Fields(json, SOURCE).section("model_cfg");
  const projectionSize = model.size("embed_dim");
  model.only("quick_gelu", false);
  model.only("init_logit_bias", null);
  const config = {
    projectionSize,
    vision: parseVision(model.section("vision_cfg"), weights),
    text: parseText(model.section("text_cfg"), weights),
  };
  model.ignore(["init_logit_scale", "nonscalar_logit_scale", "custom_text"]);
  model.refuseOthers();
  return config;
}

function shapeOf(weights: Shapes, name: string, axes: number): readonly number[] {
  const shape = weights.get(name)?.shape;
  if (shape?.length === axes) return shape;
  const got = shape === undefined ? "none" : `shape [${shape.join(", ")}]`;
  throw new DataError(
    `parseOpenClipConfig: the weights must hold ${name} with ${axes} axes; got ${got}. ${SOURCE.advice}`,
    { name, shape },
  );
}

/** How many modules `prefix`0, `prefix`1 … there are. */
function countLayers(weights: Shapes, prefix: string): number {
  const numbers = [...weights.keys()]
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number.parseInt(name.slice(prefix.length), 10));
  return Math.max(-1, ...numbers) + 1;
}

function headsOf(fields: Fields, field: string, hiddenSize: number): number {
  if (hiddenSize % HEAD_WIDTH === 0) return hiddenSize / HEAD_WIDTH;
  throw fields.wrong(
    field,
    `a model whose width is a multiple of ${HEAD_WIDTH}, the width of its heads; it is ${hiddenSize}`,
  );
}

function parseVision(fields: Fields, weights: Shapes): OpenClipVisionConfig {
  const found = PLAIN_VIT.exec(fields.text("timm_model_name"));
  if (found === null) throw fields.wrong("timm_model_name", "a plain vision transformer, e.g. vit_base_patch16_224");
  const pool = fields.text("timm_pool", "");
  if (pool !== "" && pool !== "token") throw fields.wrong("timm_pool", '"" or "token"');
  fields.exactly("timm_proj", "linear");
  fields.only("timm_proj_bias", false);
  const [patchSize, imageSize] = [Number(found[1]), fields.size("image_size", 224)];
  if (imageSize !== Number(found[2])) throw fields.wrong("image_size", `that of ${found[0]}`);
  const trunk = "visual.trunk.";
  const hiddenSize = shapeOf(weights, `${trunk}cls_token`, 3)[2]!;
  fields.ignore(["timm_model_pretrained", "timm_drop", "timm_drop_path", "patch_dropout"]);
  fields.refuseOthers();
  return {
    ...{ imageSize, patchSize, hiddenSize },
    numHeads: headsOf(fields, "timm_model_name", hiddenSize),
    intermediateSize: shapeOf(weights, `${trunk}blocks.0.mlp.fc1.weight`, 2)[0]!,
    numLayers: countLayers(weights, `${trunk}blocks.`),
  };
}

function parseText(fields: Fields, weights: Shapes): OpenClipTextConfig {
  const name = fields.text("hf_model_name");
  if (!/bert/i.test(name) || OTHER_BERTS.test(name)) throw fields.wrong("hf_model_name", "a BERT");
  const pooler =
    POOLERS[fields.oneOf("hf_pooler_type", ["cls_last_hidden_state_pooler", "mean_pooler"], "mean_pooler")];
  const projection = fields.oneOf("hf_proj_type", ["mlp", "linear"], "mlp");
  const maxPositions = fields.size("context_length", 77);
  const bert = "text.transformer.";
  const [vocabularySize, hiddenSize] = shapeOf(weights, `${bert}embeddings.word_embeddings.weight`, 2) as [
    number,
    number,
  ];
  const [numPositions] = shapeOf(weights, `${bert}embeddings.position_embeddings.weight`, 2) as [number, number];
  if (maxPositions > numPositions)
    throw fields.wrong("context_length", `at most the ${numPositions} positions of its tower`);
  fields.ignore(["hf_tokenizer_name", "hf_model_pretrained", "tokenizer_kwargs"]);
  fields.refuseOthers();
  return {
    ...{ vocabularySize, maxPositions, numPositions, hiddenSize, pooler, padTokenId: PAD_TOKEN },
    numHeads: headsOf(fields, "hf_model_name", hiddenSize),
    intermediateSize: shapeOf(weights, `${bert}encoder.layer.0.intermediate.dense.weight`, 2)[0]!,
    numLayers: countLayers(weights, `${bert}encoder.layer.`),
    projectionHidden: projection === "mlp" ? shapeOf(weights, "text.proj.0.weight", 2)[0]! : null,
  };
}

/** How pictures are prepared: `preprocess_cfg` of the same file; what is left out is as in open_clip. @throws DataError naming the field. */
export function parseOpenClipImages(json: JsonObject, imageSize: number): EncoderImageConfig {
  const fields = new Fields(json, SOURCE).section("preprocess_cfg", {});
  fields.only("mode", "RGB");
  fields.only("interpolation", "bicubic");
  fields.only("resize_mode", "shortest");
  const size = fields.value("size") ?? imageSize;
  const sides: readonly unknown[] = Array.isArray(size) ? size : [size];
  if (sides.some((side) => side !== imageSize)) throw fields.wrong("size", `image_size ${imageSize}`);
  const [mean, std] = [fields.numbers("mean", 3, CLIP_MEAN), fields.numbers("std", 3, CLIP_STD)];
  fields.ignore(["fill_color"]);
  fields.refuseOthers();
  const crop = { cropHeight: imageSize, cropWidth: imageSize, cropRounding: "halfToEven" } as const;
  return { mean, std, rescale: 1 / 255, shortestEdge: imageSize, ...crop };
}
