import type { Control } from "../../base/types";
import type { EncoderTexts } from "../dual-encoder/encoder";
import { type EncoderImageConfig, padTexts, warnOfCuts } from "../dual-encoder/processor";
import { IMAGE_CONFIG, parsePixelScale } from "../images/pixels";
import type { TextTokenizer } from "../text/tokenizer";
import { Fields, type JsonObject } from "../weights/fields";
import type { ClipConfig } from "./config";

/** Reads the content of a CLIP preprocessor_config.json: a size may be a number or an object. @throws DataError naming the field. */
export function parseClipImageConfig(json: JsonObject): EncoderImageConfig {
  const fields = new Fields(json, IMAGE_CONFIG);
  const sideOf = (field: string, side: string): number =>
    typeof fields.value(field) === "number" ? fields.size(field) : fields.section(field, {}).size(side);
  return {
    ...parsePixelScale(fields),
    shortestEdge: sideOf("size", "shortest_edge"),
    cropHeight: sideOf("crop_size", "height"),
    cropWidth: sideOf("crop_size", "width"),
  };
}

/** The ids with an end token, cut so that it fits. */
function endWith(ids: readonly number[], endTokenId: number, maxPositions: number): number[] {
  const fitting = ids.slice(0, maxPositions);
  if (fitting.includes(endTokenId)) return fitting;
  return [...ids.slice(0, maxPositions - 1), endTokenId];
}

/**
 * Texts as the text tower reads them. A text that is too long is cut before its end token.
 *
 * @param control.onWarn called with code "text-cut" and the number of cut texts.
 */
export function clipTexts(
  { config, tokenizer }: { readonly config: ClipConfig; readonly tokenizer: TextTokenizer },
  texts: readonly string[],
  control: Control = {},
): EncoderTexts {
  const { maxPositions, endTokenId, padTokenId } = config.text;
  const encoded = texts.map((text) => tokenizer.encode(text));
  const rows = encoded.map((ids) => endWith(ids, endTokenId, maxPositions));
  warnOfCuts(encoded, maxPositions, control);
  return padTexts(rows, padTokenId, (row) => row.indexOf(endTokenId));
}
