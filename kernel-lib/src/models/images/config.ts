import { DataError } from "../../base/errors";
import type { JsonObject } from "../text/tokenizer";
import type { ClipImageConfig, PixelScale, QwenImageConfig } from "./processor";

/** Reads the content of a Qwen2-VL preprocessor_config.json. @throws DataError naming the field. */
export function parseQwenImageConfig(json: JsonObject): QwenImageConfig {
  const size = (json["size"] ?? {}) as JsonObject;
  return {
    ...parseScale(json),
    patchSize: positiveCount(json, "patch_size"),
    temporalPatchSize: positiveCount(json, "temporal_patch_size"),
    mergeSize: positiveCount(json, "merge_size"),
    minPixels: positiveCount({ min_pixels: json["min_pixels"] ?? size["shortest_edge"] }, "min_pixels"),
    maxPixels: positiveCount({ max_pixels: json["max_pixels"] ?? size["longest_edge"] }, "max_pixels"),
  };
}

/** Reads the content of a CLIP preprocessor_config.json. @throws DataError naming the field. */
export function parseClipImageConfig(json: JsonObject): ClipImageConfig {
  const [size, crop] = [json["size"], json["crop_size"]] as JsonObject[];
  return {
    ...parseScale(json),
    shortestEdge: positiveCount(typeof size === "number" ? { shortest_edge: size } : (size ?? {}), "shortest_edge"),
    cropHeight: positiveCount(typeof crop === "number" ? { height: crop } : (crop ?? {}), "height"),
    cropWidth: positiveCount(typeof crop === "number" ? { width: crop } : (crop ?? {}), "width"),
  };
}

/** What torchvision's transform of OpenAI's CLIP uses, and jina-clip's processor where its file leaves them out. */
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711];
const JINA_FIELDS = [
  ...["size", "mean", "std", "resize_mode", "interpolation", "fill_color"],
  ...["auto_map", "image_processor_type", "processor_class", "feature_extractor_type"],
];

/**
 * Reads the content of a jina-clip preprocessor_config.json: `size` is a number, [n] or [n, n]; `mean` and `std` one number
 * or three. The fill colour is read by no mode but "longest", which is not built.
 *
 * @throws DataError naming a field that is wrong, unknown or asks for what is not built.
 */
export function parseJinaImageConfig(json: JsonObject): ClipImageConfig {
  for (const [field, value] of Object.entries(json))
    if (!JINA_FIELDS.includes(field)) throw badField(field, `left out, or one of ${JINA_FIELDS.join(", ")}`, value);
  for (const [field, wanted] of [
    ["resize_mode", "shortest"],
    ["interpolation", "bicubic"],
  ] as const)
    if ((json[field] ?? wanted) !== wanted) throw badField(field, JSON.stringify(wanted), json[field]);
  const size = json["size"] ?? 224;
  const sides: readonly unknown[] = Array.isArray(size) ? size : [size];
  const [edge, other = edge] = sides;
  if (!(Number.isSafeInteger(edge) && (edge as number) > 0) || other !== edge || sides.length > 2)
    throw badField("size", "a positive whole number, or twice the same one", size);
  const colours = (field: string, fallback: number[]): number[] => {
    const value = json[field] ?? fallback;
    return triple({ [field]: typeof value === "number" ? [value, value, value] : value }, field);
  };
  const [mean, std] = [colours("mean", CLIP_MEAN), colours("std", CLIP_STD)];
  const shortestEdge = edge as number;
  const crop = { cropHeight: shortestEdge, cropWidth: shortestEdge, cropRounding: "halfToEven" } as const;
  return { mean, std, rescale: 1 / 255, shortestEdge, ...crop };
}

/** Reads mean, deviation and rescale factor. @throws DataError naming the field. */
export function parseScale(json: JsonObject): PixelScale {
  const rescale = json["rescale_factor"] ?? 1 / 255;
  if (typeof rescale !== "number") throw badField("rescale_factor", "a number", rescale);
  return { mean: triple(json, "image_mean"), std: triple(json, "image_std"), rescale };
}

function triple(json: JsonObject, field: string): number[] {
  const value = json[field];
  if (Array.isArray(value) && value.length === 3 && value.every(Number.isFinite)) return value;
  throw badField(field, "three numbers", value);
}

/** A positive whole number. @throws DataError naming the field. */
export function positiveCount(json: JsonObject, field: string): number {
  const value = json[field];
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw badField(field, "a positive whole number", value);
}

function badField(field: string, rule: string, value: unknown): DataError {
  return new DataError(
    `parseImageConfig: ${field} of preprocessor_config.json must be ${rule}; got ${JSON.stringify(value)}. Copy the file from the model again.`,
    { field, value },
  );
}
