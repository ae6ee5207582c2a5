import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadCorpus } from "../../src/phantoms/load-corpus";
import { loadTask, TASK_NAMES } from "../../src/phantoms/load-task";
import { CORPUS_TWINS } from "../../src/phantoms/phantoms";

const MOST_CPU_SECONDS = 60;

test("the eight quick tasks and three corpora are made and read within a minute of processor time", async () => {
  const cacheDir = mkdtempSync(join(tmpdir(), "quick-"));
  try {
    const before = process.cpuUsage(); // other work on this machine does not count
    for (const name of TASK_NAMES) await loadTask(name, { cacheDir });
    for (const name of CORPUS_TWINS.keys()) await loadCorpus(name, { cacheDir });
    const { user, system } = process.cpuUsage(before);
    expect(TASK_NAMES.length + CORPUS_TWINS.size).toBe(11);
    expect((user + system) / 1e6).toBeLessThan(MOST_CPU_SECONDS);
  } finally {
    rmSync(cacheDir, { recursive: true });
  }
});
