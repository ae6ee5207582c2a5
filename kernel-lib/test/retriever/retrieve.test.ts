import { describe, expect, it, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { createRandom } from "../../src/base/random";
import type { Head, Matrix, RasterImage, Retrieved } from "../../src/base/types";
import { createDualHead } from "../../src/retriever/dual-head";
import { rerankAtRandom, retrieve } from "../../src/retriever/retrieve";
import { createFlatIndex } from "../../src/search/flat-index";

const matrix = (...rows: number[][]): Matrix => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  cols: rows[0]!.length,
});
const ids = ["a", "b", "c"];
const views = {
  image: createFlatIndex(ids, matrix([1, 0], [0.8, 0.6], [0, 1])),
  text: createFlatIndex(ids, matrix([0, 1], [1, 0], [0.6, 0.8])),
};

test("the image head's best come first, then the text head's, with score and rank", async () => {
  const [found] = await retrieve(views, { image: matrix([1, 0]), text: matrix([0, 1]) });
  expect(found!.map(({ passageId, head, rank }) => `${head} ${rank} ${passageId}`)).toEqual([
    "image 0 a",
    "image 1 b",
    "text 0 a",
    "text 1 c",
  ]);
  expect(found!.map(({ score }) => score)).toEqual([1, Math.fround(0.8), 1, Math.fround(0.8)]);
});

test("excluded passages are not found, and a small corpus gives fewer", async () => {
  const [found] = await retrieve(
    views,
    { image: matrix([1, 0]), text: matrix([0, 1]) },
    { numPerHead: 5, excludeIds: [["a"]] },
  );
  expect(found!.map(({ passageId }) => passageId)).toEqual(["b", "c", "c", "b"]);
});

test("different numbers of queries are refused", async () => {
  const error = await retrieve(views, { image: matrix([1, 0]), text: matrix([0, 1], [1, 0]) }).catch((e) => e);
  expect(isKernelError(error, "shape") && error.message).toMatch(/queries.image = 1; got 2/);
});

test("a head without a learned tower gives the frozen embedding, normalised", async () => {
  const images: RasterImage[] = [{ width: 1, height: 1, channels: 1, data: Uint8Array.of(5) }];
  const retriever = createDualHead({ encodeFrozen: async () => matrix([3, 4]) });
  expect(retriever.learnedHeads).toEqual([]);
  const embedding = await retriever.queryEmbeddings(images, "text");
  expect(embedding.data[0]).toBeCloseTo(3 / 5, 6);
  expect(embedding.data[1]).toBeCloseTo(4 / 5, 6);
});

const hit = (passageId: string, head: Head, rank = 0): Retrieved => ({ passageId, head, score: 1 - rank / 100, rank });

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
