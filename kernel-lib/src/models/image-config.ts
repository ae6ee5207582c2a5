import { DataError } from "../base/errors";
import type { ClipImageConfig, PixelScale, QwenImageConfig } from "./image-processor";
import type { JsonObject } from "./tokenizer";

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
