import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Figure } from "../../base/types";
import { writeFileAtomic } from "../../store/files";
import { type Drawing, type DrawOptions, renderFigure } from "./draw";
import { drawingInput, fontFiles, kaleidoFolder, seededBundle, workFolder } from "./engine";
import { KALEIDO_NAME } from "./kaleido";
import { assertDrawable, drawingSize } from "./validate";

/** Pictures kept; the ones not asked for longest go first. */
const MAX_KEPT = 200;
const DIGEST_LENGTH = 64;
/** Changes with what draw.ts does to a drawing. */
const VERSION = "3";

/**
 * Like `renderFigure`, but a picture that was drawn in this checkout before is read, not drawn: the same figure gives the same
 * bytes, and starting the drawing program is most of the work. Kept are kaleido's pictures only, since which Chromium would
 * draw is known when it runs. A damaged file is drawn again. `JOMED_DRAWINGS=fresh` draws always.
 *
 * @param folder default: .setup/figures/drawings of the repository.
 * @throws what renderFigure throws.
 */
export async function recallFigure(figure: Figure, options: DrawOptions = {}, folder?: string): Promise<Drawing> {
  if (process.env["JOMED_DRAWINGS"] === "fresh" || !kaleidoDraws()) return renderFigure(figure, options);
  assertDrawable("drawFigure", figure);
  const { format = "svg" } = options;
  const size = drawingSize("drawFigure", figure, options);
  const place = folder ?? join(workFolder(), "drawings");
  const scale = format === "svg" ? 1 : size.scale; // an SVG has none
  const key = digestOf(JSON.stringify([drawnBy(), format, { ...size, scale }, drawingInput(figure)]));
  const file = join(place, `${key}.${format}`);
  const kept = readKept(file);
  if (kept === null) {
    const drawing = await renderFigure(figure, options);
    if (drawing.drawnWith === KALEIDO_NAME) keep(file, drawing.content);
    return drawing;
  }
  const content = format === "svg" ? kept.toString("utf8") : new Uint8Array(kept);
  return { content, width: size.width, height: size.height, drawnWith: KALEIDO_NAME };
}

function kaleidoDraws(): boolean {
  return process.env["JOMED_DRAW_WITH"] !== "chromium" && kaleidoFolder() !== null;
}

let program: readonly string[] | null = null;

/** Everything beside the figure that its bytes depend on; read once. */
function drawnBy(): readonly string[] {
  if (program !== null) return program;
  const { regular, semiBold, bold } = fontFiles();
  const fonts = [regular, semiBold, bold].map((file) => digestOf(readFileSync(file)));
  program = [VERSION, KALEIDO_NAME, basename(seededBundle()), ...fonts];
  return program;
}

function digestOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The picture behind its own digest; null when there is none or it is damaged. */
function readKept(file: string): Buffer | null {
  const stored = statSync(file, { throwIfNoEntry: false }) === undefined ? Buffer.alloc(0) : readFileSync(file);
  const content = stored.subarray(DIGEST_LENGTH);
  if (content.length === 0 || stored.toString("latin1", 0, DIGEST_LENGTH) !== digestOf(content)) return null;
  const now = new Date();
  utimesSync(file, now, now);
  return content;
}

function keep(file: string, content: string | Uint8Array): void {
  const folder = dirname(file);
  writeFileAtomic(file, digestOf(content), content);
  const ages = readdirSync(folder).map((name) => {
    const path = join(folder, name);
    return { path, usedMs: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 };
  });
  ages.sort((a, b) => b.usedMs - a.usedMs);
  for (const { path } of ages.slice(MAX_KEPT)) rmSync(path, { force: true });
}
