import type { Random } from "../../../base/random";
import { type PathologyCase, TISSUES } from "../tasks/pathology-case";
import { LARGE, type RadiologyCase } from "../tasks/radiology-case";
import { said, where, wordOf, writeCaption } from "./caption";
import { exposureWord } from "./chest-caption";

/** The caption of a radiology picture: organ, modality, finding and side in the words of the questions. */
export function writeRadiologyCaption({ facts, nuisances }: RadiologyCase, random: Random): string {
  const { organ, modality, finding, present, side, level, enlarged } = facts;
  const taken = [
    said("organ", organ),
    said("modality", modality),
    said("color", "grey"),
    said("device", `${exposureWord(nuisances.exposure)} device`),
    said("zoom", wordOf(nuisances.zoom, [0.9, 0.97], ["small", "medium", "large"])),
  ];
  const seen = [
    ...where(present, said("diagnosis", `${finding} ${side} side`)),
    ...where(present, said("sign", level)),
    ...where(!present, said("finding", `no ${finding}`)),
    ...where(!present && !enlarged, said("diagnosis", "normal")),
    ...where(enlarged, said("finding", `${LARGE[organ]} enlarged`)),
  ];
  return writeCaption(taken, seen, random);
}

/** The caption of a tissue section: tissue, diagnosis and signs in the words of the questions. */
export function writeHistologyCaption({ facts, scene }: PathologyCase, random: Random): string {
  const { pattern, malignant, bleeding, inflammation } = facts;
  const { stain, magnification, cells } = scene;
  const taken = [
    said("organ", TISSUES[pattern]),
    said("modality", "photograph"),
    said("color", `${wordOf(stain, [0.5], ["red", "blue"])} ground`),
    said("zoom", `${wordOf(magnification, [0.055, 0.065], ["small", "medium", "large"])} spots`),
    said("device", `${wordOf(cells, [60], ["coarse", "fine"])} grain`),
  ];
  const seen = [
    said("diagnosis", malignant ? "malignant" : "benign"),
    ...where(malignant, said("sign", "atypical nuclei")),
    ...where(bleeding, said("finding", "bleeding")),
    ...where(inflammation, said("finding", "inflammation")),
    ...where(!malignant && !bleeding && !inflammation, said("sign", "normal tissue")),
  ];
  return writeCaption(taken, seen, random);
}
