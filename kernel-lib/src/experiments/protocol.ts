import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assertKnownKeys } from "../base/check";
import { ConfigError, DataError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import type { DataSource } from "../base/types";
import type { CasebookOptions, CasebookVariant } from "../phantoms/casebook/dials";
import { casebookName } from "../phantoms/casebook/names";
import { BASELINE_SYSTEM, FULL_SYSTEM } from "../systems/systems";
import { type GridOptions, resolveGrid } from "./grid/options";
import type { ProfileName } from "./run";

// What was decided before the reported runs, in one file: data/protocol.json. Seeds that somebody looked at to choose something are
// development seeds, and no reported number comes from them.

/** Something that was chosen: a dial, a recipe, and why. */
export interface Choice {
  readonly name: string;
  /** Dials, steps, rates …, by name. */
  readonly value: Readonly<Record<string, unknown>>;
  readonly reason: string;
  /** Development seeds that were looked at; none: chosen without looking. */
  readonly chosenOn: readonly number[];
  /** What was looked at. */
  readonly lookedAt: string;
  /** When it was settled, as 2026-11-30; null: it is not yet, and no report that needs it may run. */
  readonly date: string | null;
}

/** Settings of one world, each dial with the values it takes: all their combinations. */
export interface SweepPlan {
  readonly variant: CasebookVariant;
  /** What is left out stays standard. */
  readonly dials: Readonly<Partial<Record<"knowledge" | "visibility" | "pull" | "alike", readonly number[]>>>;
  /** Of every world. Default standard. */
  readonly sizes?: NonNullable<CasebookOptions["sizes"]>;
}

/**
 * What a report of one task may store besides values and differences, each with the systems that have to answer for it. Named as their tables in
 * docs/results.md; `costs` are columns of the table of systems of others. How each is measured: report-analysis.ts.
 */
export const ANALYSES = {
  pairs: [BASELINE_SYSTEM],
  outcomes: [BASELINE_SYSTEM, FULL_SYSTEM],
  lists: [BASELINE_SYSTEM, FULL_SYSTEM],
  weights: [FULL_SYSTEM],
  trust: [BASELINE_SYSTEM],
  candidates: [BASELINE_SYSTEM, FULL_SYSTEM],
  costs: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type AnalysisName = keyof typeof ANALYSES;

/** Of a report that names none: by itself, and beside another. */
const USUAL_ANALYSES = {
  alone: ["pairs", "outcomes", "lists", "weights", "trust"],
  beside: ["candidates", "costs"],
} as const satisfies Readonly<Record<string, readonly AnalysisName[]>>;

/** Runs whose numbers are reported, as data/results/<name>.json. */
export interface ReportPlan {
  /** Lower-case words joined by "-". */
  readonly name: string;
  readonly what: string;
  /** Names of choices that it rests on. */
  readonly needs: readonly string[];
  readonly source: DataSource;
  readonly profile: ProfileName;
  /** Searched for every task; default the one drawn for each. */
  readonly corpus?: string;
  /** Either these, or a sweep: all combinations of one plan, or those of several together. */
  readonly tasks?: readonly string[];
  readonly sweep?: SweepPlan | readonly SweepPlan[];
  readonly backbones: readonly string[];
  readonly seeds: readonly number[];
  readonly systems: readonly string[];
  /** A report on the same tasks, readers and seeds, whose stages it shares: what that one says of its systems is not said again. */
  readonly beside?: string;
  /** Analyses that it stores, of its one task. Default what `analysesOf` says. */
  readonly analyses?: readonly AnalysisName[];
}

/** The content of data/protocol.json. */
export interface Protocol {
  /** Seeds that were looked at to choose something, and for what. */
  readonly development: readonly { readonly seeds: readonly number[]; readonly what: string; readonly since: string }[];
  /** Seeds that are kept for reported runs, and what is known of them. */
  readonly fresh: { readonly seeds: readonly number[]; readonly what: string; readonly since: string };
  readonly choices: readonly Choice[];
  readonly reports: readonly ReportPlan[];
}

/** Where the protocol lies. */
export const protocolFile = (): string => join(repositoryRoot(), "data", "protocol.json");

/**
 * Reads the protocol and checks it.
 *
 * @param file default data/protocol.json.
 * @throws DataError when it is missing, malformed, or contradicts itself: a fresh seed that was looked at, a choice made on a seed that is no
 * development seed, a report that needs what nobody chose. ConfigError when a report has unknown names, or seeds that are not fresh.
 */
export function loadProtocol(file: string = protocolFile()): Protocol {
  return parseProtocol(readText(file), file);
}

/** Digest of the protocol as it stands, for manifests. */
export function protocolDigest(file: string = protocolFile()): string {
  return createHash("sha256").update(readText(file)).digest("hex");
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new DataError(`loadProtocol: ${file} must be readable. Restore it with git.`, { file }, cause);
  }
}

const DATE = /^20\d\d-\d\d-\d\d$/;
const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Says which part of which file breaks which rule. */
type Refuse = (rule: string, got: unknown) => DataError;

/** Reads what a protocol's text says. @throws as loadProtocol. */
export function parseProtocol(text: string, file: string): Protocol {
  const refuse: Refuse = (rule, got) =>
    new DataError(`loadProtocol: ${file} must ${rule}; got ${JSON.stringify(got)}.`, { file, rule, got });
  let found: Protocol;
  try {
    found = JSON.parse(text) as Protocol;
  } catch (cause) {
    throw new DataError(`loadProtocol: ${file} must hold JSON. Restore it with git.`, { file }, cause);
  }
  const lists = [found.development, found.fresh?.seeds, found.choices, found.reports];
  if (!lists.every(Array.isArray))
    throw refuse("hold development, fresh.seeds, choices and reports", Object.keys(found));
  checkSeeds(found, refuse);
  for (const choice of found.choices) checkChoice(choice, found, refuse);
  for (const report of found.reports) checkReport(report, found, refuse);
  return found;
}

function checkSeeds({ development, fresh }: Protocol, refuse: Refuse): void {
  for (const { seeds, what, since } of [...development, fresh]) {
    const isWhole = (seed: unknown): boolean => Number.isSafeInteger(seed) && (seed as number) >= 0;
    if (!Array.isArray(seeds) || seeds.length === 0 || !seeds.every(isWhole))
      throw refuse("list seeds as whole numbers", seeds);
    if (typeof what !== "string" || what === "") throw refuse("say what seeds were for", what);
    if (!DATE.test(since)) throw refuse("date its seeds as 2026-11-30", since);
  }
  const looked = developmentSeeds({ development });
  const both = fresh.seeds.filter((seed) => looked.has(seed));
  if (both.length > 0) throw refuse("keep fresh seeds out of development", both);
}

function checkChoice(choice: Choice, { development }: Protocol, refuse: Refuse): void {
  const { name, value, reason, chosenOn, lookedAt, date } = choice;
  const texts = [name, reason, lookedAt].every((text) => typeof text === "string" && text !== "");
  if (!texts || typeof value !== "object" || value === null || !Array.isArray(chosenOn))
    throw refuse("give each choice name, value, reason, chosenOn and lookedAt", choice);
  if (date !== null && !DATE.test(date)) throw refuse(`date the choice ${name} as 2026-11-30, or null`, date);
  const looked = developmentSeeds({ development });
  const hidden = chosenOn.filter((seed) => !looked.has(seed));
  if (hidden.length > 0) throw refuse(`choose ${name} on development seeds`, hidden);
}

const REPORT_KEYS: readonly (keyof ReportPlan)[] = [
  "name",
  "what",
  "needs",
  "source",
  "profile",
  "corpus",
  "tasks",
  "sweep",
  "backbones",
  "seeds",
  "systems",
  "beside",
  "analyses",
];

function checkReport(report: ReportPlan, protocol: Protocol, refuse: Refuse): void {
  assertKnownKeys("loadProtocol: a report", report, REPORT_KEYS);
  const { name, needs, tasks, sweep, beside } = report;
  if (typeof name !== "string" || !NAME.test(name))
    throw refuse('name reports in lower-case words joined by "-"', name);
  if ((tasks === undefined) === (sweep === undefined))
    throw refuse(`give the report ${name} either tasks or a sweep`, tasks);
  const chosen = protocol.choices.map((choice) => choice.name);
  const missing = (needs ?? [null]).filter((need) => !chosen.includes(need as string));
  if (missing.length > 0) throw refuse(`rest the report ${name} on its choices (${chosen.join(", ")})`, missing);
  if (beside !== undefined && !isBeside(report, protocol))
    throw refuse(`put the report ${name} beside one on the same tasks, readers and seeds`, beside);
  assertFresh(protocol, report.seeds, `loadProtocol: report ${name}`);
  const { systems } = resolveGrid(gridOf(report)); // refuses unknown names
  if (report.analyses !== undefined) checkAnalyses(report, systems, refuse);
}

function checkAnalyses({ name, analyses, tasks }: ReportPlan, systems: readonly string[], refuse: Refuse): void {
  const known = Object.keys(ANALYSES);
  const isList = Array.isArray(analyses) && analyses.length > 0 && new Set(analyses).size === analyses.length;
  if (!isList || !analyses.every((each) => known.includes(each)))
    throw refuse(`name the analyses of the report ${name}, each once, among ${known.join(", ")}`, analyses);
  if (tasks?.length !== 1) throw refuse(`give the report ${name} one task, since it names analyses`, tasks ?? null);
  for (const analysis of analyses as readonly AnalysisName[]) {
    const missing = ANALYSES[analysis].filter((system) => !systems.includes(system));
    if (missing.length > 0)
      throw refuse(`ask ${missing.join(" and ")} in the report ${name}, for its analysis ${analysis}`, systems);
  }
}

/** Whether the other report asks all that this one asks, of other systems. */
function isBeside({ beside, ...report }: ReportPlan, { reports }: Protocol): boolean {
  const other = reports.find(({ name }) => name === beside);
  if (other === undefined || other.name === report.name) return false;
  const within = <T>(some: readonly T[] = [], all: readonly T[] = []): boolean =>
    some.every((one) => all.includes(one));
  return (
    within(report.tasks, other.tasks) &&
    within(report.seeds, other.seeds) &&
    within(report.backbones, other.backbones) &&
    [report.source, report.profile, report.corpus].join() === [other.source, other.profile, other.corpus].join()
  );
}

/**
 * The analyses that a report stores: those it names. One that names none stores the usual ones, where it is of one task and asks FT RAG and
 * JOMED: by itself all that are about answers and lists, beside another the oracle by number of candidates and what each system costs.
 */
export function analysesOf({ analyses, tasks, systems, beside }: ReportPlan): readonly AnalysisName[] {
  if (analyses !== undefined) return analyses;
  const hasBoth = [BASELINE_SYSTEM, FULL_SYSTEM].every((system) => systems.includes(system));
  return tasks?.length === 1 && hasBoth ? USUAL_ANALYSES[beside === undefined ? "alone" : "beside"] : [];
}

/** Every seed that was looked at to choose something. */
export function developmentSeeds({ development }: Pick<Protocol, "development">): Set<number> {
  return new Set(development.flatMap(({ seeds }) => seeds));
}

/**
 * Refuses to report numbers of seeds that were used to choose, or that nobody set aside.
 *
 * @param where who asks, for the error.
 * @throws ConfigError that names the seeds and what they were used for.
 */
export function assertFresh(
  protocol: Pick<Protocol, "development" | "fresh">,
  seeds: readonly number[],
  where: string,
): void {
  for (const seed of seeds) {
    const use = protocol.development.find((each) => each.seeds.includes(seed));
    if (use !== undefined) {
      throw new ConfigError(
        `${where}: seeds must not have been used to choose; got ${seed} (${use.what}). Report fresh seeds: ${protocol.fresh.seeds.join(", ")}.`,
        { seed, usedFor: use.what, fresh: protocol.fresh.seeds },
      );
    }
    if (protocol.fresh.seeds.includes(seed)) continue;
    throw new ConfigError(
      `${where}: seeds must be set aside in data/protocol.json before they are run; got ${seed}. Report fresh seeds: ${protocol.fresh.seeds.join(", ")}.`,
      { seed, fresh: protocol.fresh.seeds },
    );
  }
}

/** The report of this name. @throws ConfigError that lists the known ones. */
export function reportOf({ reports }: Protocol, name: string): ReportPlan {
  const found = reports.find((report) => report.name === name);
  if (found !== undefined) return found;
  const known = reports.map((report) => report.name);
  throw new ConfigError(`results: the report must be one of ${known.join(", ")}; got "${name}".`, { name, known });
}

/**
 * Refuses a report that rests on something that is not settled.
 *
 * @throws ConfigError that names the open choices.
 */
export function assertSettled({ choices }: Protocol, { name, needs }: ReportPlan): void {
  const open = choices
    .filter((choice) => needs.includes(choice.name) && choice.date === null)
    .map((choice) => choice.name);
  if (open.length === 0) return;
  throw new ConfigError(
    `results: ${open.join(", ")} must be settled in data/protocol.json before ${name} is run. Fill in its value and date.`,
    { name, open },
  );
}

/** The grid that a report asks for; with other seeds for a trial. */
export function gridOf(report: ReportPlan, seeds: readonly number[] = report.seeds): GridOptions {
  const { source, profile, corpus, tasks, sweep, backbones, systems } = report;
  return {
    ...{ source, profile, backbones, seeds, systems },
    tasks: tasks ?? sweepTasks(sweep!),
    ...(corpus === undefined ? {} : { corpus }),
  };
}

/** The names of a sweep's settings, each once; the last dial of a plan turns fastest. */
export function sweepTasks(sweep: SweepPlan | readonly SweepPlan[]): string[] {
  const plans: readonly SweepPlan[] = "variant" in sweep ? [sweep] : sweep;
  return [...new Set(plans.flatMap(settingsOf))];
}

function settingsOf({ variant, dials, sizes = {} }: SweepPlan): string[] {
  const settings = Object.entries(dials).reduce<CasebookOptions[]>(
    (all, [dial, values]) => all.flatMap((setting) => values.map((value) => ({ ...setting, [dial]: value }))),
    [{}],
  );
  return settings.map((setting) => casebookName(variant, { ...setting, sizes }));
}
