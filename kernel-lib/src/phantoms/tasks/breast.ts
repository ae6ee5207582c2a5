import { assertInRange } from "../../base/check";
import { createRandom, type Random } from "../../base/random";
import type { RasterImage, Split } from "../../base/types";
import type { NpyArray } from "../../data/formats/npy";
import { BREAST_MNIST } from "../../data/tasks/breast-mnist";
import { MEDMNIST_PREFIX } from "../../data/tasks/medmnist";
import { writeFileAtomic } from "../../store/files";
import { renderScene, type SceneLatents } from "../general/render";
import { drawSpots, drawValue, wordFor } from "../general/world";
import type { TaskPhantom } from "../phantom";
import { formatMedMnist } from "./medmnist";

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
    readonly zoom: string;
    readonly letter: string;
  };
  /** What a radiologist would describe: border, shape, ground. Tied to the diagnosis by chance only. */
  readonly signs: readonly string[];
}

/** Options of the breast phantom. */
interface BreastOptions {
  /** How far apart the two diagnoses lie in the signs; 0 makes them equal. Default 1.4. */
  readonly contrast?: number;
}

/** Raised whenever the same seed would give other pictures; part of the fingerprints of the task and of its corpus. */
export const BREAST_VERSION = 1;

const BREAST_SIZE = { width: 28, height: 28, channels: 1 } as const;
const DEVICES = { dark: 1.2, dim: 1, bright: 0.85 } as const;
const DEVICE_NAMES = Object.keys(DEVICES) as (keyof typeof DEVICES)[];
const ZOOMS = ["small", "medium", "large"];
const DENSITIES = ["coarse", "fine"] as const;
const LETTER_NAMES = ["alpha", "beta", "gamma", "delta"];

interface Signs {
  readonly border: number;
  readonly aspect: number;
  readonly shadow: number;
}

/** The signs overlap: even a perfect eye errs on some pictures, as radiologists do. */
function drawSigns(diagnosis: BreastDiagnosis, contrast: number, random: Random): Signs {
  const malignant = diagnosis === "malignant" ? 1 : 0;
  return {
    border: Math.max(0, random.normal(0.1 + 0.09 * contrast * malignant, 0.05)),
    aspect: random.normal((0.36 * malignant - 0.18) * contrast, 0.28),
    shadow: Math.max(0, random.normal(0.1 + 0.14 * contrast * malignant, 0.1)),
  };
}

function drawNuisances(random: Random) {
  return {
    device: random.pick(DEVICE_NAMES),
    side: random.chance(0.5) ? "left" : "right",
    density: random.pick(DENSITIES),
    zoom: random.pick(ZOOMS),
    letter: random.pick(LETTER_NAMES),
  };
}

function toLatents(signs: Signs, nuisances: ReturnType<typeof drawNuisances>, random: Random): SceneLatents {
  const { device, side, density, zoom, letter } = nuisances;
  return {
    brightness: drawValue("brightness", device, random),
    contrast: DEVICES[device],
    grain: density,
    texture: random.uniform(0.06, 0.12),
    slope: side === "left" ? random.uniform(-1, -0.5) : random.uniform(0.5, 1),
    blobs: [
      {
        x: (side === "left" ? -1 : 1) * random.uniform(0.02, 0.3),
        y: random.uniform(-0.3, 0),
        radius: drawValue("size", zoom, random),
        border: signs.border,
        lobes: 3 + random.integer(4),
        phase: random.uniform(0, 2 * Math.PI),
        aspect: signs.aspect,
        fill: -random.uniform(0.16, 0.3),
        shadow: signs.shadow,
      },
    ],
    spots: drawSpots(random.integer(6), random),
    letter: LETTER_NAMES.indexOf(letter),
    tint: [1, 1, 1],
    noise: 0.04,
  };
}

/**
 * Draws the stand-in for one breast ultrasound picture, [28, 28] grey: a dark body on speckled tissue.
 *
 * Device, side, density, zoom and letter dominate the picture; the diagnosis only moves outline, aspect and shadow.
 */
export function drawBreastPhantom(
  diagnosis: BreastDiagnosis,
  random: Random,
  options: BreastOptions = {},
): BreastPhantom {
  const { contrast = 1.4 } = options;
  const signs = drawSigns(diagnosis, contrast, random);
  const nuisances = drawNuisances(random);
  const image = renderScene(toLatents(signs, nuisances, random), BREAST_SIZE, random);
  const words = [wordFor("border", signs.border), wordFor("shape", signs.aspect), wordFor("ground", signs.shadow)];
  return { image, diagnosis, nuisances, signs: words };
}

/** Options of the archive. */
interface BreastArchiveOptions extends BreastOptions {
  /** Share of malignant pictures in each split. Default 0.4. The real data set has 0.27: see data/README.md. */
  readonly malignantShare?: number;
}

export const MALIGNANT_SHARE = 0.4;

function drawSplit(split: Split, seed: number, options: BreastArchiveOptions): [images: NpyArray, labels: NpyArray] {
  const { malignantShare = MALIGNANT_SHARE } = options;
  const { width, height } = BREAST_SIZE;
  const random = createRandom(`breast-phantom/${seed}`).fork(MEDMNIST_PREFIX[split]);
  const count = BREAST_MNIST.counts[split];
  const malignant = Math.round(count * malignantShare);
  const labels = Uint8Array.from(random.shuffle(Array.from({ length: count }, (_, i) => (i < malignant ? 0 : 1))));
  const images = new Uint8Array(count * width * height);
  labels.forEach((label, i) => {
    const phantom = drawBreastPhantom(label === 0 ? "malignant" : "benign", random.fork(String(i)), options);
    images.set(phantom.image.data, i * width * height);
  });
  return [
    { type: "|u1", shape: [count, height, width], data: images },
    { type: "|u1", shape: [count, 1], data: labels },
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
    "Breast ultrasound drawn as a dark body on speckled tissue; 40 % malignant. The diagnosis only moves outline, aspect and shadow; device, side, density, zoom and letter dominate.",
  write: async ({ folder, seed }) => writeFileAtomic(`${folder}/${BREAST_MNIST.file}`, writeBreastArchive(seed)),
};
