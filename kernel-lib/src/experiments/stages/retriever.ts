import { join } from "node:path";
import { measureExpectations } from "../../analysis/expectations";
import type { Measurement } from "../../analysis/measurement";
import { assertOneOf } from "../../base/check";
import { ConfigError } from "../../base/errors";
import type { Control, CurvePoint, Head, Task } from "../../base/types";
import { findLoss, type RetrieverLossName } from "../../losses/losses";
import { loadDualEncoder } from "../../models/architectures";
import { createLearnedTower, type EncoderTower } from "../../retriever/learned-tower";
import { PAPER_LEARNED_WEIGHT } from "../../retriever/mix";
import { HEADS } from "../../retriever/retrieve";
import { readJson, writeJson } from "../../store/files";
import { diagnosePotential, diagnoseRetriever, joinHealth, type StageHealth } from "../../training/health";
import type { Preference } from "../../training/judge-candidates";
import { headInputs, openScores, type StageReach, scoreFrozenCandidates } from "../../training/over-index";
import type { RetrieverStageOptions } from "../../training/retriever-options";
import { trainRetrieverHead } from "../../training/retriever-stage";
import { profileOf } from "../profiles";
import type { Run } from "../run";
import { type Index, requireIndexOf } from "./corpus-index";
import type { TunedReader } from "./reader";
import {
  type Artifact,
  artifactOf,
  type Input,
  opened,
  runStage,
  type Stage,
  type StageContext,
  type StageOf,
  sayHealth,
  useStage,
} from "./stage";

// ---- the reader's scores of the frozen candidates, which every head starts from ---------------------------------------------

/** What the reader is asked, about how many candidates. */
interface ScoreSettings extends StageReach {
  /** What the reader is asked. Default "labels". */
  readonly preference?: Preference | undefined;
}

/** An opened index and reader. */
interface Scoring {
  readonly index: Index;
  readonly reader: TunedReader;
  readonly preference?: Preference | undefined;
}

/** The file of scores inside the artifact, for openScoreCache. */
const SCORES_FILE = "scores.bin";
const STATS_FILE = "stats.json";

/** How many pairs were read for a scores artifact. */
export const numScored = (folder: string): number => readJson<{ pairs: number }>(folder, STATS_FILE).pairs;

const SCORES_VERSION = 1;

/**
 * The stage that reads every validation query, and every training query that stage 2 learns from, with the frozen retriever's candidates of
 * both heads, once, so that every training of a retriever (both heads, every ablation) starts from the same known scores.
 *
 * Its health says whether there is anything to learn; the heads that start from it say it again.
 */
export function scoresStage(
  { index, reader }: { readonly index: Input<Index>; readonly reader: Input<TunedReader> },
  { numCandidates, numQuestions, preference }: ScoreSettings,
): Stage {
  const reach: StageReach = { numCandidates, ...(numQuestions === undefined ? {} : { numQuestions }) };
  return {
    name: "candidate-scores",
    version: SCORES_VERSION,
    config: { ...reach, ...(preference === "tokens" ? { preference } : {}) },
    inputs: [index, reader],
    compute: async (workDir, { control, report }) => {
      const scoring = { index: await index.open(), reader: await reader.open(), preference };
      report(await measurePotential(scoring, control));
      await computeScores(workDir, scoring, reach, control);
    },
  };
}

/** Whether there is anything for a retriever to learn from this reader, on validation: what an untrained list's captions know, and whether they are believed. */
async function measurePotential({ index, reader }: Scoring, { signal }: Control): Promise<StageHealth> {
  const control: Control = signal === undefined ? {} : { signal };
  const rows = await measureExpectations(index, { reader: reader.reader, control, bootstrap: { numDraws: 1 } });
  const find = (system: string, metric: string, subset: string): Measurement | undefined =>
    rows.find((row) => row.system === system && row.metric === metric && row.subset === subset);
  const moved = find("reader", "captionSwap", "all");
  return diagnosePotential({
    captionVote: find("caption vote", "accuracy", "all")?.value ?? null,
    alone: find("linear probe", "accuracy", "label")?.value ?? null,
    moved: moved?.value ?? null,
    numSwapped: moved?.n ?? 0,
  });
}

async function computeScores(workDir: string, scoring: Scoring, reach: StageReach, control: Control): Promise<void> {
  const { index, reader, preference } = scoring;
  const { task } = index;
  const file = join(workDir, SCORES_FILE);
  const { scores, cacheSize } = openScores({ reader: reader.reader, labels: task.labels, preference }, { file });
  await scoreFrozenCandidates({ task, index, scores }, reach, control);
  writeJson(workDir, STATS_FILE, { pairs: cacheSize() });
}

// ---- the heads -------------------------------------------------------------------------------------------------------------

export interface TuneRetrieverOptions {
  readonly task: Task;
  readonly index: Index;
  /** Tuned with "retrieval"; frozen here. */
  readonly reader: TunedReader;
  /** Which heads to train; the text head always comes first. Default both. */
  readonly heads?: readonly Head[];
  /** Default "contrastive" (paper). */
  readonly loss?: RetrieverLossName;
  /** Changes to the profile's options of the stage. */
  readonly options?: Partial<RetrieverStageOptions>;
}

/** One trained head. */
export interface TunedHead {
  readonly head: Head;
  /** The learned image tower's weights (safetensors). */
  readonly towerFile: string;
  readonly curve: readonly CurvePoint[];
  readonly bestStep: number;
  /** Pairs asked for while training, read anew by the reader, and saved because their scores were known. */
  readonly reads: { readonly asked: number; readonly read: number; readonly saved: number };
  /** What was found wrong with it; null for one that was made before this was measured. */
  readonly health: StageHealth | null;
  readonly artifact: Artifact;
}

/** The trained heads; a head that is missing stays frozen. */
export interface TunedHeads {
  readonly heads: Readonly<Partial<Record<Head, TunedHead>>>;
  readonly learnedWeight: number;
  readonly loss: RetrieverLossName;
  /** Curves of all trained heads. */
  readonly curve: readonly CurvePoint[];
}

const VERSION = 1;
const TOWER_FILE = "tower.safetensors";
const CURVE_FILE = "curve.json";

/** What a head's training wrote of itself. */
type StoredHead = Pick<TunedHead, "curve" | "bestStep" | "reads">;

/** File of the learned tower inside a head's artifact. */
export const headWeightsFile = (folder: string): string => join(folder, TOWER_FILE);

/** How many pairs the reader read anew for a head. */
export const numReadAnew = (folder: string): number => readJson<StoredHead>(folder, CURVE_FILE).reads.read;

/**
 * Stage 2: trains the query tower of the text head, then of the image head, against the frozen reader's preference.
 * Found again when nothing changed; goes on when interrupted.
 *
 * Paper: arXiv 2508.17394v3, retriever fine-tuning. Deviation: the two heads do not see each other, so each is an artifact of its own.
 *
 * @throws ConfigError when the reader is closed-book or the index is not that of the task.
 * @example const heads = await tuneRetriever(run, { task, index, reader, loss: "contrastive" })
 */
export async function tuneRetriever(run: Run, options: TuneRetrieverOptions): Promise<TunedHeads> {
  const { task, index, reader, heads = HEADS } = options;
  requireIndexOf("tuneRetriever", task, index);
  if (reader.mode !== "retrieval") {
    throw new ConfigError(
      `tuneRetriever: reader must be tuned with mode "retrieval"; got "${reader.mode}". Call tuneReader(run, { task, index }).`,
      { mode: reader.mode },
    );
  }
  for (const head of heads) assertOneOf("tuneRetriever: heads", head, HEADS);
  const changes = { ...options.options, ...(options.loss === undefined ? {} : { loss: options.loss }) };
  const inputs = { index: opened(index), reader: opened(reader) };
  const settings = retrieverOptions(run, changes);
  await runStage(run, scoresStage(inputs, settings)); // before the heads, so that their times are their own
  const tuned: Partial<Record<Head, TunedHead>> = {};
  for (const head of ["text", "image"] as const) {
    if (!heads.includes(head)) continue;
    tuned[head] = await useStage(run, headStage(run, { task, head, ...inputs, options: changes }));
  }
  const { learnedWeight = PAPER_LEARNED_WEIGHT, loss = "contrastive" } = settings;
  return { heads: tuned, learnedWeight, loss, curve: Object.values(tuned).flatMap(({ curve }) => curve) };
}

/** The profile's options of the retriever stage, with changes. */
export function retrieverOptions(run: Run, changes: Partial<RetrieverStageOptions> = {}): RetrieverStageOptions {
  return { ...profileOf(run.profile).retriever, ...changes };
}

/** What a trained head is made of. */
interface HeadInputs {
  readonly task: Task;
  readonly head: Head;
  readonly index: Input<Index>;
  /** Tuned with "retrieval". */
  readonly reader: Input<TunedReader>;
  /** Changes to the profile's options of the stage. */
  readonly options?: Partial<RetrieverStageOptions> | undefined;
}

/** The stage of one of `tuneRetriever`'s heads. It starts from the scores of `scoresStage`, computed first where they are missing. */
export function headStage(run: Run, { task, head, index, reader, options }: HeadInputs): StageOf<TunedHead> {
  const settings = retrieverOptions(run, options);
  const known = artifactOf(run, scoresStage({ index, reader }, settings));
  return {
    name: "retriever-head",
    version: VERSION,
    config: { head, ...settings },
    inputs: [index, reader, known],
    compute: async (workDir, context) => {
      const scored = await known.open();
      const opened = { index: await index.open(), reader: await reader.open() };
      await computeHead({ head, settings, scored, ...opened }, workDir, context);
    },
    open: async (artifact) => {
      const { curve, bestStep, reads } = readJson<StoredHead>(artifact.folder, CURVE_FILE);
      const health = sayHealth(run, artifact, `${head} head of ${task.name}`);
      return { head, towerFile: headWeightsFile(artifact.folder), curve, bestStep, reads, health, artifact };
    },
  };
}

interface HeadWork {
  readonly head: Head;
  readonly settings: RetrieverStageOptions;
  readonly index: Index;
  readonly reader: TunedReader;
  /** Scores of the frozen retriever's candidates. */
  readonly scored: Artifact;
}

async function computeHead(work: HeadWork, workDir: string, context: StageContext): Promise<void> {
  const encoder = loadDualEncoder(work.index.encoder.folder);
  try {
    const tower = createLearnedTower(encoder);
    try {
      await trainTower(tower, work, workDir, context);
    } finally {
      tower.dispose();
    }
  } finally {
    encoder.dispose();
  }
}

async function trainTower(
  tower: EncoderTower,
  work: HeadWork,
  workDir: string,
  { resumeDir, seed, control, report }: StageContext,
): Promise<void> {
  const { index, reader, head, settings, scored } = work;
  const { task, corpus } = index;
  const { scores, cacheSize } = openScores(
    { reader: reader.reader, labels: task.labels, preference: settings.preference },
    { file: join(resumeDir, SCORES_FILE), base: [join(scored.folder, SCORES_FILE)] },
  );
  const numKnown = numScored(scored.folder);
  const { curve, bestStep, bestScore } = await trainRetrieverHead(
    {
      ...headInputs(task, index, head, settings),
      tower,
      scores,
      seed,
      stateFile: join(resumeDir, "state.safetensors"),
      control,
    },
    settings,
  );
  tower.save(headWeightsFile(workDir));
  const numCandidates = Math.min(settings.numCandidates, corpus.passages.length);
  const before = scored.manifest.health ?? { findings: [], measured: {} };
  report(joinHealth(before, diagnoseRetriever(curve, { numCandidates, bestStep })));
  const reads = countReads(curve, work, cacheSize() - numKnown);
  writeJson(workDir, CURVE_FILE, { curve, bestStep, bestScore, reads });
}

/** Reads asked for by steps and evaluations, however often the stage was interrupted. */
function countReads(curve: readonly CurvePoint[], { settings, index }: HeadWork, read: number): TunedHead["reads"] {
  const evaluations = curve.filter(({ split, metric }) => split === "validation" && metric === "loss").length;
  const queries = settings.steps * settings.batchSize + evaluations * index.task.splits.validation.length;
  const { needs } = findLoss("tuneRetriever", settings.loss ?? "contrastive");
  const closedBook = needs.includes("closedBook") ? 1 : 0;
  const asked = queries * (Math.min(settings.numCandidates, index.corpus.passages.length) + closedBook);
  return { asked, read, saved: asked - read };
}
