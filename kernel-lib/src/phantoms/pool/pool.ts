import { createRandom, type Random } from "../../base/random";
import type { Passage } from "../../base/types";
import { BRSET } from "../../data/tasks/brset";
import { DERMA_MNIST } from "../../data/tasks/derma-mnist";
import { RETINA_MNIST } from "../../data/tasks/retina-mnist";
import { VINDR_PCXR } from "../../data/tasks/vindr-pcxr";
import { type DrawnPair, drawBreastPair } from "../breast/corpus";
import { drawFundusNuisances } from "../looks/fundus";
import { DISEASE_SHARES, drawEyePhantom } from "../tasks/brset";
import { drawSkinPhantom, SKIN_SHARES } from "../tasks/derma";
import { drawPathologyCase } from "../tasks/pathology-case";
import { pickClass } from "../tasks/phantom-task";
import { drawRadiologyCase } from "../tasks/radiology-case";
import { drawFundusPhantom, GRADE_SHARES } from "../tasks/retina";
import { CHEST_SHARES, drawChestLabels, drawChestPhantom } from "../tasks/vindr";
import {
  writeChestCaption,
  writeFundusCaption,
  writeHistologyCaption,
  writeRadiologyCaption,
  writeSkinCaption,
} from "./captions";

/** A pair of the pool, and which corpus such a pair would stand in. */
export interface PoolPair extends DrawnPair {
  readonly corpus: "pmc-oa-phantom" | "mimic-cxr-phantom" | "roco-phantom";
}

/** Chest films and larger fundus photographs are drawn at the size their tasks are read at, pixels. */
const READ_SIDE = 64;
const NORMAL_EYE_SHARE = 0.35;

/** Roots of the task's shares: the order of frequencies stays, the rarest come up often enough to be found. */
const drawLabel = (shares: readonly number[], random: Random): number => pickClass(shares.map(Math.sqrt), random);

function drawSkin(random: Random): PoolPair {
  const label = drawLabel(SKIN_SHARES, random);
  const phantom = drawSkinPhantom(label, random);
  const text = writeSkinCaption(label, phantom, random.fork("caption"));
  return { image: phantom.image, text, truth: DERMA_MNIST.labels[label]!.name, corpus: "pmc-oa-phantom" };
}

function drawRetina(random: Random): PoolPair {
  const grade = drawLabel(GRADE_SHARES, random);
  const phantom = drawFundusPhantom(grade, random);
  const text = writeFundusCaption(`level ${grade}`, phantom, random.fork("caption"));
  return { image: phantom.image, text, truth: RETINA_MNIST.labels[grade]!.name, corpus: "pmc-oa-phantom" };
}

function drawChest(random: Random): PoolPair {
  const labels = drawChestLabels(drawLabel(CHEST_SHARES, random), random);
  const phantom = drawChestPhantom(labels, random, READ_SIDE);
  const text = writeChestCaption(labels, phantom, random.fork("caption"));
  return { image: phantom.image, text, truth: VINDR_PCXR.labels[labels[0]!]!.name, corpus: "mimic-cxr-phantom" };
}

/** The diseases of an eye: none, or one by the roots of the shares, with each of the others by its own share. */
function drawDiseases(random: Random): number[] {
  if (random.chance(NORMAL_EYE_SHARE)) return [];
  const first = drawLabel(DISEASE_SHARES, random);
  return DISEASE_SHARES.flatMap((share, disease) => (random.chance(share) || disease === first ? [disease] : []));
}

function drawFundus(random: Random): PoolPair {
  const diseases = drawDiseases(random);
  const nuisances = drawFundusNuisances(random);
  const { image, signs } = drawEyePhantom(diseases, nuisances, random, READ_SIDE);
  const labels = diseases.length === 0 ? [DISEASE_SHARES.length] : diseases; // the last label of the task is "normal"
  const text = writeFundusCaption(`class ${labels.join(" , ")}`, { image, signs, nuisances }, random.fork("caption"));
  return { image, text, truth: BRSET.labels[labels[0]!]!.name, corpus: "pmc-oa-phantom" };
}

/** Chest films stand in MIMIC-CXR, slices in ROCO. Questions have no label, so these pairs have no truth. */
function drawRadiology(random: Random): PoolPair {
  const drawn = drawRadiologyCase(random);
  const corpus = drawn.facts.organ === "chest" ? "mimic-cxr-phantom" : "roco-phantom";
  return { image: drawn.image, text: writeRadiologyCaption(drawn, random.fork("caption")), corpus };
}

function drawHistology(random: Random): PoolPair {
  const drawn = drawPathologyCase(random);
  return { image: drawn.image, text: writeHistologyCaption(drawn, random.fork("caption")), corpus: "pmc-oa-phantom" };
}

function drawBreast(random: Random): PoolPair {
  return { ...drawBreastPair(random), corpus: random.chance(0.5) ? "pmc-oa-phantom" : "roco-phantom" };
}

/** How the pictures of each look are drawn and described: those of the tasks, in the paper's order. */
export const POOL_LOOKS = {
  breast: drawBreast,
  skin: drawSkin,
  retina: drawRetina,
  chest: drawChest,
  fundus: drawFundus,
  radiology: drawRadiology,
  histology: drawHistology,
} as const;
export type PoolLook = keyof typeof POOL_LOOKS;

/** Raised whenever the same seed would give other pairs. */
export const POOL_VERSION = 4;

/** Which pairs are drawn. */
export interface PoolOptions {
  readonly seed: number;
  readonly numPassages: number;
}

const LOOKS = Object.keys(POOL_LOOKS) as PoolLook[];

/**
 * Draws the pool pair by pair: the looks of all tasks take turns, so that each has a seventh of any number of pairs.
 *
 * Every pair has a stream of its own, which no task shares. The look stands in the id: "pool/skin/000001".
 */
export function* drawPool({ seed, numPassages }: PoolOptions): Generator<Passage> {
  const random = createRandom(`phantom-pool/${seed}`);
  for (let i = 0; i < numPassages; i++) {
    const look = LOOKS[i % LOOKS.length]!;
    const pair = POOL_LOOKS[look](random.fork(String(i)));
    yield { id: `pool/${look}/${String(i).padStart(6, "0")}`, licence: "CC0-1.0", ...pair };
  }
}
