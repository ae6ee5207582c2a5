/** Where in the text of a cell a table's column is meant: a string in a call of the table, the row in a function given to it. */

/** The columns of the tables that cells can name, by the way to each: `rows`, `study.rows`, `runs.0`. */
export type TableColumns = Readonly<Record<string, readonly string[]>>;

interface ColumnCompletion {
  /** Columns that begin with what is typed. */
  readonly columns: readonly string[];
  /** Where the typed beginning of the column starts. */
  readonly start: number;
}

/** The text before the cursor, as far as brackets and strings go; the inside of a regular expression is taken for code. */
interface Scan {
  readonly before: string;
  /** Places of the brackets that are open at the cursor, outermost first. */
  readonly open: readonly number[];
  /** Where each closed bracket was opened, by the place where it was closed. */
  readonly opened: ReadonlyMap<number, number>;
  /** Where the string around the cursor begins, after its quote; null: the cursor is in code. */
  readonly string: number | null;
}

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|(["'])(?:\\[\s\S]|(?!\1)[^\\\n])*(\1|\n|$)|`(?:\\[\s\S]|[^\\`])*(?:`|$)|[()[\]{}]/g;
const NAME = "[\\p{ID_Start}$_][\\p{ID_Continue}$]*";
const NAME_BEFORE = new RegExp(`${NAME}$`, "u");
const MEMBER_BEFORE = new RegExp(
  `(?<!\\.\\s*|[\\p{ID_Continue}$])(?<name>${NAME})\\s*\\??\\.\\s*(?<typed>[\\p{ID_Continue}$]*)$`,
  "u",
);
const IS_NAME = new RegExp(`^${NAME}$`, "u");

function scan(before: string): Scan {
  const open: number[] = [];
  const opened = new Map<number, number>();
  let string: number | null = null;
  for (const match of before.matchAll(TOKEN)) {
    const [text, quote, end] = match;
    if (quote !== undefined && end === "") string = match.index + 1;
    if (text.length > 1 || quote !== undefined) continue;
    if ("([{".includes(text)) open.push(match.index);
    else opened.set(match.index, open.pop() ?? 0);
  }
  return { before, open, opened, string };
}

/** What stands between brackets behind a value: a property by its name, else some element, for which the first is taken. */
function elementOf(inside: string): string {
  return /^\s*(["'])([^"'\\]*)\1\s*$/.exec(inside)?.[2] ?? /^\s*(\d+)\s*$/.exec(inside)?.[1] ?? "0";
}

/**
 * What a chain like `name.a[0].b(…).c` before a bracket goes through up to its first call: name, a, 0, b; null where it does not
 * begin with a name.
 */
function wayBefore({ before, opened }: Scan, place: number): readonly string[] | null {
  let way: string[] = [];
  for (let at = place; ; ) {
    const text = before.slice(0, at).trimEnd();
    const opening = opened.get(text.length - 1);
    if (opening !== undefined) {
      // behind a call stands something else
      way = text.endsWith("]") ? [elementOf(before.slice(opening + 1, text.length - 1)), ...way] : [];
      at = opening;
      continue;
    }
    const name = NAME_BEFORE.exec(text)?.[0];
    if (name === undefined) return null;
    way = [name, ...way];
    const rest = text.slice(0, -name.length).trimEnd();
    if (!rest.endsWith(".")) return way;
    at = rest.endsWith("?.") ? rest.length - 2 : rest.length - 1;
  }
}

/** Whether an arrow function in this text has a parameter of this name in the first place. */
function isRow(name: string, text: string): boolean {
  const exact = name.replaceAll("$", "\\$");
  return new RegExp(`(?<![\\p{ID_Continue}$.])(?:${exact}|\\(\\s*${exact}\\b[^()]*\\))\\s*=>`, "u").test(text);
}

/** The columns of a name that is the row of a function: those of the table that the function is given to. */
function rowColumns(name: string, within: number, scanned: Scan, tables: TableColumns): readonly string[] | null {
  for (const place of scanned.open.slice(0, within).reverse()) {
    const table = tableAt(place, scanned, tables);
    if (table !== null && isRow(name, scanned.before.slice(place))) return table;
  }
  return null;
}

function tableAt(place: number, scanned: Scan, tables: TableColumns): readonly string[] | null {
  const way = wayBefore(scanned, place) ?? [];
  for (let count = way.length; count > 0; count--) {
    const key = way.slice(0, count).join(".");
    if (Object.hasOwn(tables, key)) return tables[key]!;
  }
  return null;
}

function inString(scanned: Scan, tables: TableColumns): readonly string[] | null {
  for (let i = scanned.open.length - 1; i >= 0; i--) {
    const place = scanned.open[i]!;
    const way = scanned.before[place] === "{" ? null : wayBefore(scanned, place);
    if (way === null) continue;
    const found = tableAt(place, scanned, tables) ?? rowColumns(way[0]!, i, scanned, tables);
    if (found !== null) return found;
  }
  return null;
}

/**
 * The columns that may stand at the cursor: inside of a string in a call of a table or of what follows from it (`table.get("`,
 * `table.filter(…).select(["`, `frame["`), and as a member of the row in a function given to one (`table.filter((d) => d.`).
 *
 * @param offset place of the cursor in `code`, in UTF-16 units.
 * @returns null where no column is meant, or none begins so.
 */
export function completeColumn(code: string, offset: number, tables: TableColumns): ColumnCompletion | null {
  const scanned = scan(code.slice(0, offset));
  const member = scanned.string === null ? MEMBER_BEFORE.exec(scanned.before)?.groups : undefined;
  if (scanned.string === null && member === undefined) return null;
  const found = member
    ? rowColumns(member["name"]!, scanned.open.length, scanned, tables)?.filter((column) => IS_NAME.test(column))
    : inString(scanned, tables);
  const start = scanned.string ?? offset - member!["typed"]!.length;
  const typed = scanned.before.slice(start).toLowerCase();
  const columns = found?.filter((column) => column.toLowerCase().startsWith(typed)) ?? [];
  return columns.length === 0 ? null : { columns, start };
}
