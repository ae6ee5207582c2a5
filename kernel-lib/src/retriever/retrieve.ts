import { assertInteger } from "../base/check";
import { ShapeError } from "../base/errors";
import type { Random } from "../base/random";
import type { Control, Head, Matrix, Retrieved } from "../base/types";
import type { VectorIndex } from "../search/vector-index";

/** The order in which heads are listed everywhere. */
export const HEADS: readonly Head[] = ["image", "text"];

/** One index per view of the corpus: the same passages by their picture and by their text. */
export type CorpusViews = Readonly<Record<Head, VectorIndex>>;

export interface RetrieveOptions {
  /** Passages per head (the reference code: 2). Default 2. */
  readonly numPerHead?: number;
  /** One list per query: passages it must not find. Default none. */
  readonly excludeIds?: readonly (readonly string[])[];
  readonly control?: Control;
}

/**
 * The best passages of both heads for each query: the image head's first, then the text head's, each best first. Either way
 * the retrieved unit is the whole pair; a pair that both heads find is listed twice.
 *
 * Paper: arXiv 2508.17394v3, retriever and inference.  Deviation: none.
 * Shapes: queries.image [Q, D], queries.text [Q, D] -> Q lists of 2 * numPerHead (fewer from a smaller corpus).
 *
 * @throws ShapeError when the heads have different numbers of queries; otherwise what search() throws.
 */
export async function retrieve(
  views: CorpusViews,
  queries: Readonly<Record<Head, Matrix>>,
  options: RetrieveOptions = {},
): Promise<Retrieved[][]> {
  const { numPerHead = 2, excludeIds, control } = options;
  assertInteger("retrieve: numPerHead", numPerHead, 1);
  if (queries.image.rows !== queries.text.rows) {
    throw new ShapeError(
      `retrieve: queries.text must have as many rows as queries.image = ${queries.image.rows}; got ${queries.text.rows}. Embed the same images for both heads.`,
      { image: queries.image.rows, text: queries.text.rows },
    );
  }
  const lists: Retrieved[][] = Array.from({ length: queries.image.rows }, () => []);
  for (const head of HEADS) {
    const search = {
      ...(excludeIds === undefined ? {} : { excludeIds }),
      ...(control?.signal === undefined ? {} : { control: { signal: control.signal } }),
    };
    const hits = await views[head].search(queries[head], numPerHead, search);
    hits.forEach(({ ids, scores }, query) => {
      ids.forEach((passageId, rank) => {
        lists[query]!.push({ passageId, head, score: scores[rank]!, rank });
      });
    });
  }
  return lists;
}

/**
 * Candidates of one query re-ranked at random: a control for "a better ranking helps on inconsistent queries".
 * Of each head's candidates `numPerHead` are drawn without regard to their scores; each keeps its own score and gets its
 * new rank. What a system gains with them over the original top is owed to other candidates, not to better ones.
 *
 * @param candidates of one query, of one or both heads, e.g. the 50 best of each.
 * @param options.numPerHead how many to keep per head, ≥ 1; fewer when a head has fewer.
 * @param options.random the query's own stream, e.g. createRandom(seed).fork(exampleId).
 * @throws ConfigError on numPerHead.
 */
export function rerankAtRandom(
  candidates: readonly Retrieved[],
  options: { readonly numPerHead: number; readonly random: Random },
): Retrieved[] {
  const { numPerHead, random } = options;
  assertInteger("rerankAtRandom: numPerHead", numPerHead, 1);
  const heads = [...new Set<Head>(candidates.map(({ head }) => head))];
  return heads.flatMap((head) =>
    random
      .fork(head)
      .shuffle(candidates.filter((candidate) => candidate.head === head))
      .slice(0, numPerHead)
      .map((candidate, rank) => ({ ...candidate, rank })),
  );
}
