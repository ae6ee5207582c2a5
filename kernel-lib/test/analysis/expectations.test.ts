import { expect, test } from "vitest";
import { type FrozenCorpus, measureExpectations } from "../../src/analysis/expectations";
import { trainLinearProbe } from "../../src/analysis/linear-probe";
import { findMeasurement, type Measurement } from "../../src/analysis/measurement";
import { createRandom } from "../../src/base/random";
import type { Example, Matrix, Passage, RasterImage, Split, Task } from "../../src/base/types";
import { aboutMetric } from "../../src/metrics/known-metrics";
import type { PictureFacts } from "../../src/phantoms/phantom";
import type { Reader } from "../../src/reader/reader";
import { refusal } from "../data/helpers";

const PIXEL: RasterImage = { width: 1, height: 1, channels: 1, data: new Uint8Array(1) };
const NAMES = ["malignant", "benign"];
const COUNTS = { train: 80, validation: 40, test: 100 };

/** A toy world of two dimensions: the first tells the label, the second the side; the side is louder. */
function toy({ form = "label" as Example["form"] } = {}) {
  const random = createRandom("expectations");
  const words = new Map<string, Record<string, string>>();
  const draw = (id: string) => {
    const [label, side] = [random.integer(2), random.integer(2)];
    words.set(id, { label: NAMES[label]!, side: ["left", "right"][side]!, coin: random.pick(["head", "tail"]) });
    const vector = [2 * label - 1 + random.normal(0, 0.3), 5 * (2 * side - 1)];
    const size = Math.hypot(...vector);
    return { label, vector: vector.map((value) => value / size) };
  };
  const matrix = (vectors: readonly (readonly number[])[]): Matrix => {
    return { data: Float32Array.from(vectors.flat()), rows: vectors.length, cols: 2 };
  };
  const vectors: Record<Split, number[][]> = { train: [], validation: [], test: [] };
  const examplesOf = (split: Split): Example[] =>
    Array.from({ length: COUNTS[split] }, (_, i) => {
      const id = `toy/${split}/${i}`;
      const { label, vector } = draw(id);
      vectors[split].push(vector);
      const labels = form === "words" ? [] : [label];
      return {
        id,
        task: "toy",
        split,
        image: PIXEL,
        question: "?",
        answer: String(label),
        labels,
        form: form!,
        group: id,
      };
    });
  const splits = { train: examplesOf("train"), validation: examplesOf("validation"), test: examplesOf("test") };
  const labels = NAMES.map((name, index) => ({ index, name, answer: String(index) }));
  const card = { title: "", source: "phantom", description: "", licence: "", citation: "", obtain: "" } as const;
  const task: Task = { name: "toy", source: "phantom", modality: "toy", labels, splits, card, fingerprint: "toy" };
  const found: number[][] = [];
  const passages = Array.from({ length: 60 }, (_, i): Passage => {
    const { label, vector } = draw(`p/${i}`);
    found.push(vector);
    const truth = NAMES[label]!;
    return { id: `p/${i}`, corpus: "toy", image: PIXEL, text: `a ${truth} lesion`, licence: "", truth };
  });
  const frozen: FrozenCorpus = {
    task,
    queries: { train: matrix(vectors.train), validation: matrix(vectors.validation) },
    corpus: { name: "toy", source: "phantom", passages, card, fingerprint: "toy" },
    embeddings: { image: matrix(found), text: matrix(found) },
  };
  const facts: PictureFacts = { signs: ["coin"], nuisances: ["side"], words };
  return { frozen, facts };
}

const FAST = { bootstrap: { numDraws: 50 } };
const shareOf = (rows: readonly Measurement[], system: string, subset: string) =>
  findMeasurement(rows, { system, subset }).value;

test("a linear probe finds a boundary that is there, and none in a coin", () => {
  const random = createRandom(3);
  const data = Float32Array.from({ length: 400 }, () => random.normal());
  const rows: Matrix = { data, rows: 200, cols: 2 };
  const classes = Array.from({ length: 200 }, (_, i) => (data[2 * i]! + data[2 * i + 1]! > 0.5 ? 1 : 0));
  const told = trainLinearProbe(rows, classes, 2).classify(rows);
  expect(told.filter((label, i) => label === classes[i]).length / 200).toBeGreaterThan(0.97);
  const three = classes.map((label, i) => (data[2 * i]! > 1 ? 2 : label));
  const toldThree = trainLinearProbe(rows, three, 3).classify(rows);
  expect(toldThree.filter((label, i) => label === three[i]).length / 200).toBeGreaterThan(0.9);
  expect(trainLinearProbe(rows, classes, 2).classify(rows)).toEqual(told);
});

test("a probe without rows, or with another number of classes, is refused", async () => {
  const none = { data: new Float32Array(0), rows: 0, cols: 2 };
  expect((await refusal(() => trainLinearProbe(none, [], 2))).code).toBe("shape");
  expect((await refusal(() => trainLinearProbe(none, [1], 2))).message).toMatch(/classes must have 0 entries; got 1/);
});

test("what the encoder sees is told from what it does not, beside chance", async () => {
  const { frozen, facts } = toy();
  const rows = await measureExpectations(frozen, { facts, ...FAST });
  expect(shareOf(rows, "linear probe", "label")).toBeGreaterThan(0.9);
  expect(shareOf(rows, "linear probe", "nuisance side")).toBe(1);
  expect(shareOf(rows, "linear probe", "sign coin")).toBeLessThan(0.75);
  expect(shareOf(rows, "chance", "sign coin")).toBeGreaterThan(0.4);
});

test("neighbours agree in what dominates the embedding; chance is what all passages agree in", async () => {
  const { frozen, facts } = toy();
  const rows = await measureExpectations(frozen, { facts, ...FAST });
  expect(shareOf(rows, "frozen", "image head, nuisance side")).toBe(1);
  expect(shareOf(rows, "chance", "image head, nuisance side")).toBeCloseTo(0.5, 0);
  expect(shareOf(rows, "frozen", "image head")).toBeGreaterThan(shareOf(rows, "chance", "image head"));
  const benign = frozen.corpus.passages.filter(({ truth }) => truth === "benign").length / 60;
  const asked = frozen.task.splits.validation.filter(({ labels }) => labels[0] === 1).length / COUNTS.validation;
  expect(shareOf(rows, "chance", "text head")).toBeCloseTo(asked * benign + (1 - asked) * (1 - benign), 10);
});

test("the vote of the captions needs no reader: where captions tell the truth it is as right as the neighbours", async () => {
  const { frozen } = toy();
  const rows = await measureExpectations(frozen, { numPerHead: 1, ...FAST });
  expect(shareOf(rows, "caption vote", "image head")).toBe(shareOf(rows, "frozen", "image head"));
  const passages = frozen.corpus.passages.map((passage) => ({ ...passage, text: "a lesion" }));
  const silent = await measureExpectations({ ...frozen, corpus: { ...frozen.corpus, passages } }, FAST);
  expect(shareOf(silent, "caption vote", "all")).toBe(0);
});

test("real data: without facts, truth or corpus there are the probe of the labels and the power", async () => {
  const { frozen } = toy();
  const { task, queries } = frozen;
  const rows = await measureExpectations({ task, queries }, FAST);
  expect(rows.map(({ system, subset }) => `${system}, ${subset}`)).toEqual([
    "linear probe, label",
    "chance, label",
    "power, 10 % changed",
    "power, 20 % changed",
  ]);
  const passages = frozen.corpus.passages.map(({ truth: _, ...passage }) => passage);
  const unknown = await measureExpectations({ ...frozen, corpus: { ...frozen.corpus, passages } }, FAST);
  expect(unknown.filter(({ system }) => system === "frozen")).toEqual([]);
  expect(unknown.filter(({ system }) => system === "caption vote")).toHaveLength(3);
});

test("sets of labels are probed label by label; answers in words have neither probe nor vote", async () => {
  const sets = await measureExpectations(toy({ form: "labels" }).frozen, FAST);
  const probed = sets.filter(({ system }) => system === "linear probe").map(({ subset }) => subset);
  expect(probed).toEqual(["label malignant", "label benign"]);
  const words = await measureExpectations(toy({ form: "words" }).frozen, FAST);
  expect(words.map(({ system }) => system)).toEqual(["power", "power"]);
});

test.each([
  [{ numPerHead: 0 }, /measureExpectations: numPerHead must be a whole number in \[1, /],
  [{ changedShares: [2] }, /changedShares must be a number in \[0, 1\]; got 2/],
  [{ perHead: 2 }, /has no option "perHead"/],
])("%j is refused", async (options, wording) => {
  const error = await refusal(async () => measureExpectations(toy().frozen, options as object));
  expect(error.code).toBe("config");
  expect(error.message).toMatch(wording);
});

test("a reader that follows captions is moved by all swapped ones, one that looks at pictures by none", async () => {
  const { frozen } = toy();
  const asked: (string | null)[] = [];
  const reader = (answer: (caption: string) => string): Reader => ({
    fingerprint: "toy",
    scoreLabels: () => Promise.reject(new Error("not asked")),
    writeAnswers: async (pairs) =>
      pairs.map(({ passage }) => {
        asked.push(passage?.text ?? null);
        return answer(passage?.text ?? "");
      }),
    dispose: () => {},
  });
  const rowOf = async (one: Reader): Promise<Measurement> =>
    findMeasurement(await measureExpectations(frozen, { reader: one }), { system: "reader", metric: "captionSwap" });
  expect(await rowOf(reader((caption) => (caption.includes("malignant") ? "0" : "1")))).toMatchObject({
    value: 1,
    n: COUNTS.validation,
  });
  const halves = [asked.slice(0, COUNTS.validation), asked.slice(COUNTS.validation)];
  expect(new Set(asked)).toEqual(new Set(["a malignant lesion", "a benign lesion"]));
  expect(halves[0]!.every((caption, i) => caption !== halves[1]![i])).toBe(true);
  expect((await rowOf(reader(() => "1"))).value).toBe(0);
  expect(aboutMetric("captionSwap").label).toBe("readings that follow a swapped caption");
});

test("without captions that name a label there is nothing to swap, and without a reader nobody to ask", async () => {
  const { frozen } = toy();
  const passages = frozen.corpus.passages.map((passage) => ({ ...passage, text: "a lesion" }));
  const reader = { writeAnswers: () => Promise.reject(new Error("asked")) } as unknown as Reader;
  const silent = { ...frozen, corpus: { ...frozen.corpus, passages } };
  const systems = (rows: readonly Measurement[]) => rows.map(({ system }) => system);
  expect(systems(await measureExpectations(silent, { reader }))).not.toContain("reader");
  expect(systems(await measureExpectations(frozen))).not.toContain("reader");
});

test("rows are of the task, under the names that figures ask for; intervals are drawn as told", async () => {
  const { frozen, facts } = toy();
  const rows = await measureExpectations(frozen, { facts, ...FAST });
  for (const row of rows) expect(row).toMatchObject({ task: "toy", data: "phantom" });
  const metricsOf = (system: string) => [
    ...new Set(rows.filter((row) => row.system === system).map(({ metric }) => metric)),
  ];
  expect(metricsOf("linear probe")).toEqual(["accuracy"]);
  expect(metricsOf("frozen")).toEqual(["agreement"]);
  expect(metricsOf("chance")).toEqual(["accuracy", "agreement"]);
  expect(metricsOf("caption vote")).toEqual(["accuracy"]);
  expect(metricsOf("power")).toEqual(["smallestEffect"]);
  const heads = ["image head", "text head"];
  expect(rows.filter(({ system }) => system === "frozen").map(({ subset }) => subset)).toEqual(
    heads.flatMap((head) => [head, `${head}, sign coin`, `${head}, nuisance side`]),
  );
  expect(rows.filter(({ system }) => system === "caption vote").map(({ subset }) => subset)).toEqual(["all", ...heads]);
  expect(rows.filter(({ system }) => system === "linear probe").map(({ subset, n }) => [subset, n])).toEqual([
    ...[
      ["label", 40],
      ["sign coin", 40],
      ["nuisance side", 40],
    ],
  ]);
  const draws = await refusal(() => measureExpectations(frozen, { bootstrap: { numDraws: 0 } }));
  expect(draws.message).toMatch(/ootstrap: numDraws must be/);
  for (const option of [{ numPerHead: 0.5 }, { changedShares: [-1] }, { heads: 1 }] as object[])
    expect((await refusal(async () => measureExpectations(frozen, option))).message).toMatch(/^measureExpectations: /);
});

test("the smallest effect counts patients, not pictures, by the shares that are named", async () => {
  const { frozen } = toy();
  const { task, queries } = frozen;
  const test = task.splits.test.map((example, i) => ({ ...example, group: `patient ${i % 50}` }));
  const rows = await measureExpectations(
    { task: { ...task, splits: { ...task.splits, test } }, queries },
    { changedShares: [0.3, 1], ...FAST },
  );
  const power = rows.filter(({ system }) => system === "power");
  expect(power.map(({ subset, n, low, high, value }) => [subset, n, low === value && high === value])).toEqual([
    ["30 % changed", 50, true],
    ["100 % changed", 50, true],
  ]);
  const [sure, n] = [1.959964 + 0.841621, 50];
  expect(power[0]!.value).toBeCloseTo(sure * Math.sqrt(0.3 / (n + sure ** 2)), 12);
});

test("pictures of which a fact is unknown are left out of its probe and of its agreement", async () => {
  const { frozen, facts } = toy();
  const known = new Map([...facts.words].filter(([id]) => !/^toy.validation.\d$/.test(id) && !/^p.\d$/.test(id)));
  known.set("toy/validation/0", { coin: "head" }); // nothing of its side
  const rows = await measureExpectations(frozen, { facts: { ...facts, words: known }, ...FAST });
  const n = (system: string, subset: string) => findMeasurement(rows, { system, subset }).n;
  expect([n("linear probe", "label"), n("linear probe", "nuisance side"), n("linear probe", "sign coin")]).toEqual([
    40, 30, 31,
  ]);
  expect(n("frozen", "image head, nuisance side")).toBeLessThanOrEqual(30);
  const passages = frozen.corpus.passages.map(({ id }) => known.get(id)?.["side"]).filter((side) => side !== undefined);
  expect(passages).toHaveLength(50);
  // chance is the share of the known passages on each query's side, over the queries that have a known neighbour
  const left = passages.filter((side) => side === "left").length / 50;
  expect(shareOf(rows, "chance", "image head, nuisance side")).toBeGreaterThanOrEqual(Math.min(left, 1 - left) - 1e-12);
  expect(shareOf(rows, "chance", "image head, nuisance side")).toBeLessThanOrEqual(Math.max(left, 1 - left) + 1e-12);
});

test("a pattern that the facts know is compared, not probed", async () => {
  const { frozen, facts } = toy();
  const words = new Map([...facts.words].map(([id, word]) => [id, { ...word, pattern: word["side"]! }]));
  const rows = await measureExpectations(frozen, { facts: { ...facts, words }, ...FAST });
  expect(shareOf(rows, "frozen", "image head, sign pattern")).toBe(1);
  expect(rows.some(({ system, subset }) => system === "linear probe" && subset.includes("pattern"))).toBe(false);
});

test("chance of a probe is the commonest word of the training pictures; of one word alone there is no probe", async () => {
  const { frozen, facts } = toy();
  const { task, queries } = frozen;
  const of = (split: "train" | "validation") => task.splits[split].map(({ labels }) => labels[0]!);
  const commonest = of("train").filter((label) => label === 1).length > 40 ? 1 : 0;
  const rows = await measureExpectations({ task, queries }, FAST);
  expect(shareOf(rows, "chance", "label")).toBeCloseTo(
    of("validation").filter((label) => label === commonest).length / 40,
    12,
  );
  const tails = new Map(
    [...facts.words].map(([id, word], i) => [id, { ...word, coin: i % 4 === 0 ? "head" : "tail" }]),
  );
  const tossed = await measureExpectations({ task, queries }, { facts: { ...facts, words: tails }, ...FAST });
  const heads = task.splits.validation.filter(({ id }) => tails.get(id)!.coin === "head").length;
  expect(shareOf(tossed, "chance", "sign coin")).toBeCloseTo(1 - heads / 40, 12); // the last in the alphabet
  const alike = new Map([...facts.words].map(([id, word]) => [id, { ...word, coin: "head" }]));
  const found = await measureExpectations({ task, queries }, { facts: { ...facts, words: alike }, ...FAST });
  expect(found.some(({ subset }) => subset === "sign coin")).toBe(false);
});

test("of a split sorted by label every so many-th picture is probed, up to 2,000", async () => {
  const { frozen } = toy();
  const { task, queries } = frozen;
  const train = Array.from({ length: 4500 }, (_, i) => ({
    ...task.splits.train[0]!,
    id: `many/${i}`,
    labels: [i < 2250 ? 0 : 1],
  }));
  const data = Float32Array.from(train.flatMap(({ labels: [label] }) => [2 * label! - 1, 1]));
  const many = { ...task, splits: { ...task.splits, train } };
  const rows = await measureExpectations(
    { task: many, queries: { ...queries, train: { data, rows: 4500, cols: 2 } } },
    FAST,
  );
  const sides = task.splits.validation.map(
    ({ labels: [label] }, i) => Number(queries.validation.data[2 * i]! > 0) === label,
  );
  expect(shareOf(rows, "linear probe", "label")).toBe(sides.filter(Boolean).length / 40);
});

test("a vote of sets is right where it elects the very set; other forms have none", async () => {
  const { frozen } = toy({ form: "labels" });
  const passages = frozen.corpus.passages.map((passage) => ({ ...passage, text: "malignant and benign" }));
  const both = await measureExpectations({ ...frozen, corpus: { ...frozen.corpus, passages } }, FAST);
  expect(shareOf(both, "caption vote", "all")).toBe(0);
  const validation = frozen.task.splits.validation.map((example) => ({ ...example, labels: [0, 1] }));
  const task = { ...frozen.task, splits: { ...frozen.task.splits, validation } };
  const rows = await measureExpectations({ ...frozen, task, corpus: { ...frozen.corpus, passages } }, FAST);
  expect(shareOf(rows, "caption vote", "all")).toBe(1);
  expect(shareOf(rows, "linear probe", "label benign")).toBeGreaterThanOrEqual(0);
});

test("the swapped caption keeps all else of its passage, and a question is asked with its best passage that names a label", async () => {
  const { frozen } = toy();
  const asked: { readonly id: string; readonly text: string; readonly licence: string; readonly corpus: string }[] = [];
  const reader: Reader = {
    fingerprint: "toy",
    scoreLabels: () => Promise.reject(new Error("not asked")),
    writeAnswers: async (pairs) => {
      asked.push(...pairs.map(({ passage }) => passage!));
      return pairs.map(() => "0");
    },
    dispose: () => {},
  };
  const licensed = frozen.corpus.passages.map((passage) => ({ ...passage, licence: "CC0" }));
  const rows = await measureExpectations(
    { ...frozen, corpus: { ...frozen.corpus, passages: licensed } },
    { reader, ...FAST },
  );
  expect(findMeasurement(rows, { system: "reader", metric: "captionSwap" })).toMatchObject({
    value: 0,
    subset: "all",
    task: "toy",
  });
  const [told, swapped] = [asked.slice(0, 40), asked.slice(40)];
  swapped.forEach((passage, i) => {
    expect(passage).toMatchObject({ id: `${told[i]!.id} swapped`, corpus: "toy", licence: "CC0" });
    expect(passage).not.toHaveProperty("truth");
  });
});

test("at most 64 questions are asked, from the whole of the split", async () => {
  const { frozen } = toy();
  const { task, queries } = frozen;
  const validation = Array.from({ length: 160 }, (_, i) => ({
    ...task.splits.validation[i % 40]!,
    id: `v${i}`,
    group: `v${i}`,
  }));
  const data = Float32Array.from(
    validation.flatMap((_, i) => [...queries.validation.data.subarray(2 * (i % 40), 2 * (i % 40) + 2)]),
  );
  const asked: string[] = [];
  const reader = {
    writeAnswers: async (pairs: readonly { readonly example: Example }[]) => {
      asked.push(...pairs.map(({ example }) => example.id));
      return pairs.map(() => "0");
    },
  } as unknown as Reader;
  const many = { ...frozen, task: { ...task, splits: { ...task.splits, validation } } };
  const rows = await measureExpectations(
    { ...many, queries: { ...queries, validation: { data, rows: 160, cols: 2 } } },
    { reader, ...FAST },
  );
  expect(findMeasurement(rows, { system: "reader", metric: "captionSwap" }).n).toBe(64);
  expect(asked.slice(0, 64)).toEqual(Array.from({ length: 64 }, (_, i) => `v${Math.floor(2.5 * i)}`));
});

test("chance counts passages of known truth alone; intervals of the vote draw questions", async () => {
  const { frozen } = toy();
  const passages = frozen.corpus.passages.map(({ truth, ...passage }) =>
    truth === "benign" ? { ...passage, truth, text: "a lesion" } : passage,
  );
  const rows = await measureExpectations({ ...frozen, corpus: { ...frozen.corpus, passages } }, FAST);
  // whatever is known is benign: right of benign questions, wrong of the others, as by chance
  expect(shareOf(rows, "chance", "image head")).toBe(shareOf(rows, "frozen", "image head"));
  expect(shareOf(rows, "chance", "image head")).toBeGreaterThan(0);
  // captions of benign passages are silent: the vote is right of malignant questions alone
  const vote = findMeasurement(rows, { system: "caption vote", subset: "all" });
  expect([vote.value > 0, vote.value < 1, vote.low < vote.value, vote.value < vote.high]).toEqual([
    true,
    true,
    true,
    true,
  ]);
});
