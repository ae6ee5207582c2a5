import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { visibleText } from "../../src/base/plain-text";
import { ablationFigure } from "../../src/figures/ablation-figure";
import { closeDrawing } from "../../src/figures/export/draw";
import { saveFigure, writeGallery } from "../../src/figures/export/save-figure";
import { imagesBundle } from "../../src/notebook/show";
import { tableBundle } from "../../src/notebook/tables";
import { browserProgram, openBrowser, SKIP_REASON } from "../helpers/browser";

const IMAGE = '<img src=x onerror="window.hit = 1">';
const TEXTS = [
  IMAGE,
  "<script>window.hit = 1</script>",
  `"><svg onload="window.hit = 1">`,
  "\u001b[31mred\u001b[0m",
  "photo\u202egnp.exe",
  "=cmd|' /C calc'!A0",
  "**bold** [link](javascript:window.hit=1)",
  "$& $` $' &lt;b&gt;",
];
const PIXEL = { width: 1, height: 1, channels: 1 as const, data: Uint8Array.of(9) };

describe.skipIf(browserProgram === null)(
  `texts that would act, in a browser${browserProgram === null ? ` (skipped: ${SKIP_REASON})` : ""}`,
  () => {
    let browser: Awaited<ReturnType<typeof openBrowser>>;
    const folder = mkdtempSync(join(tmpdir(), "jomed-hostile-"));

    beforeAll(async () => {
      browser = await openBrowser();
    });
    afterAll(async () => {
      await Promise.all([browser?.close(), closeDrawing()]);
      rmSync(folder, { recursive: true, force: true });
    });

    /** What ran although it should have been text: scripts, loaded pictures, links out of a text. */
    async function acted(): Promise<unknown> {
      await browser.page.waitForTimeout(200); // an error handler runs later
      return browser.page.evaluate(
        "({ hit: window.hit ?? 0, images: document.querySelectorAll('img[src=x]').length, links: document.querySelectorAll('a[href^=javascript]').length })",
      );
    }
    const NOTHING = { hit: 0, images: 0, links: 0 };

    it("stand in a table's cells and column names as text", async () => {
      const rows = TEXTS.map((text) => ({ text, [IMAGE]: text }));
      await browser.page.setContent(String(tableBundle(rows)["text/html"]));
      expect(await browser.page.locator("th").allTextContents()).toEqual(["text", IMAGE]);
      expect(await browser.page.locator("td").allTextContents()).toEqual(
        TEXTS.flatMap((text) => [visibleText(text), visibleText(text)]),
      );
      expect(await acted()).toEqual(NOTHING);
    });

    it("stand below pictures as text", async () => {
      const bundle = imagesBundle(
        TEXTS.map(() => PIXEL),
        { captions: TEXTS },
      );
      await browser.page.setContent(String(bundle["text/html"]));
      const shown = (await browser.page.locator("td").allTextContents()).join("\n");
      for (const text of TEXTS) expect(shown).toContain(visibleText(text));
      expect(await acted()).toEqual(NOTHING);
    });

    it.each(TEXTS.map((text, i) => [i, text] as const))(
      "stand in figure, page and gallery as text (%i)",
      async (i, text) => {
        const { page } = browser;
        const name = `hostile-${i}`;
        const rows = ["one", text].map((system) => ({ system, metric: "accuracy", value: -0.1, low: -0.2, high: 0.1 }));
        const figure = ablationFigure(rows, { full: text, title: `Title ${text}`, caption: `Caption ${text}` });
        await saveFigure(figure, name, { dir: folder });
        writeGallery(folder);

        await page.goto(pathToFileURL(join(folder, `${name}.html`)).href);
        await page.waitForSelector(".js-plotly-plot .main-svg");
        const spaceless = (value: string | null): string => (value ?? "").replaceAll(/\s/g, "");
        expect(spaceless(await page.locator(".js-plotly-plot .gtitle").textContent())).toContain(
          spaceless(`Title ${visibleText(text)}`),
        );
        expect(await page.title()).toBe(`Title ${visibleText(text)}`);
        expect(await page.locator("article > p").first().textContent()).toBe(`Caption ${visibleText(text)}`);
        expect(await acted()).toEqual(NOTHING);

        await page.goto(pathToFileURL(join(folder, `${name}.svg`)).href); // a picture of its own, strict XML
        expect(await page.locator("parsererror").count()).toBe(0);
        expect(spaceless(await page.locator("text.gtitle").textContent())).toContain(
          spaceless(`Title ${visibleText(text)}`),
        );

        await page.goto(pathToFileURL(join(folder, "index.html")).href);
        const card = page.locator(`#${name}`);
        expect(await card.locator("p").first().textContent()).toBe(`Caption ${visibleText(text)}`);
        expect(await card.locator("img").getAttribute("alt")).toContain(`Title ${visibleText(text)}`);
        expect(await acted()).toEqual(NOTHING);
      },
    );

    it("a saved figure whose name or size is no name or size is refused", () => {
      const file = join(folder, "hostile-0.json");
      const text = readFileSync(file, "utf8");
      for (const change of [
        { name: '"><script>window.hit=1</script>' },
        { width: '1"><script>window.hit=1</script>' },
      ]) {
        const saved = JSON.parse(text) as { meta: object };
        writeFileSync(file, JSON.stringify({ ...saved, meta: { ...saved.meta, ...change } }));
        expect(() => writeGallery(folder)).toThrow(/hostile-0.json must hold a figure with its meta/);
      }
      writeFileSync(file, text);
    });
  },
);
