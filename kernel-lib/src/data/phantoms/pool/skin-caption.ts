import type { Random } from "../../../base/random";
import type { SkinPhantom } from "../tasks/derma-phantom";
import { always, said, spotsWord, where, wordOf, writeCaption } from "./caption";

/** The caption of a skin lesion under a dermatoscope. */
export function writeSkinCaption(label: number, { signs, nuisances }: SkinPhantom, random: Random): string {
  const { tone, zoom, warmth, corners } = nuisances;
  const { border, darkness, redness, dots, scale, vessels, veil } = signs;
  const taken = [
    said("organ", "skin"),
    said("modality", "photograph"),
    said("color", `${wordOf(tone, [0.35, 0.65], ["pale", "medium", "dark"])} ground`),
    said("device", `${wordOf(warmth, [0.5], ["plain", "amber"])} device`),
    ...where(corners > 0, said("device", "round place")),
  ];
  const seen = [
    said("diagnosis", `class ${label}`),
    said("zoom", wordOf(zoom, [0.44, 0.56], ["small", "medium", "large"])),
    always("lesion"),
    said("sign", wordOf(border, [0.06, 0.11], ["smooth", "wavy", "spiky"])),
    said("sign", redness >= 0.45 ? "red" : wordOf(darkness, [0.5], ["pale", "dark"])),
    said("sign", `${spotsWord(dots)} spots`),
    ...where(scale >= 0.3, said("sign", "bright spots")),
    ...where(vessels >= 0.35, said("sign", "fine red spots")),
    ...where(veil >= 0.35, said("sign", "blue")),
  ];
  return writeCaption(taken, seen, random);
}
