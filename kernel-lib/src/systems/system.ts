import type { Example, Passage, Retrieved } from "../base/types";
import type { Reader } from "../reader/reader";
import type { DualHeadRetriever } from "../retriever/dual-head";
import type { CorpusViews } from "../retriever/retrieve";

/** How several readings become one answer: the paper averages probabilities, the reference code logits. */
export type Fusion = "probabilities" | "logits";

/** Where a system's passages come from. */
export interface Retrieval {
  readonly retriever: DualHeadRetriever;
  readonly views: CorpusViews;
  /** Passages by id. */
  readonly passages: ReadonlyMap<string, Passage>;
  /** Passages per head and query (reference code: 2). */
  readonly numPerHead: number;
  /** A last choice among more candidates, such as a reranker's or a control's. Default: the `numPerHead` best. */
  readonly rerank?: Rerank;
}

/** Chooses the passages to read among the best candidates of both heads. */
export interface Rerank {
  /** Candidates per head to choose from. */
  readonly numCandidates: number;
  choose(candidates: readonly Retrieved[], example: Example): readonly Retrieved[];
}

/** A way to answer a task: which retriever (or none), which reader, which fusion. Its parts stay their owners'. */
export interface System {
  readonly name: string;
  readonly reader: Reader;
  /** null: closed-book. */
  readonly retrieval: Retrieval | null;
  readonly fusion: Fusion;
  /** Temperature of the fusion weights' softmax. 1 in the reference code. */
  readonly fusionTemperature: number;
}

/** What every retrieving system is made of. */
export interface RetrievingParts extends Retrieval {
  readonly reader: Reader;
  /** Default "probabilities" (paper). */
  readonly fusion?: Fusion;
  /** Default 1. */
  readonly fusionTemperature?: number;
}

/** A system that retrieves. */
export function retrievingSystem(name: string, parts: RetrievingParts): System {
  const { reader, fusion = "probabilities", fusionTemperature = 1, ...retrieval } = parts;
  return { name, reader, retrieval, fusion, fusionTemperature };
}
