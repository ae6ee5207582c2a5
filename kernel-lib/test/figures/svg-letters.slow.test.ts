import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { chromiumProgram } from "../../src/figures/export/engine";

// What a person sees who has no Open Sans: the committed pictures in a browser with this machine's own fonts.

const program = chromiumProgram();
const folder = join(repositoryRoot(), "figures");
const names = [...readdirSync(folder).filter((name) => name.endsWith(".svg")), "../docs/rooms.svg"];

/** Whether this machine has the font anyway. */
function isInstalled(): boolean {
  try {
    return execFileSync("fc-list", { encoding: "utf8" }).includes("Open Sans");
  } catch {
    return true; // nobody can say
  }
}

interface SeenText {
  readonly words: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

interface SeenPicture {
  readonly width: number;
  readonly height: number;
  readonly texts: readonly SeenText[];
}

/** Runs in the browser: every text with the place it takes. */
const MEASURE = `(async () => {
  await Promise.all([...document.fonts].map((face) => face.load()));
  const { width, height } = document.documentElement.getBoundingClientRect();
  const texts = [...document.querySelectorAll("text")].map((text) => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    return { words: text.textContent.trim(), left, right, top, bottom };
  });
  return { width, height, texts: texts.filter(({ words }) => words !== "") };
})()`;

describe.skipIf(program === null)(`letters${program === null ? " (skipped: Chromium is not installed)" : ""}`, () => {
  let browser: Browser;
  let page: Page;
  const kept = mkdtempSync(join(tmpdir(), "letters-"));
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: program!, args: ["--no-sandbox", "--disable-gpu"] });
    page = await browser.newPage({ viewport: { width: 1200, height: 1600 } });
    await page.route("**/*", (route) => (route.request().url().startsWith("http") ? route.abort() : route.continue()));
  });
  afterAll(async () => {
    await browser.close();
    rmSync(kept, { recursive: true });
  });

  const seen = async (svg: string): Promise<SeenPicture> => {
    const file = join(kept, "figure.svg"); // an address with the whole picture in it may be too long
    writeFileSync(file, svg);
    await page.goto(pathToFileURL(file).href);
    return page.evaluate<SeenPicture>(MEASURE);
  };

  it.each(names)("no word of %s is cut", async (name) => {
    const { width, height, texts } = await seen(readFileSync(join(folder, name), "utf8"));
    expect(texts.length).toBeGreaterThan(0);
    const cut = texts.filter(({ left, right, top, bottom }) => left < 0 || top < 0 || right > width || bottom > height);
    expect(cut).toEqual([]);
  });

  it("the letters come from the file: without them the words have another width", async () => {
    const svg = readFileSync(join(folder, "table-1-main.svg"), "utf8");
    const widths = ({ texts }: SeenPicture): number => texts.reduce((sum, { left, right }) => sum + right - left, 0);
    const [own, bare] = [await seen(svg), await seen(svg.replace(/<style>@font-face.*?<\/style>/, ""))];
    if (isInstalled()) return; // nothing to see
    expect(Math.abs(widths(bare) / widths(own) - 1)).toBeGreaterThan(0.02);
  });
});
