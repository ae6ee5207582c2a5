import { createRequire } from "node:module";
import { join } from "node:path";
import { createRandom, type Random } from "../../base/random";
import { PATH_VQA } from "../../data/tasks/path-vqa";
import { type CasePlan, factsOfPlan, planCase, type RuleWorld, ruleWorld } from "../knowledge/rule";
import { toRaster } from "../looks/canvas";
import { said, where, wordOf, writeCaption } from "../looks/caption";
import { drawHistology, type HistologyScene } from "../looks/histology";
import { saidOfTaking, takePicture } from "../looks/taking";
import { encodePicture, type PhantomRequest, scaled, type TaskPhantom } from "../phantom";
import {
  closed,
  type DealRequest,
  type DrawnCase,
  type DrawnQuestion,
  dealQuestions,
  drawCases,
  FACTS_SIDE,
  type FactsRequest,
  open,
  writeInPlace,
} from "./questions";

/** What is true of a tissue section. */
interface PathologyFacts {
  readonly pattern: "gland" | "sheet" | "fat";
  readonly malignant: boolean;
  /** How the nuclei look; null where they show nothing. */
  readonly atypical: boolean | null;
  readonly bleeding: boolean;
  readonly inflammation: boolean;
}

/** A case with what is true of it. */
export interface PathologyCase extends DrawnCase {
  readonly facts: PathologyFacts;
  readonly scene: HistologyScene;
  readonly plan: CasePlan;
}

const SIDE = 64;
const TISSUES = { gland: "glandular tissue", sheet: "solid tissue", fat: "fat tissue" } as const;
const PATTERNS = ["gland", "sheet", "fat"] as const;

function askAbout(
  { pattern, malignant, atypical, bleeding, inflammation }: PathologyFacts,
  random: Random,
): DrawnQuestion[] {
  const wrong = random.pick(PATTERNS.filter((name) => name !== pattern));
  const signs = [
    ...(bleeding ? ["bleeding"] : []),
    ...(inflammation ? ["inflammation"] : []),
    ...(atypical ? ["atypical nuclei"] : []),
  ];
  return [
    open("tissue", "what is present ?", TISSUES[pattern]),
    open("stain", "what stain was used ?", "haematoxylin and eosin"),
    open("sign", "what does this picture show ?", signs.length === 0 ? TISSUES[pattern] : signs.join(" and ")),
    closed("tissue", `is ${TISSUES[pattern]} present ?`, { holds: true }),
    closed("tissue", `is ${TISSUES[wrong]} present ?`, { holds: false }),
    closed("sign", "is bleeding present ?", { holds: bleeding }),
    closed("sign", "is inflammation present ?", { holds: inflammation }),
    closed("diagnosis", "is this tissue malignant ?", { holds: malignant }),
    closed("diagnosis", "is this tissue benign ?", { holds: !malignant }),
    closed("diagnosis", "does this picture show malignant tissue ?", { holds: malignant }),
    closed("sign", "is this a normal picture ?", { holds: signs.length === 0 && !malignant }),
    ...(atypical === null
      ? []
      : [open("sign", "how do the nuclei look ?", atypical ? "unequal and dark" : "equal and pale")]),
    open("tissue", "what kind of tissue is this ?", TISSUES[pattern]),
  ];
}

/** Deviation of the grain. */
const TEXTURE = 0.2;

/** Draws a stained tissue section with everything that can be asked about it. Stain, magnification and density vary freely. */
export function drawPathologyCase(world: RuleWorld, random: Random, side = SIDE): PathologyCase {
  const malignant = random.chance(0.45);
  const plan = planCase(world, malignant ? 1 : 0, random.fork("plan"));
  const facts: PathologyFacts = {
    pattern: random.pick(PATTERNS),
    malignant,
    atypical: plan.isTold ? null : malignant,
    bleeding: random.chance(0.3),
    inflammation: random.chance(0.35),
  };
  const scene: HistologyScene = {
    pattern: facts.pattern,
    cells: 30 + random.integer(60),
    atypia: Math.min(1, Math.max(0, random.normal(facts.atypical === null ? 0.5 : malignant ? 0.8 : 0.2, 0.1))),
    bleeding: facts.bleeding ? random.uniform(0.5, 1) : 0,
    inflammation: facts.inflammation ? random.uniform(0.4, 1) : random.uniform(0, 0.12),
    stain: random.next(),
    magnification: random.uniform(0.045, 0.075),
  };
  const canvas = drawHistology(side, scene, random);
  takePicture(canvas, plan.words, TEXTURE, random);
  const words = [TISSUES[facts.pattern], malignant ? "malignant" : "benign"];
  const image = toRaster(canvas, 3, 0.02, random);
  return { image, questions: askAbout(facts, random.fork("questions")), words, facts, scene, plan };
}

/** The caption of a tissue section: tissue, diagnosis and signs in the words of the questions. */
export function writeHistologyCaption({ facts, scene, plan }: PathologyCase, random: Random): string {
  const { pattern, malignant, atypical, bleeding, inflammation } = facts;
  const { stain, magnification } = scene;
  const taken = [
    said("organ", TISSUES[pattern]),
    said("modality", "photograph"),
    ...saidOfTaking(plan.words),
    said("color", `${wordOf(stain, [0.5], ["red", "red blue"])} ground`),
    said("gist", "speckled"),
    said("zoom", `${wordOf(magnification, [0.06], ["small", "medium"])} spots`),
  ];
  const seen = [
    said("diagnosis", malignant ? "malignant" : "benign"),
    ...where(atypical, said("sign", "atypical nuclei")),
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

/** The cases of a split and the questions about them. A fifth of the real pictures for a tenth of the questions, in the quick size. */
function dealPathVqa({ split, pictures, questions }: (typeof PATH_PARTS)[number], request: DealRequest) {
  const { seed, size, side } = request;
  const world = ruleWorld(PATH_VQA.name, seed);
  const random = createRandom(`path-vqa-phantom/${seed}`).fork(split);
  const count = scaled(pictures, size, 0.2);
  const cases = drawCases(count, (own) => drawPathologyCase(world, own, side), random, request);
  return { cases, dealt: dealQuestions(cases, scaled(questions, size), random.fork("questions")) };
}

async function writePathVqa(request: PhantomRequest): Promise<void> {
  for (const part of PATH_PARTS) {
    const { split } = part;
    const { cases, dealt } = dealPathVqa(part, request);
    const files = await Promise.all(cases.map(({ image }) => encodePicture(image, "png")));
    const parts = Math.ceil(dealt.length / QUESTIONS_A_FILE);
    const numbered = (place: number) => String(place).padStart(5, "0");
    for (let place = 0; place < parts; place++) {
      const rows = dealt.slice(place * QUESTIONS_A_FILE, (place + 1) * QUESTIONS_A_FILE);
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
      const file = `${split}-${numbered(place)}-of-${numbered(parts)}.parquet`;
      writeInPlace(join(request.folder, "data", file), new Uint8Array(bytes));
    }
  }
}

const factsOfPathVqa = (request: FactsRequest) =>
  PATH_PARTS.flatMap((part) => {
    const { cases, dealt } = dealPathVqa(part, { ...request, side: FACTS_SIDE, control: {} });
    return dealt.map(({ at }, i) => {
      const { plan } = cases[at]!;
      const id = `${PATH_VQA.name}/${part.split}/${String(i).padStart(5, "0")}`;
      return [id, factsOfPlan(plan)] as const;
    });
  });

/** The stand-in for PathVQA. */
export const PATH_VQA_PHANTOM: TaskPhantom = {
  task: PATH_VQA,
  version: 3,
  description:
    "Stained tissue sections: glands, solid or fat tissue, with bleeding, inflammation and unequal nuclei at times. Half of the tissues show by their nuclei whether they are malignant; of the others the corpus tells it, by a made-up rule over how the picture was taken. Stain, magnification and density vary freely.",
  write: writePathVqa,
  facts: factsOfPathVqa,
};
