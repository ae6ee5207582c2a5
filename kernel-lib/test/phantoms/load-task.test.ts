import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { Task } from "../../src/base/types";
import type { NpyArray } from "../../src/data/formats/npy";
import { formatNpz, readNpz } from "../../src/data/formats/npz";
import { loadTask } from "../../src/phantoms/load-task";
import { writeBreastArchive } from "../../src/phantoms/tasks/breast";
import { bytesArray, refusal } from "../data/helpers";

// the files made here are not the published ones
beforeEach(() => void vi.stubEnv("JOMED_CHECKSUM", "warn"));

let folder = "";
let arraysOfPhantom: ReadonlyMap<string, NpyArray>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "task-"));
  const file = join(folder, "phantom.npz");
  writeFileSync(file, writeBreastArchive(3));
  arraysOfPhantom = await readNpz(file);
});
afterAll(() => rmSync(folder, { recursive: true }));

function writeFile(change: Readonly<Record<string, NpyArray | null>>): void {
  const arrays = new Map(arraysOfPhantom);
  for (const [name, array] of Object.entries(change)) {
    if (array === null) arrays.delete(name);
    else arrays.set(name, array);
  }
  writeFileSync(join(folder, "breastmnist.npz"), formatNpz(arrays, "deflated"));
}

/** One line per example; a group is the hash of the picture. */
const linesOf = (task: Task) =>
  Object.values(task.splits)
    .flat()
    .map(({ id, answer, group }) => `${id} ${answer} ${group}`);

test("the phantom has the sizes, labels and question of the real data set", async () => {
  const task = await loadTask("breast-mnist");
  expect(Object.values(task.splits).map((examples) => examples.length)).toEqual([546, 78, 156]);
  const example = task.splits.test[0]!;
  expect(example).toMatchObject({ id: "breast-mnist/test/00000", task: "breast-mnist", split: "test" });
  expect(example.image).toMatchObject({ width: 28, height: 28, channels: 1 });
  expect(example.answer).toBe(String(example.labels[0]));
  expect(task.splits.test.filter((row) => row.labels[0] === 0)).toHaveLength(Math.round(156 * 0.4));
  expect(task.source).toBe("phantom");
  expect(task.fingerprint).toBe("breast-mnist:phantom:v2:7:369beb172fe6728f");
});

test("the same seed gives the same task, another seed another fingerprint", async () => {
  const [one, again, other] = await Promise.all([7, 7, 8].map((seed) => loadTask("breast-mnist", { seed })));
  expect(linesOf(again!)).toEqual(linesOf(one!));
  expect(again!.fingerprint).toBe(one!.fingerprint);
  expect(other!.fingerprint).not.toBe(one!.fingerprint);
});

test("labels of shape (N, 1) and (N,) give the same examples, and another md5 is said aloud", async () => {
  const warnings: string[] = [];
  const control = { onWarn: (code: string, message: string) => warnings.push(`${code} ${message}`) };
  writeFile({});
  const tall = await loadTask("breast-mnist", { dataDir: folder, checksum: "warn", control });
  const flat = (name: string): NpyArray => {
    const array = arraysOfPhantom.get(name)!;
    return { ...array, shape: [array.shape[0]!] };
  };
  const names = ["train_labels", "val_labels", "test_labels"];
  writeFile(Object.fromEntries(names.map((name) => [name, flat(name)])));
  const row = await loadTask("breast-mnist", { dataDir: folder, checksum: "warn", control });
  expect(linesOf(row)).toEqual(linesOf(tall));
  expect(row.fingerprint).not.toBe(tall.fingerprint);
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatch(/^checksum loadTask: breastmnist\.npz must have the published md5 750601b1/);
});

test("another md5 is refused unless the option or JOMED_CHECKSUM allows it", async () => {
  writeFile({});
  vi.stubEnv("JOMED_CHECKSUM", "warn");
  expect((await loadTask("breast-mnist", { dataDir: folder })).source).toBe("real");
  vi.stubEnv("JOMED_CHECKSUM", undefined);
  const error = await refusal(() => loadTask("breast-mnist", { dataDir: folder }));
  expect(error.code).toBe("data");
  expect(error.message).toMatch(/published md5 .*; got [0-9a-f]{32}\. Download it again/);
});

test.each([
  [{ val_images: null }, /must hold the array val_images; got train_images, train_labels/],
  [{ val_images: bytesArray([77, 28, 28]) }, /array val_images must have shape \[78, 28, 28\]; got \[77, 28, 28\]/],
  [{ test_labels: bytesArray([156], () => 2) }, /array test_labels, row 0 must be a label from 0 to 1; got 2/],
  [
    { test_labels: { type: "<i8", shape: [156], data: new BigInt64Array(156) } as NpyArray },
    /array test_labels must hold unsigned bytes \(\|u1\); got <i8/,
  ],
  [{ test_labels: bytesArray([156, 2], () => 0) }, /must have shape \[156, 1\] or \[156\]; got \[156, 2\]/],
])("a file with unsound content is refused by name (%#)", async (change, wording) => {
  writeFile(change as Readonly<Record<string, NpyArray | null>>);
  const error = await refusal(() => loadTask("breast-mnist", { dataDir: folder }));
  expect(error.code).toBe("data");
  expect(error.message).toMatch(wording);
  expect(error.message).toMatch(/breastmnist\.npz.*Download the 28-pixel file again/);
});

test("unknown names, options and a missing folder are refused with the way out", async () => {
  const refusals: [() => unknown, RegExp][] = [
    [() => loadTask("brain-mnist"), /^loadTask: name must be one of breast-mnist, derma-mnist.*; got "brain-mnist"/],
    [() => loadTask("breast-mnist", { source: "real" }), /dataDir must be given with source "real"/],
    [() => loadTask("breast-mnist", { sead: 3 } as object), /no option "sead"/],
    [() => loadTask("breast-mnist", { seed: -1 }), /seed must be a whole number/],
  ];
  for (const [run, wording] of refusals) {
    const error = await refusal(run);
    expect(error.code).toBe("config");
    expect(error.message).toMatch(wording);
  }
  const missing = await refusal(() => loadTask("breast-mnist", { dataDir: join(folder, "none") }));
  expect(missing.code).toBe("data");
  expect(missing.message).toMatch(
    /dataDir must hold breastmnist\.npz; got neither .*\. Get breastmnist\.npz of MedMNIST/,
  );
});

const dataDir = process.env["JOMED_DATA_DIR"] ?? "";
const realFile = join(dataDir, "medmnist", "breastmnist.npz");
const missingReason =
  dataDir === "" ? "JOMED_DATA_DIR is not set" : existsSync(realFile) ? "" : "medmnist/breastmnist.npz is not there";
test.skipIf(missingReason !== "")(
  `the real BreastMNIST loads${missingReason && ` (skipped: ${missingReason})`}`,
  async () => {
    const task = await loadTask("breast-mnist", { dataDir });
    const counts = Object.values(task.splits).map((examples) => examples.filter((row) => row.labels[0] === 0).length);
    expect(counts).toEqual([147, 21, 42]);
    expect(task.source).toBe("real");
  },
);
