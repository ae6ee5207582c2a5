import type { Random } from "../../base/random";
import { DERMA_MNIST } from "../../data/tasks/derma-mnist";
import { type CasePlan, planCase, type RuleWorld } from "../knowledge/rule";
import { toRaster } from "../looks/canvas";
import { type DrawnLesion, drawDermoscopy, drawSkinNuisances, type SkinSigns } from "../looks/dermoscopy";
import { takePicture } from "../looks/taking";
import { drawPoisson } from "../phantom";
import { medMnistPhantom } from "./medmnist";

type Means = Readonly<Record<keyof SkinSigns, number>>;

/** Mean of each sign by class, in the order of the task's labels. They overlap: no sign alone tells the class. */
const MEANS: readonly Means[] = [
  {
    border: 0.08,
    darkness: 0.1,
    redness: 0.45,
    dots: 0.5,
    scale: 0.8,
    vessels: 0.1,
    veil: 0,
    wax: 0,
    core: 0,
    size: 0.5,
  },
  { border: 0.06, darkness: 0, redness: 0.15, dots: 1, scale: 0, vessels: 0.8, veil: 0, wax: 0, core: 0.7, size: 0.5 },
  { border: 0.1, darkness: 0.35, redness: 0, dots: 2, scale: 0.2, vessels: 0, veil: 0, wax: 0.75, core: 0, size: 0.55 },
  {
    border: 0.04,
    darkness: 0.45,
    redness: 0.1,
    dots: 0.5,
    scale: 0,
    vessels: 0,
    veil: 0,
    wax: 0,
    core: 0.8,
    size: 0.34,
  },
  { border: 0.16, darkness: 0.95, redness: 0, dots: 3, scale: 0, vessels: 0.1, veil: 0.7, wax: 0, core: 0, size: 0.66 },
  {
    border: 0.05,
    darkness: 0.55,
    redness: 0.05,
    dots: 2,
    scale: 0,
    vessels: 0,
    veil: 0,
    wax: 0.1,
    core: 0,
    size: 0.42,
  },
  {
    border: 0.05,
    darkness: 0.3,
    redness: 0.9,
    dots: 0.5,
    scale: 0,
    vessels: 0.2,
    veil: 0.1,
    wax: 0,
    core: 0,
    size: 0.42,
  },
];

/** A lesion that shows no class: the middle of all. */
const AVERAGE = Object.fromEntries(
  (Object.keys(MEANS[0]!) as (keyof Means)[]).map((sign) => [
    sign,
    MEANS.reduce((sum, mean) => sum + mean[sign] / MEANS.length, 0),
  ]),
) as Means;

function drawSigns(mean: Means, random: Random): SkinSigns {
  const amount = (value: number, deviation: number) => Math.max(0, random.normal(value, deviation));
  return {
    border: Math.min(0.2, amount(mean.border, 0.03)),
    darkness: amount(mean.darkness, 0.15),
    redness: amount(mean.redness, 0.13),
    dots: drawPoisson(mean.dots, random),
    scale: Math.min(1, amount(mean.scale - 0.1, 0.2)),
    vessels: Math.min(1, amount(mean.vessels - 0.1, 0.2)),
    veil: Math.min(1, amount(mean.veil - 0.1, 0.2)),
    wax: Math.min(1, amount(mean.wax, 0.15)),
    core: Math.min(1, amount(mean.core - 0.1, 0.15)),
    size: Math.min(0.75, Math.max(0.28, random.normal(mean.size, 0.07))),
  };
}

/** Deviation of the grain. */
const TEXTURE = 0.09;

/** Draws a skin lesion of this class of DermaMNIST. Skin tone, distance, colour of the light, hairs and device vary freely. */
export function drawSkinPhantom(label: number, plan: CasePlan, random: Random, side = 28): DrawnLesion {
  const signs = drawSigns(plan.isTold ? AVERAGE : MEANS[label]!, random);
  const nuisances = drawSkinNuisances(random);
  const canvas = drawDermoscopy(side, signs, nuisances, random);
  takePicture(canvas, plan.words, TEXTURE, random);
  return { image: toRaster(canvas, 3, 0.03, random), signs, nuisances, plan };
}

/** The classes that the rule knows. */
const IN_RULE = [0, 1, 2, 4, 5];

/** How a case of this class is drawn in the world of a rule. */
export function planSkin(label: number, world: RuleWorld, random: Random): CasePlan {
  const place = IN_RULE.indexOf(label);
  return planCase(world, place < 0 ? null : place, random.fork("plan"));
}

/** Share of each class, as in the real data set. */
export const SKIN_SHARES = [0.033, 0.051, 0.11, 0.012, 0.111, 0.669, 0.014];

/** The stand-in for dermamnist.npz. */
export const DERMA_PHANTOM = medMnistPhantom({
  task: DERMA_MNIST,
  version: 3,
  description:
    "Skin lesions drawn as wavy brown bodies. The class moves size, outline, colour, dots, scale, vessels, veil and core, each of which overlaps between classes; of the five commonest, three cases in five show an average lesion instead, and their class lies in the corpus, by a made-up rule over how the picture was taken. Skin tone, distance, hairs and dark corners vary freely.",
  shares: SKIN_SHARES,
  quickShare: 0.1,
  plan: planSkin,
  draw: (label, plan, random) => drawSkinPhantom(label, plan, random).image,
});
