import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inLab, LAB_MISSING, type LabPage, openLabPage } from "../helpers/lab-page";

const screenshots = process.env["JOMED_SCREENSHOTS"];

describe.skipIf(LAB_MISSING !== null)(inLab("widgets"), () => {
  let lab: LabPage;

  beforeAll(async () => {
    const source = join(import.meta.dirname, "..", "notebook", "files", "widgets.ipynb");
    lab = await openLabPage("widgets", (folder) => copyFileSync(source, join(folder, "widgets.ipynb")));
  });
  afterAll(() => lab?.close());

  it("are drawn, and tell the cells what is changed in them", async () => {
    const { page } = lab.browser;
    await page.goto(`${lab.addressOf("widgets.ipynb")}&reset`);
    const cells = page.locator(".jp-Notebook .jp-CodeCell");
    const runCell = async (index: number, wanted: string): Promise<void> => {
      const shown = cells.nth(index).locator(wanted).first();
      // a page that is still connecting can drop a run: ask again, as a user would
      for (let attempt = 0; attempt < 4 && (await shown.count()) === 0; attempt++) {
        await cells.nth(index).locator(".cm-content").click();
        await page.keyboard.press("Shift+Enter");
        await shown.waitFor({ timeout: 25_000 }).catch(() => {});
      }
      await shown.waitFor();
    };
    await cells.first().waitFor();
    await runCell(0, ".widget-slider");
    await runCell(1, ".widget-slider");
    await runCell(2, ".own-view");
    const handles = page.locator(".jp-Notebook .noUi-handle");
    await handles.nth(0).focus();
    await page.keyboard.press("ArrowRight");
    await handles.nth(1).focus();
    await page.keyboard.press("ArrowRight");
    await page.locator("text=doubled 12").waitFor();
    await page.locator(".own-view").click();
    await page.locator("text=count 5").waitFor();
    await runCell(3, ".jp-OutputArea-output");
    expect(await cells.nth(3).locator(".jp-OutputArea-output").textContent()).toContain("4 and 5");
    if (screenshots) await page.screenshot({ path: join(screenshots, "widgets.png") });
  });
});
