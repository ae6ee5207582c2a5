import * as fc from "fast-check";
import { parseCsv } from "../../src/data/formats/csv";
import { parseParquet } from "../../src/data/formats/parquet";
import { differenceOf, formatOf } from "./format";

// ---- parquet -----------------------------------------------------------------------------------------------------------

const WHOLE = [8, 16, 32, 64].flatMap((bits) => [`int${bits}`, `uint${bits}`]);
/** What tables of labels, questions and pictures hold, more often than what they might. */
const COMMON = ["string", "string", "binary", "image", "image", "dictionary", "int64", "float64", "bool"];
const RARE = ["large_string", "string_view", "fixed", "float16", "float32", "date", "timestamp", "decimal", "list"];
const kind = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...COMMON) },
  { weight: 2, arbitrary: fc.constantFrom(...WHOLE, ...RARE) },
);

/** Encodings that only some types have. */
const ENCODINGS: Readonly<Record<string, readonly string[]>> = {
  DELTA_BINARY_PACKED: ["int32", "int64"],
  DELTA_LENGTH_BYTE_ARRAY: ["string", "binary"],
  DELTA_BYTE_ARRAY: ["string", "binary"],
  BYTE_STREAM_SPLIT: ["float32", "float64", "int32", "int64"],
  RLE: ["bool"],
};
const columns = fc.array(fc.record({ kind, nulls: fc.constantFrom(0, 0, 0.3, 1) }), { minLength: 1, maxLength: 3 });
const encoded = fc.constantFrom(...Object.entries(ENCODINGS)).chain(([encoding, kinds]) =>
  fc.record({
    encoding: fc.constant(encoding as string | null),
    columns: fc.array(fc.record({ kind: fc.constantFrom(...kinds), nulls: fc.constantFrom(0, 0.3) }), {
      minLength: 1,
      maxLength: 2,
    }),
  }),
);
const content = fc.oneof(
  { weight: 3, arbitrary: fc.record({ encoding: fc.constant(null as string | null), columns }) },
  { weight: 1, arbitrary: encoded },
);

const parquetSpecs = fc
  .tuple(
    content,
    fc.record({
      seed: fc.nat(2 ** 31),
      rows: fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constantFrom(60, 300)),
      nullable: fc.boolean(),
      codec: fc.constantFrom("none", "snappy", "gzip", "zstd", "brotli", "lz4"),
      pages: fc.constantFrom("1.0", "2.0"),
      version: fc.constantFrom("1.0", "2.4", "2.6"),
      checksums: fc.boolean(),
      dictionary: fc.boolean(),
      pageSize: fc.constantFrom(null, 64, 1024),
      bloom: fc.boolean(),
      group: fc.constantFrom(1, 3, 7, 1000),
      emptyGroup: fc.boolean(),
    }),
  )
  .map(([what, how]) => ({ ...what, ...how }));

/** As judge.py writes them: whole numbers as text, bytes as base64. */
function plain(value: unknown): unknown {
  if (value === undefined || value === null || typeof value === "boolean" || typeof value === "string")
    return value ?? null;
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString("base64") };
  if (typeof value === "bigint") return { whole: String(value) };
  if (typeof value === "number") return { number: value };
  if (value instanceof Date) return { date: value.toISOString() };
  return { fields: Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)])) };
}

/** What differs between a value as it was read here and as pyarrow reads it. */
function cellDifference(found: unknown, expected: unknown, place: string): string | null {
  const mine = plain(found) as Record<string, unknown> | string | boolean | null;
  if (typeof expected !== "object" || expected === null || typeof mine !== "object" || mine === null)
    return mine === expected ? null : `${place} is ${JSON.stringify(mine)}, expected ${JSON.stringify(expected)}`;
  const theirs = expected as Record<string, unknown>;
  if ("number" in mine) {
    const stated = Number(theirs["whole"] ?? theirs["real"] ?? theirs["other"]);
    const exact = "whole" in theirs ? String(mine["number"]) === theirs["whole"] : Object.is(mine["number"], stated);
    return exact ? null : `${place} is ${mine["number"]}, expected ${JSON.stringify(theirs)}`;
  }
  if ("date" in mine) {
    const stated = new Date(
      `${String(theirs["other"]).replace(" ", "T")}${/:/.test(String(theirs["other"])) ? "Z" : ""}`,
    );
    return stated.toISOString() === mine["date"] ? null : `${place} is ${mine["date"]}, expected ${theirs["other"]}`;
  }
  return differenceOf(mine, theirs, place);
}

interface Rows {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export const PARQUET = formatOf<{ readonly columns: readonly unknown[] }, Rows>({
  name: "parquet",
  specs: parquetSpecs,
  compare: async ({ spec, files, answer }) => {
    const names = spec.columns.map((_, i) => `c${i}`);
    const rows = await parseParquet(Uint8Array.from(files.get("a.parquet")!), "a.parquet", names);
    if (rows.length !== answer.rows.length) return `${rows.length} rows, expected ${answer.rows.length}`;
    for (const [r, row] of rows.entries())
      for (const name of names) {
        const difference = cellDifference(row[name], answer.rows[r]![name], `row ${r}, ${name}`);
        if (difference !== null) return difference;
      }
    return null;
  },
});

// ---- csv ---------------------------------------------------------------------------------------------------------------

const PIECES = [
  "",
  "a",
  "1",
  "0",
  "1.0",
  ",",
  '"',
  "\n",
  "\r\n",
  " ",
  "é",
  "日本",
  ";",
  "\t",
  "'",
  "=1+1",
  "\u2028",
  "x y",
];
const cell = fc.array(fc.constantFrom(...PIECES), { maxLength: 4 }).map((parts) => parts.join(""));
const csvSpecs = fc.integer({ min: 1, max: 4 }).chain((count) =>
  fc.record({
    columns: fc.constant(["image_id", "label", "age", "text, long"].slice(0, count)),
    rows: fc.array(fc.array(cell, { minLength: count, maxLength: count }), { maxLength: 6 }),
    quoting: fc.constantFrom("minimal", "all", "text"),
    lineEnd: fc.constantFrom("\n", "\r\n"),
    blankLines: fc.constantFrom(0, 0, 1, 2),
    lastLineEnd: fc.boolean(),
    mark: fc.boolean(),
  }),
);

export const CSV = formatOf<{ readonly columns: readonly string[] }, Rows>({
  name: "csv",
  specs: csvSpecs,
  compare: ({ spec, files, answer }) => {
    const rows = parseCsv(files.get("a.csv")!, "a.csv", spec.columns).map(({ fields }) => Object.fromEntries(fields));
    return differenceOf(rows, answer.rows, "rows");
  },
});
