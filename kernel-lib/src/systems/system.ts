import { ConfigError } from "../base/errors";
import type { Example, Head, Passage, Retrieved } from "../base/types";
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

/** Throws ConfigError unless exactly these heads of the retriever are learned. */
export function requireHeads(system: string, retriever: DualHeadRetriever, wanted: readonly Head[]): void {
  const found = [...retriever.learnedHeads].sort().join(" and ") || "none";
  const named = [...wanted].sort().join(" and ") || "none";
  if (found === named) return;
  throw new ConfigError(
    `${system}: retriever must have these learned heads: ${named}; got ${found}. Pass createDualHead the towers of just those heads.`,
    { system, wanted, found: retriever.learnedHeads },
  );
}

/**
 * The reader alone, fine-tuned on query image and question: what retrieval has to beat.
 *
 * @example closedBook(reader).name   // "closed-book"
 */
export function closedBook(reader: Reader): System {
  return { name: "closed-book", reader, retrieval: null, fusion: "probabilities", fusionTemperature: 1 };
}

/**
 * Fine-tuned RAG: the fine-tuned reader over passages of the frozen retriever, both heads.
 *
 * Paper: arXiv 2508.17394v3, baseline "FT RAG".
 * @throws ConfigError when the retriever has a learned head.
 */
export function ftRag(parts: RetrievingParts): System {
  requireHeads("ftRag", parts.retriever, []);
  return retrievingSystem("ft-rag", parts);
}

/**
 * FT RAG with the text head learned, the image head frozen: the paper's first ablation step.
 *
 * @throws ConfigError unless the retriever's text head alone is learned.
 */
export function textHead(parts: RetrievingParts): System {
  requireHeads("textHead", parts.retriever, ["text"]);
  return retrievingSystem("text-head", parts);
}

/**
 * FT RAG with the image head learned, the text head frozen: the other half of the paper's step from FT RAG to JOMED.
 *
 * @throws ConfigError unless the retriever's image head alone is learned.
 */
export function imageHead(parts: RetrievingParts): System {
  requireHeads("imageHead", parts.retriever, ["image"]);
  return retrievingSystem("image-head", parts);
}

/**
 * JOMED: the fine-tuned reader over passages of both learned heads.
 *
 * Paper: arXiv 2508.17394v3. Deviation: none with the defaults; the reference code fuses logits.
 * @throws ConfigError unless both heads are learned.
 */
export function jomed(parts: RetrievingParts): System {
  requireHeads("jomed", parts.retriever, ["image", "text"]);
  return retrievingSystem("jomed", parts);
}
