import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A figure as golden files hold it: keys sorted, numbers to 3 decimals, picture bytes left out (zlib may differ between Node versions). */
export function normalise(value: unknown): unknown {
  if (typeof value === "number") return Number(value.toFixed(3));
  if (typeof value === "string") return value.replace(/^(data:image\/png;base64,).*$/, "$1…");
  if (Array.isArray(value)) return value.map(normalise);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, normalise(inner)]));
}

/**
 * Compares with golden/<name>.json; a difference leaves golden/<name>-changed.json beside it.
 * JOMED_UPDATE_GOLDEN=1 writes the golden file instead.
 *
 * @returns the two texts, equal when the figure is as stored.
 */
export function compareWithGolden(name: string, figure: unknown): { found: string; stored: string } {
  const folder = join(__dirname, "golden");
  const file = join(folder, `${name}.json`);
  const changed = join(folder, `${name}-changed.json`);
  const found = `${JSON.stringify(normalise(figure), null, 1)}\n`;
  if (process.env["JOMED_UPDATE_GOLDEN"] === "1") writeFileSync(file, found);
  const stored = existsSync(file) ? readFileSync(file, "utf8") : "";
  if (found === stored) rmSync(changed, { force: true });
  else writeFileSync(changed, found);
  return { found, stored };
}
