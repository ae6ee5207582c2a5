/**
 * Texts of corpora, file names, labels and answers, made ready for where they are shown: whatever they hold appears as text, and
 * nothing of it acts. Numbers and ordinary words pass unchanged.
 */

const CONTROL_PICTURES = 0x2400;
const DELETE_PICTURE = "\u2421";

/**
 * What a terminal, a browser or an SVG would obey instead of show: control characters (ANSI codes begin with one) but for tab and
 * line feed, characters that turn the direction of a text around, halves of surrogate pairs, and the two non-characters.
 */
const ACTING = /(?![\t\n])[\p{Cc}\p{Cs}\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]/gu;

/**
 * Text with every character that would act instead of being seen written out: ESC as "␛", a right-to-left override as "\u202e".
 *
 * @example visibleText("\u001b[31mred")   // "␛[31mred"
 */
export function visibleText(text: string): string {
  return text.replaceAll(ACTING, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(CONTROL_PICTURES + code);
    if (code === 0x7f) return DELETE_PICTURE;
    return `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text made safe inside HTML, in quoted attributes too. */
export function escapeHtml(text: string): string {
  return visibleText(text).replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}

const FORMULA = /^[=+\-@\t\r]/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * One value as a field of a CSV file (RFC 4180). A text that a spreadsheet would take for a formula (= + - @ tab return in front)
 * gets a leading apostrophe, as spreadsheets write text; what is a number stays one. Missing values are empty.
 *
 * @example csvField("=1+1")   // '=1+1, while csvField(-0.5) and csvField("-0.5") are -0.5
 */
export function csvField(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = String(value);
  const isFormula = typeof value !== "number" && FORMULA.test(text) && !NUMBER.test(text);
  const safe = isFormula ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
