/** Words in figures: how wide they are, where their lines break, and how numbers are written. */

import { visibleText } from "../base/plain-text";

/** Advance widths of Open Sans Regular, characters 32 to 126, in thousandths of the font size. */
const WIDTHS = [
  260, 264, 398, 646, 572, 827, 729, 219, 295, 295, 551, 572, 259, 322, 263, 367, 572, 572, 572, 572, 572, 572, 572,
  572, 572, 572, 263, 263, 572, 572, 572, 432, 896, 632, 646, 630, 726, 556, 516, 727, 737, 279, 269, 612, 522, 899,
  753, 778, 602, 778, 617, 548, 551, 729, 596, 923, 578, 559, 572, 327, 367, 327, 572, 438, 277, 556, 612, 479, 612,
  562, 336, 543, 613, 252, 252, 525, 252, 926, 613, 602, 612, 612, 409, 477, 356, 613, 500, 775, 523, 501, 469, 375,
  549, 375, 572,
];
const OTHER_WIDTH = 600;
const BOLD_FACTOR = 1.07;

type FontWeight = "regular" | "bold";

/** Width in pixels of one line of text set in Open Sans at `size` pixels. Markup counts as text: measure before escaping. */
export function textWidth(text: string, size: number, weight: FontWeight = "regular"): number {
  let thousandths = 0;
  for (const character of text) thousandths += WIDTHS[character.codePointAt(0)! - 32] ?? OTHER_WIDTH;
  return (thousandths / 1000) * size * (weight === "bold" ? BOLD_FACTOR : 1);
}

/**
 * Breaks text into lines no wider than `width` pixels, at spaces; a word that is wider alone is cut.
 *
 * @param options.maxLines lines kept; the last kept one ends in "…" when text was left out. Default: all.
 */
export function wrapText(
  text: string,
  width: number,
  size: number,
  options: { weight?: FontWeight; maxLines?: number } = {},
): string[] {
  const weight = options.weight ?? "regular";
  const fits = (line: string): boolean => textWidth(line, size, weight) <= width;
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/[ \t\r\n]+/).filter((part) => part !== "")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (fits(longer)) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    while (!fits(line) && line.length > 1) {
      const kept = longestPrefix(line, fits);
      lines.push(kept);
      line = line.slice(kept.length);
    }
  }
  if (line !== "") lines.push(line);
  return limitLines(lines, options.maxLines ?? lines.length, fits);
}

/** Like wrapText, with the lines about equally long: no last line of a single word. */
export function balanceText(text: string, width: number, size: number, weight: FontWeight = "regular"): string[] {
  const lines = wrapText(text, width, size, { weight });
  const last = textWidth(lines[lines.length - 1] ?? "", size, weight);
  if (lines.length < 2 || last > 0.4 * width) return lines;
  for (let narrower = width - 10; narrower > width / 2; narrower -= 10) {
    const again = wrapText(text, narrower, size, { weight });
    if (again.length > lines.length) return wrapText(text, narrower + 10, size, { weight });
  }
  return lines;
}

/** One line no wider than `width` pixels, cut with "…" where it is longer. */
export function shortenText(text: string, width: number, size: number, weight: FontWeight = "regular"): string {
  if (textWidth(text, size, weight) <= width) return text;
  const fits = (part: string): boolean => textWidth(`${part}…`, size, weight) <= width;
  return `${longestPrefix(text, fits).trimEnd()}…`;
}

function limitLines(lines: string[], maxLines: number, fits: (line: string) => boolean): string[] {
  if (lines.length <= maxLines) return lines;
  const kept = lines.slice(0, maxLines);
  const last = kept[maxLines - 1] ?? "";
  kept[maxLines - 1] = `${longestPrefix(last, (part) => fits(`${part}…`)).trimEnd()}…`;
  return kept;
}

function longestPrefix(text: string, fits: (part: string) => boolean): string {
  let length = text.length;
  while (length > 1 && !fits(text.slice(0, length))) length--;
  if (length > 1 && /[\uD800-\uDBFF]$/.test(text.slice(0, length))) length--; // no half of a character
  return text.slice(0, length);
}

/** Makes text safe inside Plotly labels, which read a small HTML, and inside the SVG that is drawn of them. */
export function escapeText(text: string): string {
  return visibleText(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const LABEL_TAG = /<\/?(?:b|strong|i|em|u|s|sub|sup|span|a)(?:\s[^<>]*)?>/gi;
const ENTITIES: Readonly<Record<string, string>> = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };

/** The text of a Plotly label without its markup: what a reader of the figure sees. Undoes escapeText. */
export function plainLabel(label: string): string {
  return label
    .replaceAll(/<br\s*\/?>/gi, " ")
    .replaceAll(LABEL_TAG, "")
    .replaceAll(/&(?:lt|gt|amp);/g, (entity) => ENTITIES[entity]!)
    .trim();
}

/** A share as per cent without its sign: 0.8345 -> "83.5", 1 -> "100", 0 -> "0"; what only rounds to all is ">99.9". */
export function percent(share: number, decimals = 1): string {
  if (share === 0 || share === 1) return String(100 * share);
  const text = (100 * share).toFixed(decimals);
  return Number(text) === 100 ? `>${(100 - 10 ** -decimals).toFixed(decimals)}` : text;
}

/** A difference of shares in points with its sign: 0.021 -> "+2.1", -0.004 -> "−0.4", 0 -> "0.0". */
export function points(difference: number): string {
  const text = Math.abs(100 * difference).toFixed(1);
  if (text === "0.0") return text;
  return `${difference > 0 ? "+" : "−"}${text}`;
}

/** "one", "one and two", "one, two and three". */
export function joinWords(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}
