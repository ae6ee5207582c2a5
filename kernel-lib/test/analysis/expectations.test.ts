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
