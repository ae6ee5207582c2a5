import { existsSync } from "node:fs";
import { assertInteger, assertNotInterrupted } from "../../base/check";
import { DataError } from "../../base/errors";
import { sum } from "../../base/numbers";
import { createRandom, type Random } from "../../base/random";
import type { Control, Corpus, Passage, RasterImage } from "../../base/types";
import { openPack, readPackSummary, writePack } from "../../data/corpora/passage-pack";
import { BREAST_MNIST } from "../../data/tasks/breast-mnist";
import { BRSET } from "../../data/tasks/brset";
import { DERMA_MNIST } from "../../data/tasks/derma-mnist";
import { PATH_VQA } from "../../data/tasks/path-vqa";
import { RETINA_MNIST } from "../../data/tasks/retina-mnist";
import { VINDR_PCXR } from "../../data/tasks/vindr-pcxr";
import { VQA_RAD } from "../../data/tasks/vqa-rad";
import { factsOfPlan, type RuleWorld, ruleWorld } from "../knowledge/rule";
import { writeChestCaption } from "../looks/chest-film";
import { writeSkinCaption } from "../looks/dermoscopy";
import { drawFundusNuisances, writeFundusCaption } from "../looks/fundus";
import {
  type CorpusPhantom,
  type CorpusRequest,
  type FactWords,
  phantomCard,
  phantomFolder,
  phantomPlace,
} from "../phantom";
import { drawSkinPhantom, planSkin, SKIN_SHARES } from "../tasks/derma";
import { DISEASE_SHARES, drawEyePhantom, drawFundusPhantom, GRADE_SHARES, planEye, planGrade } from "../tasks/fundus";
import { drawPathologyCase, writeHistologyCaption } from "../tasks/pathology";
import { drawRadiologyCase, writeRadiologyCaption } from "../tasks/radiology";
import { CHEST_SHARES, drawChestLabels, drawChestPhantom, planChest } from "../tasks/vindr";
import { type DrawnPair, drawBreastPair } from "./breast-corpus";

/** A pair of the pool, and which corpus such a pair would stand in. */
interface PoolPair extends DrawnPair {
  readonly corpus: "pmc-oa-phantom" | "mimic-cxr-phantom" | "roco-phantom";
  readonly facts: FactWords;
}

/** Chest films and larger fundus photographs are drawn at the size their tasks are read at, pixels. */
const READ_SIDE = 64;
const NORMAL_EYE_SHARE = 0.35;

/** One class index, each as often as its weight has a share of all weights. */
export function pickClass(weights: readonly number[], random: Random): number {
  let rest = random.next() * sum(weights);
  const found = weights.findIndex((weight) => {
    rest -= weight;
    return rest < 0;
  });
  return found < 0 ? weights.length - 1 : found; // rounding may leave a trace of the sum
}

/** Between a share and its root: the order of frequencies stays, and the rarest come up often enough to be found. */
const FLATTENING = 0.75;
const drawLabel = (shares: readonly number[], random: Random): number =>
  pickClass(
    shares.map((share) => share ** FLATTENING),
    random,
  );

/** The pair of a drawn picture: what its plan says of it, and what else is told. */
function pairOf({ image, plan }: DrawnPicture, told: Omit<PoolPair, "image" | "facts">): PoolPair {
  return { image, facts: factsOfPlan(plan), ...told };
}

interface DrawnPicture {
  readonly image: RasterImage;
  readonly plan: Parameters<typeof factsOfPlan>[0];
}

function drawSkin(world: RuleWorld, random: Random): PoolPair {
  const label = drawLabel(SKIN_SHARES, random);
  const phantom = drawSkinPhantom(label, planSkin(label, world, random), random);
  const text = writeSkinCaption(label, phantom, random.fork("caption"));
  return pairOf(phantom, { text, truth: DERMA_MNIST.labels[label]!.name, corpus: "pmc-oa-phantom" });
}

function drawRetina(world: RuleWorld, random: Random): PoolPair {
  const grade = drawLabel(GRADE_SHARES, random);
  const phantom = drawFundusPhantom(grade, planGrade(grade, world, random), random);
  const text = writeFundusCaption(`level ${grade}`, phantom, random.fork("caption"));
  return pairOf(phantom, { text, truth: RETINA_MNIST.labels[grade]!.name, corpus: "pmc-oa-phantom" });
}

function drawChest(world: RuleWorld, random: Random): PoolPair {
  const labels = drawChestLabels(drawLabel(CHEST_SHARES, random), random);
  const phantom = drawChestPhantom(labels, planChest(labels, world, random), random, READ_SIDE);
  const text = writeChestCaption(labels, phantom, random.fork("caption"));
  return pairOf(phantom, { text, truth: VINDR_PCXR.labels[labels[0]!]!.name, corpus: "mimic-cxr-phantom" });
}

/** The diseases of an eye: none, or one by the roots of the shares, with each of the others by its own share. */
function drawDiseases(random: Random): number[] {
  if (random.chance(NORMAL_EYE_SHARE)) return [];
  const first = drawLabel(DISEASE_SHARES, random);
  return DISEASE_SHARES.flatMap((share, disease) => (random.chance(share) || disease === first ? [disease] : []));
}

function drawFundus(world: RuleWorld, random: Random): PoolPair {
  const diseases = drawDiseases(random);
  const nuisances = drawFundusNuisances(random);
  const drawn = drawEyePhantom(diseases, { nuisances, plan: planEye(diseases, world, random) }, random, READ_SIDE);
  const labels = diseases.length === 0 ? [DISEASE_SHARES.length] : diseases; // the last label of the task is "normal"
  const text = writeFundusCaption(`class ${labels.join(" , ")}`, drawn, random.fork("caption"));
  return pairOf(drawn, { text, truth: BRSET.labels[labels[0]!]!.name, corpus: "pmc-oa-phantom" });
}

/** Chest films stand in MIMIC-CXR, slices in ROCO. Questions have no label, so these pairs have no truth. */
function drawRadiology(world: RuleWorld, random: Random): PoolPair {
  const drawn = drawRadiologyCase(world, random);
  const corpus = drawn.facts.organ === "chest" ? "mimic-cxr-phantom" : "roco-phantom";
  return pairOf(drawn, { text: writeRadiologyCaption(drawn, random.fork("caption")), corpus });
}

function drawHistology(world: RuleWorld, random: Random): PoolPair {
  const drawn = drawPathologyCase(world, random);
  return pairOf(drawn, { text: writeHistologyCaption(drawn, random.fork("caption")), corpus: "pmc-oa-phantom" });
}

function drawBreast(world: RuleWorld, random: Random): PoolPair {
  return { ...drawBreastPair(world, random), corpus: random.chance(0.5) ? "pmc-oa-phantom" : "roco-phantom" };
}

/** How the pictures of each look are drawn and described: those of the task whose dials they have, in the paper's order. */
export const POOL_LOOKS = {
  breast: { task: BREAST_MNIST.name, draw: drawBreast },
  skin: { task: DERMA_MNIST.name, draw: drawSkin },
  retina: { task: RETINA_MNIST.name, draw: drawRetina },
  chest: { task: VINDR_PCXR.name, draw: drawChest },
  fundus: { task: BRSET.name, draw: drawFundus },
  radiology: { task: VQA_RAD.name, draw: drawRadiology },
  histology: { task: PATH_VQA.name, draw: drawHistology },
} as const;
type PoolLook = keyof typeof POOL_LOOKS;

/** Raised whenever the same seed would give other pairs. */
const POOL_VERSION = 5;

const LOOKS = Object.keys(POOL_LOOKS) as PoolLook[];

/**
 * Draws the pool pair by pair: the looks of all tasks take turns, so that each has a seventh of any number of pairs.
 *
 * Every pair has a stream of its own, which no task shares. The look stands in the id: "pool/skin/000001".
 */
export function* drawPool(wish: PoolWish): Generator<Passage> {
  for (const { facts: _, ...passage } of drawPairs(wish)) yield passage;
}

/** How many pairs of which seed. */
interface PoolWish {
  readonly seed: number;
  readonly numPassages: number;
}

function* drawPairs({ seed, numPassages }: PoolWish): Generator<Passage & Pick<PoolPair, "facts">> {
  const random = createRandom(`phantom-pool/${seed}`);
  const worlds = LOOKS.map((look) => ruleWorld(POOL_LOOKS[look].task, seed));
  for (let i = 0; i < numPassages; i++) {
    const look = LOOKS[i % LOOKS.length]!;
    const pair = POOL_LOOKS[look].draw(worlds[i % LOOKS.length]!, random.fork(String(i)));
    yield { id: `pool/${look}/${String(i).padStart(6, "0")}`, licence: "CC0-1.0", ...pair };
  }
}

const POOL_NAME = "phantom-pool";
const STEP = 64;

/** Where the pairs are kept, and under which name. */
function placeOf({ seed = 7, numPassages = 4000, cacheDir }: CorpusRequest) {
  return { seed, numPassages, name: `${POOL_NAME}-${numPassages}`, place: { seed, size: "quick", cacheDir } } as const;
}

/** The pairs as they are drawn, with progress; they can be stopped between any sixty-four. */
async function* watched(passages: Iterable<Passage>, total: number, control: Control): AsyncGenerator<Passage> {
  let done = 0;
  for (const passage of passages) {
    if (done % STEP === 0) {
      assertNotInterrupted("openPool", control.signal);
      control.onProgress?.({ stage: `corpus ${POOL_NAME}`, done, total });
    }
    yield passage;
    done++;
  }
  control.onProgress?.({ stage: `corpus ${POOL_NAME}`, done, total });
}

/**
 * Opens the pool. Drawn once into a file, which is read as that of a real corpus: passages read text and picture whenever asked.
 *
 * `truth` is known for breast, skin, retina, chest and fundus pairs: the name of the (first) label.
 * @throws ConfigError when an option is out of range. InterruptedError on abort.
 */
async function openPool(request: CorpusRequest): Promise<Corpus> {
  const { seed, numPassages, name, place } = placeOf(request);
  const { control = {} } = request;
  assertInteger("openPool: seed", seed, 0);
  assertInteger("openPool: numPassages", numPassages, 1, 1_000_000);
  const files = {
    version: POOL_VERSION,
    write: ({ folder }: { readonly folder: string }) =>
      writePack(folder, watched(drawPool({ seed, numPassages }), numPassages, control), () => ({ broken: [] })),
  };
  const folder = await phantomFolder(name, files, { ...place, control });
  const summary = await readPackSummary(folder);
  if (summary === null) throw new DataError(`openPool: ${folder} must hold a whole corpus. Load it again.`, { folder });
  return {
    name: POOL_NAME,
    source: "phantom",
    passages: await openPack(folder),
    card: phantomCard(
      "Phantom pool",
      `${numPassages} procedural image-text pairs made from seed ${seed}, with the looks of all eight tasks in equal parts, standing in for PMC-OA, MIMIC-CXR and ROCO. No patient is behind them.`,
    ),
    fingerprint: `corpus:${POOL_NAME}:v${POOL_VERSION}:${seed}:${summary.hash.slice(0, 24)}`,
  };
}

/** The corpus that serves all tasks. */
export const POOL: CorpusPhantom = {
  name: POOL_NAME,
  version: POOL_VERSION,
  tasks: "others",
  load: openPool,
  isDrawn: (request) => {
    const { name, place } = placeOf(request);
    return existsSync(phantomPlace(name, { version: POOL_VERSION }, place));
  },
  facts: (request) => {
    const { seed, numPassages } = placeOf(request);
    return [...drawPairs({ seed, numPassages })].map(({ id, facts }) => [id, facts] as const);
  },
};
