// kernel.frames — Arquero tables with documented columns.

export { type BoardRow, boardRows, countVerdicts, type PublishedEffect, publishedEffect } from "./board";
export { describeLabels, type LabelStatistics } from "./danfo";
export {
  type CandidateShares,
  curveFrame as curve,
  examplesFrame as examples,
  passagesFrame as passages,
  preferenceFrame as preference,
  type RecallRow,
  recallFrame as recall,
  retrievedFrame as retrieved,
} from "./data-frames";
export {
  loadPublished,
  type Published,
  type PublishedRow,
  predictionsFrame as predictions,
  publishedFrame as published,
  readingsFrame as readings,
  resultsFrame as results,
} from "./result-frames";
export { FRAMES, type FrameName } from "./schemas";
export { type FrameColumn, type FrameSchema, loadFrame as load, saveFrame as save, tableCsv as csv } from "./table";
