import { describe, expect, it } from "vitest";
import { measureAgreement, rerankAtRandom } from "../../src/analysis/retrieval";
import { createRandom } from "../../src/base/random";
import type { Head, Retrieved } from "../../src/base/types";

const hit = (passageId: string, head: Head, rank = 0): Retrieved => ({ passageId, head, score: 1 - rank / 100, rank });

describe("measureAgreement", () => {
  const truths = new Map([
    ["p1", "benign"],
    ["p2", "malignant"],
  ]);

  it("is the share of passages of the example's own label, per head, over those with known truth", () => {
    const queries = [
      { labelName: "benign", retrieved: [hit("p1", "image"), hit("p2", "image"), hit("p1", "text")] },
      { labelName: "malignant", retrieved: [hit("p2", "image"), hit("p9", "text")] },
    ];
    expect(measureAgreement(queries, truths)).toEqual([
      { head: "image", agreement: 2 / 3, numKnown: 3, numUnknown: 0 },
      { head: "text", agreement: 1, numKnown: 1, numUnknown: 1 },
    ]);
  });

  it("is null, not 0, where nothing is known", () => {
    const [image] = measureAgreement([{ labelName: "benign", retrieved: [hit("p9", "image")] }], truths);
    expect(image).toEqual({ head: "image", agreement: null, numKnown: 0, numUnknown: 1 });
  });
});

describe("rerankAtRandom", () => {
  const candidates = (["image", "text"] as const).flatMap((head) =>
    Array.from({ length: 10 }, (_, rank) => hit(`${head}-${rank}`, head, rank)),
  );

  it("keeps numPerHead distinct candidates of each head, with their scores and new ranks", () => {
    const kept = rerankAtRandom(candidates, { numPerHead: 2, random: createRandom(1) });
    expect(kept.map(({ head, rank }) => [head, rank])).toEqual([
      ["image", 0],
      ["image", 1],
      ["text", 0],
      ["text", 1],
    ]);
    expect(new Set(kept.map(({ passageId }) => passageId)).size).toBe(4);
    for (const { passageId, score } of kept) {
      expect(score).toBe(candidates.find((candidate) => candidate.passageId === passageId)!.score);
    }
  });

  it("draws every candidate about equally often", () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 2000; seed++) {
      for (const { passageId } of rerankAtRandom(candidates, { numPerHead: 2, random: createRandom(seed) })) {
        counts.set(passageId, (counts.get(passageId) ?? 0) + 1);
      }
    }
    expect(counts.size).toBe(20);
    for (const count of counts.values()) expect(Math.abs(count - (2000 * 2) / 10)).toBeLessThan(80); // 4.5 sigma
  });

  it("is the same for the same stream and takes all when there are fewer", () => {
    const draw = () => rerankAtRandom(candidates, { numPerHead: 3, random: createRandom(4).fork("e1") });
    expect(draw()).toEqual(draw());
    expect(rerankAtRandom(candidates.slice(0, 2), { numPerHead: 5, random: createRandom(1) })).toHaveLength(2);
    expect(() => rerankAtRandom(candidates, { numPerHead: 0, random: createRandom(1) })).toThrow(/numPerHead/);
  });
});
