import { rerankAtRandom } from "../analysis/control-rerank";
import { assertOneOf } from "../base/check";
import { ConfigError } from "../base/errors";
import { createRandom } from "../base/random";
import type { Head, Prediction, Split, Task } from "../base/types";
import { type Clip, loadClip } from "../models/clip";
import { encodeImages } from "../models/clip-encode";
import { loadClipTower } from "../retriever/clip-tower";
import { createDualHead } from "../retriever/dual-head";
import type { LearnedTower } from "../retriever/learned-tower";
import { PAPER_LEARNED_WEIGHT } from "../retriever/mix";
import { answerExamples } from "../systems/answer-examples";
import { closedBook } from "../systems/closed-book";
import { ftRag } from "../systems/ft-rag";
import { jomed } from "../systems/jomed";
import type { Fusion, Rerank, RetrievingParts, System } from "../systems/system";
import { textHead } from "../systems/text-head";
import { readJson, writeJson } from "./artifact-io";
import type { Index } from "./build-index";
import { profileOf } from "./profiles";
import type { Run } from "./run";
import { type Artifact, runStage } from "./stage";
import { requireIndexOf, type TunedReader } from "./tune-reader";
import type { TunedHeads } from "./tune-retriever";

/** The systems of this release, from plain to full. */
export const SYSTEM_NAMES = ["closed-book", "ft-rag", "text-head", "jomed"] as const;
export type SystemName = (typeof SYSTEM_NAMES)[number];

export interface PredictOptions {
  readonly system: SystemName;
  readonly task: Task;
  /** Tuned "closedBook" for closed-book, else "retrieval". */
  readonly reader: TunedReader;
  /** Needed by every system but closed-book. */
  readonly index?: Index;
  /** Needed by text-head and jomed. */
  readonly heads?: TunedHeads;
  /** Default "test". */
  readonly split?: Split;
  /** Default "probabilities" (paper); "logits" is the reference code's. */
  readonly fusion?: Fusion;
  /** Passages per head. Default the profile's (2). */
  readonly numPerHead?: number;
  /** Share of the learned towers. Default the one the heads were trained with. */
  readonly learnedWeight?: number;
  /** "best": those of highest score. "random": as many drawn at random among the ten best of each head, a control. Default "best". */
  readonly candidates?: "best" | "random";
  /** How the predictions name their system, e.g. in an ablation. Default `system`. */
  readonly name?: string;
}

/** Answers with every reading behind them, and where they are kept. */
export interface PredictResult {
  readonly predictions: readonly Prediction[];
  readonly artifact: Artifact;
}

const VERSION = 1;
/** Candidates per head that the control draws from. */
const NUM_DRAWN_FROM = 10;
const FILE = "predictions.json";
const LEARNED: Readonly<Record<SystemName, readonly Head[]>> = {
  "closed-book": [],
  "ft-rag": [],
  "text-head": ["text"],
  jomed: ["text", "image"],
};

/**
 * Answers a split with a system and stores predictions, readings and retrieved lists: no figure needs a model again.
 *
 * Paper: arXiv 2508.17394v3, inference. Found again when nothing changed.
 *
 * @throws ConfigError when the system lacks its index, reader or heads.
 * @example const { predictions } = await predict(run, { system: "jomed", task, index, reader, heads })
 */
export async function predict(run: Run, options: PredictOptions): Promise<PredictResult> {
  const { system, task, split = "test", fusion = "probabilities" } = options;
  assertOneOf("predict: system", system, SYSTEM_NAMES);
  assertOneOf("predict: split", split, ["train", "validation", "test"]);
  assertOneOf("predict: fusion", fusion, ["probabilities", "logits"]);
  const { candidates = "best" } = options;
  assertOneOf("predict: candidates", candidates, ["best", "random"]);
  checkParts(options);
  const { index, reader, heads } = options;
  const settings = {
    candidates,
    numPerHead: options.numPerHead ?? profileOf(run.profile).numPerHead,
    learnedWeight: options.learnedWeight ?? heads?.learnedWeight ?? PAPER_LEARNED_WEIGHT,
    fusion,
  };
  const used = LEARNED[system].map((head) => heads!.heads[head]!.artifact);
  const name = options.name ?? system;
  const artifact = await runStage(run, {
    name: "predictions",
    version: VERSION,
    config: system === "closed-book" ? { system, name, split } : { system, name, split, ...settings },
    inputs: [task.fingerprint, reader.artifact, ...(system === "closed-book" ? [] : [index!.artifact]), ...used],
    compute: async (workDir, { control }) => {
      const examples = task.splits[split];
      const predictions = await withSystem(run, options, settings, (built) =>
        answerExamples({ ...built, name }, task.labels, examples, control),
      );
      writeJson(workDir, FILE, predictions);
    },
  });
  return { predictions: readJson<Prediction[]>(artifact.folder, FILE), artifact };
}

function checkParts({ system, task, index, reader, heads }: PredictOptions): void {
  const mode = system === "closed-book" ? "closedBook" : "retrieval";
  if (reader.mode !== mode) {
    throw new ConfigError(
      `predict: reader of ${system} must be tuned with mode "${mode}"; got "${reader.mode}". Call tuneReader(run, { task, ${mode === "retrieval" ? "index" : 'mode: "closedBook"'} }).`,
      { system, mode: reader.mode },
    );
  }
  if (system !== "closed-book") requireIndexOf("predict", task, index);
  const missing = LEARNED[system].filter((head) => heads?.heads[head] === undefined);
  if (missing.length === 0) return;
  throw new ConfigError(
    `predict: heads of ${system} must hold the trained ${LEARNED[system].join(" and ")} head; ${missing.join(" and ")} is missing. Call tuneRetriever(run, { task, index, reader }).`,
    { system, missing },
  );
}

interface Settings {
  readonly candidates: "best" | "random";
  readonly numPerHead: number;
  readonly learnedWeight: number;
  readonly fusion: Fusion;
}

/** Builds a system, uses it, and frees what was built. */
async function withSystem<T>(
  run: Run,
  options: PredictOptions,
  settings: Settings,
  use: (system: System) => Promise<T>,
): Promise<T> {
  if (options.system === "closed-book") return use(closedBook(options.reader.reader));
  const index = options.index!;
  const clip = loadClip(index.clip.folder);
  try {
    const retriever = createDualHead({
      encodeFrozen: (images, control) => encodeImages(clip, images, control),
      towers: loadTowers(clip, options),
      learnedWeight: settings.learnedWeight,
    });
    try {
      const passages = new Map(index.corpus.passages.map((passage) => [passage.id, passage]));
      const { numPerHead, fusion, candidates } = settings;
      const parts: RetrievingParts = {
        reader: options.reader.reader,
        retriever,
        views: index.views,
        passages,
        numPerHead,
        fusion,
        ...(candidates === "random" ? { rerank: randomChoice(run, numPerHead) } : {}),
      };
      return await use({ "ft-rag": ftRag, "text-head": textHead, jomed }[options.system](parts));
    } finally {
      retriever.dispose();
    }
  } finally {
    clip.dispose();
  }
}

/** The control of the inconsistency analysis: candidates without regard to their scores. */
function randomChoice(run: Run, numPerHead: number): Rerank {
  const random = createRandom(run.seed).fork("random candidates");
  return {
    numCandidates: NUM_DRAWN_FROM,
    choose: (candidates, example) => rerankAtRandom(candidates, { numPerHead, random: random.fork(example.id) }),
  };
}

function loadTowers(clip: Clip, { system, heads }: PredictOptions): Partial<Record<Head, LearnedTower>> {
  return Object.fromEntries(LEARNED[system].map((head) => [head, loadClipTower(clip, heads!.heads[head]!.towerFile)]));
}
