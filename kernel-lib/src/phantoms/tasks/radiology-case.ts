import type { Random } from "../../base/random";
import { drawBodySlice, type SliceScene } from "../looks/body-slice";
import { type Canvas, toRaster } from "../looks/canvas";
import { drawChestFilm, drawChestNuisances } from "../looks/chest-film";
import { closed, type DrawnCase, type DrawnQuestion, open } from "./questions";

/** What is true of a radiology picture. */
export interface RadiologyFacts {
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
}

const SIDE = 64;
/** What may look enlarged in each organ. */
export const LARGE: Readonly<Record<RadiologyFacts["organ"], string>> = {
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

/** The finding is of varied size and strength, so that some are hard to see; a healthy picture may hold a faint shadow. */
function drawChest(facts: RadiologyFacts, random: Random, side: number): Canvas {
  const level = facts.present ? random.uniform(0.5, 1) : random.uniform(0, 0.2);
  const spot = { side: facts.side, height: random.uniform(-1, 1), radius: random.uniform(0.18, 0.3), level };
  const heart = facts.enlarged ? random.uniform(1.3, 1.7) : random.uniform(0.85, 1.1);
  const signs = { spots: [spot], heart, streaks: random.uniform(0, 0.4) };
  return drawChestFilm(side, signs, drawChestNuisances(random), random);
}

function drawSlice(facts: RadiologyFacts, random: Random, side: number): Canvas {
  const mass = { side: facts.side, level: facts.level, radius: random.uniform(0.16, 0.28) };
  const scene: SliceScene = {
    modality: facts.modality === "ct" ? "CT" : "MRI",
    organ: facts.organ === "head" ? "head" : "abdomen",
    ...(facts.present ? { mass } : {}),
    fluid: facts.enlarged ? random.uniform(1.5, 2) : random.uniform(0.7, 1.15),
    exposure: random.uniform(0.85, 1.1),
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
  return [closed(topic, ask(truth), true), closed(topic, ask(wrong), false)];
}

function askAboutFinding({ finding, side, level, present }: RadiologyFacts): DrawnQuestion[] {
  if (!present) return [open("ABN", "what abnormality is seen ?", "none")];
  const choice = (topic: string, question: string, answer: string): DrawnQuestion => {
    return { topic, question, answer, kind: "closed" };
  };
  return [
    open("POS", `where is the ${finding} ?`, `${side} side`),
    open("ABN", "what abnormality is seen ?", `${finding} on the ${side} side`),
    closed("POS", `is the ${finding} on the left side ?`, side === "left"),
    closed("POS", `is the ${finding} on the right side ?`, side === "right"),
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
    closed("PRES", `is there a ${finding} ?`, present),
    closed("PRES", "is an abnormality seen ?", present || enlarged),
    closed("ABN", "is this a normal picture ?", !present && !enlarged),
    closed("SIZE", `is the ${LARGE[organ]} enlarged ?`, enlarged),
    ...askAboutFinding(facts),
  ];
}

/** Draws a chest film or a slice of head or abdomen, with everything that can be asked about it. Sides are the picture's. */
export function drawRadiologyCase(random: Random, size = SIDE): RadiologyCase {
  const facts = drawFacts(random);
  const canvas = facts.organ === "chest" ? drawChest(facts, random, size) : drawSlice(facts, random, size);
  const { modality, organ, finding, present, side } = facts;
  return {
    image: toRaster(canvas, 1, 0.03, random),
    questions: askAbout(facts, random.fork("questions")),
    words: [organ, modality, ...(present ? [finding, side] : ["normal"])],
    facts,
  };
}
