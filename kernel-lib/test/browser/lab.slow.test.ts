import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { runNotebook } from "../../src/notebook/runner";
import { browserProgram, openBrowser, SKIP_REASON } from "../helpers/browser";
import { hasLab, openLab } from "../helpers/lab-server";

const root = repositoryRoot();
const missing = browserProgram === null ? SKIP_REASON : hasLab(root) ? null : "JupyterLab is not installed in .venv";
const screenshots = process.env["JOMED_SCREENSHOTS"];

describe.skipIf(missing !== null)(`a notebook in JupyterLab${missing === null ? "" : ` (skipped: ${missing})`}`, () => {
  let lab: Awaited<ReturnType<typeof openLab>>;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  let folder: string;

  beforeAll(async () => {
    const reports = join(root, "data", "artifacts", "reports");
    mkdirSync(reports, { recursive: true });
    folder = mkdtempSync(join(reports, "browser-test-"));
    const source = join(import.meta.dirname, "..", "notebook", "files", "lab.ipynb");
    await runNotebook(source, { output: join(folder, "lab.ipynb") });
    [lab, browser] = await Promise.all([openLab(root), openBrowser()]);
  });
  afterAll(async () => {
    await Promise.all([browser?.close(), lab?.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  it("shows the stored figure as a live plot, and runs cells in the TypeScript kernel", async () => {
    const { page } = browser;
    await page.goto(`${lab.base}/lab/tree/${relative(root, folder)}/lab.ipynb?token=${lab.token}&reset`);
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
