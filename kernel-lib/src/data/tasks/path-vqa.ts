import { join } from "node:path";
import { SPLITS } from "../../base/types";
import { holdsParquet, parquetFiles } from "../formats/parquet-splits";
import { textField } from "../formats/text-file";
import type { PublishedTask, ReadRequest } from "./definition";
import { findLayout, sideOf } from "./pictures";

import {
  answerField,
  jsonRows,
  kindByAnswer,
  parquetRows,
  readVqa,
  VQA_ANSWER_FORMAT,
  type VqaRow,
  YES_NO,
} from "./vqa";

const CARD = {
  title: "PathVQA",
  description: "Questions about 5,004 pathology pictures from textbooks and an atlas, half yes/no, half open.",
  licence: "MIT (questions and answers); pictures from copyrighted textbooks, research use",
  citation: "He et al., PathVQA: 30000+ questions for medical visual question answering, arXiv 2003.10286 (2020).",
  obtain:
    "PathVQA by npm run data -- fetch path-vqa (Hugging Face flaviagiammarino/path-vqa, folder data with parquet files), or as train.json, validation.json, test.json (objects with image, question, answer) and images/; put it in data/raw/path_vqa/. The original release in pickles is not read: a pickle can run code.",
} as const;

async function readRows(request: ReadRequest): Promise<VqaRow[]> {
  const { folder, layout } = findLayout(
    request.dataDir,
    ["path_vqa", "path-vqa", "PathVQA"],
    [
      { name: "json", files: [...SPLITS.map((split) => `${split}.json`), "images"] },
      { name: "parquet", files: ["data"], isIn: holdsParquet },
    ],
    CARD,
  );
  const side = sideOf(request);
  const pictures = { folder: join(folder, "images"), field: "image", side };
  const rows: VqaRow[] = [];
  // one split after the other: their files are large
  for (const split of SPLITS) {
    const part =
      layout === "parquet"
        ? await parquetRows(parquetFiles(folder, split), { split, side, task: "path-vqa", control: request.control })
        : await jsonRows(join(folder, `${split}.json`), pictures, (row, index) => {
            const answer = answerField(row);
            const question = textField(row, "question");
            return {
              id: String(index).padStart(5, "0"),
              split,
              question,
              answer,
              kind: kindByAnswer(answer),
              topic: null,
            };
          });
    for (const row of part) rows.push(row);
  }
  return rows;
}

/** PathVQA: questions about pathology pictures. */
export const PATH_VQA: PublishedTask = {
  name: "path-vqa",
  modality: "pathology picture",
  labels: YES_NO,
  question: null,
  forms: ["yesNo", "words"],
  answerFormat: VQA_ANSWER_FORMAT,
  metrics: ["closedAccuracy", "tokenRecall"],
  // an evaluation of 626 questions with four passages each takes as long as forty steps
  replicaTraining: { closedBookSteps: 60, readerSteps: 60, numEvaluations: 1, numCandidates: 3 },
  splitsNote: "published: 19,654 / 6,259 / 6,719 questions; those answered yes or no count as closed",
  layout: [
    "path_vqa/data/{train,validation,test}-*.parquet (or {train,validation,test}.parquet, {train,validation,test}/0000.parquet)",
    "path_vqa/{train,validation,test}.json + images/",
  ],
  access: "open",
  downloads: [],
  publications: [
    {
      from: "hugging-face",
      id: "flaviagiammarino/path-vqa",
      wanted: SPLITS.map((split) => new RegExp(`^data/${split}-.*\\.parquet$`)),
      folder: "path_vqa",
    },
  ],
  card: CARD,
  read: async (request) => readVqa("path-vqa", await readRows(request), request),
};
