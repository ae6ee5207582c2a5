// kernel.systems — What a system is made of; the table itself is kernel.SYSTEMS.

export { type JointOptions, jointSystem } from "./joint";
export { createReadingSystem, type ReadingParts } from "./reading";
export { createFinder, type FinderParts, NO_PASSAGES, openFinder, type PassageFinder } from "./retrieval";
export { rerankedFinder, type ServedSystemOptions, servedReranker, servedSystem } from "./served";
export type {
  ReadingSettings,
  SearchedParts,
  StageOptions,
  SystemNeeds,
  SystemParts,
  SystemTraining,
  TrainingContext,
} from "./system";
export { ablations } from "./systems";
