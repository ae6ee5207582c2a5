import { fileURLToPath } from "node:url";
import type { PositionMap } from "../compile/edits";

/** Stacks as the user wrote the code: places in cells and in local TypeScript files, frames of the kernel left out. */

/** A piece of source that errors may point at. */
export interface SourceUnit {
  /** As it stands in a stack: "Cell [12]", or the path of a file. */
  readonly name: string;
  readonly source: string;
  readonly map: PositionMap;
}

/** Units kept for stacks; of cells run long ago only the raw place is told. */
const MAX_UNITS = 400;
const units = new Map<string, SourceUnit>();
const LIBRARY = __dirname;

/** Frames of the kernel are shown when this is set to "1". */
const SHOW_ALL = "KERNEL_LIB_ALL_FRAMES";

/** @param script file name that the compiled script carries. */
export function rememberSource(script: string, unit: SourceUnit): void {
  units.delete(script);
  units.set(script, unit);
  if (units.size > MAX_UNITS) units.delete(units.keys().next().value!);
}

/** The unit with this name, as it stands in a stack. */
export function findSource(name: string): SourceUnit | undefined {
  for (const unit of [...units.values()].reverse()) if (unit.name === name) return unit;
  return undefined;
}

function isHidden(file: string): boolean {
  if (process.env[SHOW_ALL] === "1") return false;
  return file.startsWith("node:") || file.startsWith(LIBRARY) || file === "kernel-lib:start";
}

function frameText(site: NodeJS.CallSite): string | null {
  const raw = site.getFileName() ?? "";
  const file = raw.startsWith("file://") ? fileURLToPath(raw) : raw;
  const unit = units.get(file);
  if (unit === undefined) return isHidden(file) ? null : `    at ${site.toString()}`;
  const [line, column] = [site.getLineNumber() ?? 1, site.getColumnNumber() ?? 1];
  const place = unit.map({ line: line - 1, column: column - 1 });
  const where = place === null ? unit.name : `${unit.name}:${place.line + 1}:${place.column + 1}`;
  const name = siteName(site);
  return name === "" ? `    at ${where}` : `    at ${name} (${where})`;
}

function siteName(site: NodeJS.CallSite): string {
  const text = site.toString();
  const open = text.lastIndexOf(" (");
  return open < 0
    ? ""
    : plainNames(text.slice(0, open)).replace(/^(?:async )?Object\./, (prefix) => prefix.replace("Object.", ""));
}

/** A text of the engine with the user's own names: `$cells.f` is f. */
export function plainNames(text: string): string {
  return text.replace(/\(\(\$cell\.now[^,]*,\s*\$cells\.([\w$]+)\)/g, "$1").replaceAll("$cells.", "");
}

function header(error: unknown): string {
  try {
    return plainNames(String(error));
  } catch {
    return "Error";
  }
}

/** Makes every stack of this process speak of cells; a program that sets its own way of writing stacks keeps it. */
export function installStacks(): void {
  Error.stackTraceLimit = 30;
  Error.prepareStackTrace = (error, sites) => {
    const lines = sites.map(frameText).filter((line) => line !== null);
    return [header(error), ...lines].join("\n");
  };
}
