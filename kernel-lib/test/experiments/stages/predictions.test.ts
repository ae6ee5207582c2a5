import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formOf } from "../../../src/answers/forms";
import { isKernelError } from "../../../src/base/errors";
import type { Example, Prediction, Task } from "../../../src/base/types";
import { predict } from "../../../src/experiments/stages/predictions";
import { evaluate } from "../../../src/experiments/stages/results";
import type { SystemDefinition, SystemParts } from "../../../src/systems/system";
import { toyExample, toyTask } from "../../analysis/helpers";
import { fakeRun, temporaryFolder } from "../helpers/fake-run";

const labelled = (id: string, label: number): Example => toyExample(id, { labels: [label], answer: String(label) });
const toy = toyTask(["accuracy", "macroF1"], [labelled("a", 0), labelled("b", 1), labelled("c", 1)]);
const task: Task = {
  ...toy,
  splits: { ...toy.splits, train: [labelled("t1", 1), labelled("t2", 1), labelled("t3", 0)] },
};

const answerWith = (name: string, answer: number, asked: Example): Prediction<"label"> => {
  const known = { form: "label", system: name, exampleId: asked.id, group: asked.group } as const;
  const probabilities = [1 - answer, answer];
  return { ...known, truth: formOf("label").truth(asked), answer, probabilities, weights: [], readings: [] };
};
const needs = { reader: null, retriever: null };

/** A classifier of its own: its training counts labels, its answers read what the training wrote. */
function counting(trained: { times: number }): SystemDefinition {
  return {
    name: "counting",
    label: "Counting",
    kind: "system",
    needs,
    ownTraining: {
      version: 1,
      config: { counts: "labels" },
      train: async (folder, { task: { splits }, trained: none }: SystemParts) => {
        expect(none).toBeNull();
        trained.times += 1;
        const ones = splits.train.filter(({ labels }) => labels[0] === 1).length;
        writeFileSync(join(folder, "counts.json"), JSON.stringify([splits.train.length - ones, ones]));
      },
    },
    open: async ({ name, trained: folder }) => {
      const [zeros, ones] = JSON.parse(readFileSync(join(folder!, "counts.json"), "utf8")) as [number, number];
      const answer = async (examples: readonly Example[]) =>
        examples.map((asked) => answerWith(name, Number(ones > zeros), asked));
      return { answer, dispose: () => {} };
    },
  };
}

test("a system from outside without reader and index is trained once, answers, is found again and evaluated", async () => {
  const run = fakeRun(temporaryFolder());
  const trained = { times: 0 };
  const first = await predict(run, { system: counting(trained), task });
  expect(first.predictions.map(({ system, answer }) => [system, answer])).toEqual([
    ["counting", 1],
    ["counting", 1],
    ["counting", 1],
  ]);
  const again = await predict(run, { system: counting(trained), task });
  expect([again.artifact.origin, trained.times]).toEqual(["found", 1]);
  expect(again.predictions).toEqual(first.predictions);
  await predict(run, { system: counting(trained), task, split: "train" }); // the same training, other questions
  expect(trained.times).toBe(1);
  const { rows } = await evaluate(run, { task, predictions: first.predictions });
  expect(rows.find(({ metric }) => metric === "accuracy")!.value).toBe(2 / 3);
});

test("what a system answers twice, not at all or under another name is refused before it is kept", async () => {
  const run = fakeRun(temporaryFolder());
  const answering = (answer: (examples: readonly Example[]) => readonly Prediction[]): SystemDefinition => ({
    ...{ name: "odd", label: "Odd", kind: "control", needs },
    open: async () => ({ answer: async (examples) => answer(examples), dispose: () => {} }),
  });
  const said = (name: string) => (asked: Example) => answerWith(name, 1, asked);
  const message = (answer: (examples: readonly Example[]) => readonly Prediction[]) =>
    predict(run, { system: answering(answer), task, name: "odd" }).then(
      () => "accepted",
      (error) => (isKernelError(error, "data") ? error.message : String(error)),
    );
  const twice = await message((examples) => [...examples.map(said("odd")), said("odd")(examples[0]!)]);
  expect(twice).toBe(
    "predict: odd must answer each of the 3 examples once, under its own name; got one by odd for a. Return one prediction for each from its answer().",
  );
  expect(await message((examples) => examples.slice(1).map(said("odd")))).toMatch(/got none for a/);
  expect(await message((examples) => examples.map(said("even")))).toMatch(/got one by even for a/);
  expect(await message((examples) => examples.map(said("odd")))).toBe("accepted");
});

test("a system that reads or retrieves says which call makes what it lacks", async () => {
  const run = fakeRun(temporaryFolder());
  const message = (system: string) =>
    predict(run, { system, task }).catch((error) => (isKernelError(error, "config") ? error.message : String(error)));
  expect(await message("closed-book")).toMatch(
    /mode "closedBook"; got none.*tuneReader\(run, { task, mode: "closedBook" }/,
  );
  expect(await message("jomed")).toMatch(/mode "retrieval"; got none.*tuneReader\(run, { task, index }/);
  expect(await message("rad")).toMatch(/must be one of closed-book, ft-rag, .*; got "rad"/);
});
