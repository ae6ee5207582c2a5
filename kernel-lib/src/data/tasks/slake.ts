import { join } from "node:path";
import { SPLITS } from "../../base/types";
import { optionalText, textField } from "../formats/text-file";
import type { PublishedTask, ReadRequest } from "./definition";
import { findLayout, sideOf } from "./pictures";

import { answerField, jsonRows, kindField, readVqa, VQA_ANSWER_FORMAT, type VqaRow, YES_NO } from "./vqa";

/** The release of Hugging Face calls its middle file validation.json. */
const VALIDATION = ["validate.json", "validation.json"] as const;
const CARD = {
  title: "SLAKE-English",
  description: "The English questions of SLAKE: 642 CT, MRI and x-ray pictures, yes/no and open.",
  licence: "CC BY 4.0",
  citation:
    "Liu et al., SLAKE: a semantically-labeled knowledge-enhanced dataset for medical visual question answering, ISBI (2021).",
  obtain:
    "SLAKE 1.0 by npm run data -- fetch slake (Hugging Face BoKelvin/SLAKE), or from med-vqa.com/slake: train.json, validate.json or validation.json, test.json and imgs.zip unpacked to imgs/; put it in data/raw/slake/.",
} as const;

async function readRows(request: ReadRequest): Promise<VqaRow[]> {
  const layouts = VALIDATION.map((name) => ({ name, files: ["train.json", name, "test.json"] }));
  const { folder, layout } = findLayout(request.dataDir, ["slake", "SLAKE", "Slake1.0"], layouts, CARD);
  const pictures = { folder: join(folder, "imgs"), field: "img_name", side: sideOf(request) };
  const files = { train: "train.json", validation: layout, test: "test.json" } as const;
  const parts = SPLITS.map((split) =>
    jsonRows(join(folder, files[split]), pictures, (row) =>
      textField(row, "q_lang") !== "en"
        ? null
        : {
            id: textField(row, "qid"),
            split,
            question: textField(row, "question"),
            answer: answerField(row),
            kind: kindField(row, "answer_type"),
            topic: optionalText(row, "content_type"),
          },
    ),
  );
  return (await Promise.all(parts)).flat();
}

/** SLAKE, its English half: questions about CT, MRI and x-ray pictures. */
export const SLAKE: PublishedTask = {
  name: "slake",
  modality: "radiology picture",
  labels: YES_NO,
  question: null,
  forms: ["yesNo", "words"],
  answerFormat: VQA_ANSWER_FORMAT,
  metrics: ["closedAccuracy", "tokenRecall"],
  replicaTraining: { readerSteps: 100 },
  splitsNote: "published, English rows (q_lang en): 4,919 / 1,053 / 1,061 questions",
  layout: ["slake/{train,validate,test}.json (or validation.json) + imgs/"],
  access: "open",
  downloads: [],
  publications: [
    {
      from: "hugging-face",
      id: "BoKelvin/SLAKE",
      wanted: [/^train\.json$/, /^valid(ate|ation)\.json$/, /^test\.json$/, /^imgs\.zip$/],
      folder: "slake",
      unpack: { "imgs.zip": "imgs" },
    },
  ],
  card: CARD,
  read: async (request) => readVqa("slake", await readRows(request), request),
};
