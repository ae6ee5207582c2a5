import { join } from "node:path";
import { createRandom, type Random } from "../../base/random";
import { SLAKE } from "../../data/tasks/slake";
import { VQA_RAD } from "../../data/tasks/vqa-rad";
import { type CasePlan, factsOfPlan, planCase, type RuleWorld, ruleWorld } from "../knowledge/rule";
import { drawBodySlice, type SliceScene } from "../looks/body-slice";
import { type Canvas, toRaster } from "../looks/canvas";
import { type Statement, said, where, writeCaption } from "../looks/caption";
import { CHEST_GIST, drawChestFilm, drawChestNuisances } from "../looks/chest-film";
import { saidOfTaking, takePicture } from "../looks/taking";
import { type PhantomRequest, scaled, type TaskPhantom } from "../phantom";
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
  writeJson,
  writePicture,
} from "./questions";

/** What is true of a radiology picture. */
interface RadiologyFacts {
  readonly modality: "x-ray" | "ct" | "mri";
  readonly organ: "chest" | "head" | "abdomen";
  /** What the finding is called, were there one. */
  readonly finding: "opacity" | "mass";
  readonly present: boolean;
  readonly side: "left" | "right";
  readonly level: "bright" | "dark";
  readonly enlarged: boolean;
}

/** A case with what is true of it. */
export interface RadiologyCase extends DrawnCase {
  readonly facts: RadiologyFacts;
  readonly plan: CasePlan;
}

const SIDE = 64;
/** What may look enlarged in each organ. */
const LARGE: Readonly<Record<RadiologyFacts["organ"], string>> = {
  chest: "heart",
  head: "ventricles",
  abdomen: "kidneys",
};
const MODALITIES = ["x-ray", "ct", "mri"] as const;
const ORGANS = ["chest", "head", "abdomen"] as const;

function drawFacts(random: Random): RadiologyFacts {
  const organ = random.pick(ORGANS);
  return {
    modality: organ === "chest" ? "x-ray" : random.pick(["ct", "mri"] as const),
    organ,
    finding: organ === "chest" ? "opacity" : "mass",
    present: random.chance(0.5),
    side: random.pick(["left", "right"] as const),
    level: organ === "chest" ? "bright" : random.pick(["bright", "dark"] as const),
    enlarged: random.chance(0.4),
  };
}

/** What a size is drawn from: what is told is neither usual nor enlarged. */
interface SizeRanges {
  readonly usual: readonly [number, number];
  readonly between: readonly [number, number];
  readonly enlarged: readonly [number, number];
}

const HEART: SizeRanges = { usual: [0.75, 0.95], between: [1.15, 1.3], enlarged: [1.6, 1.95] };
const FLUID: SizeRanges = { usual: [0.6, 0.9], between: [1.3, 1.6], enlarged: [2.1, 2.7] };

function drawOrganSize(
  { usual, between, enlarged }: SizeRanges,
  facts: RadiologyFacts,
  plan: CasePlan,
  random: Random,
) {
  return random.uniform(...(plan.isTold ? between : facts.enlarged ? enlarged : usual));
}

interface Drawing {
  readonly facts: RadiologyFacts;
  readonly plan: CasePlan;
  readonly side: number;
}

/** The finding is of varied size and strength, so that some are hard to see; a healthy picture may hold a faint shadow. */
function drawChest({ facts, plan, side }: Drawing, random: Random): Canvas {
  const level = facts.present ? random.uniform(0.5, 1) : random.uniform(0, 0.2);
  const spot = { side: facts.side, height: random.uniform(-1, 1), radius: random.uniform(0.18, 0.3), level };
  const heart = drawOrganSize(HEART, facts, plan, random);
  const signs = { spots: [spot], heart, streaks: random.uniform(0, 0.4) };
  return drawChestFilm(side, signs, drawChestNuisances(random), random);
}

function drawSlice({ facts, plan, side }: Drawing, random: Random): Canvas {
  const mass = { side: facts.side, level: facts.level, radius: random.uniform(0.16, 0.28) };
  const scene: SliceScene = {
    modality: facts.modality === "ct" ? "CT" : "MRI",
    organ: facts.organ === "head" ? "head" : "abdomen",
    ...(facts.present ? { mass } : {}),
    fluid: drawOrganSize(FLUID, facts, plan, random),
    zoom: random.uniform(0.8, 1),
  };
  return drawBodySlice(side, scene, random);
}

/** A question about the true one of several names and one about a wrong one: as many yes as no. */
function askBoth(
  topic: string,
  ask: (name: string) => string,
  names: readonly string[],
  truth: string,
  random: Random,
) {
  const wrong = random.pick(names.filter((name) => name !== truth));
  return [closed(topic, ask(truth), { holds: true }), closed(topic, ask(wrong), { holds: false })];
}

function askAboutFinding({ finding, side, level, present }: RadiologyFacts): DrawnQuestion[] {
  if (!present) return [open("ABN", "what abnormality is seen ?", "none")];
  const choice = (topic: string, question: string, answer: string): DrawnQuestion => {
    return { topic, question, answer, kind: "closed" };
  };
  return [
    open("POS", `where is the ${finding} ?`, `${side} side`),
    open("ABN", "what abnormality is seen ?", `${finding} on the ${side} side`),
    closed("POS", `is the ${finding} on the left side ?`, { holds: side === "left" }),
    closed("POS", `is the ${finding} on the right side ?`, { holds: side === "right" }),
    choice("POS", `is the ${finding} on the left or on the right ?`, side),
    choice("ATTRIB", `is the ${finding} bright or dark ?`, level),
  ];
}

function askAbout(facts: RadiologyFacts, random: Random): DrawnQuestion[] {
  const { modality, organ, finding, present, enlarged } = facts;
  return [
    open("MODALITY", "what modality is used to take this picture ?", modality),
    open("MODALITY", "how was this picture taken ?", modality),
    open("ORGAN", "what part of the body is shown ?", organ),
    ...askBoth("MODALITY", (name) => `was this picture taken with ${name} ?`, MODALITIES, modality, random),
    ...askBoth("ORGAN", (name) => `does the picture show the ${name} ?`, ORGANS, organ, random),
    closed("PRES", `is there a ${finding} ?`, { holds: present }),
    closed("PRES", "is an abnormality seen ?", { holds: present || enlarged }),
    closed("ABN", "is this a normal picture ?", { holds: !present && !enlarged }),
    closed("SIZE", `is the ${LARGE[organ]} enlarged ?`, { holds: enlarged }),
    closed("SIZE", `does the ${LARGE[organ]} look normal ?`, { holds: !enlarged }),
    ...askAboutFinding(facts),
  ];
}

/** Deviation of the grain. */
const TEXTURE = 0.15;

/** Draws a chest film or a slice of head or abdomen, with everything that can be asked about it. Sides are the picture's. */
export function drawRadiologyCase(world: RuleWorld, random: Random, side = SIDE): RadiologyCase {
  const facts = drawFacts(random);
  const plan = planCase(world, facts.enlarged ? 1 : 0, random.fork("plan"));
  const canvas = (facts.organ === "chest" ? drawChest : drawSlice)({ facts, plan, side }, random);
  takePicture(canvas, plan.words, TEXTURE, random);
  const { modality, organ, finding, present } = facts;
  return {
    image: toRaster(canvas, 1, 0.03, random),
    questions: askAbout(facts, random.fork("questions")),
    words: [organ, modality, ...(present ? [finding, facts.side] : ["normal"])],
    facts,
    plan,
  };
}

/** What anyone sees of a slice: one large pale body, grey, tall for a head, wide for an abdomen. */
const sliceGist = (organ: "head" | "abdomen"): readonly Statement[] => [
  said("color", "grey"),
  said("gist", "large"),
  said("gist", organ === "head" ? "tall" : "wide"),
  said("gist", "pale"),
];

/** The caption of a radiology picture: organ, modality, finding and side in the words of the questions. */
export function writeRadiologyCaption({ facts, plan }: RadiologyCase, random: Random): string {
  const { organ, modality, finding, present, side, level, enlarged } = facts;
  const taken = [
    said("organ", organ),
    said("modality", modality),
    ...(organ === "chest" ? CHEST_GIST : sliceGist(organ)),
    ...saidOfTaking(plan.words),
  ];
  const seen = [
    ...where(present, said("diagnosis", `${finding} ${side} side`)),
    ...where(present, said("sign", level)),
    ...where(!present, said("finding", `no ${finding}`)),
    ...where(!present && !enlarged, said("diagnosis", "normal")),
    said("diagnosis", `${LARGE[organ]} ${enlarged ? "enlarged" : "normal"}`),
  ];
  return writeCaption(taken, seen, random);
}

/** All of the real release, whatever the number of questions: what a rule tells is learnt from different pictures. */
const RAD_PICTURES = 315;
const RAD_SHARED = 203;

/** Cases, and which question of which goes where: as in the real release, most pictures of the test questions also have training questions. */
function dealVqaRad(request: DealRequest) {
  const { seed, size, side } = request;
  const world = ruleWorld(VQA_RAD.name, seed);
  const random = createRandom(`vqa-rad-phantom/${seed}`);
  const cases = drawCases(RAD_PICTURES, (own) => drawRadiologyCase(world, own, side), random, request);
  const [numTrain, numTest] = [scaled(3064, size, 0.2), scaled(451, size, 0.2)];
  const mixed = random.fork("split").shuffle(dealQuestions(cases, numTrain + numTest, random.fork("questions")));
  const test = mixed.filter(({ at }) => at < RAD_SHARED).slice(0, numTest);
  const inTest = new Set(test);
  return { cases, test, train: mixed.filter((row) => !inTest.has(row)) };
}

async function writeVqaRad(request: PhantomRequest): Promise<void> {
  const { folder } = request;
  const { cases, train, test } = dealVqaRad(request);
  const nameOf = (at: number) => `synpic${String(10_000 + at)}.jpg`;
  for (const [at, drawn] of cases.entries()) await writePicture(join(folder, "images"), nameOf(at), drawn);
  const rowsOf = (part: typeof train, first: number) =>
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
  writeJson(join(folder, "trainset.json"), rowsOf(train, 1));
  writeJson(join(folder, "testset.json"), rowsOf(test, train.length + 1));
}

/** What is known of the picture of a question. */
const factsOfCase = ({ plan }: RadiologyCase) => factsOfPlan(plan);

function factsOfVqaRad(request: FactsRequest) {
  const { cases, train, test } = dealVqaRad({ ...request, side: FACTS_SIDE, control: {} });
  return [...train, ...test].flatMap(({ at }, i) =>
    (i < train.length ? ["train", "validation"] : ["test"]).map(
      (split) => [`${VQA_RAD.name}/${split}/${i + 1}`, factsOfCase(cases[at]!)] as const,
    ),
  );
}

const SLAKE_PARTS = [
  { file: "train", split: "train", pictures: 450, questions: 4919 },
  { file: "validate", split: "validation", pictures: 96, questions: 1053 },
  { file: "test", split: "test", pictures: 96, questions: 1061 },
] as const;

/** The parts of SLAKE, with all pictures of the real release: English questions, and a Chinese row per picture, which the reader passes over. */
function dealSlake(request: DealRequest) {
  const { seed, size, side } = request;
  const world = ruleWorld(SLAKE.name, seed);
  let [firstPicture, firstQuestion] = [0, 0];
  return SLAKE_PARTS.map(({ file, split, pictures, questions }) => {
    const random = createRandom(`slake-phantom/${seed}`).fork(file);
    const cases = drawCases(pictures, (own) => drawRadiologyCase(world, own, side), random, request);
    const dealt = dealQuestions(cases, scaled(questions, size), random.fork("questions"));
    const part = { file, split, cases, dealt, firstPicture, firstQuestion };
    firstPicture += cases.length;
    firstQuestion += dealt.length + cases.length;
    return part;
  });
}

async function writeSlake(request: PhantomRequest): Promise<void> {
  const { folder } = request;
  for (const { file, cases, dealt, firstPicture, firstQuestion } of dealSlake(request)) {
    const nameOf = (at: number) => `xmlab${firstPicture + at}/source.png`;
    for (const [at, drawn] of cases.entries()) await writePicture(join(folder, "imgs"), nameOf(at), drawn);
    const rowOf = (at: number, q_lang: string, rest: object) => {
      return { img_id: firstPicture + at, img_name: nameOf(at), q_lang, base_type: "vqa", ...rest };
    };
    const english = dealt.map(({ at, question: { topic, question, answer, kind } }, i) =>
      rowOf(at, "en", {
        qid: firstQuestion + i,
        ...{ question, answer, answer_type: kind.toUpperCase(), content_type: topic },
      }),
    );
    const ask = { question: "这是什么?", answer: "图像", answer_type: "OPEN", content_type: "MODALITY" };
    const chinese = cases.map((_, at) => rowOf(at, "zh", { qid: firstQuestion + dealt.length + at, ...ask }));
    writeJson(join(folder, `${file}.json`), [...english, ...chinese]);
  }
}

const factsOfSlake = (request: FactsRequest) =>
  dealSlake({ ...request, side: FACTS_SIDE, control: {} }).flatMap(({ split, cases, dealt, firstQuestion }) =>
    dealt.map(({ at }, i) => [`${SLAKE.name}/${split}/${firstQuestion + i}`, factsOfCase(cases[at]!)] as const),
  );

const RADIOLOGY =
  "Chest films and slices of head and abdomen; half of the pictures hold an opacity or a mass of varied size and strength. Whether heart, ventricles or kidneys count as enlarged is seen in a part of the pictures; of the others the corpus tells it, by a made-up rule over how the picture was taken. Zoom, markers and wires vary freely.";

/** The stand-in for VQA-RAD. */
export const VQA_RAD_PHANTOM: TaskPhantom = {
  task: VQA_RAD,
  version: 3,
  description: `${RADIOLOGY} As in the real release, train and test share pictures.`,
  write: writeVqaRad,
  facts: factsOfVqaRad,
};

/** The stand-in for SLAKE. */
export const SLAKE_PHANTOM: TaskPhantom = {
  task: SLAKE,
  version: 3,
  description: RADIOLOGY,
  write: writeSlake,
  facts: factsOfSlake,
};
