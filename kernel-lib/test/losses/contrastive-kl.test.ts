import { describe, expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { createRandom } from "../../src/base/random";
import type { Matrix } from "../../src/base/types";
import { contrastiveKl } from "../../src/losses/contrastive-kl";
import { perplexityDistillation } from "../../src/losses/perplexity-distillation";

const matrix = (rows: number[][]): Matrix => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  cols: rows[0]!.length,
});
const draw = (seed: number, rows = 3, cols = 5): Matrix => {
  const random = createRandom(seed);
  return { data: Float32Array.from({ length: rows * cols }, () => random.normal(0, 2)), rows, cols };
};

describe("contrastiveKl by hand", () => {
  test("without prior, an indifferent reader against scores 2 and 0", () => {
    const p = Math.exp(2) / (Math.exp(2) + 1);
    const loss = contrastiveKl(matrix([[2, 0]]), matrix([[0, 0]]), { prior: "off" });
    expect(loss.value).toBeCloseTo(0.5 * Math.log(0.5 / p) + 0.5 * Math.log(0.5 / (1 - p)), 6);
    expect(loss.gradient.data[0]).toBeCloseTo(p - 0.5, 6);
    expect(loss.gradient.data[1]).toBeCloseTo(1 - p - 0.5, 6);
  });

  test("with prior, the target is the product of preference and retriever, normalised", () => {
    // preference (3/4, 1/4), retriever (1/4, 3/4) -> product (3/16, 3/16) -> target (1/2, 1/2)
    const loss = contrastiveKl(matrix([[0, Math.log(3)]]), matrix([[Math.log(3), 0]]));
    expect(loss.target.data[0]).toBeCloseTo(1 / 2, 6);
    expect(loss.value).toBeCloseTo(0.5 * Math.log(1 / 2 / (1 / 4)) + 0.5 * Math.log(1 / 2 / (3 / 4)), 6);
  });

  test("an indifferent reader with prior leaves the retriever where it is", () => {
    const loss = contrastiveKl(
      draw(1),
      matrix([
        [7, 7, 7, 7, 7],
        [0, 0, 0, 0, 0],
        [-1, -1, -1, -1, -1],
      ]),
    );
    expect(loss.value).toBeCloseTo(0, 6);
    for (const value of loss.gradient.data) expect(value).toBeCloseTo(0, 6);
  });

  describe("tempering with temperature 1/2 and targetTemperature 2, preference (9/10, 1/10), scores ln 4 and 0", () => {
    const [scores, preference] = [matrix([[Math.log(4), 0]]), matrix([[Math.log(9 / 10), Math.log(1 / 10)]])];
    const target = (tempering: "factors" | "product" | undefined): number =>
      contrastiveKl(scores, preference, { temperature: 1 / 2, targetTemperature: 2, tempering }).target.data[0]!;

    test("factors: the preference by the one, the prior by the other (default)", () => {
      // preference 9^(1/2) : 1, prior 4^2 : 1 -> 48 : 1
      expect(target("factors")).toBeCloseTo(48 / 49, 6);
      expect(target(undefined)).toBe(target("factors"));
    });

    test("product: the untempered product, softened at last (reference code)", () => {
      // (9 · 4)^(1/2) : 1 -> 6 : 1
      expect(target("product")).toBeCloseTo(6 / 7, 6);
    });

    test("the retriever's side is softmax(s / temperature) in both", () => {
      const options = { temperature: 1 / 2, targetTemperature: 2 } as const;
      const loss = contrastiveKl(scores, preference, { ...options, tempering: "product" });
      expect(loss.retriever.data[0]).toBeCloseTo(16 / 17, 6);
      expect(loss.value).toBeCloseTo((6 / 7) * Math.log(6 / 7 / (16 / 17)) + (1 / 7) * Math.log(1 / 7 / (1 / 17)), 6);
      expect(loss.gradient.data[0]).toBeCloseTo((16 / 17 - 6 / 7) / (1 / 2), 5);
    });

    test("both temperatures 1, or no prior: the two are one", () => {
      for (const options of [{}, { prior: "off", temperature: 0.5, targetTemperature: 2 }] as const) {
        const [factors, product] = (["factors", "product"] as const).map((tempering) =>
          contrastiveKl(draw(2), draw(3), { ...options, tempering }),
        );
        expect(product!.value).toBeCloseTo(factors!.value, 12);
        expect(product!.target.data).toEqual(factors!.target.data);
      }
    });
  });

  test("dividedByK is batchMean divided by K, value and gradient", () => {
    const paper = contrastiveKl(draw(2), draw(3));
    const code = contrastiveKl(draw(2), draw(3), { reduction: "dividedByK" });
    expect(code.value).toBeCloseTo(paper.value / 5, 7);
    for (let i = 0; i < 15; i++) expect(code.gradient.data[i]).toBeCloseTo(paper.gradient.data[i]! / 5, 7);
  });
});

describe("laws", () => {
  test("KL >= 0, and 0 when the reader's preference equals the retriever", () => {
    for (let seed = 0; seed < 50; seed++) {
      const scores = draw(seed);
      expect(contrastiveKl(scores, draw(seed + 1000)).value).toBeGreaterThan(1e-4);
      expect(perplexityDistillation(scores, draw(seed + 1000)).value).toBeGreaterThan(1e-4);
      expect(contrastiveKl(scores, scores, { prior: "off" }).value).toBeCloseTo(0, 6);
      expect(perplexityDistillation(scores, scores).value).toBeCloseTo(0, 6);
    }
  });

  test("the order of candidates does not matter", () => {
    const flip = (m: Matrix): Matrix => ({ ...m, data: Float32Array.from(m.data).reverse() });
    const [scores, gold] = [draw(4, 1), draw(5, 1)];
    expect(contrastiveKl(flip(scores), flip(gold)).value).toBeCloseTo(contrastiveKl(scores, gold).value, 6);
  });

  test("gradients of a row sum to zero: a constant added to all scores changes nothing", () => {
    const loss = contrastiveKl(draw(6), draw(7), { temperature: 0.5 });
    for (let b = 0; b < 3; b++) {
      const row = loss.gradient.data.subarray(b * 5, b * 5 + 5);
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 6);
    }
  });
});

describe("gradient against finite differences, the target held constant", () => {
  for (const [name, temperature] of [["contrastive", 0.7] as const, ["distillation", 1.3] as const]) {
    test(name, () => {
      const [scores, gold] = [draw(8), draw(9)];
      const at = (s: Matrix) =>
        name === "contrastive"
          ? contrastiveKl(s, gold, { temperature })
          : perplexityDistillation(s, gold, { temperature });
      const loss = at(scores);
      // with the target frozen, KL differs from -sum target * log p by a constant
      const crossEntropy = (s: Matrix): number => {
        const log = at(s).retriever.data.map(Math.log);
        return -log.reduce((sum, value, i) => sum + loss.target.data[i]! * value, 0) / 3;
      };
      for (let i = 0; i < 15; i++) {
        const moved = (by: number): Matrix => {
          const data = Float32Array.from(scores.data);
          data[i] = data[i]! + by;
          return { ...scores, data };
        };
        const numeric = (crossEntropy(moved(0.02)) - crossEntropy(moved(-0.02))) / 0.04;
        expect(loss.gradient.data[i]).toBeCloseTo(numeric, 3);
      }
    });
  }
});

describe("refusals", () => {
  const code = (call: () => unknown): unknown => {
    try {
      call();
    } catch (error) {
      return isKernelError(error) && `${error.code}: ${error.message}`;
    }
    return "accepted";
  };
  test("different shapes", () => {
    expect(code(() => contrastiveKl(draw(1), draw(1, 3, 4)))).toMatch(/^shape: .*got \[3, 5\] and \[3, 4\]/);
  });
  test("NaN", () => {
    expect(code(() => contrastiveKl(matrix([[Number.NaN, 0]]), matrix([[0, 0]])))).toMatch(/^numeric: .*scores/);
  });
  test("an unknown option, prior, reduction or temperature", () => {
    const call = (options: object) => code(() => contrastiveKl(draw(1), draw(2), options));
    expect(call({ priors: "on" })).toMatch(/^config: .*no option "priors"/);
    expect(call({ prior: true })).toMatch(/^config: .*on, off/);
    expect(call({ tempering: "sum" })).toMatch(/^config: .*factors, product/);
    expect(call({ reduction: "mean" })).toMatch(/^config: .*batchMean, dividedByK/);
    expect(call({ temperature: 0 })).toMatch(/^config: .*temperature/);
  });
});
