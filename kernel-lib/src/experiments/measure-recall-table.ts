import type { Head, Matrix } from "../base/types";
import type { HnswIndex } from "../search/hnsw-index";
import { measureRecall } from "../search/measure-recall";
import type { VectorIndex } from "../search/vector-index";
import { profileOf } from "./profiles";
import type { Run } from "./run";

/** One index at one search width: a row of the recall table. */
export interface RecallMeasurement {
  /** e.g. "hnsw, text view". */
  readonly index: string;
  /** Which view of the corpus. */
  readonly head: Head;
  /** Search width; null for exact search. */
  readonly ef: number | null;
  readonly k: number;
  readonly recall: number;
  readonly queriesPerSecond: number;
}

/** Recall and speed of one view's index at every search width of the profile, and the speed of exact search. */
export async function measureRecallTable(
  run: Run,
  options: { readonly head: Head; readonly index: VectorIndex; readonly exact: VectorIndex; readonly queries: Matrix },
): Promise<RecallMeasurement[]> {
  const { head, index, exact, queries } = options;
  const { measuredEf, recallAt, ef } = profileOf(run.profile).index;
  const k = Math.min(recallAt, exact.size);
  const exactRow = (queriesPerSecond: number): RecallMeasurement => {
    return { index: `exact, ${head} view`, head, ef: null, k, recall: 1, queriesPerSecond };
  };
  if (!isHnsw(index)) return [exactRow((await measureRecall(exact, exact, queries, k)).exactQueriesPerSecond)];
  const rows: RecallMeasurement[] = [];
  let exactSpeed = 0;
  for (const width of measuredEf) {
    index.setEf(width);
    const { recall, queriesPerSecond, exactQueriesPerSecond } = await measureRecall(index, exact, queries, k);
    rows.push({ index: `hnsw, ${head} view`, head, ef: width, k, recall, queriesPerSecond });
    exactSpeed = exactQueriesPerSecond;
  }
  index.setEf(ef);
  return [...rows, exactRow(exactSpeed)];
}

function isHnsw(index: VectorIndex): index is HnswIndex {
  return index.kind === "hnsw";
}
