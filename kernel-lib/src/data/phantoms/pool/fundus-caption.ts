import type { Random } from "../../../base/random";
import type { RasterImage } from "../../../base/types";
import type { FundusNuisances, FundusSigns } from "../looks/fundus";
import { type Statement, said, saidOfBrightness, spotsWord, where, wordOf, writeCaption } from "./caption";

/** A fundus photograph with what was drawn. */
export interface DrawnFundus {
  readonly image: RasterImage;
  readonly signs: FundusSigns;
  readonly nuisances: FundusNuisances;
}

function howTaken({ image, nuisances: { eye, hue } }: DrawnFundus): Statement[] {
  return [
    said("organ", "retina"),
    said("modality", "photograph"),
    said("side", `${eye} side`),
    saidOfBrightness(image),
    said("color", `${wordOf(hue, [0.5], ["amber red", "red"])} ground`),
    said("gist", "coarse"),
    said("gist", "large"),
    said("gist", "smooth"),
    said("gist", "pale round"),
  ];
}

/** Words of the vocabulary for what an eye's ground shows; docs/phantoms.md says which stands for what. */
function whatIsSeen(signs: FundusSigns): Statement[] {
  const { bleedings, exudates, drusen = 0, cup = 0, scar = 0, nevus = 0, oedema = 0 } = signs;
  const { paleness = 0, narrowing = 0, detachment = 0, occlusion = 0 } = signs;
  return [
    said("sign", `${spotsWord(bleedings)} red spots`),
    said("sign", `${spotsWord(exudates)} amber spots`),
    ...where(drusen >= 4, said("sign", "pale spots middle")),
    ...where(oedema >= 0.25, said("sign", "grey middle")),
    ...where(cup >= 0.55, said("sign", "wide place")),
    ...where(scar >= 0.4, said("sign", "grey lesion")),
    ...where(nevus >= 0.4, said("sign", "dark lesion")),
    ...where(paleness >= 0.4, said("sign", "pale ground")),
    ...where(narrowing >= 0.5, said("sign", "fine shape")),
    ...where(detachment >= 0.4, said("sign", "grey slope")),
    ...where(occlusion >= 0.4, said("sign", "red shadow")),
  ];
}

/** The caption of a fundus photograph; `diagnosis` as it is said, e.g. "level 3". */
export function writeFundusCaption(diagnosis: string, drawn: DrawnFundus, random: Random): string {
  return writeCaption(howTaken(drawn), [said("diagnosis", diagnosis), ...whatIsSeen(drawn.signs)], random);
}
