import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createRandom } from "../../../src/base/random";
import type { Task } from "../../../src/base/types";
import { findSharedGroups } from "../../../src/data/splits";
import { pictureOf } from "../../../src/data/tasks/pictures";
import { closedTask, readVqa } from "../../../src/data/tasks/vqa";
import { ruleWorld } from "../../../src/phantoms/knowledge/rule";
import { loadTask } from "../../../src/phantoms/load-task";
import { dealQuestions } from "../../../src/phantoms/tasks/questions";
import { drawRadiologyCase } from "../../../src/phantoms/tasks/radiology";
import { refusal } from "../helpers";

const REFERENCE = join(__dirname, "../../reference/data");
let root = "";
let folder = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "vqa-"));
});
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  folder = mkdtempSync(join(root, "case-"));
});

async function picture(file: string, level: number): Promise<void> {
  const create = { width: 80, height: 40, channels: 3 as const, background: { r: level, g: level, b: level } };
  writeFileSync(file, await sharp({ create }).png().toBuffer());
}

const row = (qid: number, image_name: string, rest: object = {}) => {
  return { qid, image_name, question: "is it clear ?", answer: "Yes", answer_type: "CLOSED", ...rest };
};

/** The shared folder's layout with ten pictures; test asks about the last two, one of which train asks about too. */
async function writeVqaRad(train = [...Array(9).keys()].map((i) => row(i, `${i}.png`))): Promise<void> {
  mkdirSync(join(folder, "images"));
  for (let i = 0; i < 10; i++) await picture(join(folder, "images", `${i}.png`), 20 * i);
  writeFileSync(join(folder, "trainset.json"), JSON.stringify(train));
  const rows = [
    row(100, "8.png", { answer: "left lung", answer_type: "OPEN ", question_type: "POS" }),
    row(101, "9.png", { answer: 4, answer_type: "OPEN" }),
    row(102, "9.png", { answer: "left", answer_type: "CLOSED" }),
  ];
  writeFileSync(join(folder, "testset.json"), JSON.stringify(rows));
}

const brief = (task: Task) =>
  task.splits.test.map(({ id, answer, labels, form, kind, topic }) => [id, answer, labels, form, kind, topic]);

test("the JSON release: yes and no are labels, other answers words, closed and open as the file says", async () => {
  await writeVqaRad();
  const task = await loadTask("vqa-rad", { dataDir: folder });
  expect(brief(task)).toEqual([
    ["vqa-rad/test/100", "left lung", [], "words", "open", "POS"],
    ["vqa-rad/test/101", "4", [], "words", "open", undefined],
    ["vqa-rad/test/102", "left", [], "words", "closed", undefined],
  ]);
  expect(task.splits.train[0]).toMatchObject({ answer: "yes", labels: [0], form: "yesNo", kind: "closed" });
  expect(task.splits.train[0]!.image).toMatchObject({ width: 64, height: 32, channels: 3 });
  expect(task.labels.map(({ answer }) => answer)).toEqual(["yes", "no"]);
});

test("yes and no stay what they are with a mark or a blank behind them", async () => {
  await writeVqaRad();
  const rows = ["Yes.", "no !", "NO", "yes, partly"].map((answer, i) => row(200 + i, "9.png", { answer }));
  writeFileSync(join(folder, "testset.json"), JSON.stringify(rows));
  const task = await loadTask("vqa-rad", { dataDir: folder });
  expect(task.splits.test.map(({ answer, form }) => [answer, form])).toEqual([
    ["yes", "yesNo"],
    ["no", "yesNo"],
    ["no", "yesNo"],
    ["yes, partly", "words"],
  ]);
});

test("where no validation is published, a tenth of the training pictures is taken with all their questions", async () => {
  await writeVqaRad([...Array(27).keys()].map((i) => row(i, `${i % 9}.png`)));
  const task = await loadTask("vqa-rad", { dataDir: folder });
  expect([task.splits.train.length, task.splits.validation.length]).toEqual([24, 3]);
  expect(new Set(task.splits.validation.map(({ group }) => group)).size).toBe(1);
  const other = await loadTask("vqa-rad", { dataDir: folder, splitSeed: 3 });
  expect(other.fingerprint).not.toBe(task.fingerprint);
});

test("shared pictures are said aloud, and the disjoint split takes them out of train", async () => {
  await writeVqaRad();
  const warnings: string[] = [];
  const control = { onWarn: (code: string, message: string) => warnings.push(`${code}: ${message}`) };
  const published = await loadTask("vqa-rad", { dataDir: folder, control });
  const [split] = warnings.filter((warning) => warning.startsWith("split"));
  expect(split).toMatch(/^split: .*should stand in two splits; 1 does/);
  const disjoint = await loadTask("vqa-rad", { dataDir: folder, split: "imageDisjoint" });
  expect(findSharedGroups(disjoint)).toEqual([]);
  expect(disjoint.splits.test).toEqual(published.splits.test);
  expect(disjoint.fingerprint).toBe(`${published.fingerprint}:imageDisjoint`);
});

test("the OSF release: test questions are marked in phrase_type", async () => {
  mkdirSync(join(folder, "VQA_RAD Image Folder"));
  for (const i of [0, 1, 2]) await picture(join(folder, "VQA_RAD Image Folder", `${i}.png`), 50 * i);
  const phrases = ["freeform", "para", "test_freeform", "test_para"];
  const rows = phrases.map((phrase_type, i) => row(i, `${Math.min(i, 2)}.png`, { phrase_type }));
  writeFileSync(join(folder, "VQA_RAD Dataset Public.json"), JSON.stringify(rows));
  const task = await loadTask("vqa-rad", { dataDir: folder });
  expect(task.splits.test.map(({ id }) => id)).toEqual(["vqa-rad/test/2", "vqa-rad/test/3"]);
});

test("the Hugging Face releases: pictures stand in the parquet files, yes and no count as closed", async () => {
  mkdirSync(join(folder, "path_vqa", "data"), { recursive: true });
  for (const split of ["train", "validation", "test"]) {
    const bytes = readFileSync(join(REFERENCE, "snappy-v1.parquet"));
    writeFileSync(join(folder, "path_vqa", "data", `${split}-00000-of-00001-abc.parquet`), bytes);
  }
  const task = await loadTask("path-vqa", { dataDir: folder });
  expect(brief(task).map(([, ...rest]) => rest)).toEqual([
    ["yes", [0], "yesNo", "closed", undefined],
    ["links", [], "words", "open", undefined],
    ["a mass", [], "words", "open", undefined],
    ["no", [1], "yesNo", "closed", undefined],
  ]);
  expect(task.splits.test[1]!.image).toMatchObject({ width: 5, height: 5 });
});

test.each(["train.parquet", "data/train.parquet", "train/0000.parquet", "default/train/0000.parquet"])(
  "PathVQA: parquet files named as %s are found",
  async (name) => {
    for (const split of ["train", "validation", "test"]) {
      const file = join(folder, "path_vqa", name.replace("train", split));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, readFileSync(join(REFERENCE, "snappy-v1.parquet")));
    }
    const task = await loadTask("path-vqa", { dataDir: folder });
    expect(Object.values(task.splits).map((examples) => examples.length)).toEqual([4, 4, 4]);
  },
);

test("SLAKE: a question without an answer, as the published file has one, is left out and named", async () => {
  mkdirSync(join(folder, "imgs"));
  await picture(join(folder, "imgs", "source.jpg"), 90);
  const of = (qid: number, answer: string) => {
    return { ...row(qid, "", { answer }), img_name: "source.jpg", q_lang: "en", content_type: "Organ" };
  };
  for (const file of ["train", "validate", "test"]) {
    const rows = file === "train" ? [of(1, "liver"), of(2, ""), of(3, "no")] : [of(1, "liver")];
    writeFileSync(join(folder, `${file}.json`), JSON.stringify(rows));
  }
  const said: string[] = [];
  const onWarn = (_code: string, message: string) => void said.push(message);
  const task = await loadTask("slake", { dataDir: folder, control: { onWarn } });
  expect(task.splits.train.map(({ answer }) => answer)).toEqual(["liver", "no"]);
  expect(said.join("\n")).toMatch(
    /left out, .*train\.json, row 1, field answer must be a text that is not empty; got none/,
  );
});

test("SLAKE: only English rows are read", async () => {
  mkdirSync(join(folder, "imgs", "xmlab0"), { recursive: true });
  await picture(join(folder, "imgs", "xmlab0", "source.jpg"), 90);
  for (const file of ["train", "validate", "test"]) {
    const of = (qid: number, q_lang: string) => ({
      ...row(qid, ""),
      img_name: "xmlab0/source.jpg",
      q_lang,
      content_type: "Organ",
    });
    writeFileSync(join(folder, `${file}.json`), JSON.stringify([of(1, "zh"), of(2, "en")]));
  }
  const task = await loadTask("slake", { dataDir: folder });
  expect(brief(task)).toEqual([["slake/test/2", "yes", [0], "yesNo", "closed", "Organ"]]);
});

test.each([
  ["../secret.png", /trainset\.json, row 0, field image_name must name a file within/],
  ["/etc/hostname", /must name a file within/],
  ["..\\secret.png", /must name a file within/],
  ["link.png", /a link to another place/],
  ["none.png", /must name a picture that is there; got .*none\.png/],
  ["broken.png", /picture broken\.png must be a sound picture; got/],
])("a picture named %s is refused with file, row and field", async (name, wording) => {
  await writeVqaRad([row(1, name)]);
  await picture(join(root, "secret.png"), 7);
  symlinkSync(join(root, "secret.png"), join(folder, "images", "link.png"));
  writeFileSync(join(folder, "images", "broken.png"), readFileSync(join(folder, "images", "0.png")).subarray(0, 60));
  const error = await refusal(() => loadTask("vqa-rad", { dataDir: folder }));
  expect(error.code).toBe("data");
  expect(error.message).toMatch(wording);
});

test.each([
  [
    [row(1, "0.png"), row(1, "1.png")],
    /trainset\.json, row 1 must have an id of its own; got 1, as trainset\.json, row 0/,
  ],
  [[row(1, "0.png", { answer_type: "maybe" })], /row 0, field answer_type, must be OPEN or CLOSED; got maybe/],
  [[row(1, "0.png", { answer: "" })], /row 0, field answer must be a text that is not empty/],
  [[], /vqa-rad must hold train questions; got none/],
])("rows that are not sound are refused (%#)", async (rows, wording) => {
  await writeVqaRad(rows as ReturnType<typeof row>[]);
  expect((await refusal(() => loadTask("vqa-rad", { dataDir: folder }))).message).toMatch(wording);
});

test("a folder without the files says what was looked for", async () => {
  const error = await refusal(() => loadTask("path-vqa", { dataDir: folder }));
  expect(error.message).toMatch(
    /dataDir must hold train\.json \+ .* or data, in it or in its folder path_vqa.*Get PathVQA/,
  );
});

test("closedTask keeps the yes/no questions, as a task like any other", async () => {
  const task = await loadTask("vqa-rad", { cacheDir: join(root, "cache") });
  const yesNo = closedTask(task);
  for (const examples of Object.values(yesNo.splits)) {
    expect(examples.every(({ labels, answer }) => labels.length === 1 && /^(yes|no)$/.test(answer))).toBe(true);
  }
  expect(yesNo.splits.test.length).toBeLessThan(task.splits.test.length);
  expect(yesNo.fingerprint).toBe(`${task.fingerprint}:closed`);
  const open = { ...task, splits: { ...task.splits, test: task.splits.test.filter(({ kind }) => kind === "open") } };
  expect((await refusal(() => closedTask(open))).message).toMatch(/vqa-rad must have test questions of yes or no/);
});

test("the phantom of VQA-RAD shares pictures between train and test, as the real release", async () => {
  const task = await loadTask("vqa-rad", { cacheDir: join(root, "cache") });
  expect(task.splits.train.length + task.splits.validation.length).toBe(613);
  expect(task.splits.test).toHaveLength(90);
  expect(findSharedGroups(task).length).toBeGreaterThan(20);
  const share = task.splits.train.filter(({ answer }) => answer === "yes").length;
  const closed = task.splits.train.filter(({ labels }) => labels.length === 1).length;
  expect(share / closed).toBeGreaterThan(0.38);
  expect(share / closed).toBeLessThan(0.62);
});

test("dealQuestions asks no question twice and spreads them evenly", () => {
  const random = createRandom("deal");
  const cases = Array.from({ length: 5 }, (_, i) => drawRadiologyCase(ruleWorld("vqa-rad", 7), random.fork(String(i))));
  const dealt = dealQuestions(cases, 40, random);
  expect(new Set(dealt.map(({ at, question }) => `${at} ${question.question}`)).size).toBe(40);
  for (let at = 0; at < 5; at++) expect(dealt.filter((row) => row.at === at)).toHaveLength(8);
  expect(dealQuestions(cases, 1000, random).length).toBe(cases.flatMap(({ questions }) => questions).length);
});

const dataDir = process.env["JOMED_DATA_DIR"] ?? "";
const reason =
  dataDir === "" ? "JOMED_DATA_DIR is not set" : existsSync(join(dataDir, "vqa_rad")) ? "" : "vqa_rad is not there";
test.skipIf(reason !== "")(`the real VQA-RAD loads${reason && ` (skipped: ${reason})`}`, async () => {
  const task = await loadTask("vqa-rad", { dataDir });
  const { train, validation, test: last } = task.splits;
  expect([train.length + validation.length, last.length]).toEqual([3064, 451]);
  expect(last.filter(({ kind }) => kind === "closed")).toHaveLength(272);
  expect(findSharedGroups(task)).toHaveLength(203);
});

test("a question with choices is answered by one of them, as it is written; another answer is refused", async () => {
  mkdirSync(join(folder, "images"));
  await picture(join(folder, "images", "0.png"), 90);
  const read = (answer: string) =>
    readVqa(
      "toy",
      (["train", "validation", "test"] as const).map((split) => ({
        ...{ id: "1", split, place: `${split}.json, row 0`, question: "which ?", answer, kind: "closed" as const },
        ...{ choices: ["left lung", "right lung"], topic: null, entities: [] },
        picture: pictureOf("0", "0.png", join(folder, "images", "0.png"), 64),
      })),
      {
        dataDir: folder,
        files: "drawn",
        splitSeed: 1,
        checksum: "strict",
        imageSize: null,
        maxBrokenShare: 0,
        control: {},
      },
    );
  expect((await read("right lung")).splits.test[0]).toMatchObject({
    form: "label",
    labels: [1],
    answer: "right lung",
    wordings: ["left lung", "right lung"],
  });
  expect((await refusal(() => read("heart"))).message).toMatch(
    /row 0 must answer with one of left lung, right lung; got heart/,
  );
});
