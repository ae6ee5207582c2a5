import { assertInteger } from "../base/check";
import type { CurvePoint } from "../base/types";
import { diagnoseLoss, type HealthFinding, joinHealth, percent, type StageHealth, valuesOf } from "./stage-health";

/** Lists that share at least this much with the frozen head's have not moved. */
const UNMOVED_OVERLAP = 0.995;
/** A preference spread over at least this share of the candidates is none. */
const INDIFFERENT_SHARE = 0.99;
/** Queries whose spread is below this share of what it was before training look the same. */
const COLLAPSED_SHARE = 0.1;

/**
 * Finds what is wrong with a trained head in the curve that trainRetrieverHead left.
 *
 * @param curve of one head.
 * @param numCandidates K.
 * @param bestStep the step whose weights were kept. Step 0 keeps the frozen head's: its lists have not moved.
 */
export function diagnoseRetriever(
  curve: readonly CurvePoint[],
  options: { readonly numCandidates: number; readonly bestStep: number },
): StageHealth {
  const { numCandidates, bestStep } = options;
  assertInteger("diagnoseRetriever: numCandidates", numCandidates, 1);
  const kept = (metric: string): number => keptValue(curve, metric, bestStep);
  const effectiveShare = kept("effectiveCandidates") / numCandidates;
  const overlap = kept("frozenOverlap");
  const spread = kept("spread") / Math.max(valuesOf(curve, "validation", "spread")[0] ?? 0, 1e-9);
  const findings: HealthFinding[] = [];
  if (effectiveShare >= INDIFFERENT_SHARE) {
    const seen = `the reader's preference is spread over ${percent(effectiveShare)} of the ${numCandidates} candidates`;
    const advice =
      "Tune the reader with retrieval first, or lower targetTemperature: candidates it reads alike teach nothing.";
    findings.push({ sign: "reader-indifferent", seen, advice });
  }
  if (overlap >= UNMOVED_OVERLAP) {
    const seen = `the kept head shares ${percent(overlap)} of its best candidates with the frozen head (kept step ${bestStep})`;
    const advice = "Raise the learning rate, the steps or learnedWeight, or lower temperature.";
    findings.push({ sign: "lists-unmoved", seen, advice });
  }
  if (spread < COLLAPSED_SHARE) {
    const seen = `the queries' embeddings are ${percent(spread)} as far apart as before training`;
    const advice = "Lower the learning rate or learnedWeight, or use the prior: every query finds the same.";
    findings.push({ sign: "queries-collapsed", seen, advice });
  }
  const measured = { effectiveShare, frozenOverlap: overlap, spreadShare: spread, drift: kept("drift") };
  return joinHealth({ findings, measured }, diagnoseLoss(curve));
}

/** A validation metric at the kept step. */
function keptValue(curve: readonly CurvePoint[], metric: string, bestStep: number): number {
  const point = curve.find((each) => each.split === "validation" && each.metric === metric && each.step === bestStep);
  return point?.value ?? Number.NaN;
}
