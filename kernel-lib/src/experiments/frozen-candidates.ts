import type { Head, Passage, Split } from "../base/types";
import { HEADS } from "../retriever/retrieve";
import type { Index } from "./build-index";

/** Rows of the best passages of each query of a split under the frozen retriever, exactly searched. */
export async function frozenCandidates(
  index: Index,
  split: Split,
  head: Head,
  numPassages: number,
): Promise<readonly (readonly number[])[]> {
  const hits = await index.exact[head].search(index.queries[split], numPassages);
  return hits.map(({ positions }) => positions);
}

/** The frozen retriever's best passages of both heads for each query of a split, each passage once. */
export async function frozenPassages(index: Index, split: Split, numPerHead: number): Promise<Passage[][]> {
  const byHead = await Promise.all(HEADS.map((head) => frozenCandidates(index, split, head, numPerHead)));
  return index.task.splits[split].map((_, query) => {
    const rows = new Set(byHead.flatMap((lists) => lists[query]!));
    return [...rows].map((row) => index.corpus.passages[row]!);
  });
}
