import { join } from "node:path";
import type { Split } from "../../base/types";
import { holdsParquet, parquetFiles } from "../formats/parquet-splits";
import { type JsonRow, optionalText, textField } from "../formats/text-file";
import type { PublishedTask, ReadRequest } from "./definition";
import { findLayout, sideOf } from "./pictures";

import { answerField, jsonRows, kindField, parquetRows, readVqa, VQA_ANSWER_FORMAT, type VqaRow, YES_NO } from "./vqa";

const OSF_JSON = "VQA_RAD Dataset Public.json";
const OSF_PICTURES = "VQA_RAD Image Folder";
const CARD = {
  title: "VQA-RAD",
  description: "315 radiology pictures (head, chest, abdomen) with questions by clinicians, yes/no and open.",
  licence: "CC0 1.0",
  citation:
    "Lau et al., A dataset of clinically generated visual questions and answers about radiology images, Scientific Data 5, 180251 (2018).",
  obtain:
    "VQA-RAD by npm run data -- fetch vqa-rad: from Hugging Face (flaviagiammarino/vqa-rad, folder data) or, with --from osf, from OSF (osf.io/89kps: the public JSON and the image folder, which say which questions are closed); or as trainset.json, testset.json and images; put it in data/raw/vqa_rad/.",
} as const;

function pick(row: JsonRow, split: Split) {
  return {
    id: textField(row, "qid"),
    split,
    question: textField(row, "question"),
    answer: answerField(row),
    kind: kindField(row, "answer_type"),
    topic: optionalText(row, "question_type"),
  };
}

/** The OSF release marks test questions in `phrase_type`. */
const osfSplit = (row: JsonRow): Split => (textField(row, "phrase_type").startsWith("test") ? "test" : "train");

async function readRows(request: ReadRequest): Promise<VqaRow[]> {
  const { folder, layout } = findLayout(
    request.dataDir,
    ["vqa_rad", "vqa-rad", "VQA-RAD"],
    [
      { name: "json", files: ["trainset.json", "testset.json", "images"] },
      { name: "osf", files: [OSF_JSON, OSF_PICTURES] },
      { name: "parquet", files: ["data"], isIn: holdsParquet },
    ],
    CARD,
  );
  const side = sideOf(request);
  const pictures = {
    folder: join(folder, layout === "osf" ? OSF_PICTURES : "images"),
    field: "image_name",
    caseField: "image_case_url",
    side,
  };
  if (layout === "osf") return jsonRows(join(folder, OSF_JSON), pictures, (row) => pick(row, osfSplit(row)));
  const parts = (["train", "test"] as const).map((split) =>
    layout === "json"
      ? jsonRows(join(folder, `${split}set.json`), pictures, (row) => pick(row, split))
      : parquetRows(parquetFiles(folder, split), { split, side, task: "vqa-rad", control: request.control }),
  );
  return (await Promise.all(parts)).flat();
}

/** VQA-RAD: questions about radiology pictures. */
export const VQA_RAD: PublishedTask = {
  name: "vqa-rad",
  modality: "radiology picture",
  labels: YES_NO,
  question: null,
  forms: ["yesNo", "words"],
  answerFormat: VQA_ANSWER_FORMAT,
  metrics: ["closedAccuracy", "tokenRecall"],
  replicaTraining: { closedBookSteps: 120 },
  splitsNote:
    'published: train and test (JSON 3,064 / 451; Hugging Face 1,793 / 451), which share 203 pictures; split: "imageDisjoint" takes those out of train. Validation: a tenth of the training pictures, by splitSeed. The Hugging Face release does not say which questions are closed: those answered yes or no count as closed.',
  layout: [
    "vqa_rad/{trainset,testset}.json + images/",
    `vqa_rad/${OSF_JSON} + ${OSF_PICTURES}/`,
    "vqa_rad/data/*.parquet",
  ],
  access: "open",
  downloads: [],
  publications: [
    {
      from: "hugging-face",
      id: "flaviagiammarino/vqa-rad",
      wanted: [/^data\/train-.*\.parquet$/, /^data\/test-.*\.parquet$/],
      folder: "vqa_rad",
    },
    {
      from: "osf",
      id: "89kps",
      wanted: [/^VQA_RAD Dataset Public\.json$/, /^VQA_RAD Image Folder\/[^/]+\.jpg$/],
      folder: "vqa_rad",
    },
  ],
  card: CARD,
  read: async (request) => readVqa("vqa-rad", await readRows(request), request),
};
