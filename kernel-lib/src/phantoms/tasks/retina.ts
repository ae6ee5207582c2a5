import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import { RETINA_MNIST } from "../../data/tasks/retina-mnist";
import { toRaster } from "../looks/canvas";
import { drawFundus, drawFundusNuisances, type FundusNuisances, type FundusSigns } from "../looks/fundus";
import { medMnistPhantom } from "./medmnist";
import { drawPoisson } from "./phantom-task";

/** A picture with what was drawn. */
export interface FundusPhantom {
  readonly image: RasterImage;
  readonly signs: FundusSigns;
  readonly nuisances: FundusNuisances;
}

/** Draws a fundus photograph of this grade, 0 to 4: spots grow with the grade, by chance. */
export function drawFundusPhantom(grade: number, random: Random, side = 28): FundusPhantom {
  const signs = {
    bleedings: drawPoisson(0.2 + 2.4 * grade, random),
    exudates: drawPoisson(0.2 + 1.6 * grade, random),
    oedema: Math.max(0, random.normal(0.22 * grade - 0.25, 0.12)),
    drusen: random.chance(0.15) ? 1 + random.integer(3) : 0,
    cup: random.uniform(0.25, 0.5),
  };
  const nuisances = drawFundusNuisances(random);
  return { image: toRaster(drawFundus(side, signs, nuisances, random), 3, 0.03, random), signs, nuisances };
}

/** Share of each grade, as in the real data set. */
export const GRADE_SHARES = [0.45, 0.12, 0.19, 0.18, 0.06];

/** The stand-in for retinamnist.npz. */
export const RETINA_PHANTOM = medMnistPhantom({
  spec: RETINA_MNIST,
  version: 2,
  description:
    "Fundus photographs drawn as orange discs with optic disc and vessels. The grade raises the mean number of red and yellow spots and the haze, so that neighbouring grades overlap; brightness, hue, field and eye vary freely.",
  shares: GRADE_SHARES,
  quickShare: 0.5,
  draw: (grade, random) => drawFundusPhantom(grade, random).image,
});
