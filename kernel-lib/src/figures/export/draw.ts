import { assertOneOf } from "../../base/check";
import { EnvironmentError, isKernelError } from "../../base/errors";
import type { Figure } from "../../base/types";
import { openChromium } from "./chromium";
import { embedFonts } from "./embed-fonts";
import { chromiumProgram, type DrawingEngine, type DrawingFormat, kaleidoFolder, MAX_TRIES } from "./engine";
import { openKaleido } from "./kaleido";
import { assertDrawable, drawingSize } from "./validate";

const TAG = /<([A-Za-z][\w:.-]*)((?:\s+[\w:.-]+="[^"]*")+)(\s*\/?>)/g;
const ATTRIBUTE = /[\w:.-]+="[^"]*"/g;

/**
 * A drawn SVG with the attributes of every tag in alphabetical order. plotly.js sets those of a legend in another order when
 * it has measured its words before, so that the same figure would give other bytes as a program's second drawing.
 *
 * @param svg as a browser writes it: "<" occurs in no text and no attribute.
 */
export function sortAttributes(svg: string): string {
  return svg.replace(TAG, (_tag, name: string, attributes: string, end: string) => {
    const sorted = attributes.match(ATTRIBUTE)!.sort(byName);
    return `<${name} ${sorted.join(" ")}${end}`;
  });
}

const SHIFTED_LINES = /(<text\b[^>]*?) dy="[^"]*"([^>]*>)(?=<tspan class="line" dy=")/g;

/**
 * A drawn SVG whose words of several lines are shifted once. plotly.js writes a shift to the text and to each of its lines; a browser takes
 * the line's own, as SVG says, while librsvg adds up both for the first line, which then runs into the second.
 */
export function placeLines(svg: string): string {
  return svg.replace(SHIFTED_LINES, "$1$2");
}

/** By code points, not by this machine's language. */
function byName(a: string, b: string): number {
  return a < b ? -1 : 1;
}

export interface DrawOptions {
  /** Default "svg". */
  readonly format?: DrawingFormat | undefined;
  /** CSS pixels. Default: the layout's, else 860. */
  readonly width?: number | undefined;
  /** CSS pixels. Default: the layout's, else what its table needs, else 450. */
  readonly height?: number | undefined;
  /** PNG pixels per CSS pixel. Default 2. */
  readonly scale?: number | undefined;
}

/** A drawn figure and who drew it. */
export interface Drawing {
  readonly content: string | Uint8Array;
  readonly width: number;
  readonly height: number;
  /** "kaleido 0.2.1" or "chromium 156…". */
  readonly drawnWith: string;
}

let engine: Promise<DrawingEngine> | null = null;
let queue: Promise<unknown> = Promise.resolve();

/**
 * Draws a figure without a screen: SVG text, or the bytes of a PNG. The same figure always gives the same bytes. An SVG holds the letters
 * it needs, so that it looks the same where Open Sans is not installed.
 *
 * Engines: kaleido 0.2.1 of `.venv`; without it a system Chromium. `JOMED_DRAW_WITH` = "kaleido" | "chromium" forces one.
 *
 * @throws DataError when the figure is malformed, holds an unknown trace type, or an image that is not a `data:` URI.
 *   ConfigError on an unknown format or impossible size. EnvironmentError when neither engine is installed.
 * @example const svg = await drawFigure(figure, { format: "svg" });
 */
export function drawFigure(figure: Figure, options: DrawOptions & { format: "png" }): Promise<Uint8Array>;
export function drawFigure(figure: Figure, options?: DrawOptions & { format?: "svg" | undefined }): Promise<string>;
export function drawFigure(figure: Figure, options?: DrawOptions): Promise<string | Uint8Array>;
export async function drawFigure(figure: Figure, options: DrawOptions = {}): Promise<string | Uint8Array> {
  return (await renderFigure(figure, options)).content;
}

/** Like drawFigure, with the size and the name of the engine beside the picture. */
export function renderFigure(figure: Figure, options: DrawOptions = {}): Promise<Drawing> {
  const turn = queue.then(() => drawNow(figure, options));
  queue = turn.catch(() => undefined); // the caller gets the error; the next drawing goes on
  return turn;
}

/** Ends the drawing program. The next drawing starts it again. */
export async function closeDrawing(): Promise<void> {
  await queue;
  const closing = engine;
  engine = null;
  if (closing !== null) await (await closing).close();
}

async function drawNow(figure: Figure, options: DrawOptions): Promise<Drawing> {
  const format = options.format ?? "svg";
  assertOneOf("drawFigure: format", format, ["svg", "png"]);
  assertDrawable("drawFigure", figure);
  const size = drawingSize("drawFigure", figure, options);
  for (let tried = 1; ; tried++) {
    try {
      engine ??= openEngine();
      const opened = await engine;
      const drawn = await opened.draw(figure, format, size);
      const content = typeof drawn === "string" ? await embedFonts(placeLines(sortAttributes(drawn))) : drawn;
      return { content, width: size.width, height: size.height, drawnWith: opened.name };
    } catch (error) {
      if (isKernelError(error, "data")) throw error; // the figure's fault; the program is well
      engine = null;
      if (tried === MAX_TRIES || !hasStopped(error)) throw error; // else once more with a new one
    }
  }
}

/** Whether a program that had been there died or fell silent. */
function hasStopped(error: unknown): boolean {
  return isKernelError(error, "environment") && error.details["why"] !== undefined;
}

async function openEngine(): Promise<DrawingEngine> {
  const forced = process.env["JOMED_DRAW_WITH"];
  if (forced) assertOneOf("drawFigure: JOMED_DRAW_WITH", forced, ["kaleido", "chromium"]);
  const folder = forced === "chromium" ? null : kaleidoFolder();
  const program = forced === "kaleido" ? null : chromiumProgram();
  if (folder !== null) {
    try {
      return await openKaleido(folder);
    } catch (error) {
      if (program === null || !isKernelError(error, "environment") || hasStopped(error)) throw error;
      // it cannot run on this machine: Chromium takes over
    }
  }
  if (program !== null) return openChromium(program);
  throw new EnvironmentError(
    "drawFigure: a drawing program must be installed; found neither kaleido in .venv nor a Chromium. " +
      "Run `npm run setup` (it installs kaleido), or install Chromium and set JOMED_CHROMIUM to its program.",
    { forced: forced ?? null },
  );
}
