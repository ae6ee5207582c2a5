// kernel.data — Leaks, open questions as closed ones, publishers' formats.

export type { NpyArray, NpyType } from "./formats/npy";
export { readNpz } from "./formats/npz";
export {
  type CleanCorpus,
  type FindLeaksOptions,
  findLeaks,
  type Leak,
  leaveOutLeaks,
  withoutLeaks,
} from "./leaks/find-leaks";
export { createDuplicateFinder, type Duplicate, type DuplicateFinder } from "./leaks/near-duplicates";
export {
  type ConvertedTask,
  type ConvertOpenOptions,
  convertOpenQuestions,
  type RefusedQuestion,
} from "./open-to-closed/convert-open";
export { type ConvertWithEndpointOptions, convertWithEndpoint } from "./open-to-closed/convert-with-endpoint";
export { findSharedGroups, type SharedGroup } from "./splits";
export { closedTask } from "./tasks/vqa";
