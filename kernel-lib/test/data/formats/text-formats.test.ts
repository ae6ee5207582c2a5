import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { csvFlag, csvText, formatCsv, parseCsv, readCsv } from "../../../src/data/formats/csv";
import { optionalText, parseJsonRows, readJsonRows, textField } from "../../../src/data/formats/text-file";
import { refusal } from "../helpers";

const csv = (text: string) => parseCsv(Buffer.from(text), "a.csv", ["id", "text"]);
const json = (text: string) => parseJsonRows(Buffer.from(text), "a.json");

test("parseCsv reads quotes, commas, line ends and blank lines by RFC 4180", () => {
  const rows = csv('\uFEFFid,text\r\n1,"a, ""b""\nc"\r\n\r\n2,\n');
  expect(rows.map(({ fields }) => [...fields.values()])).toEqual([
    ["1", 'a, "b"\nc'],
    ["2", ""],
  ]);
  expect(rows.map(({ place }) => place)).toEqual(["a.csv, line 2", "a.csv, line 5"]);
});

test("an empty field in quotes is a row of a table of one column; an empty line is none", () => {
  const rows = parseCsv(Buffer.from('text\n""\n\n"a"\n""\n'), "a.csv", ["text"]);
  expect(rows.map(({ place, fields }) => [place, fields.get("text")])).toEqual([
    ["a.csv, line 2", ""],
    ["a.csv, line 4", "a"],
    ["a.csv, line 5", ""],
  ]);
});

test("formatCsv reads back", () => {
  const rows = [
    ["1", 'a "quoted", text'],
    ["2", "two\nlines"],
  ];
  expect(csv(formatCsv(["id", "text"], rows)).map(({ fields }) => [...fields.values()])).toEqual(rows);
});

test.each([
  ["", /header must hold id, text; got an empty file/],
  ["id\n1", /header must hold text; got id/],
  ["id,text,id\n", /header must name each column once/],
  ["id,text\n1\n", /line 2 must have 2 fields; got 1/],
  ["id,text\n1,2,3\n", /line 2 must have 2 fields; got 3/],
  ['id,text\n1,"open\n', /line 2 must close its quotes/],
  ['id,text\n1,"a"b\n', /line 2 must quote whole fields only; got "b/],
  ["id,text\n1,a\rb\n", /line 2 must quote whole fields only/],
  ["id,text\n1,\0\n", /a\.csv must be UTF-8 text/],
])("parseCsv refuses unsound text (%#)", async (text, wording) => {
  const error = await refusal(() => csv(text));
  expect(error.code).toBe("data");
  expect(error.message).toMatch(wording);
});

test("csvFlag takes 0 and 1 as writers have them, and nothing else", async () => {
  const rows = csv("id,text\n0,1.0\n1,yes\n,2\n");
  expect([csvFlag(rows[0]!, "id"), csvFlag(rows[0]!, "text"), csvFlag(rows[1]!, "id")]).toEqual([0, 1, 1]);
  expect((await refusal(() => csvFlag(rows[1]!, "text"))).message).toMatch(
    /line 3, column text must be 0 or 1; got "yes"/,
  );
  expect((await refusal(() => csvText(rows[2]!, "id"))).message).toMatch(/line 4, column id must not be empty/);
});

test("JSON rows hold texts and numbers; anything else is refused by row and field", async () => {
  const [row] = json('[{"a": " x ", "b": 4, "c": null, "d": ["e"], "__proto__": "own"}]');
  expect([textField(row!, "a"), textField(row!, "b"), optionalText(row!, "c")]).toEqual(["x", "4", null]);
  expect(textField(row!, "__proto__")).toBe("own");
  const cases: [string, RegExp][] = [
    ["d", /a\.json, row 0, field d must be a text that is not empty; got \["e"\]/],
    ["toString", /field toString must be a text .*got no such field/],
  ];
  for (const [field, wording] of cases) expect((await refusal(() => textField(row!, field))).message).toMatch(wording);
});

test.each([
  ["", /a\.json must be sound JSON/],
  ['[{"a": NaN}]', /JSON knows no NaN or Infinity, which Python writes: write null/],
  ['{"a": 1}\n{"a": 2}\n', /One object a line \(JSON Lines\) is not read here: write one list/],
  ['[{"a": 1},]', /JSON knows no comma before a closing bracket/],
  ['[{"a": "x, ]"}', /Download the file again/],
  ['{"a": 1}', /must hold a list of objects; got one object/],
  ["[1]", /a\.json, row 0 must be an object; got number/],
  [`${"[".repeat(200_000)}`, /must be sound JSON/],
])("parseJsonRows refuses what is no list of objects (%#)", async (text, wording) => {
  expect((await refusal(() => json(text))).message).toMatch(wording);
});

test("missing and too large files are refused before they are read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "text-"));
  try {
    writeFileSync(join(folder, "a.csv"), "id,text\n1,2\n");
    expect(await readCsv(join(folder, "a.csv"), ["id"])).toHaveLength(1);
    expect((await refusal(() => readCsv(join(folder, "a.csv"), ["id"], { maxBytes: 3 }))).message).toMatch(/at most 3/);
    expect((await refusal(() => readJsonRows(join(folder, "b.json")))).message).toMatch(/must name a readable file/);
    expect((await refusal(() => readJsonRows(folder))).message).toMatch(/got no file/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
