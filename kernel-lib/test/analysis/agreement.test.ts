import { describe, expect, it } from "vitest";
import { agreesWith, measureAgreement } from "../../src/analysis/agreement";
import { findMeasurement } from "../../src/analysis/measurement";
import type { Corpus, Head, Passage, Retrieved } from "../../src/base/types";
import { toyExample, toyTask } from "./helpers";

const hit = (passageId: string, head: Head, rank = 0): Retrieved => ({ passageId, head, score: 1 - rank / 100, rank });
const passage = (id: string, truth?: string): Passage => {
  const image = { width: 1, height: 1, channels: 1, data: Uint8Array.of(0) } as const;
  return { id, corpus: "toy", image, text: "", licence: "", ...(truth === undefined ? {} : { truth }) };
};
const passages = [passage("p1", "yes"), passage("p2", "no"), passage("p9")];
const task = toyTask(["accuracy"], [toyExample("e1", { labels: [0] }), toyExample("e2", { labels: [1] })]);
const corpus: Corpus = { name: "toy", source: "phantom", passages, card: task.card, fingerprint: "toy" };

describe("measureAgreement", () => {
  it("is the share of passages of the example's own label, per head, over those with known truth", () => {
    const rows = measureAgreement(task, corpus, [
      { exampleId: "e1", system: "s", hits: [hit("p1", "image"), hit("p2", "image"), hit("p1", "text")] },
      { exampleId: "e2", system: "s", hits: [hit("p2", "image"), hit("p9", "text")] },
    ]);
    const find = (subset: string, metric: string) => findMeasurement(rows, { system: "s", subset, metric });
    expect(find("image head", "agreement")).toMatchObject({ value: 2 / 3, n: 2, task: "toy", data: "phantom" });
    expect(find("image head", "knownTruth")).toMatchObject({ value: 1, n: 2 });
    expect(find("text head", "agreement")).toMatchObject({ value: 1, low: 1, high: 1, n: 1 });
    expect(find("text head", "knownTruth")).toMatchObject({ value: 1 / 2, n: 2 });
  });

  it("has no row, not a 0, where nothing is known, and none of a head that found nothing", () => {
    const rows = measureAgreement(task, corpus, [{ exampleId: "e1", system: "s", hits: [hit("p9", "image")] }]);
    expect(rows).toMatchObject([{ subset: "image head", metric: "knownTruth", value: 0, n: 1 }]);
  });

  it("draws whole questions, so the interval holds the value", () => {
    const lists = ["e1", "e2"].map((exampleId) => ({ exampleId, system: "s", hits: [hit("p1", "image")] }));
    const { value, low, high } = findMeasurement(measureAgreement(task, corpus, lists), {
      subset: "image head",
      metric: "agreement",
    });
    expect([low, value, high]).toEqual([0, 1 / 2, 1]);
  });

  it("refuses an example of another task and a passage of another corpus", () => {
    const list = { system: "s", exampleId: "e1", hits: [hit("p1", "image")] };
    expect(() => measureAgreement(task, corpus, [{ ...list, exampleId: "e9" }])).toThrow(
      /example of the task; got "e9"/,
    );
    expect(() => measureAgreement(task, corpus, [{ ...list, hits: [hit("p7", "text")] }])).toThrow(
      /every passage that was retrieved; p7 is missing/,
    );
  });
});

describe("agreesWith", () => {
  it("takes any of several true labels, and asks nothing where there is none", () => {
    const both = toyExample("both", { labels: [0, 1] });
    expect(agreesWith(task, both, "no")).toBe(true);
    expect(agreesWith(task, both, "perhaps")).toBe(false);
    expect(agreesWith(task, toyExample("open", { labels: [] }), "no")).toBeNull();
    expect(agreesWith(task, both, undefined)).toBeNull();
  });
});
