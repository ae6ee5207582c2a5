// kernel.retriever — The two heads and the mix of learned and frozen queries.

export { createDualHead, type DualHeadOptions, type DualHeadRetriever } from "./dual-head";
export { createLearnedTower, type EncoderTower, type LearnedTower, loadLearnedTower } from "./learned-tower";
export { mixEmbeddings, normaliseRows, PAPER_LEARNED_WEIGHT } from "./mix";
export { type CorpusViews, HEADS, type RetrieveOptions, rerankAtRandom } from "./retrieve";
