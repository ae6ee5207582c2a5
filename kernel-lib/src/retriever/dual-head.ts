import type { Control, Head, Matrix, RasterImage } from "../base/types";
import { embedInBatches, type LearnedTower } from "./learned-tower";
import { mixEmbeddings, normaliseRows, PAPER_LEARNED_WEIGHT } from "./mix";
import { HEADS } from "./retrieve";

/** Both heads of the retriever: each turns a query image into a query embedding of its own. */
export interface DualHeadRetriever {
  /** Share of a learned tower in its head's query embedding. */
  readonly learnedWeight: number;
  /** The heads that have a learned tower; the others are frozen. */
  readonly learnedHeads: readonly Head[];
  /** Shapes: Q images -> [Q, D]; the frozen embedding, or its mix with the learned one. */
  queryEmbeddings(images: readonly RasterImage[], head: Head, control?: Control): Promise<Matrix>;
  /** Frees the learned towers. */
  dispose(): void;
}

export interface DualHeadOptions {
  /** The frozen image encoder, [Q, D]. */
  readonly encodeFrozen: (images: readonly RasterImage[], control?: Control) => Promise<Matrix>;
  /** A learned query tower per trained head. Default none: both heads frozen. The retriever owns them. */
  readonly towers?: Readonly<Partial<Record<Head, LearnedTower>>>;
  /** Default 0.15 (paper). */
  readonly learnedWeight?: number;
}

/**
 * Creates the two heads over one frozen encoder. The corpus side has no say here: it stays frozen, so its indexes are built once.
 *
 * Paper: arXiv 2508.17394v3: the query embedding is 0.15 * learned + 0.85 * frozen.  Deviation: none.
 */
export function createDualHead(options: DualHeadOptions): DualHeadRetriever {
  const { encodeFrozen, towers = {}, learnedWeight = PAPER_LEARNED_WEIGHT } = options;
  return {
    learnedWeight,
    learnedHeads: HEADS.filter((head) => towers[head] !== undefined),
    queryEmbeddings: async (images, head, control) => {
      const frozen = await encodeFrozen(images, control);
      const tower = towers[head];
      if (tower === undefined) return normaliseRows(frozen);
      return mixEmbeddings(await embedInBatches(tower, images, control), frozen, learnedWeight);
    },
    dispose: () => {
      for (const tower of Object.values(towers)) tower.dispose();
    },
  };
}
