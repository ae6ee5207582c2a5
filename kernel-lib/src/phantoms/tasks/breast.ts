import { assertInRange } from "../../base/check";
import { createRandom, type Random } from "../../base/random";
import { type RasterImage, SPLITS, type Split } from "../../base/types";
import type { NpyArray } from "../../data/formats/npy";
import { BREAST_MNIST } from "../../data/tasks/breast-mnist";
import { MEDMNIST_PREFIX } from "../../data/tasks/medmnist";
import { writeFileAtomic } from "../../store/files";
import { renderScene, type SceneLatents } from "../general/render";
import { drawSpots, drawValue, wordFor } from "../general/world";
import { type CasePlan, factsOfPlan, planCase, type RuleWorld, ruleWorld } from "../knowledge/rule";
import type { TaskPhantom } from "../phantom";
import { formatMedMnist, rowId } from "./medmnist";

/** What a breast phantom is drawn as. */
export type BreastDiagnosis = "malignant" | "benign";

/** A picture of the stand-in for breast ultrasound, with the words that are true of it. */
export interface BreastPhantom {
  readonly image: RasterImage;
  readonly diagnosis: BreastDiagnosis;
  /** How the picture was taken: the nuisances that dominate its looks. */
  readonly nuisances: {
    readonly device: string;
    readonly side: string;
    readonly density: string;
    readonly ground: string;
    readonly zoom: string;
    readonly letter: string;
  };
  /** What a radiologist would describe: border, shape, ground. Tied to the diagnosis by chance only. */
  readonly signs: readonly string[];
  readonly plan: CasePlan;
}

/** Options of the breast phantom. */
interface BreastOptions {
  /** How far apart the two diagnoses lie in the signs; 0 makes them equal. Default 1.4. */
  readonly contrast?: number;
}

/** Raised whenever the same seed would give other pictures; part of the fingerprints of the task and of its corpus. */
export const BREAST_VERSION = 2;

const BREAST_SIZE = { width: 28, height: 28, channels: 1 } as const;
const DEVICES = { dark: 1.2, dim: 1, bright: 0.85 } as const;
const DEVICE_NAMES = Object.keys(DEVICES) as (keyof typeof DEVICES)[];
const ZOOMS = ["small", "medium", "large"];
const DENSITIES = ["coarse", "fine"] as const;
const LETTER_NAMES = ["alpha", "beta", "gamma", "delta"];

interface Signs {
  readonly border: number;
  readonly aspect: number;
}

/** The signs overlap: even a perfect eye errs on some pictures, as radiologists do. What is told is drawn half way between the two. */
function drawSigns(malignant: 0 | 0.5 | 1, contrast: number, random: Random): Signs {
  return {
    border: Math.max(0, random.normal(0.1 + 0.09 * contrast * malignant, 0.05)),
    aspect: random.normal((0.6 * malignant - 0.3) * contrast, 0.25),
  };
}

function drawNuisances({ words }: CasePlan, random: Random) {
  return {
    device: words["brightness"] as (typeof DEVICE_NAMES)[number],
    side: random.chance(0.5) ? "left" : "right",
    density: words["grain"] as (typeof DENSITIES)[number],
    ground: words["ground"]!,
    zoom: random.pick(ZOOMS),
    letter: random.pick(LETTER_NAMES),
  };
}

function toLatents(signs: Signs, nuisances: ReturnType<typeof drawNuisances>, random: Random): SceneLatents {
  const { device, side, density, ground, zoom, letter } = nuisances;
  return {
    brightness: drawValue("brightness", device, random),
    contrast: DEVICES[device],
    grain: density,
    texture: random.uniform(0.05, 0.09),
    slope: side === "left" ? random.uniform(-1, -0.5) : random.uniform(0.5, 1),
    blobs: [
      {
        x: (side === "left" ? -1 : 1) * random.uniform(0.02, 0.42),
        y: random.uniform(-0.4, 0.2),
        radius: drawValue("size", zoom, random),
        border: signs.border,
        lobes: 3 + random.integer(4),
        phase: random.uniform(0, 2 * Math.PI),
        aspect: signs.aspect,
        fill: -random.uniform(0.14, 0.42),
        shadow: drawValue("ground", ground, random),
      },
    ],
    spots: drawSpots(random.integer(10), random),
    letter: LETTER_NAMES.indexOf(letter),
    tint: [1, 1, 1],
    noise: 0.04,
  };
}

/**
 * Draws the stand-in for one breast ultrasound picture, [28, 28] grey: a dark body on speckled tissue.
 *
 * Device, side, density, ground, zoom and letter dominate the picture; the diagnosis moves outline and aspect only, and not even them
 * where it is told.
 */
export function drawBreastPhantom(
  diagnosis: BreastDiagnosis,
  plan: CasePlan,
  random: Random,
  options: BreastOptions = {},
): BreastPhantom {
  const { contrast = 1.4 } = options;
  const signs = drawSigns(plan.isTold ? 0.5 : diagnosis === "malignant" ? 1 : 0, contrast, random);
  const nuisances = drawNuisances(plan, random);
  const image = renderScene(toLatents(signs, nuisances, random), BREAST_SIZE, random);
  const words = [wordFor("border", signs.border), wordFor("shape", signs.aspect), nuisances.ground];
  return { image, diagnosis, nuisances, signs: words, plan };
}

const CLASSES: readonly BreastDiagnosis[] = ["malignant", "benign"];

/** How a case of this diagnosis is drawn in the world of a rule. */
export const planBreast = (diagnosis: BreastDiagnosis, world: RuleWorld, random: Random): CasePlan =>
  planCase(world, CLASSES.indexOf(diagnosis), random.fork("plan"));

/** Options of the archive. */
interface BreastArchiveOptions extends BreastOptions {
  /** Share of malignant pictures in each split. Default 0.4. The real data set has 0.27: see data/README.md. */
  readonly malignantShare?: number;
}

export const MALIGNANT_SHARE = 0.4;

/** The cases of a split, before they are drawn. */
function planSplit(split: Split, seed: number, { malignantShare = MALIGNANT_SHARE }: BreastArchiveOptions) {
  const random = createRandom(`breast-phantom/${seed}`).fork(MEDMNIST_PREFIX[split]);
  const world = ruleWorld(BREAST_MNIST.name, seed);
  const count = BREAST_MNIST.counts[split];
  const malignant = Math.round(count * malignantShare);
  const labels = random.shuffle(Array.from({ length: count }, (_, i) => (i < malignant ? 0 : 1)));
  return labels.map((label, i) => {
    const own = random.fork(String(i));
    const diagnosis = CLASSES[label]!;
    return { label, diagnosis, plan: planBreast(diagnosis, world, own), own };
  });
}

function drawSplit(split: Split, seed: number, options: BreastArchiveOptions): [images: NpyArray, labels: NpyArray] {
  const { width, height } = BREAST_SIZE;
  const cases = planSplit(split, seed, options);
  const images = new Uint8Array(cases.length * width * height);
  for (const [i, { diagnosis, plan, own }] of cases.entries()) {
    images.set(drawBreastPhantom(diagnosis, plan, own, options).image.data, i * width * height);
  }
  return [
    { type: "|u1", shape: [cases.length, height, width], data: images },
    { type: "|u1", shape: [cases.length, 1], data: Uint8Array.from(cases, ({ label }) => label) },
  ];
}

/**
 * The bytes of a stand-in for breastmnist.npz: the same six arrays, shapes, types and labels (0 malignant, 1 normal or benign).
 *
 * @throws ConfigError when the share or the contrast is out of range.
 */
export function writeBreastArchive(seed: number, options: BreastArchiveOptions = {}): Uint8Array {
  assertInRange("writeBreastArchive: malignantShare", options.malignantShare ?? MALIGNANT_SHARE, 0.05, 0.95);
  assertInRange("writeBreastArchive: contrast", options.contrast ?? 0, 0, 5);
  return formatMedMnist((split) => drawSplit(split, seed, options));
}

/** The stand-in for breastmnist.npz; the real one is small, so both sizes have its numbers. */
export const BREAST_PHANTOM: TaskPhantom = {
  task: BREAST_MNIST,
  version: BREAST_VERSION,
  description:
    "Breast ultrasound drawn as a dark body on speckled tissue; 40 % malignant. Half of the diagnoses move outline and aspect, the others lie in the corpus only, by a made-up rule over device, density and ground; side, zoom and letter vary freely.",
  write: async ({ folder, seed }) => writeFileAtomic(`${folder}/${BREAST_MNIST.file}`, writeBreastArchive(seed)),
  facts: ({ seed }) =>
    SPLITS.flatMap((split) =>
      planSplit(split, seed, {}).map(({ plan }, i) => [rowId(BREAST_MNIST.name, split, i), factsOfPlan(plan)] as const),
    ),
};
