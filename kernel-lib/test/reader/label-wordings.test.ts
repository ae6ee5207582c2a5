import { expect, test } from "vitest";
import type { Example, Label } from "../../src/base/types";
import { labelsFor, promptKey, type Reader, scoreLabels } from "../../src/reader/reader";

const labels: Label[] = ["malignant", "benign"].map((name, index) => ({ index, name, answer: String(index) }));
const image = { width: 1, height: 1, channels: 1, data: Uint8Array.of(3) } as const;
const example = (id: string, wordings?: readonly string[]): Example => ({
  ...{ id, task: "toy", split: "train", image, question: "what ?", answer: "0", labels: [0], group: id },
  ...(wordings === undefined ? {} : { wordings }),
});
const LEFT = ["left malignant", "left benign"];
const RIGHT = ["right malignant", "right benign"];

/** Scores a label by the length of its answer; remembers what it was asked. */
function countingReader() {
  const calls: { readonly ids: readonly string[]; readonly answers: readonly string[] }[] = [];
  const reader: Reader = {
    fingerprint: "counting",
    scoreLabels: async (pairs, asked) => {
      calls.push({ ids: pairs.map((pair) => pair.example.id), answers: asked.map(({ answer }) => answer) });
      const logits = Float32Array.from(asked, ({ answer }) => answer.length);
      return pairs.map(() => ({ logits, logLikelihoods: logits }));
    },
    writeAnswers: async () => [],
    dispose: () => {},
  };
  return { reader, calls };
}

test("a question's own wordings take the place of the labels' answers; names and order stay", () => {
  expect(labelsFor(example("a"), labels)).toBe(labels);
  expect(labelsFor(example("a", LEFT), labels)).toEqual([
    { index: 0, name: "malignant", answer: "left malignant" },
    { index: 1, name: "benign", answer: "left benign" },
  ]);
  expect(() => labelsFor(example("a", ["left"]), labels)).toThrow(/wordings of a.*2.*1|wordings of a.*1.*2/);
});

test("pairs that want the labels written alike are read together, and each score comes back to its pair", async () => {
  const { reader, calls } = countingReader();
  const asked = [example("a", LEFT), example("b"), example("c", RIGHT), example("d", LEFT)];
  const scores = await scoreLabels(
    reader,
    asked.map((each) => ({ example: each, passage: null })),
    labels,
  );
  expect(calls).toEqual([
    { ids: ["a", "d"], answers: LEFT },
    { ids: ["b"], answers: ["0", "1"] },
    { ids: ["c"], answers: RIGHT },
  ]);
  expect(scores.map(({ logits }) => [...logits])).toEqual([
    [14, 11],
    [1, 1],
    [15, 12],
    [14, 11],
  ]);
});

test("a prompt that asks for other wordings is another prompt to a cache; without wordings its key is what it was", () => {
  const key = (each: Example) => promptKey({ example: each, passage: null });
  expect(new Set([key(example("a")), key(example("a", LEFT)), key(example("a", RIGHT))]).size).toBe(3);
  expect(key(example("a"))).toBe(key(example("other")));
});
