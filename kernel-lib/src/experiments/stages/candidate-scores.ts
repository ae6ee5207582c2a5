import { join } from "node:path";
import { measureExpectations } from "../../analysis/expectations";
import type { Measurement } from "../../analysis/measurement";
import type { Control } from "../../base/types";
import type { ReadPair } from "../../reader/reader";
import {
  type CachedScores,
  createCachedScores,
  createOwnAnswerScores,
  openScoreCache,
  type ScoreCacheOptions,
  scoreWidth,
} from "../../reader/score-cache";
import { HEADS } from "../../retriever/retrieve";
import { diagnosePotential, type StageHealth } from "../../training/health";
import type { Preference } from "../../training/judge-candidates";
import { frozenCandidates, type Index } from "./corpus-index";
import type { TunedReader } from "./reader";
import type { Input, Stage } from "./stage";
import { writeJson } from "./stage-files";

/** What the reader is asked, about how many candidates. */
interface ScoreSettings {
  /** Candidates per query and head. */
  readonly numCandidates: number;
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
export const SCORES_FILE = "scores.bin";

const VERSION = 1;
const QUERIES_PER_BATCH = 32;

/**
 * The stage that reads every training and validation query with the frozen retriever's candidates of both heads, once, so that every
 * training of a retriever (both heads, every ablation) starts from the same known scores.
 *
 * Its health says whether there is anything to learn; the heads that start from it say it again.
 *
 * The batches are fixed, so the scores do not depend on which training asks first.
 */
export function scoresStage(
  { index, reader }: { readonly index: Input<Index>; readonly reader: Input<TunedReader> },
  { numCandidates, preference }: ScoreSettings,
): Stage {
  return {
    name: "candidate-scores",
    version: VERSION,
    config: { numCandidates, ...(preference === "tokens" ? { preference } : {}) },
    inputs: [index, reader],
    compute: async (workDir, { control, report }) => {
      const scoring = { index: await index.open(), reader: await reader.open(), preference };
      report(await measurePotential(scoring, control));
      await computeScores(workDir, scoring, numCandidates, control);
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

async function computeScores(
  workDir: string,
  scoring: Scoring,
  numCandidates: number,
  control: Control,
): Promise<void> {
  const { scores, cacheSize } = openScores(scoring, { file: join(workDir, SCORES_FILE) });
  const perQuery = await pairsPerQuery(scoring.index, numCandidates);
  const quiet: Control = control.signal === undefined ? {} : { signal: control.signal };
  for (let from = 0; from < perQuery.length; from += QUERIES_PER_BATCH) {
    await scores.score(perQuery.slice(from, from + QUERIES_PER_BATCH).flat(), quiet);
    const done = Math.min(from + QUERIES_PER_BATCH, perQuery.length);
    control.onProgress?.({ stage: "reading candidates", done, total: perQuery.length });
  }
  writeJson(workDir, "stats.json", { pairs: cacheSize() });
}

/** The reader's scores through a cache on disk: of the task's labels, or of each pair's own answer. */
export function openScores(
  { index, reader, preference = "labels" }: Scoring,
  files: Pick<ScoreCacheOptions, "file" | "base">,
): { readonly scores: CachedScores; readonly cacheSize: () => number } {
  const { labels } = index.task;
  const { fingerprint } = reader.reader;
  const numValues = preference === "tokens" ? 2 : scoreWidth(labels);
  const cache = openScoreCache({ ...files, fingerprint, numValues });
  const scores =
    preference === "tokens"
      ? createOwnAnswerScores(reader.reader, cache)
      : createCachedScores(reader.reader, labels, cache);
  return { scores, cacheSize: () => cache.size };
}

/** The pairs of each training and validation query, each pair once. */
async function pairsPerQuery(index: Index, numCandidates: number): Promise<ReadPair[][]> {
  const all: ReadPair[][] = [];
  for (const split of ["train", "validation"] as const) {
    const byHead = await Promise.all(HEADS.map((head) => frozenCandidates(index, split, head, numCandidates)));
    index.task.splits[split].forEach((example, query) => {
      const rows = [...new Set(byHead.flatMap((lists) => lists[query]!))];
      all.push(rows.map((row) => ({ example, passage: index.corpus.passages[row]! })));
    });
  }
  return all;
}
