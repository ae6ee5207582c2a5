import type { Browser, Page } from "playwright-core";
import { DataError, EnvironmentError } from "../../base/errors";
import type { Figure } from "../../base/types";
import {
  type DrawingEngine,
  type DrawingFormat,
  drawingInput,
  fontConfiguration,
  MAX_TRIES,
  seededBundle,
  TRY_TIMEOUT_MS,
} from "./engine";
import type { DrawingSize } from "./validate";

const IDLE_MS = 2_000;

/**
 * Draws in a system Chromium through playwright-core. The page cannot reach the network.
 * The browser is closed when it had nothing to draw for two seconds, since its pipe keeps Node alive.
 */
export async function openChromium(program: string): Promise<DrawingEngine> {
  const playwright = await loadPlaywright();
  let opened: Promise<{ browser: Browser; page: Page }> | null = null;
  let timer: NodeJS.Timeout | null = null;
  const close = async (): Promise<void> => {
    if (timer !== null) clearTimeout(timer);
    const closing = opened;
    opened = null;
    if (closing !== null) await (await closing).browser.close();
  };
  opened = openPage(playwright, program);
  const version = (await opened).browser.version();
  return {
    name: `chromium ${version}`,
    draw: async (figure, format, size) => {
      if (timer !== null) clearTimeout(timer);
      opened ??= openPage(playwright, program);
      const { page } = await opened;
      try {
        return decode(await page.evaluate(drawInPage, requestOf(figure, format, size)), format);
      } finally {
        timer = setTimeout(() => void close(), IDLE_MS);
      }
    },
    close,
  };
}

async function loadPlaywright(): Promise<typeof import("playwright-core")> {
  try {
    return await import("playwright-core");
  } catch (cause) {
    throw new EnvironmentError(
      "drawFigure: the package playwright-core must be installed to draw with Chromium. Run `npm run setup`.",
      { package: "playwright-core" },
      cause,
    );
  }
}

async function openPage(
  playwright: typeof import("playwright-core"),
  program: string,
): Promise<{ browser: Browser; page: Page }> {
  const browser = await playwright.chromium.launch({
    executablePath: program,
    timeout: MAX_TRIES * TRY_TIMEOUT_MS,
    args: ["--disable-gpu", "--disable-dev-shm-usage", "--no-sandbox", "--font-render-hinting=none"],
    env: { ...process.env, FONTCONFIG_FILE: fontConfiguration() },
  });
  const page = await browser.newPage();
  await page.route("**/*", (route) => route.abort());
  await page.addScriptTag({ path: seededBundle() });
  return { browser, page };
}

interface DrawRequest {
  readonly figure: string;
  readonly options: Readonly<Record<string, unknown>>;
}

function requestOf(figure: Figure, format: DrawingFormat, size: DrawingSize): DrawRequest {
  const text = JSON.stringify(drawingInput(figure));
  return { figure: text, options: { format, imageDataOnly: true, ...size, scale: format === "svg" ? 1 : size.scale } };
}

/** What plotly.js adds to its page. */
interface PlotlyGlobal {
  readonly Plotly: { toImage(figure: object, options: object): Promise<string> };
}

/** Runs in the browser: only its argument and the page's globals are there. */
function drawInPage({ figure, options }: DrawRequest): Promise<string> {
  const { Plotly } = globalThis as typeof globalThis & PlotlyGlobal;
  return Plotly.toImage(JSON.parse(figure) as object, options);
}

function decode(result: string, format: DrawingFormat): string | Uint8Array {
  if (typeof result !== "string" || result === "") {
    throw new DataError("drawFigure: figure must be one that plotly.js can draw; got no picture. Check its layout.");
  }
  return format === "svg" ? result : new Uint8Array(Buffer.from(result, "base64"));
}
