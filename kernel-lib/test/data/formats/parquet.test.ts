import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseParquet, readParquet } from "../../../src/data/formats/parquet";
import { decodePicture } from "../../../src/data/formats/picture-file";
import { refusal } from "../helpers";

const FOLDER = join(__dirname, "../../reference/data");
const { parquet: REFERENCE } = JSON.parse(readFileSync(join(FOLDER, "reference.json"), "utf8")) as {
  parquet: { questions: string[]; answers: string[]; numbers: (number | null)[]; pictures: number[][] };
};
const COLUMNS = ["image", "question", "answer", "number"];
const FILES = ["none", "snappy", "gzip", "zstd", "brotli"].flatMap((codec) => [`${codec}-v1`, `${codec}-v2`]);

test.each(FILES)("a file of PyArrow reads back: %s", async (name) => {
  const rows = await readParquet(join(FOLDER, `${name}.parquet`), COLUMNS);
  expect(rows.map((row) => row["question"])).toEqual(REFERENCE.questions);
  expect(rows.map((row) => row["answer"])).toEqual(REFERENCE.answers);
  const numbers = rows.map((row) => (row["number"] === null ? null : Number(row["number"])));
  expect(numbers).toEqual(REFERENCE.numbers);
  const { bytes, path } = rows[0]!["image"] as { bytes: Uint8Array; path: string };
  expect(path).toBe("0.png");
  expect([...(await decodePicture(bytes, 64)).data]).toEqual(REFERENCE.pictures[0]);
});

const { mixed: MIXED } = JSON.parse(readFileSync(join(FOLDER, "reference.json"), "utf8")) as {
  mixed: Record<"image_id" | "caption" | "kind", string[]>;
};

test.each(["zstd", "snappy"])(
  "a file of PyArrow with lists beside what is wanted, in small pages: %s",
  async (codec) => {
    const rows = await readParquet(join(FOLDER, `mixed-${codec}.parquet`), ["image", "image_id", "caption", "kind"]);
    for (const column of ["image_id", "caption", "kind"] as const) {
      expect(rows.map((row) => row[column])).toEqual(MIXED[column]);
    }
    const { bytes } = rows[39]!["image"] as { bytes: Uint8Array };
    expect(await decodePicture(bytes, 64)).toMatchObject({ width: 5, height: 5 });
  },
);

test.each(["cui", "boxes"])("the list %s is refused by its name", async (column) => {
  const error = await refusal(() => readParquet(join(FOLDER, "mixed-zstd.parquet"), ["image_id", column]));
  expect(error.code).toBe("data");
  expect(error.message).toMatch(
    new RegExp(`mixed-zstd\\.parquet, column ${column} must hold one value a row; got lists\\. Lists are not read`),
  );
});

test("decimals are refused by name: a binary number would have other digits", async () => {
  const error = await refusal(() => readParquet(join(FOLDER, "decimals.parquet"), ["c0"]));
  expect(error.message).toMatch(/decimals\.parquet, column c0 must hold no decimals; got DECIMAL\. Cast the column/);
});

test("a dictionary may hold words that no row of its group has", async () => {
  const rows = await readParquet(join(FOLDER, "words-of-others.parquet"), ["c0"]);
  expect(rows.map((row) => row["c0"])).toEqual(["a", "b", "c", "a"]);
});

test("only the wanted columns are read", async () => {
  expect(await readParquet(join(FOLDER, "snappy-v1.parquet"), ["answer"])).toEqual(
    REFERENCE.answers.map((answer) => ({ answer })),
  );
});

test("a missing column, an unknown codec, a truncated and a foreign file are refused by name", async () => {
  const bytes = readFileSync(join(FOLDER, "snappy-v1.parquet"));
  const cases: [() => unknown, RegExp][] = [
    [() => parseParquet(bytes, "a.parquet", ["label"]), /a\.parquet must hold the column label; got image, question/],
    [() => readParquet(join(FOLDER, "lz4-v1.parquet"), COLUMNS), /column image\.bytes must be packed as one of .*LZ4/],
    [() => parseParquet(bytes.subarray(0, 900), "a.parquet", COLUMNS), /must begin and end with PAR1; got a truncated/],
    [() => parseParquet(Buffer.from("no parquet at all"), "a.parquet", COLUMNS), /must begin and end with PAR1/],
    [() => parseParquet(bytes, "a.parquet", COLUMNS, { maxRows: 3 }), /hold at most 3 rows; got 4/],
    [
      () => parseParquet(bytes, "a.parquet", COLUMNS, { maxBytes: 500 }),
      /unfold to at most 500 bytes; got \d+ declared/,
    ],
    [() => readParquet(join(FOLDER, "none.parquet"), COLUMNS), /must name a readable file/],
  ];
  for (const [run, wording] of cases) {
    const error = await refusal(run);
    expect(error.code).toBe("data");
    expect(error.message).toMatch(wording);
  }
});

test("a page whose bytes do not match their checksum is refused", async () => {
  const bytes = Buffer.from(readFileSync(join(FOLDER, "none-v1.parquet")));
  const at = bytes.indexOf("is it clear ?");
  bytes[at] = "I".charCodeAt(0);
  const error = await refusal(() => parseParquet(bytes, "a.parquet", COLUMNS));
  expect(error.message).toMatch(/column question must have sound pages; got a page that does not match its checksum/);
});
