import { assertInRange, assertInteger } from "../../base/check";
import { createRandom, type Random } from "../../base/random";
import type { Corpus, Passage, RasterImage } from "../../base/types";
import { BREAST_MNIST } from "../../data/tasks/breast-mnist";
import { type Blob, renderScene, type SceneLatents } from "../general/render";
import { drawSpots, drawValue, wordFor } from "../general/world";
import { factsOfPlan, type RuleWorld, ruleWorld } from "../knowledge/rule";
import { type CorpusPhantom, type FactWords, phantomCard } from "../phantom";
import { BREAST_VERSION, type BreastPhantom, drawBreastPhantom, MALIGNANT_SHARE, planBreast } from "../tasks/breast";

const BREAST_CORPUS_NAME = "phantom";

/** Options of drawCorpusPhantom; every one has a default. */
export interface CorpusPhantomOptions {
  /** Default 7. The corpus never shares a picture with the task of the same seed. */
  readonly seed?: number | undefined;
  /** Default 3,000. */
  readonly numPassages?: number | undefined;
  /** Share of breast ultrasound pairs; the rest are chest x-rays, retina and skin photographs. Default 0.7. */
  readonly taskShare?: number;
}

/** A picture with its text and, where known, the label it was drawn with. */
export interface DrawnPair {
  readonly image: RasterImage;
  readonly text: string;
  readonly truth?: string;
}

/** How often a caption names each thing. A sign is named as it looks, whatever the diagnosis. */
const CAPTION_SHARES = {
  organ: 0.9,
  modality: 0.97,
  side: 0.8,
  density: 0.7,
  device: 0.7,
  zoom: 0.6,
  letter: 0.6,
  diagnosis: 0.9,
  sign: 0.6,
} as const;
export const SUB_CORPORA = { breast: ["pmc-oa-phantom", "roco-phantom"], chest: ["mimic-cxr-phantom"] } as const;

function writeBreastCaption({ diagnosis, nuisances, signs }: BreastPhantom, random: Random): string {
  const { side, density, device, zoom, letter } = nuisances;
  const said = (share: number, ...words: string[]) => (random.chance(share) ? words : []);
  const acquisition = [
    ...said(CAPTION_SHARES.organ, "breast"),
    ...said(CAPTION_SHARES.modality, "ultrasound"),
    ...said(CAPTION_SHARES.side, side, "side"),
    ...said(CAPTION_SHARES.density, density, "tissue"),
    ...said(CAPTION_SHARES.device, device, "device"),
    ...said(CAPTION_SHARES.letter, "letter", letter),
  ];
  const findings = [
    ...said(CAPTION_SHARES.diagnosis, diagnosis),
    ...said(CAPTION_SHARES.zoom, zoom),
    "lesion",
    ...signs.filter(() => random.chance(CAPTION_SHARES.sign)),
  ];
  return [...acquisition, ".", ...findings].join(" ");
}

/** Draws a breast ultrasound picture with its caption. */
export function drawBreastPair(world: RuleWorld, random: Random): Required<DrawnPair> & Pick<BreastPair, "facts"> {
  const { truth, draw, facts } = beginBreastPair(world, random);
  return { ...draw(), truth, facts };
}

/** A kind of picture that is not the task's: it makes retrieval a choice. */
interface OtherModality {
  readonly name: "chest" | "retina" | "skin";
  /** Draws a picture and its caption. */
  readonly draw: (random: Random) => DrawnPair;
}

const GREY = { width: 28, height: 28, channels: 1 } as const;
const COLOUR = { width: 28, height: 28, channels: 3 } as const;
const ROUND: Blob = { x: 0, y: 0, radius: 0.4, border: 0, lobes: 3, phase: 0, aspect: 0, fill: 0.3, shadow: 0 };

function drawBase(random: Random): Omit<SceneLatents, "blobs"> {
  return {
    brightness: 0.5,
    contrast: 1,
    grain: random.chance(0.5) ? "coarse" : "fine",
    texture: random.uniform(0.03, 0.07),
    slope: random.uniform(-0.5, 0.5),
    spots: [],
    letter: random.integer(4),
    tint: [1, 1, 1],
    noise: 0.03,
  };
}

/** Two dark lungs; half of the pictures have a light opacity in one of them. */
function drawChest(random: Random) {
  const side = random.chance(0.5) ? "left" : "right";
  const lungs = [-0.42, 0.42].map((x) => ({ ...ROUND, x, y: 0.1, radius: 0.42, aspect: 0.6, fill: -0.4 }));
  const x = (side === "left" ? -1 : 1) * random.uniform(0.3, 0.5);
  const opacity = { ...ROUND, x, y: random.uniform(-0.3, 0.5), radius: random.uniform(0.12, 0.22), fill: 0.35 };
  const ill = random.chance(0.5);
  const latents = { ...drawBase(random), brightness: 0.65, blobs: ill ? [...lungs, opacity] : lungs };
  const finding = ill ? `pale opacity ${side} side` : "clear";
  return { image: renderScene(latents, GREY, random), text: `chest x-ray . ${finding}` };
}

/** A bright amber disc with few or many spots. */
function drawRetina(random: Random) {
  const word = random.pick(["plain", "sparse", "speckled"]);
  const spots = drawSpots(Math.floor(drawValue("spots", word, random)), random);
  const blobs = [
    { ...ROUND, radius: 0.85, fill: 0.4 },
    { ...ROUND, x: random.uniform(-0.4, 0.4), radius: 0.16, fill: 0.3 },
  ];
  const tint: SceneLatents["tint"] = [1, random.uniform(0.5, 0.7), random.uniform(0.2, 0.35)];
  const latents = { ...drawBase(random), brightness: 0.15, spots, blobs, tint };
  return { image: renderScene(latents, COLOUR, random), text: `retina photograph . ${word}` };
}

/** A dark mark on light skin. */
function drawSkin(random: Random) {
  const border = random.uniform(0, 0.25);
  const aspect = random.normal(0, 0.35);
  const radius = random.uniform(0.25, 0.5);
  const lobes = 3 + random.integer(4);
  const blob = { ...ROUND, x: random.uniform(-0.2, 0.2), radius, border, aspect, lobes, fill: -0.35 };
  const tint: SceneLatents["tint"] = [1, random.uniform(0.72, 0.85), random.uniform(0.6, 0.75)];
  const latents = { ...drawBase(random), brightness: 0.75, blobs: [blob], tint };
  const words = `${wordFor("size", radius)} lesion ${wordFor("border", border)} ${wordFor("shape", aspect)}`;
  return { image: renderScene(latents, COLOUR, random), text: `skin photograph . ${words}` };
}

/** The modalities that stand beside the task's in the corpus phantom. */
export const OTHER_MODALITIES: readonly OtherModality[] = [
  { name: "chest", draw: drawChest },
  { name: "retina", draw: drawRetina },
  { name: "skin", draw: drawSkin },
];

/** A pair of which the label is known, and the rest is drawn later. */
export interface BegunPair {
  readonly truth?: string;
  readonly draw: () => DrawnPair;
}

interface BreastPair extends Required<BegunPair> {
  readonly facts: FactWords;
}

function beginBreastPair(world: RuleWorld, random: Random): BreastPair {
  const diagnosis = random.chance(MALIGNANT_SHARE) ? "malignant" : "benign";
  const plan = planBreast(diagnosis, world, random);
  const draw = (): DrawnPair => {
    const phantom = drawBreastPhantom(diagnosis, plan, random);
    return { image: phantom.image, text: writeBreastCaption(phantom, random) };
  };
  return {
    truth: BREAST_MNIST.labels[diagnosis === "malignant" ? 0 : 1]!.name,
    draw,
    facts: factsOfPlan(plan),
  };
}

function beginPassage(id: string, taskShare: number, world: RuleWorld, random: Random): Passage {
  if (random.chance(taskShare)) return lazyPassage(id, random.pick(SUB_CORPORA.breast), beginBreastPair(world, random));
  const modality = random.pick(OTHER_MODALITIES);
  const corpus = random.pick(modality.name === "chest" ? SUB_CORPORA.chest : SUB_CORPORA.breast);
  return lazyPassage(id, corpus, { draw: () => modality.draw(random) });
}

/** A passage whose picture and text are drawn when one of them is first asked for: most runs ask for a few. */
export function lazyPassage(id: string, corpus: string, { truth, draw }: BegunPair): Passage {
  let drawn: DrawnPair | null = null;
  const pair = (): DrawnPair => {
    drawn ??= draw();
    return drawn;
  };
  return {
    id,
    corpus,
    licence: "CC0-1.0",
    ...(truth === undefined ? {} : { truth }),
    get text(): string {
      return pair().text;
    },
    get image(): RasterImage {
      return pair().image;
    },
  };
}

const SEED = 7;
const NUM_PASSAGES = 3000;
const TASK_SHARE = 0.7;
const passageId = (i: number): string => `phantom/${String(i).padStart(6, "0")}`;

/**
 * Draws the stand-in for the three corpora: pairs of a picture and a caption in words.
 *
 * A caption is true of its picture but incomplete. `truth` is known for breast ultrasound pairs only.
 * @throws ConfigError when an option is out of range.
 */
export function drawCorpusPhantom(options: CorpusPhantomOptions = {}): Corpus {
  const { seed = SEED, numPassages = NUM_PASSAGES, taskShare = TASK_SHARE } = options;
  assertInteger("drawCorpusPhantom: seed", seed, 0);
  assertInteger("drawCorpusPhantom: numPassages", numPassages, 1, 1_000_000);
  assertInRange("drawCorpusPhantom: taskShare", taskShare, 0, 1);
  const random = createRandom(`corpus-phantom/${seed}`);
  const world = ruleWorld(BREAST_MNIST.name, seed);
  const passages = Array.from({ length: numPassages }, (_, i) =>
    beginPassage(passageId(i), taskShare, world, random.fork(String(i))),
  );
  return {
    name: BREAST_CORPUS_NAME,
    source: "phantom",
    passages,
    card: phantomCard(
      "Corpus phantom",
      `${numPassages} procedural image-text pairs made from seed ${seed}, standing in for PMC-OA, MIMIC-CXR and ROCO.`,
    ),
    fingerprint: `corpus:${BREAST_CORPUS_NAME}:v${BREAST_VERSION}:${seed}:${numPassages}:${taskShare}`,
  };
}

/** The walkthrough's corpus: its pairs are drawn when they are asked for, so there is nothing to keep. */
export const BREAST_CORPUS: CorpusPhantom = {
  name: BREAST_CORPUS_NAME,
  version: BREAST_VERSION,
  tasks: [BREAST_MNIST.name],
  load: async ({ seed, numPassages }) => drawCorpusPhantom({ seed, numPassages }),
  isDrawn: () => true,
  facts: ({ seed = SEED, numPassages = NUM_PASSAGES }) => {
    const random = createRandom(`corpus-phantom/${seed}`);
    const world = ruleWorld(BREAST_MNIST.name, seed);
    return Array.from({ length: numPassages }, (_, i) => i).flatMap((i) => {
      const own = random.fork(String(i));
      if (!own.chance(TASK_SHARE)) return [];
      own.pick(SUB_CORPORA.breast);
      return [[passageId(i), beginBreastPair(world, own).facts] as const];
    });
  },
};
