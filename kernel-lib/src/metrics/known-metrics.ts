/**
 * How a metric is called, what its numbers are, and which way is better. Tables and figures ask here; nobody reads a
 * metric's name.
 */
export interface MetricAbout {
  /** As it stands within a sentence: "macro-F1". */
  readonly label: string;
  /** "share": 0 to 1, shown in per cent. "nats": a log-likelihood or a divergence. "count": a number of things. "seconds": a time. */
  readonly unit: "share" | "nats" | "count" | "seconds";
  /** "neither": it says what happens, not how well. */
  readonly better: "higher" | "lower" | "neither";
  /** The paper's name for it, where that is another one. */
  readonly published?: string;
}

const share = (label: string, more: Partial<MetricAbout> = {}): MetricAbout => {
  return { label, unit: "share", better: "higher", ...more };
};

/** Every metric of a task's table, of an analysis and of a training curve. */
const METRICS: ReadonlyMap<string, MetricAbout> = new Map([
  ["accuracy", share("accuracy")],
  ["macroF1", share("macro-F1")],
  ["exactMatch", share("exact match", { published: "accuracy" })],
  ["closedAccuracy", share("closed accuracy")],
  ["tokenRecall", share("token recall", { published: "openRecall" })],
  ["unparsed", share("unreadable answers", { better: "lower" })],
  // analyses
  ["inconsistency", share("inconsistent queries", { better: "neither" })],
  ["oracle", share("oracle")],
  ["oracleGap", share("oracle minus accuracy", { better: "neither" })],
  ["chanceOracle", share("oracle of as many guesses", { better: "neither" })],
  ["picked", share("accuracy of the picked reading")],
  ["gapLeft", share("oracle minus picked, minus half of the gap", { better: "neither" })],
  ["trainedShare", share("trained share of the weights", { better: "lower" })],
  ["trainedWeights", { label: "trained weights", unit: "count", better: "lower" }],
  ["trainingPasses", { label: "prompts read to train", unit: "count", better: "lower" }],
  ["answeringPasses", { label: "prompts read to answer", unit: "count", better: "lower" }],
  ["trainingSeconds", { label: "seconds of training", unit: "seconds", better: "lower" }],
  ["agreement", share("agreement")],
  ["knownTruth", share("passages of known truth", { better: "neither" })],
  ["trust", share("probability of what the caption says", { better: "neither" })],
  ["trustGap", share("more trust in the same pattern", { better: "neither" })],
  ["followsCaption", share("readings that follow the caption", { better: "neither" })],
  ["smallestEffect", share("smallest effect that shows", { better: "lower" })],
  ["captionSwap", share("readings that follow a swapped caption", { better: "neither" })],
  ["outcome", share("questions of this outcome", { better: "neither" })],
  ["flow", share("questions that go this way", { better: "neither" })],
  ["kept", share("passages that stayed", { better: "neither" })],
  ["largestWeight", share("largest fusion weight", { better: "neither" })],
  ["equalWeight", share("equal fusion weight", { better: "neither" })],
  ["sameAsEqual", share("answers as with equal weights", { better: "neither" })],
  // training curves
  ["loss", { label: "loss", unit: "nats", better: "lower" }],
  ["likelihood", { label: "likelihood", unit: "nats", better: "higher" }],
  ["frozenOverlap", share("frozen overlap", { better: "neither" })],
  ["drift", share("drift", { better: "neither" })],
  ["spread", share("spread", { better: "neither" })],
  ["targetEntropy", { label: "target entropy", unit: "nats", better: "neither" }],
  ["retrieverEntropy", { label: "retriever entropy", unit: "nats", better: "neither" }],
  ["effectiveCandidates", { label: "effective candidates", unit: "count", better: "neither" }],
] satisfies [string, MetricAbout][]);

/** What is known of a metric. One that is not listed is called as it is written and taken for a share of which more is better. */
export function aboutMetric(name: string): MetricAbout {
  return METRICS.get(name) ?? share(name);
}

/** How a metric is written on an axis: "Macro-F1". */
export function metricLabel(name: string): string {
  const { label } = aboutMetric(name);
  return label.charAt(0).toUpperCase() + label.slice(1);
}

/** Whether a published number of this name is of this metric of ours. */
export function isPublishedAs(published: string, metric: string): boolean {
  return published === (aboutMetric(metric).published ?? metric);
}
