import { assertInteger } from "../base/check";
import { createRandom } from "../base/random";
import type { Control, Corpus, Example, Head, Label, Matrix, Split, Task } from "../base/types";
import type { Reader, ReadPair } from "../reader/reader";
import {
  type CachedScores,
  createCachedScores,
  createOwnAnswerScores,
  openScoreCache,
  type ScoreCacheOptions,
  scoreWidth,
} from "../reader/score-cache";
import { type CorpusViews, HEADS } from "../retriever/retrieve";
import type { Preference } from "./judge-candidates";
import type { QuerySet, RetrieverStageInputs, RetrieverStageOptions } from "./retriever-options";
import { takeRows } from "./retriever-stage";

// What the trainings of a retriever take from an index: candidates, the reader's scores of them, and the inputs of a head. Whoever trains heads,
// a stage or a system of its own, takes them from here, and so gets the same bits.

/** A task's pictures and a corpus under the frozen encoder; an Index is one. */
export interface FrozenIndex {
  readonly corpus: Corpus;
  /** Of the passages: by picture and by text, [N, D]. */
  readonly embeddings: Readonly<Record<Head, Matrix>>;
  /** Of the task's pictures, [n, D]. */
  readonly queries: Readonly<Record<Split, Matrix>>;
  /** Exact search: what candidates for training are found with. */
  readonly exact: CorpusViews;
}

/** Rows of the best passages of each query embedding, exactly searched: [n, D] -> n lists. */
export async function bestRows(index: FrozenIndex, head: Head, queries: Matrix, count: number) {
  return (await index.exact[head].search(queries, count)).map(({ positions }) => positions);
}

/** Rows of the best passages of each query of a split under the frozen retriever, exactly searched. */
export function frozenCandidates(
  index: FrozenIndex,
  split: Split,
  head: Head,
  numPassages: number,
): Promise<readonly (readonly number[])[]> {
  return bestRows(index, head, index.queries[split], numPassages);
}

/** Which pairs stage 2 reads. */
export type StageReach = Pick<RetrieverStageOptions, "numCandidates" | "numQuestions">;

/** The training questions that stage 2 learns from: all, or so many, the same ones for every seed and head. */
function learnedQueries({ splits }: Task, { queries }: FrozenIndex, numQuestions = splits.train.length): QuerySet {
  assertInteger("stage 2: numQuestions", numQuestions, 1);
  const { train } = splits;
  if (numQuestions >= train.length) return { examples: train, frozen: queries.train };
  const rows = createRandom("stage 2/questions")
    .shuffle(train.map((_, row) => row))
    .slice(0, numQuestions)
    .sort((a, b) => a - b);
  return { examples: rows.map((row) => train[row]!), frozen: takeRows(queries.train, rows) };
}

/**
 * What stage 2 of one head works on besides the tower, the scores and the seed.
 *
 * @throws ConfigError when numQuestions is not a whole number of at least 1.
 */
export function headInputs(
  task: Task,
  index: FrozenIndex,
  head: Head,
  { numQuestions }: Pick<StageReach, "numQuestions">,
): Pick<RetrieverStageInputs, "head" | "train" | "validation" | "corpus" | "search"> {
  const { corpus, embeddings, queries } = index;
  return {
    head,
    train: learnedQueries(task, index, numQuestions),
    validation: { examples: task.splits.validation, frozen: queries.validation },
    corpus: { passages: corpus.passages, embeddings: embeddings[head] },
    search: (found, count) => bestRows(index, head, found, count),
  };
}

/** Whose scores are kept, and what the reader is asked. */
interface ScoringReader {
  readonly reader: Reader;
  /** The task's. */
  readonly labels: readonly Label[];
  /** Default "labels". */
  readonly preference?: Preference | undefined;
}

/** The reader's scores through a cache on disk: of the task's labels, or of each pair's own answer. */
export function openScores(
  { reader, labels, preference = "labels" }: ScoringReader,
  files: Pick<ScoreCacheOptions, "file" | "base">,
): { readonly scores: CachedScores; readonly cacheSize: () => number } {
  const numValues = preference === "tokens" ? 2 : scoreWidth(labels);
  const cache = openScoreCache({ ...files, fingerprint: reader.fingerprint, numValues });
  const scores =
    preference === "tokens" ? createOwnAnswerScores(reader, cache) : createCachedScores(reader, labels, cache);
  return { scores, cacheSize: () => cache.size };
}

const PAIRS_PER_BATCH = 4096;

/**
 * Reads every training query that stage 2 learns from, and every validation query, with the frozen retriever's candidates of both heads, each
 * pair once. The batches are fixed, so the scores do not depend on which training asks first. Pairs of one passage stand together: a reader
 * then reads their beginning once.
 */
export async function scoreFrozenCandidates(
  { task, index, scores }: { readonly task: Task; readonly index: FrozenIndex; readonly scores: CachedScores },
  reach: StageReach,
  control: Control,
): Promise<void> {
  const pairs = await frozenPairs(task, index, reach);
  const quiet: Control = control.signal === undefined ? {} : { signal: control.signal };
  for (let from = 0; from < pairs.length; from += PAIRS_PER_BATCH) {
    await scores.score(pairs.slice(from, from + PAIRS_PER_BATCH), quiet);
    const done = Math.min(from + PAIRS_PER_BATCH, pairs.length);
    control.onProgress?.({ stage: "reading candidates", done, total: pairs.length });
  }
}

/** These queries with their candidates, each pair once, passage by passage. */
async function frozenPairs(
  task: Task,
  index: FrozenIndex,
  { numCandidates, numQuestions }: StageReach,
): Promise<ReadPair[]> {
  const { splits } = task;
  const validation = { examples: splits.validation, frozen: index.queries.validation };
  const byPassage = index.corpus.passages.map((): Example[] => []);
  for (const { examples, frozen } of [learnedQueries(task, index, numQuestions), validation]) {
    const byHead = await Promise.all(HEADS.map((head) => bestRows(index, head, frozen, numCandidates)));
    examples.forEach((example, query) => {
      for (const row of new Set(byHead.flatMap((lists) => lists[query]!))) byPassage[row]!.push(example);
    });
  }
  return byPassage.flatMap((examples, row) => {
    const passage = index.corpus.passages[row]!;
    return examples.map((example) => ({ example, passage }));
  });
}
