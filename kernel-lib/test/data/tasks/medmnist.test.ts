import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { NpyArray } from "../../../src/data/formats/npy";
import { formatNpz } from "../../../src/data/formats/npz";
import { BREAST_MNIST } from "../../../src/data/tasks/breast-mnist";
import { DERMA_MNIST } from "../../../src/data/tasks/derma-mnist";
import { RETINA_MNIST } from "../../../src/data/tasks/retina-mnist";
import { loadTask } from "../../../src/phantoms/load-task";
import { phantomPlace } from "../../../src/phantoms/phantom";
import { BREAST_PHANTOM } from "../../../src/phantoms/tasks/breast";
import { bytesArray, refusal } from "../helpers";

// the files made here are not the published ones
beforeEach(() => void vi.stubEnv("JOMED_CHECKSUM", "warn"));

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "medmnist-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The six arrays of a file with this many pictures per split. */
function archive(counts: readonly number[], axes: readonly number[]): Uint8Array {
  const arrays = new Map<string, NpyArray>();
  ["train", "val", "test"].forEach((split, k) => {
    arrays.set(`${split}_images`, bytesArray([counts[k]!, ...axes]));
    arrays.set(
      `${split}_labels`,
      bytesArray([counts[k]!, 1], (i) => i % 2),
    );
  });
  return formatNpz(arrays, "stored");
}

test.each([
  [DERMA_MNIST, 7, [701, 100, 201]],
  [RETINA_MNIST, 5, [540, 60, 200]],
] as const)("the phantom of $name has colour pictures and every label in every split", async (spec, labels, counts) => {
  const task = await loadTask(spec.name, { cacheDir: folder });
  expect(Object.values(task.splits).map((examples) => examples.length)).toEqual(counts);
  for (const examples of Object.values(task.splits)) {
    expect(new Set(examples.map((example) => example.labels[0])).size).toBe(labels);
    expect(examples[0]!.image).toMatchObject({ width: 28, height: 28, channels: 3 });
  }
  expect(task.metrics).toEqual(["accuracy", "macroF1"]);
  expect(task.card.title).toBe(`${spec.card.title} phantom`);
});

test("imageSize picks the larger file and holds it to its own md5 and shape", async () => {
  const dataDir = join(folder, "larger");
  mkdirSync(join(dataDir, "medmnist"), { recursive: true });
  const file = join(dataDir, "medmnist", "breastmnist_64.npz");
  const { train, validation, test: last } = BREAST_MNIST.counts;
  writeFileSync(file, archive([train, validation, last], [64, 64]));
  const warnings: string[] = [];
  const control = { onWarn: (_code: string, message: string) => warnings.push(message) };
  const task = await loadTask("breast-mnist", { dataDir, imageSize: 64, control });
  expect(task.splits.test[0]!.image).toMatchObject({ width: 64, height: 64, channels: 1 });
  expect(warnings[0]).toMatch(/breastmnist_64\.npz must have the published md5 742edef2a1fd1524b2efff4bd7ba9364; got/);
  const strict = await refusal(() => loadTask("breast-mnist", { dataDir, imageSize: 64, checksum: "strict" }));
  expect(strict.message).toMatch(/published md5 742edef2/);
  writeFileSync(file, archive([train, validation, last], [28, 28]));
  const small = await refusal(() => loadTask("breast-mnist", { dataDir, imageSize: 64 }));
  expect(small.message).toMatch(/train_images must have shape \[546, 64, 64\]; got \[546, 28, 28\]/);
  expect(small.message).toMatch(/Download the 64-pixel file again/);
});

test("a size that was never published is refused", async () => {
  const error = await refusal(() => loadTask("derma-mnist", { dataDir: folder, imageSize: 32 }));
  expect(error.code).toBe("config");
  expect(error.message).toMatch(/imageSize must be one of 28, 64, 128, 224 for derma-mnist; got 32/);
});

test("grey pictures where colour is published are refused", async () => {
  const { train, validation, test: last } = RETINA_MNIST.counts;
  writeFileSync(join(folder, "retinamnist.npz"), archive([train, validation, last], [28, 28]));
  const error = await refusal(() => loadTask("retina-mnist", { dataDir: folder }));
  expect(error.message).toMatch(/train_images must have shape \[1080, 28, 28, 3\]; got \[1080, 28, 28\]/);
});

test("every published size has a download with its md5", () => {
  for (const spec of [BREAST_MNIST, DERMA_MNIST, RETINA_MNIST]) {
    const { downloads, file, layout } = spec;
    expect(downloads.map(({ imageSize }) => imageSize)).toEqual([28, 64, 128, 224]);
    const larger = [64, 128, 224].map((side) => file.replace(".npz", `_${side}.npz`));
    expect(downloads.map((download) => download.file)).toEqual([file, ...larger].map((name) => `medmnist/${name}`));
    expect(layout).toEqual(downloads.map((download) => download.file));
    expect(new Set(downloads.map(({ md5 }) => md5)).size).toBe(4);
    for (const { md5 } of downloads) expect(md5).toMatch(/^[0-9a-f]{32}$/);
  }
});

test("a stand-in whose cached file was damaged is made again", async () => {
  const cacheDir = join(folder, "cache");
  const first = await loadTask("breast-mnist", { cacheDir });
  const place = phantomPlace("breast-mnist", BREAST_PHANTOM, { seed: 7, size: "quick", cacheDir });
  const file = join(place, "breastmnist.npz");
  const sound = readFileSync(file);
  writeFileSync(file, sound.subarray(0, 1000));
  const again = await loadTask("breast-mnist", { cacheDir });
  expect(again.fingerprint).toBe(first.fingerprint);
  expect(readFileSync(file).equals(sound)).toBe(true);
});

const dataDir = process.env["JOMED_DATA_DIR"] ?? "";
const realFile = join(dataDir, "medmnist", "retinamnist.npz");
const reason =
  dataDir === "" ? "JOMED_DATA_DIR is not set" : existsSync(realFile) ? "" : "retinamnist.npz is not there";
test.skipIf(reason !== "")(`the real RetinaMNIST loads strictly${reason && ` (skipped: ${reason})`}`, async () => {
  const task = await loadTask("retina-mnist", { dataDir, checksum: "strict" });
  const grades = [0, 1, 2, 3, 4].map((grade) => task.splits.test.filter(({ labels }) => labels[0] === grade).length);
  expect(grades).toEqual([174, 46, 92, 68, 20]);
  expect(task.fingerprint).toBe("retina-mnist:real:bd4c0672f1bba3e3a89f0e4e876791e4");
});
