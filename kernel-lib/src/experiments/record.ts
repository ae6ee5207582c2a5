import { claimedPairs } from "../analysis/claims";
import { answerRows } from "../analysis/evaluation";
import { measureEvidence } from "../analysis/evidence";
import type { Measurement } from "../analysis/measurement";
import { measureOverSeeds } from "../analysis/over-seeds";
import { measureSweep, type SweepCell, type SweepRow } from "../analysis/sweep";
import { listOf, measureTold } from "../analysis/theory";
import { isOneLabel } from "../answers/forms";
import { assertNotInterrupted } from "../base/check";
import { ConfigError, StateError } from "../base/errors";
import type { Control, Prediction } from "../base/types";
import { artifactPlace, codeVersion, findArtifact } from "../store/artifact";
import { BASELINE_SYSTEM, FULL_SYSTEM, predictionName, SYSTEMS, systemOf } from "../systems/systems";
import { checkpointFor } from "./checkpoint-folder";
import { type GridPlan, type PlannedStage, planGrid } from "./grid/plan";
import { openWorld } from "./grid/session";
import { readerRecipe } from "./grid/sizes";
import { openTask } from "./open-task";
import { profileOf } from "./profiles";
import {
  type AnalysisName,
  analysesOf,
  assertFresh,
  assertSettled,
  gridOf,
  type Protocol,
  protocolDigest,
  type ReportPlan,
} from "./protocol";
import { type AnalysedSeed, analyseSeeds } from "./report-analysis";
import { openRun, type Run } from "./run";
import { buildIndex } from "./stages/corpus-index";
import { expect } from "./stages/expectations";
import { readPredictions } from "./stages/predictions";
import type { StageFacts } from "./stages/stage";
import { digestOf, type ReportedRow, type ResultsTable } from "./stored-results";

/** What a report is made with besides the protocol. */
export interface RecordOptions {
  /** Other seeds than the report's: a trial. */
  readonly seeds?: readonly number[];
  readonly artifactsDir?: string;
  readonly dataDir?: string;
  /** Folder with the encoder and the readers. Default data/checkpoints. */
  readonly checkpointsDir?: string;
  readonly control?: Control;
}

/**
 * Refuses a report that must not be run: on seeds that were used to choose, or resting on what is not settled. A trial on other seeds may
 * be run, and says so.
 *
 * @throws ConfigError that names the seeds or the open choices.
 */
export function assertReportable(protocol: Protocol, report: ReportPlan): void {
  assertSettled(protocol, report);
  assertFresh(protocol, report.seeds, `results: report ${report.name}`);
}

/**
 * Refuses a trial on seeds that are kept for reported runs: they would be looked at.
 *
 * @throws ConfigError that names them.
 */
export function assertTrial({ fresh }: Pick<Protocol, "fresh">, seeds: readonly number[]): void {
  const looked = seeds.filter((seed) => fresh.seeds.includes(seed));
  if (looked.length === 0) return;
  throw new ConfigError(
    `results: a trial must not use fresh seeds; got ${looked.join(", ")}. Try development seeds, or run the report without --seeds.`,
    { seeds: looked },
  );
}

/** The options of a report's grid. */
export function recordGrid(report: ReportPlan, { seeds, artifactsDir, dataDir, checkpointsDir }: RecordOptions) {
  return {
    ...gridOf(report, seeds),
    ...(artifactsDir === undefined ? {} : { artifactsDir }),
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(checkpointsDir === undefined ? {} : { checkpointsDir }),
  };
}

/**
 * Makes the table of a report from what its grid has stored; nothing is trained. Of a sweep, what is known of its worlds before any training is
 * measured too, and kept.
 *
 * @throws ConfigError as assertReportable, unless other seeds are named. StateError when a prediction is missing. InterruptedError on abort.
 */
export async function recordReport(
  protocol: Protocol,
  report: ReportPlan,
  options: RecordOptions = {},
): Promise<ResultsTable> {
  const { control = {}, seeds } = options;
  if (seeds === undefined) assertReportable(protocol, report);
  else assertTrial(protocol, seeds);
  const plan = await planGrid(recordGrid(report, options), { control });
  const stored = storedPredictions(report.name, plan);
  const open = (seed: number): Promise<Run> => openRunOf(plan, seed, control);
  const told = namesIn(protocol.reports.find(({ name }) => name === report.beside));
  const rows =
    report.sweep === undefined
      ? await systemRows(plan, { report, stored, open, told })
      : await sweepRows(plan, stored, open);
  const { tasks: _tasks, sweep, ...asked } = report;
  const run = await open(plan.settings.seeds[0]!);
  const { commit, node, platform } = await codeVersion();
  return {
    manifest: {
      ...asked,
      seeds: plan.settings.seeds,
      tasks: plan.settings.tasks,
      kind: sweep === undefined ? "systems" : "sweep",
      status: seeds === undefined ? "reported" : "trial",
      madeAt: new Date().toISOString(),
      code: { commit, node, platform },
      backend: run.backend.backend,
      models: await modelsOf(run, plan),
      protocol: protocolDigest(),
      predictions: digestOf([...stored.values()].map(({ key }) => key).sort()),
      rows: digestOf(rows),
    },
    rows,
  };
}

type Stored = ReadonlyMap<string, PlannedStage & { readonly key: string }>;

/** The stages that answer the plan's cells, all of them there. */
function storedPredictions(name: string, { cells, stages, leftOut }: GridPlan): Stored {
  const asked = new Set(cells.map(({ stage }) => stage));
  const answers = stages.filter(({ id }) => asked.has(id));
  const missing = answers.filter(({ state, key }) => state === "missing" || key === null).map(({ id }) => id);
  if (missing.length === 0 && leftOut.length === 0)
    return new Map(answers.map((stage) => [stage.id, { ...stage, key: stage.key! }]));
  const what =
    missing.length > 0
      ? `${missing.length} are missing (${missing[0]} …)`
      : `${leftOut[0]!.system} cannot answer ${leftOut[0]!.task}`;
  throw new StateError(
    `results: all predictions of ${name} must be stored; ${what}. Run \`npm run results -- ${name}\` to its end.`,
    { name, missing },
  );
}

async function openRunOf({ settings }: GridPlan, seed: number, control: Control): Promise<Run> {
  const { profile, source, artifactsDir, dataDir } = settings;
  return openRun({ profile, source, artifactsDir, dataDir, seed, control });
}

type OpenRun = (seed: number) => Promise<Run>;
type Group = { readonly task: string; readonly backbone: string; readonly seed: number };

/** The answers of all systems of one task, reader and seed. */
function answersOf({ settings, cells }: GridPlan, stored: Stored, { task, backbone, seed }: Group): Prediction[] {
  return cells
    .filter((cell) => cell.task === task && cell.backbone === backbone && cell.seed === seed)
    .flatMap((cell) => {
      const { key } = stored.get(cell.stage)!;
      return readPredictions(artifactPlace(settings.artifactsDir, "predictions", key).folder);
    });
}

/** How predictions name the systems of a report; none of no report. */
function namesIn(report: ReportPlan | undefined): ReadonlySet<string> {
  return new Set((report?.systems ?? []).map((name) => predictionName(systemOf("results: systems", name))));
}

/** Every difference that a claim names, and JOMED's to each system that stands for one of others. */
function comparedPairs(): (readonly [system: string, baseline: string])[] {
  const others = SYSTEMS.filter(({ kind }) => kind === "compared").map((system) => predictionName(system));
  const pairs = [...claimedPairs(), ...others.map((name) => [FULL_SYSTEM, name] as const)];
  return [...new Map(pairs.map((pair) => [pair.join(), pair])).values()];
}

interface SystemRows {
  readonly report: ReportPlan;
  readonly stored: Stored;
  readonly open: OpenRun;
  /** Systems of the report that this one stands beside. */
  readonly told: ReadonlySet<string>;
}

async function systemRows(plan: GridPlan, { report, stored, open, told }: SystemRows): Promise<ReportedRow[]> {
  const { tasks, backbones, seeds, corpus, profile } = plan.settings;
  const rows: ReportedRow[] = [];
  const { numDraws } = profileOf(profile);
  const { control } = await open(seeds[0]!);
  const total = tasks.length * backbones.length;
  let done = 0;
  for (const name of tasks) {
    for (const backbone of backbones) {
      const answers = [];
      const runs: AnalysedSeed[] = [];
      for (const seed of seeds) {
        const run = await open(seed);
        assertNotInterrupted("results", control.signal);
        const { task } = await openTask(run, name, corpus === null ? {} : { corpus });
        const predictions = answersOf(plan, stored, { task: name, backbone, seed });
        answers.push({ seed, task, predictions });
        runs.push({ run, predictions });
      }
      control.onProgress?.({ stage: "measuring tasks", done, total });
      const bootstrap = { numDraws };
      const analyses = analysesFor(report, answers[0]!.predictions);
      const measured = [
        ...measureOverSeeds(answers, { bootstrap, pairs: comparedPairs() }).filter((row) => isNew(row, told)),
        ...measureEvidence(answers, { bootstrap }).filter((row) => isNew(row, told)),
        ...(await analyseSeeds(plan, runs, { task: name, backbone, analyses })),
      ];
      rows.push(...measured.map((row) => ({ ...row, backbone })));
      control.onProgress?.({ stage: "measuring tasks", done: ++done, total });
    }
  }
  return rows;
}

/** Whether a row is of a system that the report beside it has not, or a system's plain value. */
function isNew(row: Measurement, told: ReadonlySet<string>): boolean {
  const { system, baseline } = row;
  const isPlain = answerRows([row], { baseline: null }).length > 0;
  return isPlain || !told.has(system) || (baseline !== null && !told.has(baseline));
}

/** A report's analyses. They are of questions with one label each: of others the usual ones are left out, and named ones refused. */
function analysesFor(report: ReportPlan, predictions: readonly Prediction[]): readonly AnalysisName[] {
  const analyses = analysesOf(report);
  const odd = predictions.find((prediction) => !isOneLabel(prediction));
  if (odd === undefined) return analyses;
  if (report.analyses === undefined) return [];
  throw new ConfigError(
    `results: the analyses of ${report.name} (${analyses.join(", ")}) must be of questions with one label each; got the form ${odd.form}. Leave them out of data/protocol.json.`,
    { name: report.name, form: odd.form },
  );
}

async function sweepRows(plan: GridPlan, stored: Stored, open: OpenRun): Promise<SweepRow[]> {
  const { tasks, backbones, seeds, profile } = plan.settings;
  const cells: SweepCell[] = [];
  const total = tasks.length * seeds.length;
  for (const task of tasks) {
    for (const seed of seeds) {
      const run = await open(seed);
      assertNotInterrupted("results", run.control.signal);
      const predictions = answersOf(plan, stored, { task, backbone: backbones[0]!, seed });
      cells.push({ task, seed, predictions, ...(await worldOf(run, plan, task, predictions)) });
      run.control.onProgress?.({ stage: "measuring worlds", done: cells.length, total });
    }
  }
  return measureSweep(cells, { bootstrap: { numDraws: profileOf(profile).numDraws } });
}

/** What is known of a world without asking the reader: its expectations, and what the passages that were read tell. */
async function worldOf(
  run: Run,
  plan: GridPlan,
  name: string,
  predictions: readonly Prediction[],
): Promise<Pick<SweepCell, "told" | "expectations" | "believed">> {
  const { task, corpus, facts } = await openTask(run, name);
  const { encoderFolder } = openWorld(plan.settings);
  const index = await buildIndex(run, { task, corpus, encoderFolder });
  try {
    const from = { task, corpus, facts: facts! };
    const of = (system: string) => measureTold(from, predictions.filter((each) => each.system === system).map(listOf));
    return {
      told: { before: of(BASELINE_SYSTEM), after: of(FULL_SYSTEM) },
      expectations: await expect(run, { index, facts }),
      believed: await believedOf(plan, { task: name, seed: run.seed }),
    };
  } finally {
    index.dispose();
  }
}

/** How many readings follow a swapped caption: the health of the scores that every training of a retriever starts from says it. */
async function believedOf(
  { settings, stages }: GridPlan,
  { task, seed }: Pick<Group, "task" | "seed">,
): Promise<number | null> {
  const scores = stages.find(
    (stage) => stage.kind === "candidate-scores" && stage.task === task && stage.seed === seed,
  );
  if (scores === undefined || scores.key === null) return null;
  const found = await findArtifact(artifactPlace(settings.artifactsDir, scores.kind, scores.key), "look");
  const { health } = (found?.manifest ?? {}) as Partial<StageFacts>;
  return health?.measured["captionSwap"] ?? null;
}

async function modelsOf(run: Run, { settings }: GridPlan): Promise<Record<string, string>> {
  const world = openWorld(settings);
  const models: Record<string, string> = { clip: (await checkpointFor(run, "clip", world.encoderFolder)).fingerprint };
  for (const name of settings.backbones)
    models[readerRecipe(name).model] = (await checkpointFor(run, "qwen2-vl", world.readerFolder(name))).fingerprint;
  return models;
}
