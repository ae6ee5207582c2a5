import type { EncoderImageConfig } from "../dual-encoder/processor";
import { CLIP_MEAN, CLIP_STD, IMAGE_CONFIG } from "../images/pixels";
import { Fields, type JsonObject } from "../weights/fields";

/** Names of code, and a colour that no mode but "longest", which is not built, reads. */
const IRRELEVANT = ["fill_color", "auto_map", "image_processor_type", "processor_class", "feature_extractor_type"];

/**
 * Reads the content of a jina-clip preprocessor_config.json: `size` is a number, [n] or [n, n]; `mean` and `std` one number
 * or three.
 *
 * @throws DataError naming a field that is wrong, unknown or asks for what is not built.
 */
export function parseJinaImageConfig(json: JsonObject): EncoderImageConfig {
  const fields = new Fields(json, IMAGE_CONFIG);
  fields.only("resize_mode", "shortest");
  fields.only("interpolation", "bicubic");
  const shortestEdge = sideOf(fields);
  const colours = (field: string, fallback: readonly number[]): number[] => {
    const value = fields.value(field);
    return typeof value === "number" ? [value, value, value] : fields.numbers(field, 3, fallback);
  };
  const [mean, std] = [colours("mean", CLIP_MEAN), colours("std", CLIP_STD)];
  fields.ignore(IRRELEVANT);
  fields.refuseOthers();
  const crop = { cropHeight: shortestEdge, cropWidth: shortestEdge, cropRounding: "halfToEven" } as const;
  return { mean, std, rescale: 1 / 255, shortestEdge, ...crop };
}

function sideOf(fields: Fields): number {
  const size = fields.value("size") ?? 224;
  const sides: readonly unknown[] = Array.isArray(size) ? size : [size];
  const [edge, other = edge] = sides;
  if (Number.isSafeInteger(edge) && (edge as number) > 0 && other === edge && sides.length <= 2) return edge as number;
  throw fields.wrong("size", "a positive whole number, or twice the same one", size);
}
