import { expect, test } from "vitest";
import { aboutMetric, isPublishedAs, metricLabel } from "../../src/metrics/known-metrics";

test("a metric says how it is called, what its numbers are, and which way is better", () => {
  expect(aboutMetric("macroF1")).toEqual({ label: "macro-F1", unit: "share", better: "higher" });
  expect(aboutMetric("loss")).toEqual({ label: "loss", unit: "nats", better: "lower" });
  expect(aboutMetric("drift").better).toBe("neither");
  expect(["macroF1", "frozenOverlap"].map(metricLabel)).toEqual(["Macro-F1", "Frozen overlap"]);
});

test("one that nobody listed is called as it is written, a share of which more is better", () => {
  expect(aboutMetric("kappa")).toEqual({ label: "kappa", unit: "share", better: "higher" });
  expect(metricLabel("kappa")).toBe("Kappa");
});

test("the paper's names of metrics are those of ours but for two", () => {
  expect(isPublishedAs("accuracy", "accuracy")).toBe(true);
  expect(isPublishedAs("accuracy", "exactMatch")).toBe(true);
  expect(isPublishedAs("openRecall", "tokenRecall")).toBe(true);
  expect(isPublishedAs("tokenRecall", "tokenRecall")).toBe(false);
  expect(isPublishedAs("accuracy", "macroF1")).toBe(false);
});
