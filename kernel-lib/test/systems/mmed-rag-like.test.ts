import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/base/random";
import type { Example, Label, Matrix, Passage, RasterImage } from "../../src/base/types";
import { findDomains, nearestDomain } from "../../src/systems/domain-retriever";
import { keptContexts, MMED_RAG_LIKE, pairsOf } from "../../src/systems/mmed-rag-like";

describe("how many contexts are read", () => {
  test("all before the first that falls behind by more than the ratio, by hand", () => {
    expect(keptContexts([0.9, 0.8, 0.4, 0.39], 0.5)).toBe(2); // log(0.9/0.8) = 0.12, log(0.8/0.4) = 0.69
    expect(keptContexts([0.9, 0.8, 0.4, 0.39], 0.7)).toBe(4);
    expect(keptContexts([0.9, 0.8, 0.4, 0.39], 0.1)).toBe(1);
    expect(keptContexts([0.9, 0.1, -1], null)).toBe(3);
  });

  test("a score that is not positive ends the list; the first is always kept, and of none there is none", () => {
    expect(keptContexts([0.5, 0.4, 0, -0.1], 10)).toBe(2);
    expect(keptContexts([-0.1, -0.2], 10)).toBe(1);
    expect(keptContexts([], 0.1)).toBe(0);
  });
});

const directions = (...angles: number[]): Matrix => ({
  data: Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)])),
  rows: angles.length,
  cols: 2,
});

describe("domains of a corpus", () => {
  test("two bundles of directions are two domains with their mean directions, whatever the seed", () => {
    for (const seed of [1, 2, 3, 4]) {
      const { centroids, domainOf } = findDomains(directions(0.1, 2, -0.1, 2.2), 2, createRandom(seed));
      expect(domainOf[0]).toBe(domainOf[2]);
      expect(domainOf[1]).toBe(domainOf[3]);
      expect(domainOf[0]).not.toBe(domainOf[1]);
      expect(centroids[domainOf[0]!]).toEqual([1, 0].map((value) => expect.closeTo(value, 6)));
      expect(centroids[domainOf[1]!]).toEqual([Math.cos(2.1), Math.sin(2.1)].map((value) => expect.closeTo(value, 6)));
      expect(nearestDomain(centroids, [0.6, 0.2])).toBe(domainOf[0]);
    }
  });

  test("rows that are alike are one domain, however many are asked for", () => {
    expect(findDomains(directions(1, 1, 1), 3, createRandom(1))).toMatchObject({ domainOf: [0, 0, 0] });
    expect(findDomains(directions(1), 3, createRandom(1)).centroids).toHaveLength(1);
  });
});

describe("pairs for the preference loss", () => {
  const image: RasterImage = { width: 1, height: 1, channels: 1, data: Uint8Array.of(0) };
  const labels: Label[] = ["malignant", "benign"].map((name, index) => ({ index, name, answer: String(index) }));
  const example: Example = {
    ...{ id: "x", task: "toy", split: "train", image, question: "which ?", answer: "0", labels: [0], group: "x" },
  };
  const passages = ["p", "q"].map((id): Passage => ({ id, corpus: "toy", image, text: id, licence: "" }));
  const asked = { example, passages };
  const told = (pairs: readonly { readonly pair: { readonly passage: Passage | null }; readonly rejected: string }[]) =>
    pairs.map(({ pair, rejected }) => [pair.passage!.id, rejected]);

  test("a wrong answer with noise in the picture's place ignores it; a right or unreadable one gives no pair", () => {
    const { ignoresPicture, followsContext } = pairsOf(
      { ...asked, own: ["0", "0"], blind: [" 1", "0"], alone: "0" },
      labels,
    );
    expect(told(ignoresPicture)).toEqual([["p", "1"]]);
    expect(ignoresPicture[0]).toMatchObject({ chosen: "0", pair: { example } });
    expect(followsContext).toEqual([]);
    const unreadable = pairsOf({ ...asked, own: ["?", "0"], blind: ["?", "maybe"], alone: "0" }, labels);
    expect(unreadable).toEqual({ ignoresPicture: [], followsContext: [] });
  });

  test("a wrong answer follows its context only where the right one is known: without a context, or with another", () => {
    const of = (own: string[], alone: string) =>
      told(pairsOf({ ...asked, own, blind: ["0", "0"], alone }, labels).followsContext);
    expect(of(["1", "0"], "1")).toEqual([["p", "1"]]);
    expect(of(["1", "1"], "0")).toEqual([
      ["p", "1"],
      ["q", "1"],
    ]);
    expect(of(["1", "1"], "1")).toEqual([]); // never right: the context is not to blame
  });

  test("label sets and free answers are compared by what they say", () => {
    const set: Example = { ...example, form: "labels", answer: "0, 1", labels: [0, 1] };
    const sets = { example: set, passages, own: ["1, 0", "0"], blind: ["0, 1", "1"], alone: "0, 1" };
    const found = pairsOf(sets, labels);
    expect([told(found.ignoresPicture), told(found.followsContext)]).toEqual([[["q", "1"]], [["q", "0"]]]);
    const free: Example = { ...example, form: "words", answer: "left lung", labels: [] };
    const words = { example: free, passages, own: ["Left lung.", "liver"], blind: ["liver", "left lung"], alone: "?" };
    expect(told(pairsOf(words, labels).followsContext)).toEqual([["q", "liver"]]);
  });
});

test("it answers every form of question", () => {
  expect(MMED_RAG_LIKE.refuses).toBeUndefined();
  expect(MMED_RAG_LIKE.ownTraining!.follows).toEqual(["reader", "retriever"]);
});
