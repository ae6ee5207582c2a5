import type { BoardLine } from "../analysis/findings";
import type { Measurement } from "../analysis/measurement";
import { percent, points } from "../figures/text";
import { type BoardRow, countVerdicts, unitOf } from "../frames/board";

// The board of findings in words, for the terminal and for pages; and how numbers and tables are written there.

/** A table as Markdown. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(header), `|${"---|".repeat(header.length)}`, ...rows.map(line)].join("\n");
}

/** A share with its interval, of which nothing below 0 or above 100 % is told: Student's over seeds does not know that shares end there. */
export const withInterval = ({ value, low, high }: Pick<Measurement, "value" | "low" | "high">): string =>
  `${percent(value)} (${percent(Math.max(0, low))} to ${percent(Math.min(1, high))})`;
export const difference = ({ value, low, high }: Pick<Measurement, "value" | "low" | "high">): string =>
  `${points(value)} (${points(low)} to ${points(high)})`;

/** The board as text for a terminal: three lines a claim at most. */
export function boardText(rows: readonly BoardRow[]): string {
  const lines = rows.flatMap((row) => {
    const { n, seeds, report } = row;
    const asked =
      n === null ? "" : `; ${n.toLocaleString("en-US")} questions, ${seeds} ${seeds === 1 ? "seed" : "seeds"}`;
    const published = publishedText(row) === "–" ? "" : `; published ${publishedText(row)}`;
    const here =
      row.value === null ? `needs the report ${report}` : `${report}: ${estimateText(row)} ${row.unit}${asked}`;
    const elsewhere = row.elsewhere === "" ? [] : [`    elsewhere reproduced: ${row.elsewhere}`];
    return [`${row.says}: ${verdictText(row).replaceAll("**", "")}`, `    ${here}${published}`, ...elsewhere];
  });
  const scale = "Replica scale; drawn worlds unless a report says real. 95 % intervals over seeds and questions.";
  return [...lines, "", `${countVerdicts(rows)}. ${scale}`].join("\n");
}

/** The board as Markdown: a line a claim. */
export function boardMarkdown(rows: readonly BoardRow[]): string {
  const lines = rows.map((row) => [
    row.says,
    estimateText(row),
    publishedText(row),
    row.n === null ? "–" : `${row.n.toLocaleString("en-US")} (${row.seeds})`,
    verdictText(row),
    row.elsewhere === "" ? "–" : row.elsewhere,
  ]);
  const header = ["claim", "here (95 %)", "published", "questions (seeds)", "verdict", "elsewhere reproduced"];
  return markdownTable(header, lines);
}

/** How many claims have which verdict, and which are not reproduced: short enough for a first screen, however many there are. */
export function verdictsMarkdown(rows: readonly BoardRow[]): string {
  const said = (["contradicted", "inconclusive"] as const).flatMap((verdict) => {
    const own = rows.filter((row) => row.verdict === verdict);
    const names = own.map(({ claim, because }) => {
      return `*${claim.replaceAll("-", " ")}*${because === "" ? "" : ` (${because})`}`;
    });
    return own.length === 0 ? [] : [` ${verdict.charAt(0).toUpperCase()}${verdict.slice(1)}: ${names.join(", ")}.`];
  });
  return `Of ${rows.length} claims of the paper ${countVerdicts(rows)}.${said.join("")} Replica scale, drawn worlds.`;
}

/** "+4.4 (+2.7 to +5.9)": points of a difference, per cent of a share; a dash where it was not run. */
export function estimateText({ unit, value, low, high }: Pick<BoardRow, "unit" | "value" | "low" | "high">): string {
  if (value === null || low === null || high === null) return "–";
  if (low === high && unit === "points") return "0, identical";
  if (low === high) return percent(value);
  return unit === "points" ? difference({ value, low, high }) : withInterval({ value, low, high });
}

/** "+2 to +3", as the paper prints it; a dash where it prints nothing. */
export function publishedText({ unit, publishedLow: low, publishedHigh: high }: BoardRow): string {
  if (low === null || high === null) return "–";
  const write = (share: number): string => {
    const text = percent(Math.abs(share), 0);
    return unit === "per cent" || text === "0" ? text : `${share < 0 ? "−" : "+"}${text}`;
  };
  return low === high ? write(low) : `${write(low)} to ${write(high)}`;
}

/** The verdict, why it is none, and what would have shown. */
export function verdictText({
  verdict,
  because,
  smallest,
}: Pick<BoardRow, "verdict" | "because" | "smallest">): string {
  if (because === "" || smallest === null) return verdict === "reproduced" ? "**reproduced**" : verdict;
  const least = points(smallest).slice(1);
  return `${verdict}: ${because}; ${least} points would show`;
}

/** Reports that ask the same of a reader each. */
const READERS: Readonly<Record<string, string>> = {
  casebook: "Qwen2-VL, vision trained",
  vision: "Qwen2-VL, vision frozen",
  pixtral: "Pixtral, vision trained",
};

/** The claims that another reader, or another way to train it, was asked too: a line a claim, a column a reader. */
export function readersMarkdown(board: readonly BoardLine[]): string {
  const lines = board.flatMap(({ claim, finding, elsewhere }) => {
    const found = [finding, ...elsewhere].flatMap((each) => each ?? []);
    const own = Object.keys(READERS).map((report) => found.find((each) => each.report === report));
    if (own.slice(1).every((each) => each === undefined)) return [];
    const cells = own.map((each) => {
      return each === undefined
        ? "–"
        : `${estimateText({ ...each, unit: unitOf(claim) })}: ${verdictText({ ...each, because: each.because ?? "" })}`;
    });
    return [[claim.says, ...cells]];
  });
  if (lines.length === 0) return "*Not run yet: `npm run results -- vision pixtral`.*";
  return markdownTable(["claim", ...Object.values(READERS)], lines);
}
