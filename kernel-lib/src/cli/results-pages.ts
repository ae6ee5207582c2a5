import { readFileSync } from "node:fs";
import { join } from "node:path";
import { answerRows } from "../analysis/evaluation";
import { testOf } from "../analysis/findings";
import type { Measurement } from "../analysis/measurement";
import type { SweepMeasure, SweepRow } from "../analysis/sweep";
import { sweepCorrelation } from "../analysis/sweep";
import { DataError } from "../base/errors";
import {
  hasResults,
  loadResults,
  loadSweep,
  type ReportedRow,
  type ResultsManifest,
  type ResultsTable,
  type SweepTable,
  storedBoard,
  storedSweeps,
} from "../experiments/stored-results";
import { percent, points } from "../figures/text";
import { boardRows } from "../frames/board";
import { aboutMetric } from "../metrics/known-metrics";
import { holm, intervalTest } from "../metrics/paired-tests";
import { writeFileAtomic } from "../store/files";
import { BASELINE_SYSTEM, FULL_SYSTEM, predictionName, SYSTEMS } from "../systems/systems";
import {
  boardMarkdown,
  difference,
  markdownTable,
  readersMarkdown,
  verdictsMarkdown,
  withInterval,
} from "./board-text";

// Tables in pages, drawn from data/results: between <!-- results: NAME --> and <!-- /results --> stands what the stored table says.

/** Pages with such tables. */
export const RESULT_PAGES: readonly string[] = ["README.md", "docs/results.md"];

const BLOCK = /<!-- results: ([a-z0-9-]+) -->\n[\s\S]*?<!-- \/results -->/g;

type Draw = (name: string) => string;

/** A page with each of its tables drawn. @throws DataError for a table's start without its end. */
export function withResults(page: string, text: string, draw: Draw = drawStored): string {
  const starts = text.match(/<!-- results: /g)?.length ?? 0;
  if (starts !== (text.match(BLOCK)?.length ?? 0)) {
    throw new DataError(
      `results: ${page} must end each "<!-- results: NAME -->" with "<!-- /results -->"; one does not.`,
      { page },
    );
  }
  return text.replaceAll(
    BLOCK,
    (_block, name: string) => `<!-- results: ${name} -->\n${draw(name)}\n<!-- /results -->`,
  );
}

/** Brings the pages up to date. @returns those that changed. */
export function writePages(root: string): string[] {
  return RESULT_PAGES.filter((page) => {
    const file = join(root, page);
    const before = readFileSync(file, "utf8");
    const after = withResults(page, before);
    if (after === before) return false;
    writeFileAtomic(file, after);
    return true;
  });
}

/** The stored table of a report, or that there is none yet; or the board of findings, or its sum. */
function drawStored(name: string): string {
  if (name === "findings") return boardMarkdown(boardRows(storedBoard()));
  if (name === "readers") return readersMarkdown(storedBoard());
  if (name === "verdicts") return verdictsMarkdown(boardRows(storedBoard()));
  if (name === "sweep" && storedSweeps().length > 0) return sweepMarkdown(loadSweep());
  const analysis = ANALYSES[name];
  if (analysis !== undefined) {
    const [report, write] = analysis;
    return hasResults(report) ? write(loadResults(report).rows as readonly ReportedRow[]) : notRecorded(report);
  }
  return hasResults(name) ? resultsMarkdown(loadResults(name)) : `*Not run yet: \`npm run results -- ${name}\`.*`;
}

/** Tables of the analyses, by the name of their block, and the report that stores each. */
const ANALYSES: Readonly<Record<string, readonly [report: string, write: (rows: readonly ReportedRow[]) => string]>> = {
  pairs: ["casebook", pairsTable],
  outcomes: ["casebook", outcomesTable],
  lists: ["casebook", listsTable],
  weights: ["casebook", weightsTable],
  trust: ["trust", trustTable],
  candidates: ["comparators", candidatesTable],
};
const notRecorded = (report: string): string => `*Not recorded yet: \`npm run results -- ${report}\`.*`;
/** What bold differences are. */
const AFTER_HOLM = "Bold differences are not zero after Holm's correction over those of the table (p < 0.05).";
const NOT_RECORDED = notRecorded("casebook");
const NOT_MEASURED = "–";

type Wanted = Partial<Pick<ReportedRow, "system" | "baseline" | "metric" | "subset">>;

/** What the table says of a value, a dash where it says nothing. */
function cell(rows: readonly ReportedRow[], wanted: Wanted, write: Write<ReportedRow>): string {
  const asked = Object.entries({ baseline: null, ...wanted });
  const row = rows.find((each) => asked.every(([name, value]) => each[name as keyof ReportedRow] === value));
  return row === undefined ? NOT_MEASURED : write(row);
}

/** What the reader does with a pair: a line for each kind. */
function pairsTable(rows: readonly ReportedRow[]): string {
  const subset = "one pair";
  const kinds = distinct(rows.flatMap((row) => (row.subset === subset ? [row.system] : [])));
  if (kinds.length === 0) return NOT_RECORDED;
  const [metric, baseline] = ["accuracy", "retrieved pair"];
  const paired = rows.filter((row) => row.subset === subset && row.metric === metric && row.baseline === baseline);
  const write = differencesOf(paired, "student");
  const lines = kinds.map((system) => [
    system,
    cell(rows, { system, subset, metric }, withInterval),
    cell(paired, { system, baseline }, write),
    cell(rows, { system, subset, metric: "likelihood" }, ({ value }) => value.toFixed(3).replace("-", "−")),
    cell(rows, { system, subset, metric: "followsCaption" }, withInterval),
  ]);
  return markdownTable(
    ["read with", "accuracy", "over the retrieved pair, paired", "log-likelihood", "follows the caption"],
    lines,
  );
}

/** Where answers go wrong: a line for each outcome. */
function outcomesTable(rows: readonly ReportedRow[]): string {
  const subsets = distinct(rows.flatMap((row) => (row.metric === "outcome" && row.value > 0 ? [row.subset] : [])));
  if (subsets.length === 0) return NOT_RECORDED;
  const of = (system: string, subset: string): string =>
    cell(rows, { system, subset, metric: "outcome" }, withInterval);
  const mended = (subset: string): string =>
    cell(rows, { system: FULL_SYSTEM, metric: "flow", subset: `${subset} → right` }, withInterval);
  const lines = subsets.map((subset) => [subset, of(BASELINE_SYSTEM, subset), of(FULL_SYSTEM, subset), mended(subset)]);
  return markdownTable(["outcome", labelOf(BASELINE_SYSTEM), labelOf(FULL_SYSTEM), "right afterwards"], lines);
}

/** What training changed in the lists: a line for each head and trait. */
function listsTable(rows: readonly ReportedRow[]): string {
  const of = { metric: "agreement", system: FULL_SYSTEM } as const;
  const paired = rows.filter((row) => row.metric === of.metric && row.baseline === BASELINE_SYSTEM);
  if (paired.length === 0) return NOT_RECORDED;
  const write = differencesOf(paired, "student");
  const lines = paired.map((row) => [
    row.subset.includes(",") ? row.subset : `${row.subset}, diagnosis`,
    cell(rows, { ...of, system: BASELINE_SYSTEM, subset: row.subset }, withInterval),
    cell(rows, { ...of, subset: row.subset }, withInterval),
    write(row),
    cell(rows, { ...of, system: BASELINE_SYSTEM, subset: `${row.subset}, went` }, withInterval),
    cell(rows, { ...of, subset: `${row.subset}, came in` }, withInterval),
  ]);
  return markdownTable(
    ["passages that share", "before", "after", "difference, paired", "of those that went", "of those that came in"],
    lines,
  );
}

/** Whom the reader trusts: a line for each relation of the two pictures. */
function trustTable(rows: readonly ReportedRow[]): string {
  const subsets = distinct(rows.flatMap((row) => (row.metric === "trust" ? [row.subset] : [])));
  if (subsets.length === 0) return notRecorded("trust");
  const gaps = rows.filter((row) => row.metric === "trustGap" && row.system === BASELINE_SYSTEM);
  const write = differencesOf(gaps, "student");
  const lines = subsets.map((subset) => [
    subset,
    ...["trust", "followsCaption"].map((metric) =>
      cell(rows, { subset, metric, system: BASELINE_SYSTEM }, withInterval),
    ),
    cell(gaps, { subset }, write),
  ]);
  return markdownTable(
    ["picture of the pair", "trust", "answers that follow the caption", "less than in the same pattern"],
    lines,
  );
}

/** How uneven fusion is: a line for each temperature. */
function weightsTable(rows: readonly ReportedRow[]): string {
  const subsets = distinct(rows.flatMap((row) => (row.metric === "largestWeight" ? [row.subset] : [])));
  if (subsets.length === 0) return NOT_RECORDED;
  const lines = subsets.map((subset) => [
    subset.replace("temperature ", ""),
    cell(rows, { subset, metric: "largestWeight" }, withInterval),
    cell(rows, { subset, metric: "equalWeight" }, ({ value }) => percent(value)),
    cell(rows, { subset, metric: "sameAsEqual" }, withInterval),
  ]);
  return markdownTable(["temperature", "largest weight", "equal weight", "answers as with equal weights"], lines);
}

/** The oracle by number of candidates and by head, beside chance; then the rules that pick one reading. */
function candidatesTable(rows: readonly ReportedRow[]): string {
  const parts = distinct(rows.flatMap((row) => (row.metric === "chanceOracle" ? [row.subset] : [])));
  if (parts.length === 0) return notRecorded("comparators");
  const of = (metric: string, subset: string): string => cell(rows, { metric, subset }, withInterval);
  const levels = parts.map((part) => [
    part,
    ...["accuracy", "oracle", "chanceOracle"].map((metric) => of(metric, part)),
  ]);
  const picks = distinct(rows.flatMap((row) => (row.metric === "picked" ? [row.subset] : [])));
  const rules = distinct(picks.map((subset) => subset.split(", ").at(-1)!));
  const picked = parts
    .filter((part) => picks.some((subset) => subset.startsWith(`${part}, `)))
    .map((part) => [
      ...[part, of("accuracy", part)],
      ...rules.map((rule) => of("picked", `${part}, ${rule}`)),
      of("oracle", part),
    ]);
  const first = markdownTable(["passages of each head", "model (fused)", "oracle", "as many guesses"], levels);
  return `${first}\n\n${markdownTable(["passages of each head", "model (fused)", ...rules, "oracle"], picked)}`;
}

/** Of systems of others: each against FT RAG and JOMED, and what it costs. A column of which nothing was measured is left out. */
function comparedTable(rows: readonly ReportedRow[]): string {
  const own = answerRows(rows, { baseline: null });
  const [metric] = distinct(own.map((row) => row.metric));
  const paired = rows.filter((row) => row.subset === "all" && row.metric === metric && row.baseline !== null);
  const over = paired.filter((row) => row.baseline === BASELINE_SYSTEM);
  const under = paired.filter((row) => row.system === FULL_SYSTEM);
  const write = differencesOf([...over, ...under]);
  const lines = distinct(own.map(({ system }) => system)).map((system) => {
    const cost = (name: string, show: Write<ReportedRow>): string => cell(rows, { system, metric: name }, show);
    return [
      ...[labelOf(system), cell(own, { system, metric: metric! }, withInterval)],
      cell(over, { system, baseline: BASELINE_SYSTEM }, write),
      cell(under, { system: FULL_SYSTEM, baseline: system }, write),
      cost("trainedShare", ({ value }) => percent(value)),
      cost("trainingPasses", count),
      cost("answeringPasses", ({ value, n, seeds }) => ((value * seeds) / n).toFixed(1)),
      cost("trainingSeconds", count),
    ];
  });
  const header = [
    ...["system", aboutMetric(metric!).label, "over FT RAG, paired", "JOMED over it, paired"],
    ...["trained share of the weights", "prompts read to train", "to answer, each question", "seconds of training"],
  ];
  const isMeasured = (column: number): boolean => lines.some((line) => line[column] !== NOT_MEASURED);
  const measured = <T>(cells: readonly T[]): T[] => cells.filter((_, column) => isMeasured(column));
  return markdownTable(measured(header), lines.map(measured));
}

const count = ({ value }: Pick<Measurement, "value">): string => Math.round(value).toLocaleString("en-US");

/** A report as Markdown: a line on where it comes from, its table of systems, and those of the analyses that it names. */
export function resultsMarkdown({ manifest, rows }: ResultsTable): string {
  if (manifest.kind === "sweep") return sweepMarkdown({ manifests: [manifest], rows: rows as readonly SweepRow[] });
  const reported = rows as readonly ReportedRow[];
  const systems = systemTables(manifest, reported);
  const analyses = (manifest.analyses ?? []).flatMap((name) => ANALYSES[name]?.[1](reported) ?? []);
  const over = [
    ...(systems.length > 0 ? ["over seeds and questions"] : []),
    ...(analyses.length > 0 ? [systems.length > 0 ? "of analyses over seeds" : "over seeds"] : []),
  ];
  const about = `Replica scale, ${originOf(manifest)}, per cent, 95 % intervals ${over.join(", ")} (${madeOf(manifest)}). ${AFTER_HOLM}`;
  return [about, ...systems, ...analyses].join("\n\n");
}

/** Of a report beside another that names its analyses, no table of systems unless there is a difference or a cost to show. */
function systemTables({ tasks, beside, analyses }: ResultsManifest, rows: readonly ReportedRow[]): string[] {
  if (beside === undefined) return [tablesOf(tasks)(rows)];
  const isCompared = rows.some(({ subset, baseline }) => subset === "all" && baseline !== null);
  return analyses === undefined || analyses.includes("costs") || isCompared ? [comparedTable(rows)] : [];
}

const originOf = ({ source, seeds }: ResultsManifest): string =>
  `${source === "real" ? "real data" : "phantom"}, ${seeds.length > 1 ? "seeds" : "seed"} ${seeds.join(", ")}`;

const madeOf = ({ madeAt, code }: ResultsManifest): string =>
  `${madeAt.slice(0, 10)}${code.commit === null ? "" : `, commit ${code.commit.slice(0, 8)}`}`;

const tablesOf = (tasks: readonly string[]) => (tasks.length === 1 ? systemsTable : tasksTable);

type Paired = Pick<Measurement, "value" | "low" | "high" | "seeds"> & Partial<Pick<Measurement, "gained" | "lost">>;
type Write<T> = (row: T) => string;

/**
 * Writes the differences of one table; those that are not zero after Holm's correction over all of them are bold.
 *
 * @param kind of their intervals: by bootstrap over seeds and questions, or Student's over seeds.
 */
function differencesOf<T extends Paired>(rows: readonly T[], kind: "bootstrap" | "student" = "bootstrap"): Write<T> {
  const pValues = rows.map((row) =>
    kind === "student" ? intervalTest(row, 0, row.seeds, kind) : testOf(row, { above: 0 }),
  );
  const adjusted = holm(pValues);
  const sure = new Set<T>(rows.filter((_, i) => adjusted[i]! < 0.05));
  return (row) => {
    if (row.value === 0 && row.low === 0 && row.high === 0) return "0, identical";
    return sure.has(row) ? `**${points(row.value)}** (${points(row.low)} to ${points(row.high)})` : difference(row);
  };
}

/** What a system is called in tables. */
function labelOf(name: string): string {
  return SYSTEMS.find((system) => predictionName(system) === name)?.label ?? name;
}

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];

/** Of one task: a line for each system, with what it gains over FT RAG. */
function systemsTable(rows: readonly ReportedRow[]): string {
  const own = answerRows(rows, { baseline: null });
  const metrics = distinct(own.map(({ metric }) => metric));
  const [first] = metrics;
  const columns = [
    ["all", first!],
    ["inconsistent", "accuracy"],
    ["consistent", "accuracy"],
  ] as const;
  const paired = rows.filter((row) => row.baseline === BASELINE_SYSTEM);
  const shown = columns.flatMap(([subset, metric]) =>
    paired.filter((row) => row.subset === subset && row.metric === metric),
  );
  const write = differencesOf(shown);
  const lines = distinct(own.map(({ system }) => system)).map((system) => [
    labelOf(system),
    ...metrics.map((metric) => cell(own, { system, metric }, withInterval)),
    ...columns.map(([subset, metric]) => cell(shown, { system, subset, metric, baseline: BASELINE_SYSTEM }, write)),
  ]);
  const share = rows.find((row) => row.metric === "inconsistency" && row.system === BASELINE_SYSTEM);
  const note =
    share === undefined
      ? ""
      : `\n\n${percent(share.value)} % of the ${share.n.toLocaleString("en-US")} questions are inconsistent under FT RAG.`;
  const header = [
    "system",
    ...metrics.map((metric) => aboutMetric(metric).label),
    "over FT RAG, paired",
    "on inconsistent questions",
    "on the others",
  ];
  return `${markdownTable(header, lines)}${note}`;
}

/** Of several tasks: a line for each metric of each, a column for each system. */
function tasksTable(rows: readonly ReportedRow[]): string {
  const own = answerRows(rows, { baseline: null });
  const systems = distinct(own.map(({ system }) => system));
  const last = systems.includes("jomed") ? "jomed" : systems.at(-1)!;
  const names = distinct(own.map(({ task, metric }) => JSON.stringify([task, metric])));
  const gains = answerRows(rows, { systems: [last] }).filter((row) => row.baseline !== null);
  const write = differencesOf(gains);
  const lines = names.map((name) => {
    const [task, metric] = JSON.parse(name) as [string, string];
    const ofLine = rows.filter((row) => row.task === task && row.metric === metric && row.subset === "all");
    const values = systems.map((system) => {
      const row = ofLine.find((each) => each.system === system && each.baseline === null);
      return row === undefined ? NOT_MEASURED : percent(row.value);
    });
    const gain = gains.find((each) => each.task === task && each.metric === metric);
    const n = ofLine[0]!.n.toLocaleString("en-US");
    return [
      `${task} (${n})`,
      aboutMetric(metric as ReportedRow["metric"]).label,
      ...values,
      gain === undefined ? NOT_MEASURED : write(gain),
    ];
  });
  return markdownTable(
    ["task (questions)", "metric", ...systems.map(labelOf), `${labelOf(last)} over FT RAG, paired`],
    lines,
  );
}

/** A sweep as Markdown, of one report or of several in one table: then each line names its report. */
export function sweepMarkdown({ manifests, rows }: SweepTable): string {
  const [first, ...others] = manifests;
  const intervals = "per cent, 95 % intervals over seeds and questions";
  const about =
    others.length === 0
      ? `${originOf(first!)}, ${intervals} (${madeOf(first!)})`
      : `${intervals}: ${manifests.map((each) => `${each.name} (${originOf(each)}, ${madeOf(each)})`).join("; ")}`;
  return `Replica scale, ${about}. ${AFTER_HOLM}\n\n${sweepTable({ manifests, rows })}`;
}

const SWEEP_HEADER: readonly string[] = [
  ...["knowledge", "visibility", "pull", "closed-book", "FT RAG", "JOMED"],
  ...["FT RAG over closed-book", "predicted", "JOMED over FT RAG", "predicted"],
  ...["inconsistent", "same pattern, before → after", "readings that follow a swapped caption"],
];

/** A line for each setting. */
function sweepTable({ manifests, rows }: SweepTable): string {
  const gains = rows.filter(({ measure }) => measure === "ragGain" || measure === "gain");
  const write = differencesOf(gains as readonly (SweepRow & Paired)[]);
  const lines = distinct(rows.map(({ task }) => task)).map((task) => {
    const find = (measure: SweepMeasure) => rows.find((row) => row.task === task && row.measure === measure)!;
    const { knowledge, visibility, pull } = find("gain");
    const value = (measure: SweepMeasure): string => percent(find(measure).value);
    const interval = (measure: SweepMeasure): string => write(find(measure) as SweepRow & Paired);
    const [before, after] = [value("sameBefore"), value("sameAfter")];
    return [
      ...[String(knowledge), String(visibility), String(pull), value("closedBook"), value("ftRag"), value("jomed")],
      ...[
        interval("ragGain"),
        points(find("predictedRagGain").value),
        interval("gain"),
        points(find("predictedGain").value),
      ],
      ...[
        value("inconsistent"),
        `${before} → ${after}`,
        find("believed") === undefined ? NOT_MEASURED : value("believed"),
      ],
      ...(manifests.length > 1 ? [manifests.find(({ tasks }) => tasks.includes(task))!.name] : []),
    ];
  });
  const header = manifests.length > 1 ? [...SWEEP_HEADER, "report"] : SWEEP_HEADER;
  const note = lines.length < 4 ? "" : `\n\n${correlations(rows)}`;
  return `${markdownTable(header, lines)}${note}`;
}

function correlations(rows: readonly SweepRow[]): string {
  const say = (measure: "gain" | "ragGain", what: string): string => {
    const { value, low, high } = sweepCorrelation(rows, measure);
    return `${what} ${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
  };
  return `Correlation of predicted and measured gains over the settings: ${say("ragGain", "of retrieval")}, ${say("gain", "of training the retriever")}.`;
}
