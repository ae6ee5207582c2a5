import { expect, test } from "vitest";
import { measureIntervention, PAIR_KINDS } from "../../src/analysis/intervention";
import { findMeasurement as find, type Measurement } from "../../src/analysis/measurement";
import type { Corpus, Passage, Task } from "../../src/base/types";
import type { Reader, ReadPair } from "../../src/reader/reader";
import { refusal } from "../data/helpers";
import { toyExample, toyTask } from "./helpers";

const IMAGE = { width: 1, height: 1, channels: 1, data: Uint8Array.of(9) } as const;
const LABELS = ["malignant", "benign"].map((name, index) => ({ index, name, answer: String(index) }));
const picture = (value: number) => ({ ...IMAGE, data: Uint8Array.of(value) });

/** 40 questions, half of each label, every one with a retrieved pair; of ten the pair names the right label. */
function toy(texts: readonly string[] = ["a malignant lesion", "a benign lesion"]) {
  const examples = Array.from({ length: 40 }, (_, i) =>
    toyExample(`q${i}`, { labels: [i % 2], answer: String(i % 2), image: picture(i) }),
  );
  const base = toyTask(["accuracy"], examples);
  const task: Task = { ...base, labels: LABELS };
  const passages = Array.from({ length: 8 }, (_, i): Passage => {
    const label = LABELS[i % 2]!;
    return { id: `p${i}`, corpus: "toy", image: picture(100 + i), text: texts[i % 2]!, licence: "", truth: label.name };
  });
  const corpus: Corpus = { name: "toy", source: "phantom", passages, card: base.card, fingerprint: "toy" };
  const lists = examples.map(({ id }, i) => {
    const right = i < 10 ? i % 2 : 1 - (i % 2);
    return { exampleId: id, hits: [{ passageId: `p${right}`, head: "image", score: 1, rank: 0 } as const] };
  });
  return { task, corpus, lists };
}

/** Answers what the caption names; without one, 0. Asked pairs are kept. */
function believer(asked: ReadPair[] = []): Reader {
  const says = ({ passage }: ReadPair): number => (passage?.text.includes("benign") ? 1 : 0);
  return {
    fingerprint: "believer",
    scoreLabels: async (pairs) =>
      pairs.map((pair) => ({
        logits: Float32Array.from(LABELS, ({ index }) => (index === says(pair) ? Math.log(3) : 0)),
        logLikelihoods: new Float32Array(2),
      })),
    writeAnswers: async (pairs) => {
      asked.push(...pairs);
      return pairs.map((pair) => String(says(pair)));
    },
    dispose: () => {},
  };
}
const findMeasurement = (rows: readonly Measurement[], wanted: Partial<Measurement>): Measurement =>
  find(rows, { subset: "one pair", ...wanted });
const FAST = { bootstrap: { numDraws: 100 } };

test("a reader that believes captions is as right as each kind of pair tells it", async () => {
  const rows = await measureIntervention({ ...toy(), reader: believer() }, FAST);
  const value = (system: string, metric = "accuracy", more: object = {}) =>
    findMeasurement(rows, { system, metric, ...more }).value;
  expect(value("right pair")).toBe(1);
  expect(value("wrong pair")).toBe(0);
  expect(value("own picture, swapped caption")).toBe(0);
  expect(value("retrieved pair")).toBe(10 / 40);
  expect(value("no pair")).toBe(20 / 40); // always 0
  expect(value("blank pair")).toBe(20 / 40);
  expect(value("right pair", "likelihood")).toBeCloseTo(Math.log(3 / 4), 6);
  expect(value("wrong pair", "likelihood")).toBeCloseTo(Math.log(1 / 4), 6);
  for (const kind of ["retrieved pair", "right pair", "wrong pair", "own picture, swapped caption"])
    expect(value(kind, "followsCaption")).toBe(1);
  expect(value("right pair", "accuracy", { baseline: "retrieved pair" })).toBeCloseTo(30 / 40, 12);
  expect(findMeasurement(rows, { system: "right pair", metric: "accuracy", baseline: "retrieved pair" })).toMatchObject(
    { gained: 30, lost: 0 },
  );
  expect(rows.filter(({ metric, system }) => metric === "followsCaption" && /^(no|blank) pair/.test(system))).toEqual(
    [],
  );
});

test("only the pair is changed: the same questions in the same order, each kind as it is called", async () => {
  const asked: ReadPair[] = [];
  const world = toy();
  await measureIntervention({ ...world, reader: believer(asked) }, FAST);
  expect(asked).toHaveLength(40 * PAIR_KINDS.length);
  const ids = world.lists.map(({ exampleId }) => exampleId);
  const of = (kind: (typeof PAIR_KINDS)[number]): ReadPair[] => {
    const first = 40 * PAIR_KINDS.indexOf(kind);
    return asked.slice(first, first + 40);
  };
  for (const kind of PAIR_KINDS) expect(of(kind).map(({ example }) => example.id)).toEqual(ids);
  for (const { example, passage } of of("own picture, swapped caption")) {
    expect(passage!.image).toBe(example.image);
    expect(passage!.text).toBe(example.labels[0] === 0 ? "a benign lesion" : "a malignant lesion");
  }
  for (const { passage } of of("blank pair")) expect([passage!.text, ...passage!.image.data]).toEqual(["", 0]);
  for (const { example, passage } of of("right pair")) expect(passage!.truth).toBe(LABELS[example.labels[0]!]!.name);
  for (const { example, passage } of of("wrong pair"))
    expect(passage!.truth).not.toBe(LABELS[example.labels[0]!]!.name);
});

test("a reader that does not look at captions is as right with every pair, and follows one caption in two", async () => {
  const reader: Reader = { ...believer(), writeAnswers: async (pairs) => pairs.map(({ example }) => example.answer) };
  const rows = await measureIntervention({ ...toy(), reader }, FAST);
  for (const kind of PAIR_KINDS) expect(findMeasurement(rows, { system: kind, metric: "accuracy" }).value).toBe(1);
  const difference = findMeasurement(rows, { system: "wrong pair", metric: "accuracy", baseline: "retrieved pair" });
  expect([difference.value, difference.low, difference.high]).toEqual([0, 0, 0]);
  expect(findMeasurement(rows, { system: "wrong pair", metric: "followsCaption" }).value).toBe(0);
});

test("fewer questions come from the whole of the lists; the same seed gives the same rows, progress is told", async () => {
  const asked: ReadPair[] = [];
  const stages: string[] = [];
  const options = {
    ...FAST,
    numQuestions: 10,
    control: { onProgress: ({ stage }: { stage: string }) => stages.push(stage) },
  };
  const rows = await measureIntervention({ ...toy(), reader: believer(asked) }, options);
  expect(asked.slice(0, 10).map(({ example }) => example.id)).toEqual(
    Array.from({ length: 10 }, (_, i) => `q${4 * i}`),
  );
  expect(await measureIntervention({ ...toy(), reader: believer() }, { ...FAST, numQuestions: 10 })).toEqual(rows);
  expect(stages).toEqual([...PAIR_KINDS.map((kind) => `reading: ${kind}`), "reading: done"]);
});

test("a passage without a truth has the diagnosis that its caption names; an interrupt stops between kinds", async () => {
  const world = toy();
  const passages = world.corpus.passages.map(({ truth: _, ...passage }) => passage);
  const rows = await measureIntervention({ ...world, corpus: { ...world.corpus, passages }, reader: believer() }, FAST);
  expect(findMeasurement(rows, { system: "right pair", metric: "accuracy" }).value).toBe(1);
  const stop = new AbortController();
  const control = { signal: stop.signal, onProgress: () => stop.abort() };
  const error = await refusal(() => measureIntervention({ ...world, reader: believer() }, { control }));
  expect(error.code).toBe("interrupted");
});

test("refuses captions that name nothing, a passage of another corpus, and unknown options", async () => {
  const silent = await refusal(() => measureIntervention({ ...toy(["a lesion", "a lesion"]), reader: believer() }));
  expect(silent.message).toMatch(/a right and a wrong pair; none has/);
  const world = toy();
  const other = { ...world.corpus, passages: world.corpus.passages.slice(2) };
  const missing = await refusal(() => measureIntervention({ ...world, corpus: other, reader: believer() }));
  expect(missing.message).toMatch(/corpus must hold every passage that was retrieved; p\d is missing/);
  const option = await refusal(() => measureIntervention({ ...world, reader: believer() }, { questions: 3 } as object));
  expect(option.message).toMatch(/has no option "questions"/);
  expect(silent.message).toMatch(/^measureIntervention: lists must hold a question of one label/);
  expect(silent.details).toEqual({ task: "toy", corpus: "toy" });
  expect(missing.message).toMatch(/^measureIntervention: corpus/);
  expect(missing.details).toEqual({ passageId: expect.stringMatching(/^p\d$/) });
  expect(option.message).toMatch(/^measureIntervention: has no/);
  const foreign = { ...world, lists: [{ ...world.lists[0]!, exampleId: "z" }], reader: believer() };
  expect((await refusal(() => measureIntervention(foreign))).message).toMatch(
    /^measureIntervention: exampleId must be/,
  );
  const seed = await refusal(() => measureIntervention({ ...world, reader: believer() }, { seed: -1 }));
  expect(seed.message).toMatch(/^measureIntervention: seed must be a whole number in \[0, /);
  const draws = { bootstrap: { numDraws: 0 } };
  const drawn = await refusal(() => measureIntervention({ ...world, reader: believer() }, draws));
  expect(drawn.message).toMatch(/ootstrap: numDraws must be/);
  const none = await refusal(() => measureIntervention({ ...world, reader: believer() }, { numQuestions: 0 }));
  expect(none.message).toMatch(/numQuestions must be a whole number/);
});

test("only questions of one label for which something was retrieved are asked, as labels and as yes or no", async () => {
  const { task, corpus, lists } = toy();
  const forms = ["label", "yesNo", "labels", "label", "yesNo"] as const;
  const examples = task.splits.test.map((example, i) => {
    const form = forms[i % 5]!;
    return { ...example, form, ...(i % 5 === 3 ? { labels: [0, 1] } : {}) };
  });
  const asked: ReadPair[] = [];
  const world = { task: { ...task, splits: { ...task.splits, test: examples } }, corpus, reader: believer(asked) };
  const without = lists.map((list, i) => (i % 5 === 4 ? { ...list, hits: [] } : list));
  const rows = await measureIntervention({ ...world, lists: without }, FAST);
  expect(findMeasurement(rows, { system: "right pair", metric: "accuracy" })).toMatchObject({ n: 16, task: "toy" });
  expect(new Set(asked.map(({ example }) => Number(example.id.slice(1)) % 5))).toEqual(new Set([0, 1]));
});

test("a caption that says otherwise than its picture is never swapped; passages of two diagnoses show neither", async () => {
  const { task, corpus, lists } = toy();
  const odd: Passage[] = [
    { ...corpus.passages[0]!, id: "odd", text: "a benign lesion" }, // shown as malignant
    { id: "both", corpus: "toy", image: picture(1), text: "a malignant or benign lesion", licence: "" },
  ];
  const asked: ReadPair[] = [];
  const world = { ...corpus, passages: [...corpus.passages, ...odd] };
  await measureIntervention({ task, corpus: world, lists, reader: believer(asked) }, FAST);
  const own = asked.slice(40 * PAIR_KINDS.indexOf("own picture, swapped caption"));
  for (const { example, passage } of own) expect(passage!.text.includes("malignant")).toBe(example.labels[0] === 1);
  for (const kind of ["right pair", "wrong pair"] as const) {
    const first = 40 * PAIR_KINDS.indexOf(kind);
    for (const { example, passage } of asked.slice(first, first + 40)) {
      expect(passage!.id).not.toBe("both");
      expect(passage!.truth === LABELS[example.labels[0]!]!.name).toBe(kind === "right pair");
    }
  }
});
