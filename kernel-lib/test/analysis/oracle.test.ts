import { describe, expect, it } from "vitest";
import { findMeasurement, type Measurement } from "../../src/analysis/measurement";
import {
  CROSS_SCORER,
  chanceOracle,
  chanceOracleOf,
  measureCandidates,
  measureOracle,
  numRight,
  PICKS,
  pickedStatistics,
  pickReading,
  trainCrossScorer,
} from "../../src/analysis/oracle";
import { createRandom, type Random } from "../../src/base/random";
import type { Prediction, Reading } from "../../src/base/types";
import { predict, toyTask } from "./helpers";

const of = (rows: readonly Measurement[], metric: string): Measurement => findMeasurement(rows, { metric });

describe("measureOracle", () => {
  it("is right if any reading is", () => {
    const rows = [
      predict("rag", "e1", 1, [0, 0, 1], 0),
      predict("rag", "e2", 1, [0, null, 0], 0),
      predict("rag", "e3", 0, [0, 0, 0], 0),
      predict("rag", "e4", 0, [1, 0, 1], 1),
    ];
    const found = measureOracle(rows);
    expect(found.map(({ system, metric, value, n }) => [system, metric, value, n])).toEqual([
      ["rag", "accuracy", 1 / 4, 4],
      ["rag", "oracle", 3 / 4, 4],
      ["rag", "oracleGap", 2 / 4, 4],
    ]);
  });

  it("is at least as accurate as every rule that picks one passage", () => {
    const random = createRandom(9);
    for (let trial = 0; trial < 50; trial++) {
      const rows = Array.from({ length: 20 }, (_, i) => {
        const readings = Array.from({ length: 4 }, () => random.pick([0, 1, null]));
        return predict("any", `e${i}`, random.integer(2), readings, random.pick(readings));
      });
      const found = measureOracle(rows, { bootstrap: { numDraws: 50 } });
      const [accuracy, oracle, gap] = [of(found, "accuracy"), of(found, "oracle"), of(found, "oracleGap")];
      expect(oracle.value).toBeGreaterThanOrEqual(accuracy.value);
      expect(gap.low).toBeGreaterThanOrEqual(0);
      for (let k = 0; k < 4; k++) {
        const picked = rows.filter((row) => row.readings[k]!.answer === row.truth).length / rows.length;
        expect(oracle.value).toBeGreaterThanOrEqual(picked);
      }
    }
  });

  it("can be less accurate than fusion, which picks no single passage", () => {
    expect(of(measureOracle([predict("fused", "e1", 1, [0, 2], 1)]), "oracleGap").value).toBe(-1);
  });

  it("is not asked of a system that reads at most once", () => {
    const rows = [predict("closed-book", "e1", 1, [1], 1), predict("closed-book", "e2", 1, [], 0)];
    expect(measureOracle(rows)).toMatchObject([{ system: "closed-book", metric: "accuracy", value: 1 / 2 }]);
  });
});

const TASK = toyTask(["accuracy"], []);

/** A question whose readings say these labels, the image head's first, two of each head, each as sure as it is told. */
function listed(id: string, truth: number, said: readonly number[], sure: readonly number[]): Prediction<"label"> {
  const numPerHead = said.length / 2;
  const readings = said.map((answer, k): Reading<"label"> => {
    const [head, rank] = [k < numPerHead ? ("image" as const) : ("text" as const), k % numPerHead];
    const probabilities = answer === 0 ? [sure[k]!, 1 - sure[k]!] : [1 - sure[k]!, sure[k]!];
    const retrieved = { passageId: `p${k}`, head, rank, score: 1 - 0.01 * rank };
    return { form: "label", exampleId: id, retrieved, text: "", answer, logits: probabilities, probabilities };
  });
  return { ...predict("jomed", id, truth, [], 0), readings, weights: said.map(() => 1 / said.length) };
}

describe("measureCandidates", () => {
  it("by hand: fused, oracle and chance by number and head", () => {
    const rows = [
      listed("e1", 0, [1, 0, 1, 1], [0.9, 0.8, 0.7, 0.6]), // only the image head's second is right
      listed("e2", 1, [1, 1, 0, 0], [0.9, 0.9, 0.6, 0.6]),
    ];
    const found = measureCandidates(rows, { task: TASK, bootstrap: { numDraws: 50 } });
    const value = (metric: string, subset: string): number => findMeasurement(found, { metric, subset }).value;
    expect(value("oracle", "image head, 1")).toBe(1 / 2);
    expect(value("oracle", "image head, 2")).toBe(1);
    expect(value("oracle", "text head, 2")).toBe(0);
    expect(value("chanceOracle", "image head, 1")).toBeCloseTo(1 / 2, 12);
    expect(value("chanceOracle", "image head, 2")).toBeCloseTo(1 - (1 - 3 / 4) ** 2, 12);
    expect(value("chanceOracle", "both heads, 2")).toBeCloseTo(1 - (1 - 3 / 8) ** 4, 12);
    expect(value("accuracy", "text head, 1")).toBe(0);
    expect(value("accuracy", "both heads, 1")).toBe(1 / 2); // of e2 the surer reading wins
    expect(value("picked", "both heads, 1, confidence")).toBe(1 / 2);
    expect(found.some(({ subset }) => subset.includes("5") || subset.includes(CROSS_SCORER))).toBe(false); // not read, not learned
  });

  it("with all candidates it is the oracle of the readings, and grows with their number", () => {
    const random = createRandom("candidates");
    const rows = Array.from({ length: 40 }, (_, i) => drawn(`e${i}`, random));
    const found = measureCandidates(rows, { task: TASK, bootstrap: { numDraws: 50 } });
    const oracle = (subset: string): number => findMeasurement(found, { metric: "oracle", subset }).value;
    expect(oracle("both heads, 3")).toBe(of(measureOracle(rows), "oracle").value);
    for (const part of ["image head", "text head", "both heads"]) {
      const levels = [1, 2, 3].map((depth) => oracle(`${part}, ${depth}`));
      expect([...levels].sort()).toEqual(levels);
    }
    for (const { value } of found.filter(
      ({ metric, subset }) => metric === "picked" && subset.startsWith("both heads, 3"),
    ))
      expect(value).toBeLessThanOrEqual(oracle("both heads, 3"));
  });

  it("refuses readings without a passage, several systems, and an odd depth", () => {
    const closed = [predict("closed-book", "e1", 1, [1], 1)];
    expect(() => measureCandidates(closed, { task: TASK })).toThrow(/must be of a system that retrieves/);
    const rows = [listed("e1", 0, [1, 0], [0.9, 0.8])];
    expect(() => measureCandidates([...rows, { ...rows[0]!, system: "ft-rag" }], { task: TASK })).toThrow(
      /one system; got jomed, ft-rag/,
    );
    expect(() => measureCandidates(rows, { task: TASK, depths: [0] })).toThrow(/depths must be/);
  });
});

/** Six readings, of which the text head's are right nine times in ten and unsure, the image head's by chance and sure. */
function drawn(id: string, random: Random): Prediction<"label"> {
  const truth = random.integer(2);
  const said = Array.from({ length: 6 }, (_, k) => (random.chance(k < 3 ? 0.5 : 0.9) ? truth : 1 - truth));
  const sure = said.map((_, k) => (k < 3 ? 0.9 : 0.6) + 0.05 * random.next());
  return listed(id, truth, said, sure);
}

describe("the cross-scorer", () => {
  it("learns which readings to trust where no fixed rule knows it, the same from the same, and no worse than any rule", () => {
    const random = createRandom("scorer");
    const train = Array.from({ length: 120 }, (_, i) => drawn(`t${i}`, random));
    const rows = Array.from({ length: 200 }, (_, i) => drawn(`e${i}`, random));
    const options = { task: TASK, train, depths: [3], bootstrap: { numDraws: 50 } };
    const found = measureCandidates(rows, options);
    const picked = (rule: string): number =>
      findMeasurement(found, { metric: "picked", subset: `both heads, 3, ${rule}` }).value;
    for (const rule of PICKS) expect(picked(CROSS_SCORER)).toBeGreaterThanOrEqual(picked(rule));
    expect(picked("confidence")).toBeLessThan(0.6);
    expect(picked(CROSS_SCORER)).toBeGreaterThan(0.85);
    expect(measureCandidates(rows, options)).toEqual(found);
  });

  // each is the only thing that tells: labels, sureness and agreement are the same for the right and the wrong
  type Place = { readonly head: "image" | "text"; readonly rank: number; readonly score: number };
  const SIGNS: readonly [sign: string, right: Place, wrong: Place][] = [
    ["rank", { head: "text", rank: 1, score: 1 }, { head: "text", rank: 0, score: 1 }],
    ["head", { head: "text", rank: 0, score: 1 }, { head: "image", rank: 0, score: 1 }],
    ["other head", { head: "image", rank: 0, score: 1 }, { head: "text", rank: 0, score: 1 }],
    ["score", { head: "text", rank: 0, score: 1 }, { head: "text", rank: 0, score: 0.5 }],
    ["lower score", { head: "image", rank: 0, score: 0.5 }, { head: "image", rank: 0, score: 1 }],
  ];
  it.each(SIGNS)("learns right readings by their %s alone", (_, right, wrong) => {
    const random = createRandom("signs");
    const question = (id: string): Prediction<"label"> => {
      const truth = random.integer(2);
      const isFirst = random.chance(0.5);
      const one = listed(id, truth, isFirst ? [truth, 1 - truth] : [1 - truth, truth], [0.8, 0.8]);
      const places = isFirst ? [right, wrong] : [wrong, right];
      const readings = one.readings.map((each, k) => ({ ...each, retrieved: { passageId: `p${k}`, ...places[k]! } }));
      return { ...one, readings };
    };
    const pick = trainCrossScorer(Array.from({ length: 40 }, (_, i) => question(`t${i}`)));
    for (let i = 0; i < 20; i++) {
      const asked = question(`e${i}`);
      expect(asked.readings[pick(asked)!]!.answer).toBe(asked.truth);
    }
  });

  it("learns nothing from truths that were permuted", () => {
    const random = createRandom("permuted");
    const train = Array.from({ length: 300 }, (_, i) => ({ ...drawn(`t${i}`, random), truth: random.integer(2) }));
    const pick = trainCrossScorer(train);
    const rows = Array.from({ length: 300 }, (_, i) => ({ ...drawn(`e${i}`, random), truth: random.integer(2) }));
    const right = rows.filter((row) => row.readings[pick(row)!]!.answer === row.truth).length / rows.length;
    expect(Math.abs(right - 0.5)).toBeLessThan(0.1);
  });

  it("needs readings of passages", () => {
    expect(() => trainCrossScorer([])).toThrow(/must hold readings of passages/);
    expect(trainCrossScorer([listed("e1", 0, [1, 0], [0.9, 0.8])])(predict("closed-book", "e", 0, [], 0))).toBeNull();
  });
});

describe("pickReading", () => {
  it("takes the heaviest, the surest and the most said reading, of equals the first; nothing of nothing", () => {
    const one = listed("e", 0, [1, 0, 1, 0], [0.6, 0.9, 0.9, 0.7]);
    expect(pickReading({ ...one, weights: [0.2, 0.3, 0.3, 0.2] }, "score")).toBe(1);
    expect(pickReading(one, "confidence")).toBe(1);
    expect(pickReading(one, "vote")).toBe(0);
    expect(pickReading(listed("e", 0, [1, 0, 0, 0], [0.6, 0.9, 0.9, 0.7]), "vote")).toBe(1);
    expect(pickReading(predict("rag", "e", 0, [null, null, 1], 1), "vote")).toBe(2); // what cannot be read votes for nothing
    for (const pick of PICKS) expect(pickReading(predict("closed-book", "e", 0, [], 0), pick)).toBeNull();
  });

  it("counts right readings, and how often as many guesses would be right", () => {
    expect(numRight(predict("rag", "e", 1, [1, 0, null, 1], 0))).toBe(2);
    expect(chanceOracle(0.6, 2)).toBeCloseTo(0.84, 12);
    expect(chanceOracle(0.6, 0)).toBe(0);
    const rows = [predict("rag", "a", 1, [1, 0], 0), predict("rag", "b", 1, [1, 1, 1, 0], 0)];
    expect(chanceOracleOf(rows)([0, 1])).toBeCloseTo(1 - (1 - 4 / 6) ** 3, 12);
    expect(chanceOracleOf(rows)([0])).toBeCloseTo(1 - (1 / 2) ** 2, 12);
  });

  it("gapLeft is what lies between a rule and the middle of model and oracle", () => {
    const rows = [
      predict("rag", "a", 0, [0, 1], 1),
      predict("rag", "b", 0, [1, 0], 0),
      predict("rag", "c", 0, [1, 1], 1),
    ];
    const [picked, left] = pickedStatistics(rows, () => 0);
    expect([picked!.metric, left!.metric]).toEqual(["picked", "gapLeft"]);
    expect(picked!.statistic([0, 1, 2])).toBeCloseTo(1 / 3, 12);
    expect(left!.statistic([0, 1, 2])).toBeCloseTo((1 / 3 + 2 / 3) / 2 - 1 / 3, 12);
    expect(pickedStatistics(rows, () => null)[0]!.statistic([0, 1, 2])).toBe(0);
    const unread = { ...predict("rag", "d", 0, [null, 0], 0), truth: null } as unknown as Prediction;
    expect(pickedStatistics([unread], () => 0)[0]!.statistic([0])).toBe(0); // no truth, no right answer
    expect(numRight(unread)).toBe(0);
  });
});

describe("refusals of candidates", () => {
  it("name what is wrong", () => {
    expect(() => trainCrossScorer([])).toThrow(
      "trainCrossScorer: train must hold readings of passages; none has one. Predict with a system that retrieves.",
    );
    const rows = [listed("e1", 0, [1, 0], [0.9, 0.8])];
    expect(() => measureCandidates([...rows, { ...rows[0]!, system: "x" }], { task: TASK })).toThrow(
      "measureCandidates: predictions must be of one system; got jomed, x.",
    );
    expect(() => measureCandidates([predict("x", "e1", 1, [1], 1)], { task: TASK })).toThrow(
      /^measureCandidates: predictions must be of a system that retrieves; a reading has no passage\. Leave closed-book out\.$/,
    );
  });
});

describe("the parts of candidates", () => {
  it("are cut by head and depth, and only both heads together are reranked", () => {
    const random = createRandom("parts");
    const rows = Array.from({ length: 12 }, (_, i) => drawn(`e${i}`, random));
    const train = Array.from({ length: 12 }, (_, i) => drawn(`t${i}`, random));
    const names = (more: object) => {
      const found = measureCandidates(rows, { task: TASK, bootstrap: { numDraws: 10 }, ...more });
      return [...new Set(found.map(({ subset }) => subset))];
    };
    const parts = ["image head", "text head", "both heads"].flatMap((part) =>
      [1, 2, 3].map((depth) => `${part}, ${depth}`),
    );
    expect(names({}).filter((name) => name.split(", ").length === 2)).toEqual(parts);
    expect(names({ depths: [2, 4] })).toEqual([
      ...["image head, 2", "text head, 2", "both heads, 2"],
      ...PICKS.map((pick) => `both heads, 2, ${pick}`),
    ]);
    expect(names({ depths: [1], train })).toContain(`both heads, 1, ${CROSS_SCORER}`);
    const found = measureCandidates(rows, { task: TASK, bootstrap: { numDraws: 10 } });
    expect(new Set(found.map(({ metric }) => metric))).toEqual(
      new Set(["accuracy", "oracle", "chanceOracle", "picked", "gapLeft"]),
    );
    for (const { system, n } of found) expect([system, n]).toEqual(["jomed", 12]);
  });
});
