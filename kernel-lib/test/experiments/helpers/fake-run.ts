import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { Control } from "../../../src/base/types";
import type { Run } from "../../../src/experiments/run";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new folder that is deleted after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "stage-"));
  folders.push(folder);
  return folder;
}

/** A run that needs no backend: stages only read its name. */
export function fakeRun(artifactsDir: string, control: Control = {}, seed = 7): Run {
  const backend = { backend: "cpu", reason: "test", advice: null, versions: {} } as const;
  return { profile: "test", seed, source: "phantom", artifactsDir, dataDir: artifactsDir, control, backend };
}
