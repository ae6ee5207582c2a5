/** What the two drawing programs share: how they are asked, where they are, and the plotly.js and fonts they draw with. */

import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { EnvironmentError } from "../../base/errors";
import { repositoryRoot } from "../../base/paths";
import type { Figure } from "../../base/types";
import { writeFileAtomic } from "../../store/files";
import type { DrawingSize } from "./validate";

export type DrawingFormat = "svg" | "png";

/** A program that draws figures. It runs until `close()`, but never keeps this process alive while it has nothing to draw. */
export interface DrawingEngine {
  /** What manifests say: name and version of the program. */
  readonly name: string;
  /** SVG text, or the bytes of a PNG. One drawing at a time: draw.ts queues them. */
  draw(figure: Figure, format: DrawingFormat, size: DrawingSize): Promise<string | Uint8Array>;
  close(): Promise<void>;
}

/** How long one try to start the program or to draw a picture may take. */
export const TRY_TIMEOUT_MS = 30_000;
/** Tries before a silent program is given up: on a loaded machine kaleido was seen to hang about once in a hundred starts. */
export const MAX_TRIES = 3;

const require_ = createRequire(__filename);

/** The one plotly.js bundle everything uses: static drawing and the pages that go live. */
export function plotlyBundle(): string {
  try {
    return require_.resolve("plotly.js/dist/plotly.min.js");
  } catch (cause) {
    throw new EnvironmentError(
      "drawFigure: the package plotly.js must be installed. Run `npm run setup` in the repository.",
      { package: "plotly.js" },
      cause,
    );
  }
}

/** The font files of Open Sans that figures use: weight -> file. */
export function fontFiles(): { regular: string; semiBold: string; bold: string } {
  try {
    const folder = dirname(require_.resolve("@expo-google-fonts/open-sans/package.json"));
    return {
      regular: join(folder, "400Regular", "OpenSans_400Regular.ttf"),
      semiBold: join(folder, "600SemiBold", "OpenSans_600SemiBold.ttf"),
      bold: join(folder, "700Bold", "OpenSans_700Bold.ttf"),
    };
  } catch (cause) {
    throw new EnvironmentError(
      "drawFigure: the package @expo-google-fonts/open-sans must be installed. Run `npm run setup` in the repository.",
      { package: "@expo-google-fonts/open-sans" },
      cause,
    );
  }
}

/** The folder of kaleido's program: `JOMED_KALEIDO_DIR`, else inside `.venv`; null when it is not there. */
export function kaleidoFolder(): string | null {
  const named = process.env["JOMED_KALEIDO_DIR"];
  if (named) return existsSync(join(named, "bin", "kaleido")) ? named : null;
  const libraries = join(repositoryRoot(), ".venv", "lib");
  if (!existsSync(libraries)) return null;
  for (const name of readdirSync(libraries).sort()) {
    const folder = join(libraries, name, "site-packages", "kaleido", "executable");
    if (existsSync(join(folder, "bin", "kaleido"))) return folder;
  }
  return null;
}

/** The first Chromium or Chrome that is installed: `JOMED_CHROMIUM`, else the usual places; null when there is none. */
export function chromiumProgram(): string | null {
  const named = process.env["JOMED_CHROMIUM"];
  if (named) return existsSync(named) ? named : null;
  const usual = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ];
  return usual.find((program) => existsSync(program)) ?? null;
}

/** A folder for generated drawing files (font configuration, seeded bundle), kept between runs and ignored by git. */
export function workFolder(): string {
  const root = repositoryRoot();
  const folder = canWrite(root)
    ? join(root, ".setup", "figures")
    : join(tmpdir(), `jomed-figures-${createHash("sha256").update(root).digest("hex").slice(0, 8)}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function canWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false; // the answer to the question, not a failure
  }
}

/**
 * Browser code put around plotly.js: Math.random starts from `layout.drawingSeed` each time a picture is made, so the
 * ids Plotly draws by chance, and with them the bytes of the picture, depend on the figure alone.
 */
const SEEDED = `(function () {
  var state = 0;
  Math.random = function () {
    state = (state + 0x6d2b79f5) | 0;
    var t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  var draw = Plotly.toImage;
  Plotly.toImage = function (figure, options) {
    state = figure.layout.drawingSeed | 0;
    delete figure.layout.drawingSeed;
    return draw.call(Plotly, figure, options);
  };
})();
`;

/** What a drawing program is given: the figure, and a seed that depends on nothing else. */
export function drawingInput(figure: Figure): { data: Figure["data"]; layout: Figure["layout"] } {
  const { data, layout } = figure;
  const digest = createHash("sha256")
    .update(JSON.stringify([data, layout]))
    .digest();
  return { data, layout: { ...layout, drawingSeed: digest.readInt32LE(0) } };
}

/** The file with plotly.js and the seeding, written once per version. */
export function seededBundle(): string {
  const bundle = readFileSync(plotlyBundle());
  const version = createHash("sha256").update(bundle).update(SEEDED).digest("hex").slice(0, 12);
  const file = join(workFolder(), `plotly-seeded-${version}.js`);
  if (!existsSync(file)) writeFileAtomic(file, `${bundle.toString("utf8")}\n;${SEEDED}`);
  return file;
}

/** A fontconfig file that knows Open Sans and nothing else: every machine then draws the same letters. */
export function fontConfiguration(): string {
  const fonts = fontFiles();
  const folders = [fonts.regular, fonts.semiBold, fonts.bold].map((file) => `<dir>${xml(join(file, ".."))}</dir>`);
  const content = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>${folders.join("")}<cachedir>${xml(join(workFolder(), "font-cache"))}</cachedir></fontconfig>
`;
  const file = join(workFolder(), "fonts.conf");
  writeFileAtomic(file, content);
  return file;
}

function xml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
