import { describe, expect, it } from "vitest";
import { completeColumn } from "../../../src/kernel/serve/columns";

const tables = {
  rows: ["task", "seed", "score", "odd name"],
  other$: ["x"],
  "study.rows": ["inner"],
  "study.parts.0": ["first"],
  "study.parts.2": ["third"],
  "study.odd name": ["odd"],
};

/** The columns offered at the bar "|". */
function offered(text: string): string | null {
  const at = text.indexOf("|");
  const found = completeColumn(text.replace("|", ""), at, tables);
  return found === null ? null : found.columns.join(",");
}
const ALL = "task,seed,score,odd name";
const NAMES = "task,seed,score";

describe("a table's columns are offered", () => {
  it.each([
    ['rows.get("|', ALL],
    ['rows.get("|", 0)', ALL],
    ["rows.select('s|", "seed,score"],
    ['rows.select("task", "S|")', "seed,score"],
    ['rows.select(["task", "o|', "odd name"],
    ['rows.select("odd n|', "odd name"],
    ['rows["t|', "task"],
    ['rows?.get("t|', "task"],
    ['const a = (1);\nrows\n  .filter((d) => d.seed > 1)\n  .orderby("|', ALL],
    ['other$.array("|', "x"],
    ["// it's\nrows.get(\"t|", "task"],
  ])("in a string: %j", (text, columns) => {
    expect(offered(text)).toBe(columns);
  });

  it.each([
    ["rows.filter(d => d.|", NAMES],
    ["rows.filter((d) => d.sc|", "score"],
    ["rows.derive({ twice: (row, $) => 2 * row.s|", "seed,score"],
    ["rows.derive({ a: (d) => { return d.|", NAMES],
    ["rows.groupby('task').rollup({ m: (d) => op.mean(d.|) })", NAMES],
    ["rows.derive({ a: aq.escape((d) => f(d.task, d.|", NAMES],
    ['rows.filter((d) => d["o|', "odd name"],
  ])("of the row of a function: %j", (text, columns) => {
    expect(offered(text)).toBe(columns);
  });

  it.each([
    ['study.rows.groupby("|', "inner"],
    ["study?.rows\n  .filter((d) => d.|", "inner"],
    ['study["rows"].get("|', "inner"],
    ['study["odd name"].get("|', "odd"],
    ['study.parts[2].get("|', "third"],
    ['study.parts[i].get("|', "first"],
    ['study.parts[0].filter((d) => d.x).select(["|', "first"],
    ['f(study.rows.get("|', "inner"],
  ])("of a table inside of others: %j", (text, columns) => {
    expect(offered(text)).toBe(columns);
  });

  it.each([
    'study.get("|',
    'study.parts.get("|',
    'study.parts[1].get("|',
    'study().rows.get("|',
    'other.study.rows.get("|',
    'other.get("|',
    'log("|',
    '"|',
    "rows.|",
    "d.|",
    "list.map((d) => d.|",
    "rows.filter((d) => e.|",
    "rows.filter((d) => a.d.|",
    "rows.filter((d) => d.x|",
    'rows.get("a"); log("|',
    'my.rows.get("|',
    'toString.get("|',
    "rows.get(`|",
    '// rows.get("|',
  ])("and nowhere else: %j", (text) => {
    expect(offered(text)).toBeNull();
  });

  it("with the place where the typed part begins", () => {
    expect(completeColumn('rows.get("sc', 12, tables)).toEqual({ columns: ["score"], start: 10 });
    expect(completeColumn("rows.filter(d => d.sc > 1)", 21, tables)).toEqual({ columns: ["score"], start: 19 });
  });
});
