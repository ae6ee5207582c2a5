import { DataError } from "../base/errors";
import type { Figure } from "../base/types";
import { type Dot, dotTrace, type Share, systemLines } from "./dot-plot";
import { accuracyDifference, accuracyOn, isInconsistent, readPredictions, type SystemPredictions } from "./predictions";
import { focusOf } from "./results";
import { type Table, textIn } from "./rows";
import { percent, points } from "./text";
import { composeFigure, type FigureContext, percentAxis } from "./theme";

export interface InconsistencyOptions extends FigureContext {
  /**
   * The system whose readings say which queries are inconsistent; every system is then judged on the same queries.
   * Default: "ft-rag" where present, else the first system with several readings.
   */
  readonly reference?: string | undefined;
}

/** One system's accuracies on the two groups of queries. */
interface Split {
  readonly entry: SystemPredictions;
  readonly consistent: Share | null;
  readonly inconsistent: Share | null;
}

const LINE_HEIGHT = 72;

/**
 * Share of queries whose candidates give different answers, and who answers those queries right.
 *
 * Paper: arXiv 2508.17394v3, inconsistent retrieval predictions. Rows: predictions frame (system, exampleId, correct,
 * numReadings, distinctLabels, optional group). Intervals: bootstrap over groups, 95 %.
 *
 * @throws DataError when rows are missing, lack a column, or no system has several readings.
 */
export function inconsistencyFigure(rows: Table, options: InconsistencyOptions = {}): Figure {
  const { systems, context } = readPredictions("inconsistencyFigure: rows", rows);
  const reference = referenceOf(systems, options.reference);
  const disagreeing = new Set(reference.rows.filter(isInconsistent).map((row) => textIn(row, "exampleId")));
  const agreeing = new Set(reference.rows.map((row) => textIn(row, "exampleId")).filter((id) => !disagreeing.has(id)));
  const splits = systems.map((entry) => ({
    entry,
    consistent: accuracyOn(entry, agreeing),
    inconsistent: accuracyOn(entry, disagreeing),
  }));
  const { lines, colors, labels } = systemLines(systems.map((entry) => entry.system));
  const dots = (part: "consistent" | "inconsistent", y: number): Dot[] =>
    splits.flatMap((split, line) => {
      const share = split[part];
      return share === null ? [] : [{ ...share, y: line + y, color: colors[line]!, name: `${labels[line]}, ${part}` }];
    });
  const shares = systems.flatMap((entry, line) =>
    entry.inconsistent === null
      ? []
      : [{ ...entry.inconsistent, y: line + 0.06, color: colors[line]!, name: labels[line]! }],
  );
  const under = labels[systems.indexOf(reference)]!;
  return composeFigure({
    traces: [
      dotTrace(shares, { fill: "filled", panel: 1 }),
      dotTrace(dots("consistent", 0.15), { fill: "hollow", panel: 2, textPosition: "bottom center", size: 10 }),
      dotTrace(dots("inconsistent", -0.13), { fill: "filled", panel: 2 }),
    ],
    layout: {
      xaxis: {
        domain: [0, 0.4],
        ...percentAxis([0, ...systems.map((entry) => entry.inconsistent?.high)]),
        title: { text: "Queries whose candidates disagree (%)" },
      },
      xaxis2: {
        domain: [0.46, 1],
        anchor: "y2",
        ...percentAxis(splits.flatMap((split) => boundsOf(split))),
        title: { text: "Right answers (%)" },
      },
      yaxis: lines.axis,
      yaxis2: { ...lines.axis, anchor: "x2", showticklabels: false },
      shapes: lines.bands,
    },
    bodyHeight: LINE_HEIGHT * systems.length + 66,
    margin: { l: lines.marginLeft, b: 56 },
    title: titleOf(splits, labels, under, disagreeing),
    caption: captionOf(splits, labels, under),
    note: `right: filled = the ${disagreeing.size} queries inconsistent under ${under}, hollow = the ${agreeing.size} others`,
    context: { ...context, ...options },
  });
}

function referenceOf(systems: readonly SystemPredictions[], asked: string | undefined): SystemPredictions {
  const read = systems.filter((entry) => entry.inconsistent !== null);
  const names = read.map((entry) => entry.system);
  const wanted = asked ?? (read.length === 0 ? undefined : focusOf(names).baseline);
  const found = read.find((entry) => entry.system === wanted);
  if (found !== undefined) return found;
  throw new DataError(
    `inconsistencyFigure: reference must be a system with several readings per query (${names.join(", ") || "none is there"}); ` +
      `got ${asked ?? "none"}. Add such a system to the rows.`,
    { asked, systems: names },
  );
}

function boundsOf(split: Split): (number | undefined)[] {
  return [split.consistent, split.inconsistent].flatMap((share) => [share?.low, share?.high]);
}

function titleOf(
  splits: readonly Split[],
  labels: readonly string[],
  under: string,
  disagreeing: ReadonlySet<string>,
): string {
  if (disagreeing.size === 0)
    return `No query is inconsistent: under ${under} all candidates of a query give one answer`;
  const names = splits.map((split) => split.entry.system);
  const { focus, baseline } = focusOf(names);
  const [first, second] = [splits[names.indexOf(focus)]!, splits[names.indexOf(baseline)]!];
  const of = disagreeing.size + (splits[0]!.consistent?.n ?? 0);
  const start = `On the ${percent(disagreeing.size / of)} % of queries where candidates disagree,`;
  const label = labels[names.indexOf(focus)]!;
  const value = `${percent(first.inconsistent!.value)} %`;
  if (focus === baseline) return `${start} ${label} is right for ${value}`;
  const other = labels[names.indexOf(baseline)]!;
  const difference = accuracyDifference(first.entry, second.entry, disagreeing);
  if (points(difference.value) === "0.0") return `${start} ${label} and ${other} do equally well (${value})`;
  const much = `${points(Math.abs(difference.value)).slice(1)} points ${difference.value > 0 ? "more" : "less"}`;
  const doubt = difference.low <= 0 && difference.high >= 0 ? ", which may be chance" : "";
  return `${start} ${label} is right for ${value}, ${much} than ${other}${doubt}`;
}

function captionOf(splits: readonly Split[], labels: readonly string[], under: string): string {
  const text = (share: Share | null): string => (share === null ? "none" : `${percent(share.value)} % of ${share.n}`);
  const parts = splits.map(
    ({ entry, consistent, inconsistent }, line) =>
      `${labels[line]}: ${entry.inconsistent === null ? "one reading" : `${percent(entry.inconsistent.value)} % inconsistent`}, ` +
      `right on consistent ${text(consistent)}, on inconsistent ${text(inconsistent)}`,
  );
  return (
    `${parts.join("; ")}. ` +
    `The groups are those of ${under}, which is at its worst on its own inconsistent queries: compare gains with a control.`
  );
}
