import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runNotebook } from "../../src/notebook/runner";
import { inLab, LAB_MISSING, type LabPage, openLabPage } from "../helpers/lab-page";

const screenshots = process.env["JOMED_SCREENSHOTS"];

describe.skipIf(LAB_MISSING !== null)(inLab("a notebook"), () => {
  let lab: LabPage;

  beforeAll(async () => {
    const source = join(import.meta.dirname, "..", "notebook", "files", "lab.ipynb");
    lab = await openLabPage("browser", (folder) => runNotebook(source, { output: join(folder, "lab.ipynb") }));
  });
  afterAll(() => lab?.close());

  it("shows the stored figure as a live plot, and runs cells in the TypeScript kernel", async () => {
    const { page } = lab.browser;
    await page.goto(`${lab.addressOf("lab.ipynb")}&reset`);
    await page.waitForSelector(".jp-Notebook .js-plotly-plot .main-svg");
    if (screenshots) await page.screenshot({ path: join(screenshots, "lab-opened.png") });
    const plot = page.locator(".jp-Notebook .js-plotly-plot");
    expect(await plot.locator(".gtitle").textContent()).toBe("Two bars");
    expect(await plot.locator(".point").count()).toBe(2);
    expect(await page.locator("text=/send to|share with plotly cloud/i").count()).toBe(0);
    expect(await page.locator("text=/get notified about official/i").count()).toBe(0);
    const cells = page.locator(".jp-Notebook .jp-CodeCell");
    for (const [index, output] of [
      [1, "product 42"],
      [2, "{ six: 6, seven: 7 }"],
    ] as const) {
      const shown = cells.nth(index).locator(".jp-OutputArea-output");
      // a page that is still connecting can drop a run: ask again, as a user would
      for (let attempt = 0; attempt < 4 && (await shown.count()) === 0; attempt++) {
        await cells.nth(index).locator(".cm-content").click();
        await page.keyboard.press("Shift+Enter");
        await shown
          .first()
          .waitFor({ timeout: 25_000 })
          .catch(() => {});
      }
      expect((await shown.allTextContents()).join("").trim()).toBe(output);
    }
    if (screenshots) await page.screenshot({ path: join(screenshots, "lab.png") });
  });
});
