import { describe, expect, it } from "vitest";
import type { Vote } from "../../src/answers/form";
import { fuseLogits, fuseProbabilities, fusionWeights } from "../../src/answers/fusion";
import { createRandom } from "../../src/base/random";
import { softmax } from "../../src/base/softmax";
import type { Head, Retrieved } from "../../src/base/types";

const hit = (head: Head, score: number): Retrieved => ({ passageId: `${head}${score}`, head, score, rank: 0 });

function reading(logits: number[], answer: number | null = logits.indexOf(Math.max(...logits))): Vote<"label"> {
  return { answer, logits, probabilities: Array.from(softmax(logits)) };
}

describe("fusionWeights", () => {
  it("divides each head's scores by its maximum and takes the softmax over all", () => {
    const weights = fusionWeights([hit("image", 2), hit("image", 1), hit("text", 0.4), hit("text", 0.1)]);
    const powers = [Math.exp(1), Math.exp(1 / 2), Math.exp(1), Math.exp(0.1 / 0.4)];
    const sum = powers.reduce((total, power) => total + power, 0);
    weights.forEach((weight, k) => {
      expect(weight).toBeCloseTo(powers[k]! / sum, 12);
    });
  });

  it("does not change when one head's scores are scaled", () => {
    const weights = fusionWeights([hit("image", 2), hit("text", 4), hit("text", 3)]);
    const scaled = fusionWeights([hit("image", 20), hit("text", 0.4), hit("text", 0.3)]);
    scaled.forEach((weight, k) => {
      expect(weight).toBeCloseTo(weights[k]!, 12);
    });
  });

  it("is 1 for one passage, sums to 1, follows the order given", () => {
    expect(fusionWeights([hit("text", -3)])).toEqual([1]);
    const hits = [hit("image", 2), hit("text", 4), hit("image", 1)];
    const weights = fusionWeights(hits);
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
    const turned = fusionWeights([...hits].reverse()).reverse();
    turned.forEach((weight, k) => {
      expect(weight).toBeCloseTo(weights[k]!, 12);
    });
  });

  it("keeps the order of a head without a positive score", () => {
    const [better, worse] = fusionWeights([hit("text", -1), hit("text", -2)]);
    expect(better! / worse!).toBeCloseTo(Math.exp(-1 - -2), 12);
    expect(fusionWeights([hit("text", 0), hit("text", 0)])).toEqual([0.5, 0.5]);
  });

  it("gets flat when hot and sharp when cold", () => {
    const hits = [hit("image", 2), hit("image", 1)];
    expect(fusionWeights(hits, { temperature: 1000 })[0]).toBeCloseTo(0.5, 3);
    expect(fusionWeights(hits, { temperature: 0.01 })[0]).toBeCloseTo(1, 9);
  });

  it("refuses nothing, NaN and a temperature of 0", () => {
    expect(() => fusionWeights([])).toThrow(/retrieved must hold at least one passage/);
    expect(() => fusionWeights([hit("image", Number.NaN)])).toThrow(/scores must be finite; got NaN at position 0/);
    expect(() => fusionWeights([hit("image", 1)], { temperature: 0 })).toThrow(/temperature must be a number/);
  });
});

describe.each([
  ["fuseProbabilities", fuseProbabilities],
  ["fuseLogits", fuseLogits],
] as const)("%s", (name, fuse) => {
  const random = createRandom(11);
  const readings = Array.from({ length: 4 }, () => reading([random.normal(), random.normal(), random.normal()]));
  const weights = [0.1, 0.2, 0.3, 0.4];

  it("with K = 1 is the single reading", () => {
    const fused = fuse([readings[0]!], [1]);
    expect(fused.answer).toBe(readings[0]!.answer);
    fused.probabilities.forEach((p, c) => {
      expect(p).toBeCloseTo(readings[0]!.probabilities[c]!, 12);
    });
    expect(fuse([reading([1, 0], null)], [1]).answer).toBe(null);
  });

  it("does not depend on the order of the passages", () => {
    const fused = fuse(readings, weights);
    const turned = fuse([...readings].reverse(), [...weights].reverse());
    expect(turned.answer).toBe(fused.answer);
    turned.probabilities.forEach((p, c) => {
      expect(p).toBeCloseTo(fused.probabilities[c]!, 12);
    });
  });

  it("gives a distribution, and the reading itself when all readings are equal", () => {
    const { probabilities } = fuse(readings, weights);
    expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
    const same = fuse([readings[1]!, readings[1]!], [0.3, 0.7]);
    same.probabilities.forEach((p, c) => {
      expect(p).toBeCloseTo(readings[1]!.probabilities[c]!, 12);
    });
  });

  it("names no label when readings that name none hold most of the weight, and the lower index on a tie", () => {
    const named = reading([0, 1]);
    const unnamed = reading([0, 1], null);
    expect(fuse([named, unnamed], [0.4, 0.6]).answer).toBe(null);
    expect(fuse([named, unnamed], [0.5, 0.5]).answer).toBe(1);
    expect(fuse([reading([1, 1])], [1]).answer).toBe(0);
  });

  it("refuses weights that are no distribution or do not fit", () => {
    expect(() => fuse(readings, [0.1, 0.2, 0.3, 0.5])).toThrow(`${name}: weights must be at least 0 and sum to 1`);
    expect(() => fuse(readings.slice(0, 2), [1.5, -0.5])).toThrow(/at least 0 and sum to 1; got \[1.5, -0.5\]/);
    expect(() => fuse(readings, [1])).toThrow(`${name}: weights must have 4 entries; got 1.`);
    expect(() => fuse([], [])).toThrow(`${name}: readings must hold at least one; got 0.`);
    expect(() => fuse([readings[0]!, reading([0, 1])], [0.5, 0.5])).toThrow(/reading 1 must have 3 entries; got 2/);
  });
});

describe("the two fusions", () => {
  // p = softmax of the logits: one sure reading against two doubtful ones
  const readings = [reading([0, 3]), reading([2, 0]), reading([2, 0])];
  const weights = [1 / 3, 1 / 3, 1 / 3];

  it("are the mean of the probabilities and the softmax of the mean logits", () => {
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    expect(fuseProbabilities(readings, weights).probabilities[1]).toBeCloseTo(
      (sigmoid(3) + sigmoid(-2) + sigmoid(-2)) / 3,
      12,
    );
    expect(fuseLogits(readings, weights).probabilities[1]).toBeCloseTo(sigmoid((3 - 2 - 2) / 3), 12);
  });

  it("can differ: averaged logits choose a label that no reading preferred", () => {
    const split = [reading([5, 4, 0]), reading([0, 4, 5])];
    expect(fuseLogits(split, [0.5, 0.5]).answer).toBe(1);
    expect(split.map(({ answer }) => answer)).toEqual([0, 2]);
    expect(fuseProbabilities(split, [0.5, 0.5]).answer).not.toBe(1);
  });
});
