// kernel.reader — The prompt, the local reader, the score cache.

export { createLocalReader, type LocalReaderOptions, openLocalReader } from "./local-reader";
export { buildPrompt } from "./prompt";
export type { LabelScores, Reader, ReadPair } from "./reader";
export { openScoreCache, type ScoreCache, type ScoreCacheOptions } from "./score-cache";
