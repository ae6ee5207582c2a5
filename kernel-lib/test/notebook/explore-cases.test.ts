import { describe, expect, it } from "vitest";
import type { Prediction, Reading, Task } from "../../src/base/types";
import { exploreCases } from "../../src/notebook/widgets/index";
import { refusal } from "../helpers/refusal";
import { BRIGHTNESS_LABELS, brightnessExamples, brightnessPassages } from "../helpers/toy-task";

const examples = brightnessExamples(3, "case");
const passages = brightnessPassages(2, "pair");
const task = {
  name: "brightness",
  labels: BRIGHTNESS_LABELS,
  splits: { train: [], validation: [], test: examples },
} as unknown as Task;
const index = { corpus: { passages } } as unknown as { corpus: never };

/** Answers read from each passage; the first is the fused one. */
function predicted(system: string, at: number, answers: readonly number[]): Prediction {
  const readings = answers.map((answer, k): Reading<"label"> => {
    const retrieved = { passageId: passages[k]!.id, head: k === 0 ? "image" : "text", score: 1, rank: k } as const;
    const probabilities = [1 - answer, answer];
    return { form: "label", exampleId: examples[at]!.id, retrieved, text: "", answer, logits: [0, 0], probabilities };
  });
  const weights = answers.map(() => 1 / answers.length);
  const about = { form: "label", system, exampleId: examples[at]!.id, group: "g", truth: at % 2 } as const;
  return { ...about, answer: answers[0]!, weights, readings, probabilities: [0.5, 0.5] };
}
const predictions = [predicted("rag", 0, [1, 1]), predicted("rag", 1, [1, 0]), predicted("rag", 2, [0, 0])];

describe("exploreCases", () => {
  it("shows a case with its picture, its passages, and what is said of them", async () => {
    const { "text/html": html, "text/plain": text } = await exploreCases(predictions, { task, index }).toMime();
    expect(html).toContain("<p>case 1 of 3</p>");
    expect(html).toContain("<b>rag says bright: wrong, the truth is dark</b>");
    expect(String(html).match(/<img /g)).toHaveLength(3);
    expect(text).toBe(
      [
        `case-0: ${examples[0]!.question}`,
        `image 1, weight 0.500, says bright: ${passages[0]!.text}`,
        `text 2, weight 0.500, says bright: ${passages[1]!.text}`,
        "rag says bright: wrong, the truth is dark",
      ].join("\n"),
    );
  });

  it.each([
    ["inconsistent", "case 1 of 1", "case-1"],
    ["right", "case 1 of 2", "case-1"],
    ["wrong", "case 1 of 1", "case-0"],
  ] as const)("keeps to the subset %s", async (subset, count, id) => {
    const { "text/html": html } = await exploreCases(predictions, { task, index, subset }).toMime();
    expect(html).toContain(`<p>${count}</p>`);
    expect(html).toContain(`<small>${id}</small>`);
  });

  it("says so where no question is left, shows systems without passages, and refuses what it cannot show", async () => {
    const none = exploreCases(predictions, { task, subset: "inconsistent and wrong" });
    expect(await none.toMime()).toMatchObject({ "text/plain": "no such question" });
    const { "text/html": bare } = await exploreCases(predictions, { task }).toMime();
    expect(String(bare).match(/<img /g)).toHaveLength(1);
    expect(refusal(() => exploreCases([], { task }))).toMatchObject({ code: "config" });
    const foreign = exploreCases([{ ...predictions[0]!, exampleId: "elsewhere" }], { task });
    expect((await foreign.toMime())["text/plain"]).toContain("elsewhere must be an example of the task brightness");
  });
});
