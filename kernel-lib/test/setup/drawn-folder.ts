import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the slow tests of one run keep what they draw of default size and seed, so that each of it is drawn once, and anew. */
    readonly drawnFolder: string;
  }
}

/** Makes the folder before the first slow test and removes it after the last. */
export default function makeDrawnFolder({ provide }: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "drawn-"));
  provide("drawnFolder", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
