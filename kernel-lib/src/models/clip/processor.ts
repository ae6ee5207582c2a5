import type { Control } from "../../base/types";
import type { EncoderTexts } from "../dual-encoder/encoder";
import { type EncoderImageConfig, padTexts, warnOfCuts } from "../dual-encoder/processor";
import { closeImageConfig, IMAGE_CONFIG, parsePixelScale } from "../images/pixels";
import type { TextTokenizer } from "../text/tokenizer";
import { Fields, type JsonObject } from "../weights/fields";
import type { ClipConfig } from "./config";

/** Size of the published CLIPs' pictures, where a file leaves it out. */
const PUBLISHED_SIZE = 224;

/**
 * Reads the content of a CLIP preprocessor_config.json. `size` is a number or { shortest_edge }, or, to stretch, { height, width }
 * or [height, width]; `crop_size` a number, { height, width } or [height, width]. What is left out is as transformers has it.
 *
 * @throws DataError naming the field.
 */
export function parseClipImageConfig(json: JsonObject): EncoderImageConfig {
  const fields = new Fields(json, IMAGE_CONFIG);
  const scale = parsePixelScale(fields);
  const resizing = parseSize(fields);
  const { stretchTo } = resizing;
  const cut = fields.value("crop_size") ?? PUBLISHED_SIZE;
  const side = typeof cut === "number" ? fields.size("crop_size", PUBLISHED_SIZE) : null;
  const crop = side === null ? box(fields, "crop_size") : { height: side, width: side };
  const cuts = fields.flag("do_center_crop", "on");
  if (!cuts && stretchTo === undefined)
    throw fields.wrong("do_center_crop", "true where size is no { height, width }: pictures need one size");
  const kept = cuts ? crop : stretchTo!;
  fields.only("default_to_square", false);
  closeImageConfig(fields);
  return { ...scale, ...resizing, cropHeight: kept.height, cropWidth: kept.width };
}

function parseSize(fields: Fields): Pick<EncoderImageConfig, "shortestEdge" | "stretchTo"> {
  const size = fields.value("size") ?? PUBLISHED_SIZE;
  if (typeof size === "number") return { shortestEdge: fields.size("size", PUBLISHED_SIZE) };
  if (!Array.isArray(size) && (size as JsonObject)["height"] === undefined) {
    const edges = fields.section("size");
    const shortestEdge = edges.size("shortest_edge");
    edges.refuseOthers();
    return { shortestEdge };
  }
  const stretchTo = box(fields, "size");
  return { shortestEdge: Math.min(stretchTo.height, stretchTo.width), stretchTo };
}

/** Height and width, by name or in this order. */
function box(fields: Fields, name: string): { height: number; width: number } {
  const value = fields.value(name);
  if (Array.isArray(value)) {
    const [height, width] = fields.numbers(name, 2) as [number, number];
    if ([height, width].every((side) => Number.isSafeInteger(side) && side > 0)) return { height, width };
    throw fields.wrong(name, "positive whole numbers");
  }
  const sides = fields.section(name);
  const found = { height: sides.size("height"), width: sides.size("width") };
  sides.refuseOthers();
  return found;
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
  const { maxPositions, padTokenId } = config.text;
  const encoded = texts.map((text) => tokenizer.encode(text));
  const endTokenId = config.text.endTokenId === "highest" ? tokenizer.encode("").at(-1)! : config.text.endTokenId;
  const rows = encoded.map((ids) => endWith(ids, endTokenId, maxPositions));
  warnOfCuts(encoded, maxPositions, control);
  const readAt = (row: readonly number[]): number =>
    row.indexOf(config.text.endTokenId === "highest" ? Math.max(...row) : endTokenId);
  return padTexts(rows, padTokenId, readAt);
}
