import type { Corpus, Example, Head, Retrieved, Task } from "../base/types";
import { exampleOf, examplesById, passageOf, passagesById } from "../data/by-id";
import type { Statistic } from "../metrics/bootstrap";
import { HEADS } from "../retriever/retrieve";
import { type Measurement, type MeasureOptions, measure, ratioOf } from "./measurement";

/** The hits of one query under one system. */
export interface RetrievedList {
  readonly exampleId: string;
  readonly system: string;
  readonly hits: readonly Retrieved[];
}

/** One hit and whether its passage shows what is true of the example; null where nobody knows. */
interface JudgedHit extends Retrieved {
  readonly agrees: boolean | null;
}

/** A query's hits, judged. */
interface JudgedList {
  readonly example: Example;
  readonly system: string;
  readonly hits: readonly JudgedHit[];
}

/**
 * Whether a passage shows one of the example's true labels. Null where the passage's truth is unknown (real corpora) or the example
 * has no label. It is for analyses: no training reads it.
 */
export function agreesWith(task: Task, example: Example, truth: string | undefined): boolean | null {
  if (truth === undefined || example.labels.length === 0) return null;
  return example.labels.some((label) => task.labels[label]!.name === truth);
}

/** Every hit judged by `agreesWith`. @throws DataError when an example or passage is not of this task or corpus. */
export function judgeHits(where: string, task: Task, corpus: Corpus, lists: readonly RetrievedList[]): JudgedList[] {
  const examples = examplesById(task);
  const passages = passagesById(corpus);
  return lists.map(({ exampleId, system, hits }) => {
    const example = exampleOf(where, examples, exampleId);
    const judged = hits.map((hit): JudgedHit => {
      const { truth } = passageOf(where, passages, hit.passageId);
      return { ...hit, agrees: agreesWith(task, example, truth) };
    });
    return { example, system, hits: judged };
  });
}

/**
 * How often each head finds passages of the example's own diagnosis. Rows, per system and head (subset "image head" or "text head"):
 * - `agreement`: share of the passages with known truth that agree, over the queries that have such passages; no row where none has;
 * - `knownTruth`: share of the retrieved passages whose truth is known.
 *
 * @throws DataError when an example or passage is not of this task or corpus.
 * @example measureAgreement(task, corpus, [{ exampleId, system: "ft-rag", hits }])
 */
export function measureAgreement(
  task: Task,
  corpus: Corpus,
  lists: readonly RetrievedList[],
  options: Pick<MeasureOptions, "bootstrap"> = {},
): Measurement[] {
  const judged = judgeHits("measureAgreement", task, corpus, lists);
  const systems = [...new Set(judged.map(({ system }) => system))];
  return systems.flatMap((system) =>
    HEADS.flatMap((head) => {
      const own = judged.filter((list) => list.system === system).map((list) => ofHead(list, head));
      return measureHead(
        { system, subset: `${head} head` },
        own.filter(({ hits }) => hits.length > 0),
        { ...options, task },
      );
    }),
  );
}

function ofHead({ example, system, hits }: JudgedList, head: Head): JudgedList {
  return { example, system, hits: hits.filter((hit) => hit.head === head) };
}

function measureHead(
  about: { readonly system: string; readonly subset: string },
  lists: readonly JudgedList[],
  options: MeasureOptions,
): Measurement[] {
  if (lists.length === 0) return [];
  const known = ({ hits }: JudgedList): number => hits.filter(({ agrees }) => agrees !== null).length;
  const agreeing = ({ hits }: JudgedList): number => hits.filter(({ agrees }) => agrees === true).length;
  const row = (metric: string, rows: readonly JudgedList[], statistic: Statistic): Measurement =>
    measure({ ...about, metric, groups: rows.map(({ example }) => example.group), statistic }, options);
  const judged = lists.filter((list) => known(list) > 0);
  const knownTruth = row(
    "knownTruth",
    lists,
    ratioOf(lists, known, ({ hits }) => hits.length),
  );
  if (judged.length === 0) return [knownTruth];
  return [row("agreement", judged, ratioOf(judged, agreeing, known)), knownTruth];
}
