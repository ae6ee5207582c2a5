import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { formatCsv } from "../../../src/data/formats/csv";
import { findSharedGroups } from "../../../src/data/splits";
import { BRSET, BRSET_COLUMNS } from "../../../src/data/tasks/brset";
import { labelSetAnswer } from "../../../src/data/tasks/multi-label";
import { VINDR_COLUMNS, VINDR_PCXR } from "../../../src/data/tasks/vindr-pcxr";
import { loadTask } from "../../../src/phantoms/load-task";
import { formatDicom } from "../../../src/phantoms/tasks/vindr";
import { refusal } from "../helpers";

let root = "";
let folder = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "sets-"));
});
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  folder = mkdtempSync(join(root, "case-"));
});

const flags = (columns: readonly string[], ...labels: number[]) =>
  columns.map((_, i) => (labels.includes(i) ? "1.0" : "0"));

function writeDicom(file: string, level: number): void {
  const values = new Uint16Array(80 * 60).fill(level);
  values[0] = 4095;
  const window = { center: 2048, width: 4096 };
  writeFileSync(
    file,
    formatDicom({ width: 80, height: 60, values, bitsStored: 12, photometric: "MONOCHROME2", window, id: "a" }),
  );
}

/** Train pictures t0 … t9, one of them as PNG, and one test picture. */
async function writeVindr(train?: (string | number)[][]): Promise<void> {
  for (const split of ["train", "test"]) mkdirSync(join(folder, split));
  for (let i = 0; i < 9; i++) writeDicom(join(folder, "train", `t${i}.dicom`), 100 * i);
  writeDicom(join(folder, "test", "s0.dicom"), 2000);
  const png = sharp({ create: { width: 70, height: 70, channels: 3, background: "#456" } }).png();
  writeFileSync(join(folder, "train", "t9.png"), await png.toBuffer());
  const rows = Array.from({ length: 10 }, (_, i) => [`t${i}`, "R1", ...flags(VINDR_COLUMNS, i % 15)]);
  const columns = ["image_id", "rad_ID", ...VINDR_COLUMNS];
  writeFileSync(join(folder, "image_labels_train.csv"), formatCsv(columns, train ?? rows));
  const readers = [flags(VINDR_COLUMNS, 1, 6), flags(VINDR_COLUMNS, 6), flags(VINDR_COLUMNS, 6, 3)];
  writeFileSync(
    join(folder, "image_labels_test.csv"),
    formatCsv(
      columns,
      readers.map((row, k) => ["s0", `R${k}`, ...row]),
    ),
  );
}

test("VinDr-PCXR: DICOM and PNG pictures, 15 labels, what half of the radiologists named", async () => {
  await writeVindr();
  const task = await loadTask("vindr-pcxr", { dataDir: folder });
  expect(task.labels).toHaveLength(15);
  expect(task.splits.test).toHaveLength(1);
  expect(task.splits.test[0]).toMatchObject({ answer: "6", labels: [6], form: "labels", id: "vindr-pcxr/test/s0" });
  expect(task.splits.test[0]!.image).toMatchObject({ width: 64, height: 48, channels: 1 });
  expect([task.splits.train.length, task.splits.validation.length]).toEqual([9, 1]);
  const larger = await loadTask("vindr-pcxr", { dataDir: folder, imageSize: 128 });
  expect(larger.splits.test[0]!.image).toMatchObject({ width: 80, height: 60 });
});

test.each([
  [["../t0", "R1", ...flags(VINDR_COLUMNS, 0)], /image_labels_train\.csv, line 2 must name a file within/],
  [["t77", "R1", ...flags(VINDR_COLUMNS, 0)], /line 2 must name a picture that is there; got none of t77\.dicom/],
  [["t0", "R1", ...flags(VINDR_COLUMNS).map(() => "2")], /line 2, column No finding must be 0 or 1; got "2"/],
])("VinDr-PCXR: unsound rows are refused by line (%#)", async (row, wording) => {
  await writeVindr([row]);
  const error = await refusal(() => loadTask("vindr-pcxr", { dataDir: folder }));
  expect(error.code).toBe("data");
  expect(error.message).toMatch(wording);
});

test("VinDr-PCXR: a broken picture is refused with file and field", async () => {
  await writeVindr();
  const file = join(folder, "test", "s0.dicom");
  writeFileSync(file, readFileSync(file).subarray(0, 2000));
  const error = await refusal(() => loadTask("vindr-pcxr", { dataDir: folder }));
  expect(error.message).toMatch(/image_labels_test\.csv, line 2, picture s0\.dicom, .*must/);
});

/** Twenty patients with two photographs each; patient p has disease p % 13, every fourth none. */
async function writeBrset(name: string): Promise<void> {
  mkdirSync(join(folder, "fundus_photos"));
  const rows: (string | number)[][] = [];
  for (let i = 1; i <= 40; i++) {
    const patient = Math.ceil(i / 2);
    const background = { r: 4 * i, g: 2 * i, b: i };
    const picture = sharp({ create: { width: 40, height: 30, channels: 3, background } }).jpeg();
    writeFileSync(join(folder, "fundus_photos", `img${i}.jpg`), await picture.toBuffer());
    const labels = patient % 4 === 0 ? [] : [patient % 13, 12];
    rows.push([`img${i}`, patient, ...flags(BRSET_COLUMNS, ...labels)]);
  }
  writeFileSync(join(folder, name), formatCsv(["image_id", "patient_id", ...BRSET_COLUMNS], rows));
}

test.each(["labels_brset.csv", "labels.csv"])("BRSET: %s, 14 labels, no patient in two splits", async (name) => {
  await writeBrset(name);
  const task = await loadTask("brset", { dataDir: folder });
  expect(task.labels.map((label) => label.name).at(-1)).toBe("normal");
  const counts = Object.values(task.splits).map((examples) => examples.length);
  expect(counts).toEqual([28, 4, 8]);
  expect(findSharedGroups(task)).toEqual([]);
  const answers = new Map(
    Object.values(task.splits)
      .flat()
      .map((example) => [example.id.split("/")[2], example.answer]),
  );
  expect(answers.get("img1")).toBe("1, 12");
  expect(answers.get("img7")).toBe("13");
  const again = await loadTask("brset", { dataDir: folder });
  expect(again.fingerprint).toBe(task.fingerprint);
  const other = await loadTask("brset", { dataDir: folder, splitSeed: 2 });
  expect(other.fingerprint).not.toBe(task.fingerprint);
});

test("a set of labels is written with commas, an empty one in a word", () => {
  expect(labelSetAnswer([0, 3], VINDR_PCXR.labels)).toBe("0, 3");
  expect(labelSetAnswer([], VINDR_PCXR.labels)).toBe("none");
});

test("credentialed tasks have steps and no download", () => {
  for (const { access, downloads, card } of [VINDR_PCXR, BRSET]) {
    expect([access, downloads]).toEqual(["credentialed", []]);
    expect(card.obtain).toMatch(/credentialed user.*training.*sign.*third parties/);
  }
});
