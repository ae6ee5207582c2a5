import { defineFrame } from "./table";

/** The columns of every stored table. docs/architecture.md shows the same list. */
export const FRAMES = {
  examples: defineFrame("examples", "none", [
    "id: example id",
    "split: train, validation or test",
    "label: index of the true label",
    "labelName: name of the true label",
    "group: patient or image group, the unit of resampling",
  ]),
  passages: defineFrame("passages", "none", [
    "id: passage id",
    "corpus: sub-corpus it comes from",
    "text: its caption",
    "truth: label name it was drawn with, null where unknown",
    "licence: its licence",
  ]),
  curve: defineFrame("curve", "none", [
    "stage: which training",
    "step: optimiser steps done",
    "split: train, validation or test",
    "metric: what was measured",
    "value: its value",
  ]),
  recall: defineFrame("recall", "none", [
    "index: which index",
    "ef: breadth of the search, null for exact search",
    "k: number of neighbours",
    "recall: share of the exact neighbours found, 0 to 1",
    "queriesPerSecond: searches per second",
  ]),
  retrieved: defineFrame("retrieved", "none", [
    "exampleId: the query",
    "split: its split",
    "head: image or text",
    "system: whose retriever",
    "rank: 0 is the best",
    "passageId: the hit",
    "score: inner product, unbounded",
    "agrees: 1 when the passage's truth is the example's label, 0 when not, null where unknown",
  ]),
  readings: defineFrame("readings", "probabilities", [
    "system: whose reading",
    "exampleId: the query",
    "trueLabel: index of the true label",
    "passageId: the candidate read, null for closed-book",
    "head: which head found it, null for closed-book",
    "rank: its rank, null for closed-book",
    "score: its score, null for closed-book",
    "weight: its fusion weight, sums to 1 over a prediction",
    "label: index of the answered label, -1 when unparsed",
    "answer: what the reader wrote",
  ]),
  predictions: defineFrame("predictions", "probabilities", [
    "system: whose prediction",
    "exampleId: the query",
    "group: unit of resampling",
    "trueLabel: index of the true label",
    "label: index of the answered label, -1 when unparsed",
    "correct: 1 when label is trueLabel, else 0",
    "numReadings: candidates read",
    "distinctLabels: how many different answers they gave; unparsed counts as one",
    "oracleCorrect: 1 when any reading is right, else 0",
  ]),
  results: defineFrame("results", "none", [
    "system: which system",
    "metric: accuracy, macroF1 …",
    "value: 0 to 1",
    "low: lower end of the interval, null where none",
    "high: upper end of the interval, null where none",
    "n: number of examples, null where unknown",
    "seeds: number of seeds, null where unknown",
    "scale: replica or published",
    "data: phantom or real",
  ]),
  published: defineFrame("published", "none", [
    "model: as the paper names it",
    "task: data set",
    "metric: accuracy, macroF1 …",
    "value: as printed, percent",
  ]),
} as const;

/** The names of the stored tables. */
export type FrameName = keyof typeof FRAMES;
