import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { loadTask } from "../../../src/phantoms/load-task";

// the files made here are not the published ones
beforeEach(() => void vi.stubEnv("JOMED_CHECKSUM", "warn"));

const { byteAt, writeMedMnistArchive } = (await import("../../tools/medmnist-archive.mjs" as string)) as {
  byteAt(i: number, p: number): number;
  writeMedMnistArchive(path: string, options: object): Promise<void>;
};

const SPLITS = { train: 1080, val: 120, test: 400 };
const SIDE = 224; // 1,600 pictures of 150 kB: 241 MB
const MEBIBYTE = 2 ** 20;

test("RetinaMNIST of 224 pixels is read from disk, within 150 MiB more than before", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "medmnist-plus-"));
  try {
    mkdirSync(join(dataDir, "medmnist"));
    const file = join(dataDir, "medmnist", "retinamnist_224.npz");
    await writeMedMnistArchive(file, { splits: SPLITS, axes: [SIDE, SIDE, 3], labels: 5 });
    const before = process.memoryUsage().rss;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss - before);
    }, 20);
    const { splits } = await loadTask("retina-mnist", { dataDir, imageSize: SIDE });
    clearInterval(watch);
    expect(most / MEBIBYTE).toBeLessThan(150);
    expect([splits.train, splits.validation, splits.test].map(({ length }) => length)).toEqual([1080, 120, 400]);
    for (const i of [0, 1, 399]) {
      const { image, labels } = splits.test[i]!;
      expect([image.width, image.height, image.channels, labels[0]]).toEqual([SIDE, SIDE, 3, i % 5]);
      expect([0, 5000, 150_527].map((p) => image.data[p])).toEqual([0, 5000, 150_527].map((p) => byteAt(i, p)));
    }
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});
