import type { Random } from "../../../base/random";
import type { RasterImage } from "../../../base/types";
import { DERMA_MNIST } from "../../tasks/derma-mnist";
import { toRaster } from "../looks/canvas";
import { drawDermoscopy, drawSkinNuisances, type SkinNuisances, type SkinSigns } from "../looks/dermoscopy";
import { drawPoisson } from "./draws";
import { medMnistPhantom } from "./medmnist-phantom";

/** A picture with what was drawn. */
export interface SkinPhantom {
  readonly image: RasterImage;
  readonly signs: SkinSigns;
  readonly nuisances: SkinNuisances;
}

type Means = Readonly<Record<keyof SkinSigns, number>>;

/** Mean of each sign by class, in the order of the task's labels. They overlap: no sign alone tells the class. */
const MEANS: readonly Means[] = [
  { border: 0.07, darkness: 0.25, redness: 0.4, dots: 1, scale: 0.55, vessels: 0.2, veil: 0 },
  { border: 0.06, darkness: 0.3, redness: 0.3, dots: 1.5, scale: 0.15, vessels: 0.65, veil: 0.15 },
  { border: 0.07, darkness: 0.5, redness: 0.1, dots: 3, scale: 0.35, vessels: 0.05, veil: 0 },
  { border: 0.04, darkness: 0.3, redness: 0.25, dots: 0.5, scale: 0.2, vessels: 0.1, veil: 0.25 },
  { border: 0.14, darkness: 0.72, redness: 0.1, dots: 4, scale: 0.05, vessels: 0.15, veil: 0.5 },
  { border: 0.05, darkness: 0.5, redness: 0.05, dots: 2.5, scale: 0, vessels: 0, veil: 0 },
  { border: 0.05, darkness: 0.35, redness: 0.8, dots: 0.5, scale: 0, vessels: 0.3, veil: 0.1 },
];

function drawSigns(label: number, random: Random): SkinSigns {
  const mean = MEANS[label]!;
  const amount = (value: number, deviation: number) => Math.max(0, random.normal(value, deviation));
  return {
    border: Math.min(0.2, amount(mean.border, 0.035)),
    darkness: amount(mean.darkness, 0.18),
    redness: amount(mean.redness, 0.15),
    dots: drawPoisson(mean.dots, random),
    scale: Math.min(1, amount(mean.scale - 0.1, 0.2)),
    vessels: Math.min(1, amount(mean.vessels - 0.1, 0.2)),
    veil: Math.min(1, amount(mean.veil - 0.1, 0.25)),
  };
}

/** Draws a skin lesion of this class of DermaMNIST. Skin tone, zoom, light, hairs and device dominate the picture. */
export function drawSkinPhantom(label: number, random: Random, side = 28): SkinPhantom {
  const signs = drawSigns(label, random);
  const nuisances = drawSkinNuisances(random);
  return { image: toRaster(drawDermoscopy(side, signs, nuisances, random), 3, 0.03, random), signs, nuisances };
}

/** Share of each class, as in the real data set. */
export const SKIN_SHARES = [0.033, 0.051, 0.11, 0.012, 0.111, 0.669, 0.014];

/** The stand-in for dermamnist.npz. */
export const DERMA_PHANTOM = medMnistPhantom({
  spec: DERMA_MNIST,
  version: 1,
  description:
    "Skin lesions drawn as wavy brown bodies. The class moves outline, colour, dots, scale, vessels and veil by less than they vary within a class; skin tone, zoom, light, hairs and dark corners vary more.",
  shares: SKIN_SHARES,
  quickShare: 0.1,
  draw: (label, random) => drawSkinPhantom(label, random).image,
});
