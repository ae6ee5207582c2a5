import type { Random } from "../../../base/random";
import { wordFor } from "../attributes";
import type { SkinPhantom } from "../tasks/derma-phantom";
import { always, said, saidOfBrightness, spotsWord, where, wordOf, writeCaption } from "./caption";
import { isDarkInside } from "./pixels";

/** The caption of a skin lesion under a dermatoscope. */
export function writeSkinCaption(label: number, { image, signs, nuisances }: SkinPhantom, random: Random): string {
  const { zoom, warmth, corners } = nuisances;
  const { border, redness, dots, scale, vessels, veil, wax, core, size } = signs;
  const taken = [
    said("organ", "skin"),
    said("modality", "photograph"),
    said("gist", "coarse"),
    said("color", wordOf(warmth, [0.7], ["red ground", "amber ground"])),
    saidOfBrightness(image),
    ...where(corners > 0, said("zoom", "round place")),
  ];
  const seen = [
    said("diagnosis", `class ${label}`),
    said("zoom", wordFor("size", size * zoom)),
    ...where(isDarkInside(image), said("gist", "deep")),
    always("lesion"),
    said("sign", wordFor("border", border)),
    said("sign", `${spotsWord(dots)} spots`),
    ...where(redness >= 0.45, said("sign", "red")),
    ...where(scale >= 0.3, said("sign", "bright spots")),
    ...where(vessels >= 0.35, said("sign", "fine red spots")),
    ...where(veil >= 0.35, said("sign", "blue")),
    ...where(wax >= 0.4, said("sign", "amber")),
    ...where(core >= 0.4, said("sign", "pale middle")),
  ];
  return writeCaption(taken, seen, random);
}
