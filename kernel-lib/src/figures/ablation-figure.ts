import type { Figure } from "../base/types";
import { metricLabel } from "../metrics/known-metrics";
import { FULL_SYSTEM } from "../systems/systems";
import { type DotLines, dotTrace, systemLines, systemStyles } from "./dot-plot";
import { contextOf, type Result, readResults, rowsOf, type Table } from "./tables";
import { escapeText, joinWords, points } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, note, type Trace } from "./theme";

export interface AblationOptions extends FigureContext {
  /** The system the differences are taken to. Default: the rows' column `baseline`, else the full one. */
  readonly full?: string | undefined;
  /** Which metric of the rows. Default: the first. */
  readonly metric?: string | undefined;
  /** By variant: which other gives the very same answers, as `ablate` tells. Said in place of a number. Default none. */
  readonly identical?: Readonly<Record<string, string>> | undefined;
}

const LINE_HEIGHT = 50;

/**
 * What is lost without each part: difference of every variant to the full system, with paired 95 % intervals.
 *
 * Paper: arXiv 2508.17394v3, ablations. Rows: results frame (system, metric, value, low, high …) where `value`, `low` and `high`
 * are variant minus full system, as shares of 1. A filled mark: the interval leaves out zero.
 *
 * @throws DataError when rows are missing or lack a column.
 */
export function ablationFigure(rows: Table, options: AblationOptions = {}): Figure {
  const all = rowsOf("ablationFigure: rows", rows, ["system", "metric", "value"]);
  const results = readResults("ablationFigure: rows", all);
  const metric = options.metric ?? results[0]!.metric;
  const full = options.full === undefined ? baselineOf(results) : labelOf(options.full);
  const { identical = {} } = options;
  const shown = results.filter((entry) => entry.metric === metric);
  const { lines, colors, labels } = systemLines(shown.map((entry) => entry.system));
  const sides = shown.map(sideOf);
  const trace = (fill: "filled" | "hollow"): Trace => {
    const picked = shown.flatMap((_, line) => ((sides[line] === "open") === (fill === "hollow") ? [line] : []));
    const dots = picked.map((line) => ({
      ...shown[line]!,
      y: line + 0.08,
      color: colors[line]!,
      name: labels[line]!,
      text: textOf(shown[line]!, identical[shown[line]!.system]),
    }));
    return { ...dotTrace(dots, { fill, panel: 1, unit: "points" }), textfont: { size: 12, color: COLORS.ink } };
  };
  return composeFigure({
    traces: [trace("filled"), trace("hollow")],
    layout: {
      xaxis: {
        range: rangeOf(shown),
        title: { text: escapeText(`${metricLabel(metric)}: difference to ${full} (points)`) },
      },
      yaxis: lines.axis,
      shapes: [...lines.bands, zeroLine(lines)],
      annotations: sideNotes(full),
    },
    bodyHeight: LINE_HEIGHT * shown.length + 66,
    margin: { l: lines.marginLeft, b: 56, t: 34 },
    title: titleOf(shown, labels, full),
    caption: shown
      .map((entry, line) => `${labels[line]} ${textOf(entry, identical[entry.system])}${interval(entry)}`)
      .join("; "),
    note: "paired 95 % intervals; filled: zero lies outside",
    context: { ...contextOf(all), ...options },
  });
}

/** What a bar to the left and to the right of zero means. */
function sideNotes(full: string): Layout[] {
  const at = { x: 0, xref: "x", y: 1, yanchor: "bottom" };
  return [
    note(escapeText(`worse than ${full}`), { ...at, xanchor: "right", xshift: -8 }),
    note(escapeText(`better than ${full}`), { ...at, xanchor: "left", xshift: 8 }),
  ];
}

function baselineOf(results: readonly Result[]): string {
  const names = [...new Set(results.map(({ baseline }) => baseline ?? FULL_SYSTEM))];
  return labelOf(names.length === 1 ? names[0]! : FULL_SYSTEM);
}

/** A system's label; other names as they are. */
function labelOf(name: string): string {
  return systemStyles([name]).get(name)!.label;
}

/** The difference in points, and whose very answers these are where another variant has given them. */
function textOf(entry: Result, same: string | undefined): string {
  return same === undefined ? points(entry.value) : `${points(entry.value)}, identical answers to ${labelOf(same)}`;
}

type Side = "worse" | "better" | "open";

/** Which side of zero the whole interval lies on; "open" when zero is inside or no interval is known. */
function sideOf(entry: Result): Side {
  if (entry.low === null || entry.high === null) return "open";
  if (entry.high < 0) return "worse";
  return entry.low > 0 ? "better" : "open";
}

function interval(entry: Result): string {
  return entry.low === null || entry.high === null ? "" : ` [${points(entry.low)}, ${points(entry.high)}]`;
}

function rangeOf(shown: readonly Result[]): [number, number] {
  const all = shown.flatMap((entry) => [entry.value, entry.low ?? 0, entry.high ?? 0, 0]).map((share) => 100 * share);
  const air = Math.max(1.5, 0.15 * (Math.max(...all) - Math.min(...all)));
  // both sides keep room for the words "worse" and "better" above them
  const reach = Math.max(...all.map(Math.abs));
  return [Math.min(...all, -0.35 * reach) - air, Math.max(...all, 0.35 * reach) + air];
}

function zeroLine(lines: DotLines): Layout {
  const y1 = lines.labels.length - 0.5;
  return { type: "line", x0: 0, x1: 0, y0: -0.5, y1, line: { color: COLORS.ink, width: 1 }, layer: "below" };
}

function titleOf(shown: readonly Result[], labels: readonly string[], full: string): string {
  const named = (side: Side): string[] => labels.filter((_, line) => sideOf(shown[line]!) === side);
  const worse = named("worse");
  const better = named("better");
  const open = named("open");
  const are = (names: readonly string[]): string => (names.length > 1 ? "are" : "is");
  const list = (names: readonly string[]): string => (names.length > 3 ? `${names.length} variants` : joinWords(names));
  if (worse.length + better.length === 0) {
    return `No variant differs from ${full} by more than chance allows (${open.length} compared)`;
  }
  const parts: string[] = [];
  if (worse.length > 0) parts.push(`${list(worse)} ${are(worse)} clearly worse than ${full}`);
  if (better.length > 0) parts.push(`${list(better)} ${are(better)} clearly better than ${full}`);
  if (open.length > 0) parts.push(`no clear difference for ${list(open)}`);
  return parts.join("; ");
}
