import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";

const PROGRAMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser of this machine, or null; then browser tests say so and are skipped. */
export const browserProgram =
  [process.env["JOMED_CHROMIUM"] ?? "", ...PROGRAMS].find((file) => existsSync(file)) ?? null;

export const SKIP_REASON =
  "no Chromium found (Debian: apt install chromium; elsewhere set JOMED_CHROMIUM to its program)";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A headless browser with an empty profile; pages reach this machine only. */
export async function openBrowser(): Promise<{ context: BrowserContext; page: Page; close(): Promise<void> }> {
  const profile = mkdtempSync(join(tmpdir(), "jomed-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browserProgram!,
    headless: true,
    args: FLAGS,
    viewport: { width: 1280, height: 900 },
    timeout: 120_000,
  });
  await context.route(
    (url) => /^https?:$/.test(url.protocol) && url.hostname !== "127.0.0.1" && url.hostname !== "localhost",
    (route) => route.abort(),
  );
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(120_000);
  return {
    context,
    page,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
