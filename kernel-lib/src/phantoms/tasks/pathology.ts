import { createRequire } from "node:module";
import { join } from "node:path";
import { createRandom, type Random } from "../../base/random";
import { PATH_VQA } from "../../data/tasks/path-vqa";
import { toRaster } from "../looks/canvas";
import { said, saidOfBrightness, where, wordOf, writeCaption } from "../looks/caption";
import { drawHistology, type HistologyScene } from "../looks/histology";
import { encodePicture, type PhantomRequest, scaled, type TaskPhantom } from "../phantom";
import { closed, type DrawnCase, type DrawnQuestion, dealQuestions, drawCases, open, writeInPlace } from "./questions";

/** What is true of a tissue section. */
interface PathologyFacts {
  readonly pattern: "gland" | "sheet" | "fat";
  readonly malignant: boolean;
  readonly bleeding: boolean;
  readonly inflammation: boolean;
}

/** A case with what is true of it. */
export interface PathologyCase extends DrawnCase {
  readonly facts: PathologyFacts;
  readonly scene: HistologyScene;
}

const SIDE = 64;
const TISSUES = { gland: "glandular tissue", sheet: "solid tissue", fat: "fat tissue" } as const;
const PATTERNS = ["gland", "sheet", "fat"] as const;

function askAbout({ pattern, malignant, bleeding, inflammation }: PathologyFacts, random: Random): DrawnQuestion[] {
  const wrong = random.pick(PATTERNS.filter((name) => name !== pattern));
  const signs = [
    ...(bleeding ? ["bleeding"] : []),
    ...(inflammation ? ["inflammation"] : []),
    ...(malignant ? ["atypical nuclei"] : []),
  ];
  return [
    open("tissue", "what is present ?", TISSUES[pattern]),
    open("stain", "what stain was used ?", "haematoxylin and eosin"),
    open("sign", "what does this picture show ?", signs.length === 0 ? "normal tissue" : signs.join(" and ")),
    closed("tissue", `is ${TISSUES[pattern]} present ?`, { holds: true }),
    closed("tissue", `is ${TISSUES[wrong]} present ?`, { holds: false }),
    closed("sign", "is bleeding present ?", { holds: bleeding }),
    closed("sign", "is inflammation present ?", { holds: inflammation }),
    closed("diagnosis", "is this tissue malignant ?", { holds: malignant }),
    closed("diagnosis", "does this picture show normal tissue ?", { holds: signs.length === 0 }),
    open("diagnosis", "how do the nuclei look ?", malignant ? "unequal and dark" : "equal and pale"),
    open("tissue", "what kind of tissue is this ?", TISSUES[pattern]),
  ];
}

/** Draws a stained tissue section with everything that can be asked about it. Stain, magnification and density vary freely. */
export function drawPathologyCase(random: Random, side = SIDE): PathologyCase {
  const facts: PathologyFacts = {
    pattern: random.pick(PATTERNS),
    malignant: random.chance(0.45),
    bleeding: random.chance(0.3),
    inflammation: random.chance(0.35),
  };
  const scene: HistologyScene = {
    pattern: facts.pattern,
    cells: 30 + random.integer(60),
    atypia: Math.min(1, Math.max(0, random.normal(facts.malignant ? 0.8 : 0.2, 0.15))),
    bleeding: facts.bleeding ? random.uniform(0.5, 1) : 0,
    inflammation: facts.inflammation ? random.uniform(0.4, 1) : random.uniform(0, 0.12),
    stain: random.next(),
    magnification: random.uniform(0.045, 0.075),
  };
  const canvas = drawHistology(side, scene, random);
  const { pattern, malignant } = facts;
  const words = [TISSUES[pattern], malignant ? "malignant" : "benign"];
  const image = toRaster(canvas, 3, 0.02, random);
  return { image, questions: askAbout(facts, random.fork("questions")), words, facts, scene };
}

/** The caption of a tissue section: tissue, diagnosis and signs in the words of the questions. */
export function writeHistologyCaption({ image, facts, scene }: PathologyCase, random: Random): string {
  const { pattern, malignant, bleeding, inflammation } = facts;
  const { stain, magnification } = scene;
  const taken = [
    said("organ", TISSUES[pattern]),
    said("modality", "photograph"),
    saidOfBrightness(image),
    said("color", `${wordOf(stain, [0.5], ["red", "red blue"])} ground`),
    said("gist", "fine"),
    said("gist", "speckled"),
    said("zoom", `${wordOf(magnification, [0.06], ["small", "medium"])} spots`),
  ];
  const seen = [
    said("diagnosis", malignant ? "malignant" : "benign"),
    ...where(malignant, said("sign", "atypical nuclei")),
    ...where(bleeding, said("finding", "bleeding")),
    ...where(inflammation, said("finding", "inflammation")),
    ...where(!malignant && !bleeding && !inflammation, said("sign", "normal tissue")),
  ];
  return writeCaption(taken, seen, random);
}

/** What is used of hyparquet-writer. The package is an ES module; Node loads it by require, the compiler does not type that. */
interface ParquetWriter {
  parquetWriteBuffer(options: object): ArrayBuffer;
}

const { parquetWriteBuffer } = createRequire(__filename)("hyparquet-writer") as ParquetWriter;

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
      writeInPlace(
        join(folder, "data", `${split}-${numbered(part)}-of-${numbered(parts)}.parquet`),
        new Uint8Array(bytes),
      );
    }
  }
}

/** The stand-in for PathVQA. */
export const PATH_VQA_PHANTOM: TaskPhantom = {
  task: PATH_VQA,
  version: 2,
  description:
    "Stained tissue sections: glands, solid or fat tissue, with bleeding, inflammation and unequal nuclei at times; stain, magnification and density vary freely.",
  write: writePathVqa,
};
