import { assertInRange, assertInteger } from "../../base/check";
import { createRandom, type Random } from "../../base/random";
import type { Corpus, Passage, RasterImage } from "../../base/types";
import { BREAST_MNIST } from "../../data/tasks/breast-mnist";
import { OTHER_MODALITIES } from "./other-modalities";
import { type BreastPhantom, drawBreastPhantom, MALIGNANT_SHARE, PHANTOM_VERSION } from "./phantom";

/** Options of drawCorpusPhantom; every one has a default. */
export interface CorpusPhantomOptions {
  /** Default 7. The corpus never shares a picture with the task of the same seed. */
  readonly seed?: number;
  /** Default 3,000. */
  readonly numPassages?: number;
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
const SUB_CORPORA = { breast: ["pmc-oa-phantom", "roco-phantom"], chest: ["mimic-cxr-phantom"] } as const;

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
export function drawBreastPair(random: Random): DrawnPair & { readonly truth: string } {
  const { truth, draw } = beginBreastPair(random);
  return { ...draw(), truth };
}

/** A pair of which the label is known, and the rest is drawn later. */
interface BegunPair {
  readonly truth?: string;
  readonly draw: () => DrawnPair;
}

function beginBreastPair(random: Random): Required<BegunPair> {
  const diagnosis = random.chance(MALIGNANT_SHARE) ? "malignant" : "benign";
  const draw = (): DrawnPair => {
    const phantom = drawBreastPhantom(diagnosis, random);
    return { image: phantom.image, text: writeBreastCaption(phantom, random) };
  };
  return { truth: BREAST_MNIST.labels[diagnosis === "malignant" ? 0 : 1]!.name, draw };
}

function beginPassage(id: string, taskShare: number, random: Random): Passage {
  if (random.chance(taskShare)) return lazyPassage(id, random.pick(SUB_CORPORA.breast), beginBreastPair(random));
  const modality = random.pick(OTHER_MODALITIES);
  const corpus = random.pick(modality.name === "chest" ? SUB_CORPORA.chest : SUB_CORPORA.breast);
  return lazyPassage(id, corpus, { draw: () => modality.draw(random) });
}

/** A passage whose picture and text are drawn when one of them is first asked for: most runs ask for a few. */
function lazyPassage(id: string, corpus: string, { truth, draw }: BegunPair): Passage {
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

/**
 * Draws the stand-in for the three corpora: pairs of a picture and a caption in words.
 *
 * A caption is true of its picture but incomplete. `truth` is known for breast ultrasound pairs only.
 * @throws ConfigError when an option is out of range.
 */
export function drawCorpusPhantom(options: CorpusPhantomOptions = {}): Corpus {
  const { seed = 7, numPassages = 3000, taskShare = 0.7 } = options;
  assertInteger("drawCorpusPhantom: seed", seed, 0);
  assertInteger("drawCorpusPhantom: numPassages", numPassages, 1, 1_000_000);
  assertInRange("drawCorpusPhantom: taskShare", taskShare, 0, 1);
  const random = createRandom(`corpus-phantom/${seed}`);
  const passages = Array.from({ length: numPassages }, (_, i) =>
    beginPassage(`phantom/${String(i).padStart(6, "0")}`, taskShare, random.fork(String(i))),
  );
  return {
    name: "phantom",
    source: "phantom",
    passages,
    card: {
      title: "Corpus phantom",
      source: "phantom",
      description: `${numPassages} procedural image-text pairs made from seed ${seed}, standing in for PMC-OA, MIMIC-CXR and ROCO.`,
      licence: "CC0-1.0",
      citation: "none: made by this project",
      obtain: "nothing to obtain",
    },
    fingerprint: `corpus:phantom:v${PHANTOM_VERSION}:${seed}:${numPassages}:${taskShare}`,
  };
}
