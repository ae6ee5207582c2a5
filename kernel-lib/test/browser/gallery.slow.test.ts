import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { closeDrawing } from "../../src/figures/export/draw";
import { saveFigure, writeGallery } from "../../src/figures/export/save-figure";
import { browserProgram, openBrowser, SKIP_REASON } from "../helpers/browser";

const figures = join(repositoryRoot(), "figures");
const screenshots = process.env["JOMED_SCREENSHOTS"];

describe.skipIf(browserProgram === null)(
  `the gallery${browserProgram === null ? ` (skipped: ${SKIP_REASON})` : ""}`,
  () => {
    let browser: Awaited<ReturnType<typeof openBrowser>>;
    const folder = mkdtempSync(join(tmpdir(), "jomed-gallery-"));

    beforeAll(async () => {
      const figure = {
        data: [{ type: "bar", x: ["a", "b"], y: [1, 2] }],
        layout: { title: { text: "Two bars" }, width: 640, height: 400 },
      };
      await saveFigure(figure, "two-bars", { dir: folder });
      writeGallery(folder);
      browser = await openBrowser();
    });
    afterAll(async () => {
      await Promise.all([browser?.close(), closeDrawing()]);
      rmSync(folder, { recursive: true, force: true });
    });

    async function brokenImages(): Promise<string[]> {
      return browser.page.evaluate<string[]>(
        "[...document.images].filter((image) => image.complete && image.naturalWidth === 0).map((image) => image.src)",
      );
    }

    it("opens from the disk, shows every figure, and leads to a page with the live plot", async () => {
      const { page } = browser;
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(error.message));
      await page.goto(pathToFileURL(join(folder, "index.html")).href);
      await page.waitForSelector("text=Two bars");
      expect(await page.locator("img, svg").count()).toBeGreaterThan(0);
      expect(await brokenImages()).toEqual([]);
      if (screenshots) await page.screenshot({ path: join(screenshots, "gallery.png") });
      await page.goto(pathToFileURL(join(folder, "two-bars.html")).href);
      await page.waitForSelector(".js-plotly-plot .main-svg");
      expect(await page.locator(".js-plotly-plot .point").count()).toBe(2);
      if (screenshots) await page.screenshot({ path: join(screenshots, "figure.png") });
      expect(errors).toEqual([]);
    });

    it.skipIf(!existsSync(join(figures, "index.html")))("of the repository shows every figure", async () => {
      const { page } = browser;
      await page.goto(pathToFileURL(join(figures, "index.html")).href, { waitUntil: "load" });
      expect(await page.locator("img, svg").count()).toBeGreaterThan(0);
      expect(await brokenImages()).toEqual([]);
      if (screenshots) await page.screenshot({ path: join(screenshots, "gallery-all.png"), fullPage: true });
    });
  },
);
