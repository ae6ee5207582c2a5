import { existsSync } from "node:fs";
import { join } from "node:path";
import type { LabelSetPrediction, Prediction, WordsPrediction } from "../base/types";
import { readJson, writeJson } from "./artifact-io";

/** The answers of one system, by the form of the examples. */
export interface Predictions {
  /** Of the examples answered with one label. */
  readonly predictions: readonly Prediction[];
  /** Of those answered with a set of labels. */
  readonly labelSets: readonly LabelSetPrediction[];
  /** Of those answered in words. */
  readonly words: readonly WordsPrediction[];
}

/** A file per form of answer; one that no example has is not written. */
const FILES = {
  predictions: "predictions.json",
  labelSets: "label-sets.json",
  words: "words.json",
} as const satisfies Record<keyof Predictions, string>;
/** Writes answers into an artifact's folder. */
export function writePredictions(folder: string, answers: Predictions): void {
  for (const [form, file] of Object.entries(FILES)) {
    const found = answers[form as keyof Predictions];
    if (found.length > 0) writeJson(folder, file, found);
  }
}

/** The answers that a predictions artifact holds. */
export function readPredictions(folder: string): Predictions {
  const read = <T>(file: string): readonly T[] =>
    existsSync(join(folder, file)) ? readJson<readonly T[]>(folder, file) : [];
  return { predictions: read(FILES.predictions), labelSets: read(FILES.labelSets), words: read(FILES.words) };
}
