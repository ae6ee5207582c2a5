import { expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import type { Matrix, RasterImage } from "../../src/base/types";
import { createDualHead } from "../../src/retriever/dual-head";
import { retrieve } from "../../src/retriever/retrieve";
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
