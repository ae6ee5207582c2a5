import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../../src/base/random";
import type { Corpus, Example, Task } from "../../../src/base/types";
import { formatCsv } from "../../../src/data/formats/csv";
import { formatTar } from "../../../src/data/formats/tar";
import { findLeaks } from "../../../src/data/leaks/find-leaks";
import { BRSET_COLUMNS } from "../../../src/data/tasks/brset";
import { loadCorpus } from "../../../src/phantoms/load-corpus";
import { loadTask } from "../../../src/phantoms/load-task";
import { refusal } from "../helpers";

/*
 * One leak is planted for every pair of a task's and a corpus' source that can name the same patient, study, case, article or picture:
 * the pictures are noise, so that nothing but the name gives it away.
 */

const random = createRandom("shared entities");
let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "entities-"));
});
afterAll(() => rmSync(root, { recursive: true }));
const newFolder = () => mkdtempSync(join(root, "case-"));

const noise = (): Promise<Buffer> => {
  const data = Uint8Array.from({ length: 32 * 32 }, () => random.integer(256));
  return sharp(data, { raw: { width: 32, height: 32, channels: 1 } })
    .png()
    .toBuffer();
};

function write(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/** A corpus of one passage: its files by path, a picture's noise for null. */
async function corpusOf(name: string, files: Readonly<Record<string, string | Uint8Array | null>>): Promise<Corpus> {
  const dataDir = newFolder();
  for (const [path, content] of Object.entries(files)) write(join(dataDir, path), content ?? (await noise()));
  return loadCorpus(name, { dataDir });
}

const jsonl = (fields: object) => {
  return corpusOf("folder", {
    "corpus.jsonl": JSON.stringify({ image: "a.png", text: "a", ...fields }),
    "a.png": null,
  });
};
const csv = (column: string, value: string) => {
  return corpusOf("folder", {
    "corpus.csv": formatCsv(["image", "text", column], [["a.png", "a", value]]),
    "a.png": null,
  });
};
const mimic = () => {
  const study = "mimic-cxr/files/p10/p10000032/s50414267";
  return corpusOf("mimic-cxr", { [`${study}.txt`]: " FINDINGS: The heart is large.\n", [`${study}/x.jpg`]: null });
};
const medpix = (id: string) => {
  const row = { id, image: "images/a.png", text: "a", case: id.split("_")[0] };
  return corpusOf("medpix2", { "medpix2/corpus.jsonl": JSON.stringify(row), "medpix2/images/a.png": null });
};
const pmcOa = () => {
  const row = JSON.stringify({ image: "PMC212319_Fig3_4.jpg", caption: "a" });
  return corpusOf("pmc-oa", { "pmc-oa/pmc_oa.jsonl": row, "pmc-oa/images/PMC212319_Fig3_4.jpg": null });
};
const archive = async () => {
  const members: [string, Uint8Array][] = [
    ["PMC212319_1.png", await noise()],
    ["PMC212319_1.txt", Buffer.from("a")],
  ];
  return corpusOf("pmc-oa", { "pmc-oa/0.tar": formatTar(members) });
};
const roco = () => {
  const folder = "roco/train/radiology";
  return corpusOf("roco", {
    [`${folder}/captions.txt`]: "ROCO_00001\t a\n",
    [`${folder}/licences.txt`]: "ROCO_00001,PMC212319_a-g01.jpg,CC BY\n",
    [`${folder}/images/PMC212319_a-g01.jpg`]: null,
  });
};

/** Every way in which a corpus names each of five entities. */
const CORPORA: Readonly<Record<string, Readonly<Record<string, () => Promise<Corpus>>>>> = {
  patient: {
    "MIMIC-CXR": mimic,
    "jsonl, number": () => jsonl({ patient: 10000032 }),
    "jsonl, text": () => jsonl({ patient: "p10000032" }),
    "jsonl, no kind": () => jsonl({ group: "10000032" }),
    "jsonl, second field": () => jsonl({ group: "ward 3", subject_id: 10000032 }),
    "csv, zeros": () => csv("patient", "0010000032"),
    "csv, decimal": () => csv("patient_id", "10000032.0"),
    "jsonl, path": () => jsonl({ group: "files/p10/p10000032" }),
    "jsonl, DICOM's name": () => jsonl({ PatientID: "10000032" }),
    "csv, in words": () => csv("Subject ID", "10000032"),
    "jsonl, short": () => jsonl({ pid: "P10000032" }),
    "csv, record number": () => csv("MRN", "10000032"),
    "jsonl, filled up": () => jsonl({ PatientID: "10000032\u0000" }),
  },
  study: {
    "MIMIC-CXR": mimic,
    "jsonl, number": () => jsonl({ study: 50414267 }),
    "csv, text": () => csv("study_id", "s50414267"),
    "csv, capitals": () => csv("StudyID", "50414267"),
  },
  case: { MedPix: () => medpix("MPX1024_synpic40275"), "jsonl, text": () => jsonl({ case: "mpx-1024" }) },
  article: {
    "PMC-OA, jsonl": pmcOa,
    "PMC-OA, archive": archive,
    ROCO: roco,
    "jsonl, number": () => jsonl({ article: 212319 }),
    "csv, address": () => csv("article", "https://pmc.ncbi.nlm.nih.gov/articles/PMC212319/"),
  },
  image: { MedPix: () => medpix("MPX1_synpic54610"), "jsonl, id": () => jsonl({ id: "old/synpic54610.jpg" }) },
};

async function brset(): Promise<Task> {
  const dataDir = newFolder();
  const columns = ["image_id", "patient_id", ...BRSET_COLUMNS];
  const rows = Array.from({ length: 20 }, (_, i) => [`img${i}`, `0${10000032 + i}`, ...BRSET_COLUMNS.map(() => 0)]);
  write(join(dataDir, "labels_brset.csv"), formatCsv(columns, rows));
  for (const [name] of rows) write(join(dataDir, `fundus_photos/${name}.jpg`), await noise());
  return loadTask("brset", { dataDir });
}

async function vqaRad(): Promise<Task> {
  const dataDir = newFolder();
  const names = Array.from({ length: 12 }, (_, i) => `synpic${54610 + i}.jpg`);
  const rowOf = (image_name: string, qid: number) => {
    return { qid, image_name, question: "is it clear ?", answer: "Yes", answer_type: "CLOSED" };
  };
  write(join(dataDir, "testset.json"), JSON.stringify([rowOf(names[0]!, 0)]));
  write(join(dataDir, "trainset.json"), JSON.stringify(names.slice(1).map(rowOf)));
  for (const name of names) write(join(dataDir, `images/${name}`), await noise());
  return loadTask("vqa-rad", { dataDir });
}

/** Only this example is to be evaluated. */
function evaluating(task: Task, change: Partial<Example> = {}): Task {
  const all = Object.values(task.splits).flat();
  const example = all.find(({ group }) => group === "patient-10000032") ?? task.splits.test[0]!;
  return { ...task, splits: { train: [], validation: [], test: [{ ...example, ...change }] } };
}

/** Every way in which a task names them: as its reader does, or as the examples of a task of one's own may. */
const TASKS: Readonly<Record<string, Readonly<Record<string, () => Promise<Task>>>>> = {
  patient: {
    BRSET: async () => evaluating(await brset()),
    "group of MIMIC-CXR": async () => evaluating(await brset(), { group: "mimic-cxr/p10000032" }),
    "number alone": async () => evaluating(await brset(), { group: "10000032" }),
  },
  study: { "entities of MIMIC-CXR": async () => evaluating(await brset(), { entities: ["study-50414267"] }) },
  case: { "entities of VQA-RAD": async () => evaluating(await vqaRad(), { entities: ["case-mpx1024"] }) },
  article: { "group of PMC-OA": async () => evaluating(await vqaRad(), { group: "PMC212319" }) },
  image: { "VQA-RAD": async () => evaluating(await vqaRad()) },
};

describe.each(Object.keys(CORPORA))("a leak by %s", (kind) => {
  const pairs = Object.keys(TASKS[kind]!).flatMap((task) => Object.keys(CORPORA[kind]!).map((name) => [task, name]));

  it.each(pairs)("is found between %s and %s", async (task, name) => {
    const corpus = await CORPORA[kind]![name!]!();
    const evaluated = await TASKS[kind]![task!]!();
    const leaks = await findLeaks(corpus, evaluated);
    expect(leaks).toMatchObject([{ passageId: corpus.passages[0]!.id, shares: "group" }]);
    const stranger = evaluating(evaluated, { group: "patient-77", entities: ["article-77"] });
    expect(await findLeaks(corpus, stranger)).toEqual([]);
  });
});

describe("an entity of the wrong type", () => {
  it.each([true, 7.5, ["a"], { id: 1 }, -3])("is an error with its place: %j", async (patient) => {
    const error = await refusal(() => jsonl({ patient }));
    expect(error.code).toBe("data");
    expect(error.message).toMatch(/corpus\.jsonl, line 1: patient must be a text or a whole number; got /);
  });

  it("is an error in a table too, and in a task's", async () => {
    const error = await refusal(() => csv("patient", "1.05E+07"));
    expect(error.message).toMatch(/corpus\.csv, line 2: patient must be .*lost digits/);
    const dataDir = newFolder();
    const columns = ["image_id", "patient_id", ...BRSET_COLUMNS];
    write(join(dataDir, "labels_brset.csv"), formatCsv(columns, [["a", "1.05E+07", ...BRSET_COLUMNS.map(() => 0)]]));
    write(join(dataDir, "fundus_photos/a.jpg"), await noise());
    const refused = await refusal(() => loadTask("brset", { dataDir }));
    expect(refused.message).toMatch(/labels_brset\.csv, line 2, column patient_id, .*lost digits/);
  });
});
