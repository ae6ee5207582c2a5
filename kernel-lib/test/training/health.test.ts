import { describe, expect, test } from "vitest";
import type { CurvePoint } from "../../src/base/types";
import {
  diagnoseLoss,
  diagnosePotential,
  diagnoseReader,
  diagnoseRetriever,
  joinHealth,
  measureRetrieverHealth,
  rowEntropies,
  type StageHealth,
  topColumns,
} from "../../src/training/health";

function curveOf(metrics: Readonly<Record<string, readonly number[]>>): CurvePoint[] {
  return Object.entries(metrics).flatMap(([name, values]) => {
    const [split, metric] = name.split(" ") as ["train" | "validation", string];
    return values.map((value, i) => ({
      stage: "s",
      step: 10 * (i + (split === "train" ? 1 : 0)),
      split,
      metric,
      value,
    }));
  });
}
const signs = ({ findings }: StageHealth): string[] => findings.map(({ sign }) => sign);

describe("a loss that is flat from the start", () => {
  test.each([
    ["both stay", [0.7, 0.7, 0.7], [0.7, 0.698], ["loss-flat"]],
    ["both rise", [0.7, 0.8, 0.9], [0.7, 0.75], ["loss-flat"]],
    ["there is nothing to lose", [0, 0, 0], [0, 0], ["loss-flat"]],
    ["both fall", [0.7, 0.5, 0.4], [0.6, 0.3], []],
    ["training falls, validation rises: learnt by heart, not flat", [0.7, 0.9], [0.6, 0.1], []],
    ["validation falls at once, training is noisy", [0.7, 0.5], [0.5, 0.52], []],
    ["validation fell and came back", [0.7, 0.6, 0.7], [0.6, 0.6], []],
  ])("%s", (_name, validation, train, wanted) => {
    expect(signs(diagnoseLoss(curveOf({ "validation loss": validation, "train loss": train })))).toEqual(wanted);
  });

  test("says by how much it fell", () => {
    const { findings, measured } = diagnoseLoss(curveOf({ "validation loss": [1, 0.995], "train loss": [1, 1.1] }));
    expect(measured["validationFall"]).toBeCloseTo(0.005, 9);
    expect(findings[0]!.seen).toBe("the loss fell by 0.5 % on validation and 0.0 % in training");
  });
});

describe("before stage 2: whether there is anything to learn", () => {
  const world = { captionVote: 0.82, alone: 0.64, moved: 0.97, numSwapped: 64 };

  test("a world where captions know more and are believed is well; its numbers are kept", () => {
    expect(diagnosePotential(world)).toEqual({
      findings: [],
      measured: { captionVote: 0.82, alone: 0.64, captionSwap: 0.97 },
    });
  });

  test("captions that know no more than the picture, at or below it", () => {
    for (const captionVote of [0.64, 0.5]) {
      const health = diagnosePotential({ ...world, captionVote });
      expect(signs(health)).toEqual(["captions-tell-nothing"]);
    }
    expect(diagnosePotential({ ...world, captionVote: 0.5 }).findings[0]!.seen).toBe(
      "a vote of the retrieved captions is right on 50.0 % of the validation questions, the picture by itself tells 64.0 %",
    );
  });

  test("a reader that fewer than a fifth of the swapped captions move, where enough were swapped", () => {
    expect(signs(diagnosePotential({ ...world, moved: 0.19 }))).toEqual(["captions-ignored"]);
    expect(signs(diagnosePotential({ ...world, moved: 0.2 }))).toEqual([]);
    expect(signs(diagnosePotential({ ...world, moved: 0, numSwapped: 15 }))).toEqual([]);
    expect(signs(diagnosePotential({ ...world, captionVote: 0.6, moved: 0.09 }))).toHaveLength(2);
  });

  test("what could not be measured is no finding", () => {
    expect(diagnosePotential({ captionVote: null, alone: null, moved: null, numSwapped: 0 })).toEqual({
      findings: [],
      measured: {},
    });
    expect(signs(diagnosePotential({ ...world, alone: null, captionVote: 0.1 }))).toEqual([]);
  });
});

describe("a reader that answers one thing to everything", () => {
  const truth = Array.from({ length: 20 }, (_, i) => (i % 4 === 0 ? "malignant" : "benign"));

  test("fires, and names the answer", () => {
    const health = diagnoseReader(
      truth.map(() => "benign"),
      truth,
    );
    expect(signs(health)).toEqual(["one-answer"]);
    expect(health.findings[0]!.seen).toBe(
      '"benign" is 100.0 % of 20 validation answers; the commonest truth is 75.0 %',
    );
  });

  test("does not fire when a second answer occurs, when the truth is one, or when there is little to judge by", () => {
    expect(
      signs(
        diagnoseReader(
          truth.map((_, i) => (i === 3 ? "malignant" : "benign")),
          truth,
        ),
      ),
    ).toEqual([]);
    const same = truth.map(() => "benign");
    expect(signs(diagnoseReader(same, same))).toEqual([]);
    expect(signs(diagnoseReader(same.slice(0, 4), truth.slice(0, 4)))).toEqual([]);
  });

  test("answers that name no label are another sign, and need a majority", () => {
    const mute = (share: number) => truth.map((label, i) => (i < 20 * share ? null : label));
    expect(signs(diagnoseReader(mute(1), truth))).toEqual(["unreadable-answers"]);
    expect(signs(diagnoseReader(mute(0.55), truth))).toEqual(["unreadable-answers"]);
    expect(signs(diagnoseReader(mute(0.45), truth))).toEqual([]);
    expect(diagnoseReader(mute(0.5), truth).measured).toMatchObject({ unparsedShare: 0.5, commonestTruth: 0.75 });
  });
});

describe("a trained head", () => {
  const well = {
    "validation loss": [0.5, 0.4, 0.3],
    "train loss": [0.5, 0.3],
    "validation effectiveCandidates": [10, 8, 8],
    "validation frozenOverlap": [1, 0.9, 0.8],
    "validation spread": [0.2, 0.2, 0.15],
    "validation drift": [0, 0.05, 0.1],
  };
  const options = { numCandidates: 20, bestStep: 20 };
  const signsOf = (change: Partial<typeof well>, over: Partial<typeof options> = {}) =>
    signs(diagnoseRetriever(curveOf({ ...well, ...change }), { ...options, ...over }));

  test("that learns has no findings, and its numbers are those of the kept step", () => {
    const health = diagnoseRetriever(curveOf(well), options);
    expect(signs(health)).toEqual([]);
    expect(health.measured).toMatchObject({ effectiveShare: 8 / 20, frozenOverlap: 0.8, drift: 0.1 });
    expect(health.measured["spreadShare"]).toBeCloseTo(0.75, 9);
  });

  test("whose lists stay, or whose best step is the frozen head's", () => {
    expect(signsOf({ "validation frozenOverlap": [1, 1, 0.998] })).toEqual(["lists-unmoved"]);
    expect(signsOf({}, { bestStep: 0 })).toEqual(["lists-unmoved"]);
    expect(signsOf({ "validation frozenOverlap": [1, 1, 0.99] })).toEqual([]);
  });

  test("that a reader without preference teaches", () => {
    expect(signsOf({ "validation effectiveCandidates": [20, 19.9, 19.9] })).toEqual(["reader-indifferent"]);
    expect(signsOf({ "validation effectiveCandidates": [20, 19, 19] })).toEqual([]);
  });

  test("whose queries have become one", () => {
    expect(signsOf({ "validation spread": [0.2, 0.1, 0.01] })).toEqual(["queries-collapsed"]);
    expect(signsOf({ "validation spread": [0.2, 0.1, 0.03] })).toEqual([]);
  });

  test("with several faults names each, with advice", () => {
    const sick = diagnoseRetriever(
      curveOf({ ...well, "validation loss": [0.5, 0.5], "train loss": [0.5, 0.5], "validation frozenOverlap": [1, 1] }),
      { ...options, bestStep: 10 },
    );
    expect(signs(sick)).toEqual(["lists-unmoved", "loss-flat"]);
    for (const { seen, advice } of sick.findings) {
      expect(seen).toMatch(/\d/);
      expect(advice).toMatch(/\.$/);
    }
  });
});

test("health of parts is their findings one after the other and all their numbers", () => {
  const part = (name: string): StageHealth => ({
    findings: [{ sign: "loss-flat", seen: name, advice: "" }],
    measured: { [name]: 1 },
  });
  expect(joinHealth(part("a"), part("b"))).toEqual({
    findings: [...part("a").findings, ...part("b").findings],
    measured: { a: 1, b: 1 },
  });
});

const matrix = (...rows: number[][]) => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  cols: rows[0]!.length,
});

test("entropy: indifferent is ln K, certain is 0", () => {
  const [flat, sure] = rowEntropies(matrix([0.25, 0.25, 0.25, 0.25], [0, 1, 0, 0]));
  expect(flat).toBeCloseTo(Math.log(4), 6);
  expect(sure).toBe(0);
});

test("the best columns come first, ties by position", () => {
  expect(topColumns(matrix([1, 3, 3, 2]), 0, 3)).toEqual([1, 2, 3]);
});

test("by hand: half of the top moved, the embedding turned by 60 degrees", () => {
  const health = measureRetrieverHealth({
    target: matrix([0.5, 0.5, 0, 0]),
    retriever: matrix([0.4, 0.1, 0.3, 0.2]),
    frozenScores: matrix([4, 3, 2, 1]),
    learned: matrix([1, 0]),
    frozen: matrix([0.5, Math.sqrt(3) / 2]),
    numTop: 2,
  });
  expect(health.effectiveCandidates).toBeCloseTo(2, 6);
  expect(health.targetEntropy).toBeCloseTo(Math.log(2), 6);
  expect(health.frozenOverlap).toBe(1 / 2);
  expect(health.drift).toBeCloseTo(1 - 0.5, 6);
});

test("spread: 0 when every query looks the same, 1 when they cancel out", () => {
  const spreadOf = (...rows: number[][]) => {
    const same = matrix(...rows.map(() => [0.5, 0.5]));
    const learned = matrix(...rows);
    return measureRetrieverHealth({
      target: same,
      retriever: same,
      frozenScores: same,
      learned,
      frozen: learned,
      numTop: 1,
    }).spread;
  };
  expect(spreadOf([0, 1], [0, 1])).toBeCloseTo(0, 6);
  expect(spreadOf([0, 1], [0, -1])).toBeCloseTo(1, 6);
  expect(spreadOf([0, 1], [1, 0])).toBeCloseTo(1 - Math.SQRT1_2, 6);
});
