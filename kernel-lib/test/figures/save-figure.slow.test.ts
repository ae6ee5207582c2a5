import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { afterAll, describe, expect, it } from "vitest";
import { closeDrawing } from "../../src/figures/export/draw";
import { chromiumProgram, kaleidoFolder } from "../../src/figures/export/engine";
import { saveFigure, writeGallery } from "../../src/figures/export/save-figure";
import { SAMPLE_FIGURES } from "./sample-figures";

const dir = mkdtempSync(join(tmpdir(), "jomed-figures-"));
const canDraw = kaleidoFolder() !== null || chromiumProgram() !== null;
const read = (file: string): string => readFileSync(join(dir, file), "utf8");

afterAll(async () => {
  await closeDrawing();
  rmSync(dir, { recursive: true });
});

describe.skipIf(!canDraw)(`saveFigure and writeGallery${canDraw ? "" : " (skipped: no drawing program)"}`, () => {
  it("writes four files and what is known of the figure", async () => {
    const meta = await saveFigure(SAMPLE_FIGURES["idea"]!(), "figure-1", { dir });
    await saveFigure(SAMPLE_FIGURES["main-table"]!(), "main-table", { dir });
    await saveFigure(SAMPLE_FIGURES["recall"]!(), "figure-10", { dir });
    await saveFigure(SAMPLE_FIGURES["curve"]!(), "figure-2", { dir });
    for (const kind of ["json", "svg", "png", "html"]) expect(readdirSync(dir)).toContain(`figure-1.${kind}`);
    const saved = JSON.parse(read("figure-1.json"));
    expect(saved.meta).toEqual(JSON.parse(JSON.stringify(meta)));
    expect(saved.meta).toMatchObject({ name: "figure-1", scale: "replica", data: "phantom", seeds: [7], numSeeds: 1 });
    expect(saved.meta.drawnWith).toMatch(/^(kaleido|chromium) /);
    expect(saved.config).toMatchObject({ showSendToCloud: false, displaylogo: false });
    expect(readdirSync(dir).filter((file) => file.endsWith(".part"))).toEqual([]);
    expect(read("assets/.gitignore")).toBe("*\n");
  });

  it("writes the same bytes again", async () => {
    const before = new Map(
      readdirSync(dir)
        .filter((file) => file.startsWith("figure-1."))
        .map((file) => [file, readFileSync(join(dir, file))]),
    );
    await saveFigure(SAMPLE_FIGURES["idea"]!(), "figure-1", { dir });
    for (const [file, bytes] of before) expect(readFileSync(join(dir, file)).equals(bytes), file).toBe(true);
  });

  it("the page holds the picture itself and no way out of its script", async () => {
    const figure = SAMPLE_FIGURES["recall"]!();
    const title = "</script><script>alert(1)</script>";
    const layout = { ...figure.layout, meta: { ...(figure.layout["meta"] as object), title, caption: "<b>" } };
    await saveFigure({ ...figure, layout }, "hostile", { dir });
    const page = read("hostile.html");
    expect(page).not.toContain("<script>alert(1)");
    expect(page).toContain("&lt;/script&gt;");
    expect(page).toMatch(/<svg role="img" aria-label="/);
    for (const kind of ["json", "svg", "png", "html"]) rmSync(join(dir, `hostile.${kind}`));
  });

  it("the gallery lists every figure in natural order, with what each says of itself", () => {
    expect(writeGallery(dir)).toEqual(["figure-1", "figure-2", "figure-10", "main-table"]);
    const page = read("index.html");
    expect(page.match(/<article class="card"/g)).toHaveLength(4);
    for (const text of [
      "Figure 1 of the paper",
      "Main table",
      "<li>replica scale</li>",
      "<li>phantom data</li>",
      "<li>n = 156</li>",
    ]) {
      expect(page).toContain(text);
    }
    for (const kind of ["html", "png", "svg", "json"]) expect(page).toContain(`href="main-table.${kind}"`);
    expect(page).toMatch(/<img src="figure-1.svg" width="860" height="\d+" loading="lazy" alt="[^"]{20,}"/);
    expect(page).not.toMatch(/<script/);
  });

  it.skipIf(chromiumProgram() === null)(
    "the page goes live from the disk without the network; the gallery shows its pictures",
    async () => {
      const browser = await chromium.launch({ executablePath: chromiumProgram()!, args: ["--no-sandbox"] });
      try {
        const page = await browser.newPage();
        const problems: string[] = [];
        page.on("pageerror", (error) => problems.push(String(error)));
        page.on("request", (request) => {
          if (!/^(file|data|blob):/.test(request.url())) problems.push(request.url());
        });
        await page.goto(`file://${join(dir, "main-table.html")}`);
        await page.waitForSelector("body[data-state=live] #live .main-svg");
        expect(await page.locator("#still").count()).toBe(0);
        expect(
          await page.locator(".modebar-btn").evaluateAll((all) => all.map((one) => one.getAttribute("data-title"))),
        ).not.toContain("Share with Plotly Cloud");
        await page.goto(`file://${join(dir, "index.html")}`);
        for (const image of await page.locator("img").all()) {
          await image.scrollIntoViewIfNeeded();
          await expect
            .poll(() => image.evaluate((one) => (one as unknown as { naturalWidth: number }).naturalWidth))
            .toBe(860);
        }
        expect(problems).toEqual([]);
        const still = await browser.newPage({ javaScriptEnabled: false });
        await still.goto(`file://${join(dir, "main-table.html")}`);
        expect(await still.locator("#still svg").first().isVisible()).toBe(true);
      } finally {
        await browser.close();
      }
    },
    60_000,
  );

  it("refuses names that are no file names, unknown options, and folders without figures", async () => {
    for (const name of ["../x", "Figure 1", "", "a/b"]) {
      await expect(saveFigure(SAMPLE_FIGURES["recall"]!(), name, { dir })).rejects.toMatchObject({ code: "config" });
    }
    await expect(saveFigure(SAMPLE_FIGURES["recall"]!(), "x", { folder: dir } as object)).rejects.toMatchObject({
      code: "config",
    });
    expect(() => writeGallery(join(dir, "nowhere"))).toThrow(/must hold saved figures; got none/);
    writeFileSync(join(dir, "stray.json"), "{}");
    expect(() => writeGallery(dir)).toThrow(/stray.json must hold a figure with its meta/);
    rmSync(join(dir, "stray.json"));
  });
});
