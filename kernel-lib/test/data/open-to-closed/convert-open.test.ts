import { expect, test } from "vitest";
import type { Example, Split } from "../../../src/base/types";
import {
  candidateQuestions,
  convertOpenQuestions,
  keyWords,
  overlaps,
} from "../../../src/data/open-to-closed/convert-open";
import { refusal } from "../helpers";
import { openExample, TASK, vqaTask } from "./tiny-vqa";

test("answers are compared by their meaningful words", () => {
  expect(keyWords("The Left Lung, with a cyst")).toEqual(["left", "lung", "cyst"]);
  expect(overlaps("lung", "the left lung")).toBe(true);
  expect(overlaps("left lung", "right lung")).toBe(false);
});

test("every open question becomes a yes/no question about one candidate, half of each split yes", () => {
  const { task, refused } = convertOpenQuestions(TASK, { seed: 3 });
  expect(refused).toEqual([]);
  for (const split of ["train", "validation", "test"] as Split[]) {
    const examples = task.splits[split];
    expect(examples).toHaveLength(TASK.splits[split].length);
    expect(examples.filter(({ answer }) => answer === "yes")).toHaveLength(examples.length / 2);
    examples.forEach((example, i) => {
      const open = TASK.splits[split][i]!;
      const [, asked] = /^which organ is this \? is the answer (.+) \?$/.exec(example.question)!;
      expect(example.answer).toBe(asked === open.answer ? "yes" : "no");
      expect(example).toMatchObject({ id: `${open.id}/closed`, form: "yesNo", kind: "closed", group: open.group });
      expect(example.labels).toEqual([example.answer === "yes" ? 0 : 1]);
    });
  }
  expect(task.fingerprint).toBe("vqa:by-rule:3");
});

test("wrong candidates come from training answers alone, of the same type, and never overlap the true one", () => {
  const training = new Set(TASK.splits.train.map(({ answer }) => answer));
  for (let seed = 0; seed < 30; seed++) {
    const { bySplit } = candidateQuestions(TASK, seed);
    for (const { example, candidate, truth } of Object.values(bySplit).flat()) {
      if (truth === "yes") continue;
      expect(training.has(candidate)).toBe(true);
      expect(overlaps(candidate, example.answer)).toBe(false);
    }
  }
});

test("the same seed asks the same, another seed otherwise", () => {
  const questions = (seed: number) =>
    convertOpenQuestions(TASK, { seed }).task.splits.train.map(({ question }) => question);
  expect(questions(1)).toEqual(questions(1));
  expect(questions(2)).not.toEqual(questions(1));
});

test("what cannot be asked is refused with its reason; yes/no questions are left out", () => {
  const other = (split: Split) => [openExample(split, 90, "ct", "modality"), openExample(split, 91, "...", "organ")];
  const closed: Example = { ...openExample("test", 92, "yes"), kind: "closed", form: "yesNo", labels: [0] };
  const splits = { ...TASK.splits, test: [...TASK.splits.test, ...other("test"), closed] };
  const { task, refused } = convertOpenQuestions({ ...TASK, splits });
  expect(refused).toEqual([
    { exampleId: "vqa/test/90", reason: "no other training answer to this type of question" },
    { exampleId: "vqa/test/91", reason: "an answer without words" },
  ]);
  expect(task.splits.test).toHaveLength(TASK.splits.test.length);
});

test("a task without open questions is refused", async () => {
  const empty = vqaTask({ train: ["liver", "brain"], validation: [], test: ["liver"] });
  expect((await refusal(() => convertOpenQuestions(empty))).message).toMatch(
    /vqa must keep a validation question; got none/,
  );
});
