import { describe, expect, it } from "vitest";
import type { Prediction } from "../../src/base/types";
import { present } from "../../src/kernel/cells/present";
import { PRESENTERS } from "../../src/notebook/present-values";
import { createFlatIndex } from "../../src/search/flat-index";
import { SYSTEMS } from "../../src/systems/systems";
import { BRIGHTNESS_LABELS, brightnessExamples, brightnessPassages } from "../helpers/toy-task";

const shown = async (value: unknown): Promise<Record<string, unknown>> => (await present(value, PRESENTERS)).data;
const linesOf = async (value: unknown): Promise<string[]> => String((await shown(value))["text/plain"]).split("\n");

const card = { title: "Dark or bright", licence: "CC0-1.0" };
const splits = { train: brightnessExamples(2, "a"), validation: [], test: brightnessExamples(1, "b") };
const task = { name: "brightness", source: "phantom", modality: "none", labels: BRIGHTNESS_LABELS, splits, card };
const corpus = { name: "pairs", source: "phantom", passages: brightnessPassages(3, "p"), card, fingerprint: "f" };
const artifact = { stage: "index", key: "abc", folder: "/x", manifest: {}, origin: "found" };

describe("the nouns as cards", () => {
  it("task, corpus, and both together", async () => {
    expect(await linesOf(task)).toEqual([
      "Task",
      "  name      brightness (Dark or bright)",
      "  pictures  none",
      "  labels    dark, bright",
      "  examples  2 train, 0 validation, 1 test",
      "  data      phantom",
      "  licence   CC0-1.0",
    ]);
    expect((await linesOf(corpus))[2]).toBe("  passages  3");
    expect(await linesOf({ task, corpus, facts: null })).toContain("  corpus: passages  3");
  });

  it("run, index, reader, heads, artifact", async () => {
    const backend = { backend: "native", reason: "TensorFlow is there" };
    const run = { profile: "quick", seed: 7, source: "phantom", artifactsDir: "/a", backend };
    expect(await linesOf(run)).toContain("  engine     native: TensorFlow is there");
    const index = {
      task,
      corpus,
      leaks: [1],
      embeddings: { image: { cols: 64 } },
      choice: { kind: "flat", why: "small" },
      exact: {},
      artifact,
    };
    expect(await linesOf(index)).toEqual([
      "Index",
      "  corpus      pairs, 3 passages, 1 left out",
      "  task        brightness",
      "  dimensions  64",
      "  search      flat: small",
      "  artifact    index/abc, found",
    ]);
    const health = { findings: [{ sign: "loss-flat" }], measured: {} };
    const reader = { mode: "closedBook", reader: {}, adapterFolder: "/r", bestStep: 40, health, artifact };
    expect(await linesOf(reader)).toEqual(expect.arrayContaining(["Reader", "  health     loss-flat"]));
    const head = { head: "text", towerFile: "t", reads: { asked: 4, read: 2 }, bestStep: 1, health: null, artifact };
    expect(await linesOf(head)).toContain("  pairs read  2 of 4 asked for");
    const heads = { heads: { text: head }, learnedWeight: 0.15, loss: "contrastive", curve: [] };
    expect(await linesOf(heads)).toContain("  text head                   not measured");
    expect(await linesOf(artifact)).toContain("  origin  found");
  });

  it("system, vector index, stage", async () => {
    expect(await linesOf(SYSTEMS.find(({ name }) => name === "jomed"))).toContain("  learned heads  text, image");
    const vectors = createFlatIndex(["a"], { rows: 1, cols: 2, data: new Float32Array([1, 0]) });
    expect(await linesOf(vectors)).toEqual(["Vector index", "  engine   flat", "  vectors  1 x 2"]);
    const stage = {
      name: "index",
      version: 4,
      config: { k: 2 },
      inputs: ["f", { key: "abc" }],
      compute: async () => {},
    };
    expect(await linesOf(stage)).toEqual([
      "Stage",
      "  name      index, version 4",
      '  settings  {"k":2}',
      "  inputs    f, abc",
    ]);
  });

  it("example and passage with their pictures; what they say is text", async () => {
    const [example] = brightnessExamples(1, "e");
    const data = await shown({ ...example, question: "<b>dark?</b>" });
    expect(data["text/html"]).toMatch(/<img [^>]*data:image\/png;base64,/);
    expect(data["text/html"]).toContain("&lt;b&gt;dark?&lt;/b&gt;");
    const [passage] = brightnessPassages(1, "q");
    expect(await linesOf(passage)).toContain("  text     a dark picture");
  });

  it("predictions by system, as a list and as predict() gives them", async () => {
    const predicted = (system: string, answer: number): Prediction => {
      const said = {
        form: "label",
        exampleId: "e",
        retrieved: null,
        text: "",
        answer,
        logits: [],
        probabilities: [],
      } as const;
      const about = { form: "label", system, exampleId: "e", group: "g", truth: 1, answer } as const;
      return { ...about, weights: [0.5, 0.5], readings: [said, { ...said, answer: 1 }], probabilities: [] };
    };
    const predictions = [predicted("a", 1), predicted("b", 0), predicted("b", 1)];
    const lines = [
      "system  questions  right  share  inconsistent",
      "a               1      1      1             0",
      "b               2      1    0.5             1",
      "3 predictions",
    ];
    expect(await linesOf(predictions)).toEqual(lines);
    expect(await linesOf({ predictions, artifact })).toEqual(lines);
  });

  it("leave alone what only looks like one", async () => {
    expect((await linesOf({ task: 1, corpus: 2, facts: 3 })).join("")).toBe("{ task: 1, corpus: 2, facts: 3 }");
    expect((await linesOf([{ form: "label" }])).join("")).toBe("[ { form: 'label' } ]");
  });
});
