import { join } from "node:path";
import { assertOneOf } from "../../base/check";
import { ConfigError } from "../../base/errors";
import type { CurvePoint, Head, Task } from "../../base/types";
import type { RetrieverLoss } from "../../losses/losses";
import { loadDualEncoder } from "../../models/architectures";
import type { DualEncoder } from "../../models/dual-encoder";
import { createClipTower } from "../../retriever/learned-tower";
import { PAPER_LEARNED_WEIGHT } from "../../retriever/mix";
import { HEADS } from "../../retriever/retrieve";
import type { JsonObject } from "../../store/artifact";
import { diagnoseRetriever, type StageHealth } from "../../training/health";
import type { RetrieverStageOptions } from "../../training/retriever-options";
import { trainRetrieverHead } from "../../training/retriever-stage";
import { profileOf } from "../profiles";
import type { Run } from "../run";
import { openScores, SCORES_FILE, scoreCandidates } from "./candidate-scores";
import type { Index } from "./index";
import { requireIndexOf, sayHealth, type TunedReader } from "./reader";
import { type Artifact, runStage, type StageContext, type StageFacts } from "./stage";
import { readJson, writeJson } from "./stage-files";

export interface TuneRetrieverOptions {
  readonly task: Task;
  readonly index: Index;
  /** Tuned with "retrieval"; frozen here. */
  readonly reader: TunedReader;
  /** Which heads to train; the text head always comes first. Default both. */
  readonly heads?: readonly Head[];
  /** Default "contrastive" (paper). */
  readonly loss?: RetrieverLoss;
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
  readonly artifact: Artifact<StageFacts>;
}

/** The trained heads; a head that is missing stays frozen. */
export interface TunedHeads {
  readonly heads: Readonly<Partial<Record<Head, TunedHead>>>;
  readonly learnedWeight: number;
  readonly loss: RetrieverLoss;
  /** Curves of all trained heads. */
  readonly curve: readonly CurvePoint[];
}

const VERSION = 1;
const TOWER_FILE = "tower.safetensors";

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
  const stage: RetrieverStageOptions = {
    ...profileOf(run.profile).retriever,
    ...options.options,
    ...(options.loss === undefined ? {} : { loss: options.loss }),
  };
  const known = await scoreCandidates(run, {
    index,
    reader,
    numCandidates: stage.numCandidates,
    ...preferenceOf(stage),
  });
  const tuned: Partial<Record<Head, TunedHead>> = {};
  for (const head of ["text", "image"] as const) {
    if (heads.includes(head)) tuned[head] = await tuneHead(run, { index, reader, head, stage, known });
  }
  return {
    heads: tuned,
    learnedWeight: stage.learnedWeight ?? PAPER_LEARNED_WEIGHT,
    loss: stage.loss ?? "contrastive",
    curve: Object.values(tuned).flatMap(({ curve }) => curve),
  };
}

function preferenceOf({ preference }: RetrieverStageOptions): Pick<RetrieverStageOptions, "preference"> {
  return preference === undefined ? {} : { preference };
}

interface HeadWork {
  readonly index: Index;
  readonly reader: TunedReader;
  readonly head: Head;
  readonly stage: RetrieverStageOptions;
  /** Scores of the frozen retriever's candidates. */
  readonly known: Artifact;
}

async function tuneHead(run: Run, work: HeadWork): Promise<TunedHead> {
  const { index, reader, head, stage, known } = work;
  const artifact = await runStage(run, {
    name: "retriever-head",
    version: VERSION,
    config: { head, ...stage } as unknown as JsonObject,
    inputs: [index.artifact, reader.artifact, known],
    compute: async (workDir, context) => {
      const clip = loadDualEncoder(index.clip.folder);
      try {
        await computeHead(run.seed, work, { clip, workDir, context });
      } finally {
        clip.dispose();
      }
    },
  });
  type Stored = Pick<TunedHead, "curve" | "bestStep" | "reads">;
  const { curve, bestStep, reads } = readJson<Stored>(artifact.folder, "curve.json");
  const health = sayHealth(run, artifact, `${head} head of ${index.task.name}`);
  return { head, towerFile: join(artifact.folder, TOWER_FILE), curve, bestStep, reads, health, artifact };
}

async function computeHead(
  seed: number,
  work: HeadWork,
  place: { readonly clip: DualEncoder; readonly workDir: string; readonly context: StageContext },
): Promise<void> {
  const { workDir, context } = place;
  const { index, reader, head, stage } = work;
  const { task, corpus, queries } = index;
  const { scores, cacheSize } = openScores(
    { index, reader, ...preferenceOf(stage) },
    { file: join(context.resumeDir, SCORES_FILE), base: [join(work.known.folder, SCORES_FILE)] },
  );
  const numKnown = readJson<{ pairs: number }>(work.known.folder, "stats.json").pairs;
  const tower = createClipTower(place.clip);
  try {
    const { curve, bestStep, bestScore } = await trainRetrieverHead(
      {
        head,
        tower,
        train: { examples: task.splits.train, frozen: queries.train },
        validation: { examples: task.splits.validation, frozen: queries.validation },
        corpus: { passages: corpus.passages, embeddings: index.embeddings[head] },
        scores,
        search: async (embeddings, count) =>
          (await index.exact[head].search(embeddings, count)).map(({ positions }) => positions),
        seed,
        stateFile: join(context.resumeDir, "state.safetensors"),
        control: context.control,
      },
      stage,
    );
    tower.save(join(workDir, TOWER_FILE));
    const numCandidates = Math.min(stage.numCandidates, corpus.passages.length);
    context.report(diagnoseRetriever(curve, { numCandidates, bestStep }));
    writeJson(workDir, "curve.json", {
      curve,
      bestStep,
      bestScore,
      reads: countReads(curve, work, cacheSize() - numKnown),
    });
  } finally {
    tower.dispose();
  }
}

/** Reads asked for by steps and evaluations, however often the stage was interrupted. */
function countReads(curve: readonly CurvePoint[], { stage, index }: HeadWork, read: number): TunedHead["reads"] {
  const evaluations = curve.filter(({ split, metric }) => split === "validation" && metric === "loss").length;
  const queries = stage.steps * stage.batchSize + evaluations * index.task.splits.validation.length;
  const closedBook = stage.loss === "attentionDistillation" ? 1 : 0;
  const asked = queries * (Math.min(stage.numCandidates, index.corpus.passages.length) + closedBook);
  return { asked, read, saved: asked - read };
}
