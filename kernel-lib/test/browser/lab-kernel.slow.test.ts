import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { browserProgram, openBrowser, SKIP_REASON } from "../helpers/browser";
import { hasLab, openLab } from "../helpers/lab-server";

const root = repositoryRoot();
const missing = browserProgram === null ? SKIP_REASON : hasLab(root) ? null : "JupyterLab is not installed in .venv";

/** In one notebook: what each cell of it is for. */
const CELLS = {
  slider:
    'import * as kernel from "kernel-lib";\nconst shared = kernel.widgets.slider({ min: 0, max: 10, step: 1, value: 3 });\nshared',
  again: "shared",
  value: "shared.value",
  progress: [
    'import { notebookControl } from "kernel-lib";',
    "const { onProgress } = notebookControl();",
    "for (let done = 1; done <= 20; done++) {",
    "  onProgress!({ stage: 'slowly', done, total: 20 });",
    "  await new Promise((next) => setTimeout(next, 400));",
    "}",
  ].join("\n"),
  endless: "await new Promise(() => undefined)",
  after: "// @ts-nocheck\ntypeof shared",
};
const NAMES = Object.keys(CELLS) as (keyof typeof CELLS)[];

function writeCells(file: string): void {
  const cells = NAMES.map((id) => ({
    cell_type: "code",
    id,
    metadata: {},
    outputs: [],
    execution_count: null,
    source: CELLS[id],
  }));
  const kernelspec = { name: "tslab", display_name: "TypeScript (kernel-lib)", language: "typescript" };
  writeFileSync(file, JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 }));
}

const cellOf = (page: Page, name: keyof typeof CELLS): Locator =>
  page.locator(".jp-Notebook .jp-CodeCell").nth(NAMES.indexOf(name));

/** Runs a cell until it shows this; a page that is still connecting can drop a run: ask again, as a user would. */
async function runCell(page: Page, name: keyof typeof CELLS, wanted: string): Promise<Locator> {
  const shown = cellOf(page, name).locator(wanted).first();
  for (let attempt = 0; attempt < 4 && (await shown.count()) === 0; attempt++) {
    await cellOf(page, name).locator(".cm-content").click();
    await page.keyboard.press("Shift+Enter");
    await shown.waitFor({ timeout: 25_000 }).catch(() => {});
  }
  await shown.waitFor();
  return shown;
}

const pressTool = (page: Page, name: "interrupt" | "restart"): Promise<void> =>
  page.locator(`.jp-NotebookPanel-toolbar [data-jp-item-name="${name}"] jp-button`).click();

describe.skipIf(missing !== null)(`the kernel in JupyterLab${missing === null ? "" : ` (skipped: ${missing})`}`, () => {
  let lab: Awaited<ReturnType<typeof openLab>>;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  let folder: string;
  let address: string;

  beforeAll(async () => {
    const reports = join(root, "data", "artifacts", "reports");
    mkdirSync(reports, { recursive: true });
    folder = mkdtempSync(join(reports, "kernel-test-"));
    writeCells(join(folder, "cells.ipynb"));
    [lab, browser] = await Promise.all([openLab(root), openBrowser()]);
    address = `${lab.base}/lab/tree/${relative(root, folder)}/cells.ipynb?token=${lab.token}`;
    await browser.page.goto(`${address}&reset`);
  });
  afterAll(async () => {
    await Promise.all([browser?.close(), lab?.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  it("shows one widget in two tabs: the later one gets it as it is, and each sees what the other changes", async () => {
    const { page, context } = browser;
    await runCell(page, "slider", ".noUi-handle");
    await page.locator(".noUi-handle").first().focus();
    await page.keyboard.press("ArrowRight");
    const other = await context.newPage();
    other.setDefaultTimeout(120_000);
    await other.goto(address.replace("/lab/tree/", "/lab/workspaces/other/tree/"));
    await other.bringToFront();
    await runCell(other, "again", ".noUi-handle");
    const readout = (tab: Page): Promise<string | null> => tab.locator(".widget-readout").first().textContent();
    await expect.poll(() => readout(other)).toBe("4");
    await other.locator(".noUi-handle").first().focus();
    await other.keyboard.press("ArrowRight");
    await expect.poll(() => readout(page)).toBe("5");
    await other.close();
    await page.bringToFront(); // a tab behind another one is never drawn
    expect(await (await runCell(page, "value", ".jp-OutputArea-output")).textContent()).toContain("5");
  });

  it("shows progress as a widget, and as a line when it is over", async () => {
    const { page } = browser;
    await runCell(page, "progress", ".widget-hprogress");
    const line = cellOf(page, "progress").locator(".jp-OutputArea-output pre", { hasText: "slowly: 100%" });
    await line.waitFor();
    expect(await cellOf(page, "progress").locator(".widget-hprogress").count()).toBe(0);
  });

  it("stops a cell with the Interrupt button, and forgets everything with the Restart button", async () => {
    const { page } = browser;
    await cellOf(page, "endless").locator(".cm-content").click();
    await page.keyboard.press("Shift+Enter");
    await cellOf(page, "endless").locator(".jp-InputPrompt", { hasText: "[*]" }).waitFor();
    await pressTool(page, "interrupt");
    await cellOf(page, "endless").locator(".jp-OutputArea-output", { hasText: "Interrupted" }).waitFor();
    await runCell(page, "after", ".jp-OutputArea-output");
    expect(await cellOf(page, "after").locator(".jp-OutputArea-output").textContent()).toContain("'object'");
    await pressTool(page, "restart");
    await page.locator(".jp-Dialog .jp-mod-accept").click();
    await expect
      .poll(
        async () => {
          await cellOf(page, "after").locator(".cm-content").click();
          await page.keyboard.press("Shift+Enter");
          await page.waitForTimeout(2000);
          return (await cellOf(page, "after").locator(".jp-OutputArea-output").allTextContents()).join("");
        },
        { timeout: 120_000 },
      )
      .toContain("'undefined'");
  });
});
