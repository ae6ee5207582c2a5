import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadCorpus } from "../../src/phantoms/load-corpus";
import { loadTask } from "../../src/phantoms/load-task";

const MOST_CPU_SECONDS = 60;

/** What the default seed draws; another hash needs another version. */
const TASKS = [
  "breast-mnist:phantom:v1:7:d8f3bdf9d2d117f8",
  "derma-mnist:phantom:v2:7:50a9492ee8d259d1",
  "retina-mnist:phantom:v2:7:8e7aa430dcdd91b8",
  "vindr-pcxr:phantom:v2:7:944b6e433cbf52b3",
  "brset:phantom:v2:7:e76122ed33f91a25",
  "vqa-rad:phantom:v2:7:eefa80b3af38a7be",
  "slake:phantom:v2:7:c8f83c4dee9aef74",
  "path-vqa:phantom:v2:7:7d8ab31ba0b55bd8",
];
const CORPORA = [
  "corpus:pmc-oa:6f27d8a45047ac7697e4146d:phantom",
  "corpus:mimic-cxr:400b038adcef6a7408d0974a:phantom",
  "corpus:roco:56c37872bb75c160a79a07e0:phantom",
];

test("the eight quick tasks and three corpora are what they were, made and read within a minute of processor time", async () => {
  const cacheDir = mkdtempSync(join(tmpdir(), "quick-"));
  try {
    const before = process.cpuUsage(); // other work on this machine does not count
    for (const fingerprint of TASKS) {
      expect((await loadTask(fingerprint.split(":")[0]!, { cacheDir })).fingerprint).toBe(fingerprint);
    }
    for (const fingerprint of CORPORA) {
      expect((await loadCorpus(fingerprint.split(":")[1]!, { cacheDir })).fingerprint).toBe(fingerprint);
    }
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(MOST_CPU_SECONDS);
  } finally {
    rmSync(cacheDir, { recursive: true });
  }
});
