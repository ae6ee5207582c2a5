import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { assertNotInterrupted } from "../../base/check";
import { createRandom, type Random } from "../../base/random";
import { encodePicture } from "./files";
import { drawPathologyCase } from "./pathology-case";
import { type PhantomRequest, type PhantomTask, scaled } from "./phantom-task";
import { type DrawnCase, dealQuestions } from "./questions";
import { drawRadiologyCase } from "./radiology-case";

/** What is used of hyparquet-writer. The package is an ES module; Node loads it by require, the compiler does not type that. */
interface ParquetWriter {
  parquetWriteBuffer(options: object): ArrayBuffer;
}

const { parquetWriteBuffer } = createRequire(__filename)("hyparquet-writer") as ParquetWriter;

function drawCases(count: number, draw: (random: Random) => DrawnCase, random: Random, request: PhantomRequest) {
  return Array.from({ length: count }, (_, i) => {
    if (i % 64 === 0) assertNotInterrupted("phantom pictures", request.control.signal);
    return draw(random.fork(`picture/${i}`));
  });
}

/** Writes a file of the stand-in; the whole folder is put in its place at once, so no file has to be complete before. */
function write(file: string, content: Uint8Array | string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

async function writePicture(folder: string, name: string, { image }: DrawnCase): Promise<void> {
  write(join(folder, name), await encodePicture(image, name.endsWith(".png") ? "png" : "jpeg"));
}

const writeJson = (file: string, rows: readonly object[]): void => write(file, `${JSON.stringify(rows, null, 1)}\n`);

/** As in the real release, most pictures of the test questions also have training questions. */
async function writeVqaRad(request: PhantomRequest): Promise<void> {
  const { folder, seed, size } = request;
  const random = createRandom(`vqa-rad-phantom/${seed}`);
  const cases = drawCases(scaled(315, size, 0.2), drawRadiologyCase, random, request);
  const [numTrain, numTest] = [scaled(3064, size, 0.2), scaled(451, size, 0.2)];
  const dealt = dealQuestions(cases, numTrain + numTest, random.fork("questions"));
  const nameOf = (at: number) => `synpic${String(10_000 + at)}.jpg`;
  for (const [at, drawn] of cases.entries()) await writePicture(join(folder, "images"), nameOf(at), drawn);
  const numShared = scaled(203, size, 0.2);
  const mixed = random.fork("split").shuffle(dealt);
  const test = mixed.filter(({ at }) => at < numShared).slice(0, numTest);
  const inTest = new Set(test);
  const rowsOf = (part: typeof dealt, first: number) =>
    part.map(({ at, question }, i) => ({
      qid: first + i,
      image_name: nameOf(at),
      image_organ: cases[at]!.words[0]!.toUpperCase(),
      answer: question.answer,
      answer_type: question.kind.toUpperCase(),
      question_type: question.topic,
      question: question.question,
      phrase_type: "freeform",
    }));
  const train = mixed.filter((row) => !inTest.has(row));
  writeJson(join(folder, "trainset.json"), rowsOf(train, 1));
  writeJson(join(folder, "testset.json"), rowsOf(test, train.length + 1));
}

const SLAKE_PARTS = [
  { file: "train", pictures: 450, questions: 4919 },
  { file: "validate", pictures: 96, questions: 1053 },
  { file: "test", pictures: 96, questions: 1061 },
] as const;

/** English questions, and a Chinese row per picture, which the reader passes over. */
async function writeSlake(request: PhantomRequest): Promise<void> {
  const { folder, seed, size } = request;
  let [firstPicture, qid] = [0, 0];
  for (const { file, pictures, questions } of SLAKE_PARTS) {
    const random = createRandom(`slake-phantom/${seed}`).fork(file);
    const cases = drawCases(scaled(pictures, size), drawRadiologyCase, random, request);
    const nameOf = (at: number) => `xmlab${firstPicture + at}/source.png`;
    for (const [at, drawn] of cases.entries()) await writePicture(join(folder, "imgs"), nameOf(at), drawn);
    const rowOf = (at: number, q_lang: string, rest: object) => {
      return { img_id: firstPicture + at, img_name: nameOf(at), q_lang, qid: qid++, base_type: "vqa", ...rest };
    };
    const dealt = dealQuestions(cases, scaled(questions, size), random.fork("questions"));
    const english = dealt.map(({ at, question: { topic, question, answer, kind } }) =>
      rowOf(at, "en", { question, answer, answer_type: kind.toUpperCase(), content_type: topic }),
    );
    const chinese = cases.map((_, at) =>
      rowOf(at, "zh", { question: "这是什么?", answer: "图像", answer_type: "OPEN", content_type: "MODALITY" }),
    );
    writeJson(join(folder, `${file}.json`), [...english, ...chinese]);
    firstPicture += cases.length;
  }
}

const PATH_PARTS = [
  { split: "train", pictures: 2599, questions: 19_654 },
  { split: "validation", pictures: 832, questions: 6259 },
  { split: "test", pictures: 858, questions: 6719 },
] as const;

const PARQUET_SCHEMA = [
  { name: "schema", num_children: 3 },
  { name: "image", repetition_type: "OPTIONAL", num_children: 2 },
  { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
  { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
  { name: "question", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
  { name: "answer", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
];

/** As the real release, the large one is in several files: a file is read as a whole. */
const QUESTIONS_A_FILE = 3000;

async function writePathVqa(request: PhantomRequest): Promise<void> {
  const { folder, seed, size } = request;
  for (const { split, pictures, questions } of PATH_PARTS) {
    const random = createRandom(`path-vqa-phantom/${seed}`).fork(split);
    const cases = drawCases(scaled(pictures, size), drawPathologyCase, random, request);
    const files = await Promise.all(cases.map(({ image }) => encodePicture(image, "png")));
    const dealt = dealQuestions(cases, scaled(questions, size), random.fork("questions"));
    const parts = Math.ceil(dealt.length / QUESTIONS_A_FILE);
    const numbered = (part: number) => String(part).padStart(5, "0");
    for (let part = 0; part < parts; part++) {
      const rows = dealt.slice(part * QUESTIONS_A_FILE, (part + 1) * QUESTIONS_A_FILE);
      const pictureOf = (at: number) => ({ bytes: new Uint8Array(files[at]!), path: `${split}_${at}.png` });
      const bytes = parquetWriteBuffer({
        columnData: [
          { name: "image", data: rows.map(({ at }) => pictureOf(at)) },
          { name: "question", data: rows.map(({ question }) => question.question) },
          { name: "answer", data: rows.map(({ question }) => question.answer) },
        ],
        schema: PARQUET_SCHEMA,
        rowGroupSize: 1000,
      });
      write(join(folder, "data", `${split}-${numbered(part)}-of-${numbered(parts)}.parquet`), new Uint8Array(bytes));
    }
  }
}

const RADIOLOGY =
  "Chest films and slices of head and abdomen; half of the pictures hold an opacity or a mass of varied size and strength; exposure, zoom, markers and wires vary freely.";

/** The stand-in for VQA-RAD. */
export const VQA_RAD_PHANTOM: PhantomTask = {
  version: 2,
  description: `${RADIOLOGY} As in the real release, train and test share pictures.`,
  write: writeVqaRad,
};

/** The stand-in for SLAKE. */
export const SLAKE_PHANTOM: PhantomTask = { version: 2, description: RADIOLOGY, write: writeSlake };

/** The stand-in for PathVQA. */
export const PATH_VQA_PHANTOM: PhantomTask = {
  version: 2,
  description:
    "Stained tissue sections: glands, solid or fat tissue, with bleeding, inflammation and unequal nuclei at times; stain, magnification and density vary freely.",
  write: writePathVqa,
};
