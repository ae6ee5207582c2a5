import type { Random } from "../../../base/random";
import type { RasterImage } from "../../../base/types";
import type { ChestSigns } from "../looks/chest-film";
import type { ChestPhantom } from "../tasks/vindr-phantom";
import { type Statement, said, saidOfBrightness, where, writeCaption } from "./caption";
import { slopeOf } from "./pixels";

/** What anyone sees of a chest film: a grey picture with two tall bodies and fine structure, the heart's side brighter or not. */
export const chestGist = (image: RasterImage): readonly Statement[] => [
  said("color", "grey"),
  said("gist", "tall"),
  said("gist", slopeOf(image)),
  said("gist", "fine"),
];

function howTaken({ image, nuisances: { letter } }: ChestPhantom): Statement[] {
  return [
    said("organ", "chest"),
    said("modality", "x-ray"),
    ...chestGist(image),
    saidOfBrightness(image),
    ...where(letter !== "none", said("letter", `letter ${letter === "L" ? "left" : "right"}`)),
  ];
}

/** One statement for all spots of one kind on one side; faint ones are not worth a word. */
function spotsSeen({ spots }: ChestSigns): Statement[] {
  const clear = spots.filter(({ level }) => Math.abs(level) >= 0.3);
  const words = clear.map(({ level, side }) => `${level > 0 ? "opacity" : "dark"} ${side} side`);
  return [...new Set(words)].map((text) => said("sign", text));
}

function whatIsSeen(signs: ChestSigns): Statement[] {
  const { streaks = 0, haze = 0, inflation = 0, mirrored = 0, heart = 1, middle = 0, fluid = 0 } = signs;
  return [
    ...spotsSeen(signs),
    ...where(streaks >= 0.5, said("sign", "coarse ground")),
    ...where(haze >= 0.4, said("sign", "pale ground")),
    ...where(inflation >= 0.5, said("sign", "deep ground")),
    ...where(heart >= 1.25, said("sign", "wide middle")),
    ...where(mirrored > 0.5, said("sign", "middle left")),
    ...where(middle >= 0.3, said("sign", "pale middle")),
    ...where(fluid >= 0.3, said("sign", "pale side")),
  ];
}

/** The caption of a child's chest film: its labels by number, as in the question. */
export function writeChestCaption(labels: readonly number[], phantom: ChestPhantom, random: Random): string {
  const diagnosis = said("diagnosis", `class ${labels.join(" , ")}`);
  return writeCaption(howTaken(phantom), [diagnosis, ...whatIsSeen(phantom.signs)], random);
}
