// kernel.reader — The prompt, the local and the served reader, the score cache.

export { createLocalReader, type LocalReaderOptions, openLocalReader } from "./local-reader";
export { buildPrompt } from "./prompt";
export type { LabelScores, Reader, ReadPair, ScoredAnswer } from "./reader";
export { openScoreCache, type ScoreCache, type ScoreCacheOptions } from "./score-cache";
export {
  openServedReader,
  type ServedReader,
  type ServedReaderOptions,
  type ServerFacts,
  type UnansweredQuestion,
} from "./served-reader";
export { lacksLogProbabilities, SCORINGS, type Scoring } from "./served-scores";
