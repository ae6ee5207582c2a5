import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeCell } from "../helpers/code-cell";
import { inLab, LAB_MISSING, type LabPage, openLabPage } from "../helpers/lab-page";

/** In one notebook: what each cell of it is for. */
const CELLS = {
  slider:
    'import * as kernel from "kernel-lib";\nconst kept = globalThis as { kept?: ReturnType<typeof kernel.widgets.slider> };\nconst shared = (kept.kept ??= kernel.widgets.slider({ min: 0, max: 10, step: 1, value: 3 }));\nshared',
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

/** In another: what is run as a whole. */
const WHOLE = [
  "let rounds = 0;",
  "rounds += 1;\nfor (let i = 0; i < 10_000; i++) console.log(i);\n'rounds: ' + rounds",
  "await new Promise((next) => setTimeout(next, 300));\nrounds + ' waited'",
  "throw new TypeError('meant')",
  "'never'",
];

/** Two tabs and a kernel on a machine that does other things as well. */
const PATIENT = { timeout: 120_000 };

function writeCells(file: string, sources: readonly string[]): void {
  const cells = sources.map(codeCell);
  const kernelspec = { name: "tslab", display_name: "TypeScript (kernel-lib)", language: "typescript" };
  writeFileSync(file, JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 }));
}

const cellAt = (page: Page, place: number): Locator => page.locator(".jp-Notebook .jp-CodeCell").nth(place);
const cellOf = (page: Page, name: keyof typeof CELLS): Locator => cellAt(page, NAMES.indexOf(name));
const promptOf = async (cell: Locator): Promise<string> =>
  (await cell.locator(".jp-InputPrompt").first().textContent()) ?? "";

/** Opens a notebook alone; other tabs of the page are forgotten. */
async function open(page: Page, address: string): Promise<void> {
  await page.goto(`${address}&reset`);
  await page.locator(".jp-KernelName", { hasText: "TypeScript" }).first().waitFor(PATIENT);
  await page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first().waitFor(PATIENT);
}

/** A run that comes before the page knows its kernel makes the page ask for one: what it offers is taken. */
async function acceptOffer(page: Page): Promise<void> {
  const accept = page.locator(".jp-Dialog .jp-mod-accept").first();
  if ((await accept.count()) > 0) await accept.click({ timeout: 15_000 }).catch(() => undefined);
}

/**
 * Asks for something until this cell was taken, which its prompt shows at once: a page that does not know its kernel yet drops
 * what it is asked. What is run here may therefore run twice, and must not mind.
 */
async function ask(cell: Locator, press: () => Promise<void>): Promise<void> {
  const before = await promptOf(cell);
  const isTaken = async (): Promise<boolean> => (await promptOf(cell)) !== before;
  for (let attempt = 0; attempt < 8 && !(await isTaken()); attempt++) {
    await acceptOffer(cell.page());
    await press();
    await expect
      .poll(isTaken, { timeout: 15_000 })
      .toBe(true)
      .catch(() => undefined);
  }
}

const pressRun = async (page: Page, cell: Locator): Promise<void> => {
  await cell.locator(".cm-content").click();
  await page.keyboard.press("Shift+Enter");
};

/** Runs a cell until it shows this. */
async function runCell(page: Page, name: keyof typeof CELLS, wanted: string): Promise<Locator> {
  const cell = cellOf(page, name);
  await ask(cell, () => pressRun(page, cell));
  const shown = cell.locator(wanted).first();
  await shown.waitFor(PATIENT);
  return shown;
}

const pressTool = (page: Page, name: "interrupt" | "restart" | "restart-and-run"): Promise<void> =>
  page.locator(`.jp-NotebookPanel-toolbar [data-jp-item-name="${name}"] jp-button`).click();

async function runAll(page: Page): Promise<void> {
  await page.locator(".lm-MenuBar-item", { hasText: /^Run$/ }).click();
  await page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click();
}

describe.skipIf(LAB_MISSING !== null)(inLab("the kernel"), () => {
  let lab: LabPage;
  let address: string;

  beforeAll(async () => {
    lab = await openLabPage("kernel", (folder) => {
      writeCells(
        join(folder, "cells.ipynb"),
        NAMES.map((name) => CELLS[name]),
      );
      writeCells(join(folder, "whole.ipynb"), WHOLE);
    });
    address = lab.addressOf("cells.ipynb");
    await open(lab.browser.page, address);
  });
  afterAll(() => lab?.close());

  it("shows one widget in two tabs: the later one gets it as it is, and each sees what the other changes", async () => {
    const { page, context } = lab.browser;
    await runCell(page, "slider", ".noUi-handle");
    await page.locator(".noUi-handle").first().focus();
    await page.keyboard.press("ArrowRight");
    const other = await context.newPage();
    other.setDefaultTimeout(120_000);
    await other.bringToFront();
    await open(other, address.replace("/lab/tree/", "/lab/workspaces/other/tree/"));
    await runCell(other, "again", ".noUi-handle");
    const readout = (tab: Page): Promise<string | null> => tab.locator(".widget-readout").first().textContent();
    await expect.poll(() => readout(other), PATIENT).toBe("4");
    await other.locator(".noUi-handle").first().focus();
    await other.keyboard.press("ArrowRight");
    await expect.poll(() => readout(page), PATIENT).toBe("5");
    await other.locator(".noUi-handle").first().press("ArrowLeft");
    await expect.poll(() => readout(page), PATIENT).toBe("4");
    await other.close();
    await page.bringToFront(); // a tab behind another one is never drawn
    expect(await (await runCell(page, "value", ".jp-OutputArea-output")).textContent()).toContain("4");
  });

  it("shows progress as a widget, and as a line when it is over", async () => {
    const { page } = lab.browser;
    await runCell(page, "progress", ".widget-hprogress");
    const line = cellOf(page, "progress").locator(".jp-OutputArea-output pre", { hasText: "slowly: 100%" });
    await line.waitFor();
    expect(await cellOf(page, "progress").locator(".widget-hprogress").count()).toBe(0);
  });

  it("runs all cells in order up to the one that fails, again with Run All, anew with Restart and Run All", async () => {
    const { page } = lab.browser;
    await open(page, address.replace("cells.ipynb", "whole.ipynb"));
    const [opening, counted, waited, failed, never] = WHOLE.map((_, i) => cellAt(page, i));
    const outcome = async (first: number): Promise<void> => {
      await expect.poll(() => promptOf(failed!), PATIENT).toContain(`[${first + 3}]`);
      await failed!.locator(".jp-OutputArea-output", { hasText: "TypeError: meant" }).waitFor(PATIENT);
      expect(await promptOf(counted!)).toContain(`[${first + 1}]`);
      expect(await counted!.locator(".jp-OutputArea-output").last().textContent()).toContain("'rounds: 1'");
      expect(await waited!.locator(".jp-OutputArea-output").last().textContent()).toContain("'1 waited'");
      expect([await promptOf(never!), await never!.locator(".jp-OutputArea-output").count()]).toEqual(["[ ]:", 0]);
    };
    await ask(opening!, () => runAll(page));
    await outcome(1);
    await ask(opening!, () => runAll(page));
    await outcome(5);
    await ask(opening!, async () => {
      await pressTool(page, "restart-and-run");
      await page.locator(".jp-Dialog .jp-mod-accept").click();
    });
    await outcome(1);
    await open(page, address);
  });

  it("stops a cell with the Interrupt button, and forgets everything with the Restart button", async () => {
    const { page } = lab.browser;
    await pressRun(page, cellOf(page, "endless"));
    await cellOf(page, "endless").locator(".jp-InputPrompt", { hasText: "[*]" }).waitFor();
    await pressTool(page, "interrupt");
    await cellOf(page, "endless").locator(".jp-OutputArea-output", { hasText: "Interrupted" }).waitFor();
    await runCell(page, "after", ".jp-OutputArea-output");
    expect(await cellOf(page, "after").locator(".jp-OutputArea-output").textContent()).toContain("'object'");
    await pressTool(page, "restart");
    await page.locator(".jp-Dialog .jp-mod-accept").click();
    const values = async (): Promise<string> => {
      await pressRun(page, cellOf(page, "after"));
      await page.waitForTimeout(2000);
      return (await cellOf(page, "after").locator(".jp-OutputArea-output").allTextContents()).join("");
    };
    await expect.poll(values, PATIENT).toContain("'undefined'");
  });
});
