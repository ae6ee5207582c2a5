import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RasterImage, Split } from "../../../src/base/types";
import { formatCsv } from "../../../src/data/formats/csv";
import { type PictureSource, pictureOf, withPictures } from "../../../src/data/tasks/pictures";
import { VINDR_COLUMNS } from "../../../src/data/tasks/vindr-pcxr";
import { loadTask } from "../../../src/phantoms/load-task";
import { refusal } from "../helpers";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pictures-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A slope of grey, or one value. */
const image = (kind: "slope" | "flat"): RasterImage => {
  const data = Uint8Array.from({ length: 64 }, (_, p) => (kind === "slope" ? 4 * p : 90));
  return { width: 8, height: 8, channels: 1, data };
};

const source = (k: number, kind: "slope" | "flat" | "broken" | "unread"): PictureSource => {
  const key = `picture ${k}`;
  if (kind === "broken") return pictureOf(key, key, Buffer.from("no picture"), 8);
  if (kind === "unread") return pictureOf(key, key, Buffer.from("BM and what follows"), 8);
  return { key, place: key, load: async () => image(kind) };
};

type Kind = Parameters<typeof source>[1];

/** Rows of these kinds; the last one is the test split. */
const rowsOf = (kinds: readonly Kind[]) =>
  kinds.map((kind, k) => ({
    k,
    split: (k === kinds.length - 1 ? "test" : "train") as Split,
    picture: source(k, kind),
  }));

/** What withPictures keeps of these kinds, and what it says. */
async function read(kinds: readonly Kind[], maxBrokenShare = 0.01) {
  const said: { code: string; message: string; details: Readonly<Record<string, unknown>> }[] = [];
  const onWarn = (code: string, message: string, details: Readonly<Record<string, unknown>>) =>
    void said.push({ code, message, details });
  const kept = await withPictures("squares", rowsOf(kinds), { maxBrokenShare, control: { onWarn } });
  return { kept: kept.map(({ row }) => row.k), said };
}

const slopes = (count: number): Kind[] => Array.from({ length: count }, () => "slope");

test("one broken picture of a few does not stop a task: its row is left out, and named with its reason", async () => {
  const { kept, said } = await read(["slope", "broken", "slope", "slope"]);
  expect(kept).toEqual([0, 2, 3]);
  expect(said).toHaveLength(1);
  expect(said[0]!.code).toBe("pictures");
  expect(said[0]!.message).toBe(
    "loadTask: 1 of 4 pictures of squares were left out, with their rows: picture 1 must be a sound picture; got no JPEG, PNG, GIF, WebP or TIFF picture. Download it again.",
  );
  expect(said[0]!.details["broken"]).toEqual([
    { place: "picture 1", reason: expect.stringMatching(/^must be a sound picture; got no JPEG/) },
  ]);
});

test("a picture of a form that is not read is not called damaged, and nobody is sent to download it again", async () => {
  const { said } = await read(["slope", "unread", "slope"]);
  expect(said[0]!.message).toMatch(/must be a picture that is read; got a BMP picture;.* Save it as PNG or JPEG\.$/);
});

test("up to the stated share of many pictures may be broken, and not one more", async () => {
  const kinds: Kind[] = [...slopes(196), "broken", "broken", "slope", "slope"];
  expect((await read(kinds)).kept).toHaveLength(198);
  const error = await refusal(() => read(["broken", ...kinds.slice(1)]));
  expect(error.code).toBe("data");
  expect(error.message).toMatch(/the pictures of squares must be sound but for 1 % \(or one\); 3 of 200 are broken: /);
  expect(error.message).toMatch(/picture 0 must be a sound picture; .* picture 196 must/);
  expect(error.details["broken"]).toHaveLength(3);
  expect((await read(["broken", ...kinds.slice(1)], 0.02)).kept).toHaveLength(197);
});

test("a split whose pictures are all broken stops the task, with the reason", async () => {
  const error = await refusal(() => read(["slope", "slope", "broken"]));
  expect(error.message).toMatch(/the pictures of squares must leave test rows; 1 of 3 are broken: picture 2 must be/);
});

test("a picture of nearly one value stays, and is named", async () => {
  const { kept, said } = await read(["slope", "flat", "flat", "slope"]);
  expect(kept).toEqual([0, 1, 2, 3]);
  expect(said.map(({ message }) => message)).toEqual([
    "loadTask: no picture of squares should decode to nearly one value; 2 did: picture 1; picture 2. Compare with a viewer.",
  ]);
  expect(said[0]!.details["flat"]).toEqual(["picture 1", "picture 2"]);
});

/** VinDr-PCXR with these files as its training pictures, and one test picture. */
async function writeVindr(train: Readonly<Record<string, Buffer>>): Promise<void> {
  const row = (id: string) => [id, "R1", 1, ...Array.from({ length: 14 }, () => 0)];
  for (const split of ["train", "test"]) mkdirSync(join(folder, split));
  for (const [name, bytes] of Object.entries(train)) writeFileSync(join(folder, "train", name), bytes);
  const slope = Buffer.from(Uint8Array.from({ length: 256 }, (_, p) => p));
  await sharp(slope, { raw: { width: 16, height: 16, channels: 1 } })
    .png()
    .toFile(join(folder, "test", "s.png"));
  const columns = ["image_id", "rad_ID", ...VINDR_COLUMNS];
  const ids = Object.keys(train).map((name) => name.split(".")[0]!);
  writeFileSync(join(folder, "image_labels_train.csv"), formatCsv(columns, ids.map(row)));
  writeFileSync(join(folder, "image_labels_test.csv"), formatCsv(columns, [row("s")]));
}

test("VinDr-PCXR: a file of a packing that is not read is left out by its name; the others are read", async () => {
  const shown = readFileSync(join(__dirname, "../../reference/dicom/shown-linear-2.dcm"));
  const unread = Buffer.from(shown);
  unread.write("1.2.840.10008.1.2.9", shown.indexOf("1.2.840.10008.1.2.1"), "latin1");
  const names = Array.from({ length: 11 }, (_, k) => `t${k}.dicom`);
  await writeVindr(Object.fromEntries(names.map((name, k) => [name, k === 4 ? unread : shown])));
  const said: string[] = [];
  const onWarn = (_code: string, message: string) => void said.push(message);
  const task = await loadTask("vindr-pcxr", { dataDir: folder, control: { onWarn } });
  expect([...task.splits.train, ...task.splits.validation]).toHaveLength(10);
  const left = said.filter((message) => message.includes("left out"));
  expect(left).toHaveLength(1);
  expect(left[0]).toMatch(
    /1 of 12 pictures of vindr-pcxr were left out, with their rows: .*line 6, picture t4\.dicom, TransferSyntaxUID/,
  );
  expect(left[0]).not.toMatch(/Download/);
});
