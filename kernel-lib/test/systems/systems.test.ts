import { describe, expect, it } from "vitest";
import { systemStyles } from "../../src/figures/dot-plot";
import { ablations, FULL_SYSTEM, predictionName, SYSTEMS, systemNames, systemOf } from "../../src/systems/systems";

describe("the table of systems", () => {
  it("names each system once, in lower-case words, and no two alike in predictions or ablations", () => {
    const all = [systemNames(), SYSTEMS.map(predictionName), ablations().map(({ ablates }) => ablates)];
    for (const names of all) expect(new Set(names).size).toBe(names.length);
    for (const name of systemNames()) expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  it("lists five systems from plain to full, those of others, the controls, and what is changed one thing at a time", () => {
    expect(systemNames("system")).toEqual(["closed-book", "ft-rag", "text-head", "image-head", FULL_SYSTEM]);
    const joint = ["", "-emdr2", "-leave-one-out", "-attention"].map((variant) => `atlas-like${variant}`);
    expect(systemNames("compared")).toEqual([
      ...["rad-like", ...joint, "reveal-like", "mmed-rag-like"],
      ...["gsco-like", "medical-reader", "medical-encoder"],
    ]);
    expect(systemNames("served")).toEqual(["served-closed-book", "served-rag", "served-reranker"]);
    expect(systemNames("control")).toEqual(["caption-vote", "random-pairs", "corpus-pairs"]);
    expect(ablations().map(({ name, ablates }) => [name, ablates])).toEqual([
      ["ft-rag", "no heads"],
      ["text-head", "no image head"],
      ["logits", "logits"],
      ["no-prior", "no prior"],
      ["half-learned", "half learned"],
      ["learned-only", "learned only"],
      ["perplexity-distillation", "perplexity distillation"],
    ]);
  });

  it("changes exactly one thing in an ablation: a part, the fusion, or the training of the heads", () => {
    const full = systemOf("test", FULL_SYSTEM);
    for (const { needs, training, settings, kind } of SYSTEMS) {
      if (kind !== "ablation") continue;
      expect(needs).toEqual(full.needs);
      expect(Object.keys({ ...training, ...settings })).toHaveLength(1);
    }
  });

  it("asks the reader for the answer's words in one ablation, which then reads candidates of its own", () => {
    const asking = SYSTEMS.filter(({ training }) => training?.preference !== undefined);
    expect(asking.map(({ name, training }) => [name, training])).toEqual([["open-form", { preference: "tokens" }]]);
  });

  it("leaves a loss that contrasts labels out where an answer has not one label", () => {
    const refusing = SYSTEMS.filter(
      ({ name, refuses, needs }) => refuses !== undefined && needs.reader !== null && name !== "gsco-like",
    );
    const names = refusing.map(({ name }) => name);
    expect(names).toEqual(["atlas-like-attention", "reveal-like", "attention-distillation", "reveal"]);
    for (const { refuses } of refusing) {
      expect(refuses!(["label"])).toBeNull();
      expect(refuses!(["yesNo"])).toBeNull();
      expect(refuses!(["labels"])).toMatch(/contrasts labels/);
      expect(refuses!(["yesNo", "words"])).toMatch(/contrasts labels/);
    }
  });

  it("takes a definition from outside as it is, and refuses an unknown name with those that are known", () => {
    const own = { ...systemOf("test", "ft-rag"), name: "own" };
    expect(systemOf("test", own)).toBe(own);
    expect(() => systemOf("predict: system", "rad")).toThrow(
      /predict: system must be one of closed-book, ft-rag.*got "rad"/,
    );
  });

  it("gives figures its labels and colours; what has none is called by its name", () => {
    const styles = systemStyles(["jomed", "no prior", { name: "published", system: "ft-rag" }]);
    expect(styles.get("jomed")).toEqual({ label: "JOMED", color: "#005b96" });
    expect(styles.get("published")).toEqual({ label: "published", color: "#c77f00" });
    expect(styles.get("no prior")!.label).toBe("no prior");
    const colors = SYSTEMS.flatMap(({ color }) => color ?? []);
    expect([colors.length, new Set(colors).size]).toEqual([5, 5]);
  });
});
