import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { EnvironmentError } from "../../base/errors";
import { repositoryRoot } from "../../base/paths";

const require_ = createRequire(__filename);

/** Where figures are written: `JOMED_FIGURES_DIR`, else figures/ of the repository. */
export function figuresFolder(): string {
  return resolve(process.env["JOMED_FIGURES_DIR"] || join(repositoryRoot(), "figures"));
}

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
