import type { Random } from "../../base/random";
import { toRaster } from "../looks/canvas";
import { drawHistology, type HistologyScene } from "../looks/histology";
import { closed, type DrawnCase, type DrawnQuestion, open } from "./questions";

/** What is true of a tissue section. */
export interface PathologyFacts {
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
export const TISSUES = { gland: "glandular tissue", sheet: "solid tissue", fat: "fat tissue" } as const;
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
    closed("tissue", `is ${TISSUES[pattern]} present ?`, true),
    closed("tissue", `is ${TISSUES[wrong]} present ?`, false),
    closed("sign", "is bleeding present ?", bleeding),
    closed("sign", "is inflammation present ?", inflammation),
    closed("diagnosis", "is this tissue malignant ?", malignant),
    closed("diagnosis", "does this picture show normal tissue ?", signs.length === 0),
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
