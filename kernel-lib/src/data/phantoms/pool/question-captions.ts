import type { Random } from "../../../base/random";
import { type PathologyCase, TISSUES } from "../tasks/pathology-case";
import { LARGE, type RadiologyCase } from "../tasks/radiology-case";
import { type Statement, said, saidOfBrightness, where, wordOf, writeCaption } from "./caption";
import { chestGist } from "./chest-caption";

/** What anyone sees of a slice: one large pale body, grey, tall for a head, wide for an abdomen. */
const sliceGist = (organ: "head" | "abdomen"): readonly Statement[] => [
  said("color", "grey"),
  said("gist", "large"),
  said("gist", organ === "head" ? "tall" : "wide"),
  said("gist", "pale"),
];

/** The caption of a radiology picture: organ, modality, finding and side in the words of the questions. */
export function writeRadiologyCaption({ image, facts }: RadiologyCase, random: Random): string {
  const { organ, modality, finding, present, side, level, enlarged } = facts;
  const taken = [
    said("organ", organ),
    said("modality", modality),
    ...(organ === "chest" ? chestGist(image) : sliceGist(organ)),
    saidOfBrightness(image),
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
export function writeHistologyCaption({ image, facts, scene }: PathologyCase, random: Random): string {
  const { pattern, malignant, bleeding, inflammation } = facts;
  const { stain, magnification } = scene;
  const taken = [
    said("organ", TISSUES[pattern]),
    said("modality", "photograph"),
    saidOfBrightness(image),
    said("color", `${wordOf(stain, [0.5], ["red", "red blue"])} ground`),
    said("gist", "fine"),
    said("gist", "speckled"),
    said("zoom", `${wordOf(magnification, [0.06], ["small", "medium"])} spots`),
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
