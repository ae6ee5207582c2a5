import { assertInteger, assertSameLength } from "../base/check";
import { DataError } from "../base/errors";
import type { RasterImage } from "../base/types";
import { pngUri } from "../figures/png";
import { escapeHtml, insideNotebook, writeDisplay } from "./display";
import type { MimeBundle } from "./notebook-file";

export interface ShowImagesOptions {
  /** One line below each picture. Default: none. */
  readonly captions?: readonly string[];
  /** Pictures side by side. Default: all up to 6. */
  readonly columns?: number;
  /** Screen pixels per picture pixel, a whole number. Default: what makes the longer side at least 112. */
  readonly scale?: number;
}

const MAX_COLUMNS = 6;
const SHOWN_SIDE = 112;

function pictureHtml(image: RasterImage, caption: string, scale: number): string {
  const [width, height] = [image.width * scale, image.height * scale];
  const alt = escapeHtml(caption === "" ? `picture of ${image.width} x ${image.height} pixels` : caption);
  const uri = pngUri(image, Math.max(image.width, image.height));
  const picture = `<img alt="${alt}" width="${width}" height="${height}" style="image-rendering:pixelated" src="${uri}">`;
  return `<td style="text-align:center;vertical-align:top;max-width:${Math.max(width, SHOWN_SIDE)}px">${picture}${
    caption === "" ? "" : `<br>${escapeHtml(caption)}`
  }</td>`;
}

/**
 * Pictures in a grid with their captions: HTML (every pixel a sharp square, no script) and text.
 *
 * @throws DataError without pictures. ShapeError when captions and pictures differ in number.
 */
export function imagesBundle(images: readonly RasterImage[], options: ShowImagesOptions = {}): MimeBundle {
  if (images.length === 0) throw new DataError("showImages: images must hold at least one picture; got none.");
  const captions = options.captions ?? images.map(() => "");
  assertSameLength("showImages: captions", captions.length, images.length);
  const columns = options.columns ?? Math.min(MAX_COLUMNS, images.length);
  assertInteger("showImages: columns", columns, 1);
  const longest = Math.max(...images.map((image) => Math.max(image.width, image.height)));
  const scale = options.scale ?? Math.max(1, Math.ceil(SHOWN_SIDE / longest));
  assertInteger("showImages: scale", scale, 1, 64);
  const cells = images.map((image, i) => pictureHtml(image, captions[i]!, scale));
  const rows: string[] = [];
  for (let start = 0; start < cells.length; start += columns)
    rows.push(`<tr style="background:none">${cells.slice(start, start + columns).join("")}</tr>`);
  const text = images.map((image, i) => `[${image.width} x ${image.height}] ${captions[i]}`.trimEnd()).join("\n");
  return { "text/html": `<table>\n${rows.join("\n")}\n</table>`, "text/plain": text };
}

/** Shows pictures below the cell. Outside a notebook it only checks its arguments. */
export function showImages(images: readonly RasterImage[], options: ShowImagesOptions = {}): void {
  const bundle = imagesBundle(images, options);
  if (insideNotebook()) writeDisplay(bundle);
}
