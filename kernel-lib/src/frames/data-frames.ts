import { agreesWith, judgeHits, type RetrievedList } from "../analysis/agreement";
import { assertSameLength } from "../base/check";
import type { Corpus, CurvePoint, Example, Head, Passage, Task } from "../base/types";
import { FRAMES } from "./schemas";
import { makeFrame, type Table } from "./table";

/** All examples of a task: columns id, task, split, form, label, labelName, question, answer, kind, topic, group. */
export function examplesFrame(task: Task): Table {
  const rows = Object.values(task.splits)
    .flat()
    .map(({ id, task: name, split, form = "label", labels, question, answer, kind, topic, group }) => ({
      id,
      task: name,
      split,
      form,
      label: labels.length === 1 ? labels[0]! : null,
      labelName: labels.length === 0 ? null : labelNames(task, labels).join("; "),
      question,
      answer,
      kind: kind ?? null,
      topic: topic ?? null,
      group,
    }));
  return makeFrame(FRAMES.examples, rows);
}

function labelNames(task: Task, labels: readonly number[]): string[] {
  return labels.map((label) => task.labels[label]!.name);
}

/** All passages of a corpus: columns id, corpus, text, truth, licence, group. Their pictures are not read. */
export function passagesFrame(corpus: Corpus): Table {
  const rows = corpus.passages.map(({ id, corpus: part, text, truth, licence, group }) => ({
    id,
    corpus: part,
    text,
    truth: truth ?? null,
    licence,
    group: group ?? null,
  }));
  return makeFrame(FRAMES.passages, rows);
}

/** A training's logged values: columns stage, step, split, metric, value. */
export function curveFrame(points: readonly CurvePoint[]): Table {
  return makeFrame(
    FRAMES.curve,
    points.map((point) => ({ ...point })),
  );
}

/** One index measured at one breadth of search. */
export interface RecallRow {
  readonly index: string;
  /** Whose view of the corpus is searched; null where there is one only. */
  readonly head: Head | null;
  /** Breadth of the search; null for exact search. */
  readonly ef: number | null;
  readonly k: number;
  readonly recall: number;
  readonly queriesPerSecond: number;
}

/** What a search found and how fast: columns index, head, ef, k, recall, queriesPerSecond. */
export function recallFrame(rows: readonly RecallRow[]): Table {
  return makeFrame(
    FRAMES.recall,
    rows.map((row) => ({ ...row })),
  );
}

/**
 * Every hit of every query: columns exampleId, split, head, system, rank, passageId, score, agrees. With several true labels a
 * passage agrees when its truth is one of them; with none that is not asked.
 *
 * @throws DataError when an example or passage is not of this task or corpus.
 */
export function retrievedFrame(task: Task, corpus: Corpus, lists: readonly RetrievedList[]): Table {
  const rows = judgeHits("retrievedFrame", task, corpus, lists).flatMap(({ example, system, hits }) =>
    hits.map(({ head, rank, passageId, score, agrees }) => {
      const place = { exampleId: example.id, split: example.split, head, system, rank };
      return { ...place, passageId, score, agrees: agrees === null ? null : Number(agrees) };
    }),
  );
  return makeFrame(FRAMES.retrieved, rows);
}

/** What the retriever and the reader think of one query's candidates; each list sums to 1. */
export interface CandidateShares {
  /** How likely the retriever holds each. */
  readonly prior: readonly number[];
  /** How much the reader prefers each. */
  readonly preference: readonly number[];
  /** What stage 2 pulls the prior to. */
  readonly target: readonly number[];
}

/**
 * One row per candidate of one query: columns passageId, prior, preference, target, agrees.
 *
 * @throws ShapeError when a list has not one entry per candidate.
 */
export function preferenceFrame(
  task: Task,
  example: Example,
  candidates: readonly Passage[],
  { prior, preference, target }: CandidateShares,
): Table {
  for (const [name, shares] of Object.entries({ prior, preference, target })) {
    assertSameLength(`preferenceFrame: ${name}`, shares.length, candidates.length);
  }
  const rows = candidates.map(({ id, truth }, k) => {
    const agrees = agreesWith(task, example, truth);
    const shares = { prior: prior[k]!, preference: preference[k]!, target: target[k]! };
    return { passageId: id, ...shares, agrees: agrees === null ? null : Number(agrees) };
  });
  return makeFrame(FRAMES.preference, rows);
}
