// kernel.search — Exact and approximate indexes, one interface.

export {
  type ChooseIndexOptions,
  chooseIndex,
  type IndexChoice,
  type OpenedIndex,
  type OpenIndexOptions,
  openIndex,
} from "./engines";
export { createFlatIndex, loadFlatIndex } from "./flat-index";
export { createHnswIndex, type HnswIndex, type HnswOptions, loadHnswIndex } from "./hnsw-index";
export {
  type Hits,
  type IndexEngine,
  measureRecall,
  type RecallReport,
  type SearchOptions,
  type VectorIndex,
} from "./vector-index";
