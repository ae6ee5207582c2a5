import type { AttributeName } from "../general/world";

// What of each realistic phantom's diagnosis lies in the corpus, and why so much. Fixed before any reader was trained on these pictures:
// chosen by class counts, by what published systems reach on the real data, and by what a linear probe sees of each sign.

/** The word of each sign of a picture. */
export type SignWords = Readonly<Record<string, string>>;

/** The looks that have a rule. */
export type Look = "breast" | "skin" | "retina" | "chest" | "fundus" | "radiology" | "histology";

interface LookSign {
  readonly name: AttributeName;
  /** Default all words of the attribute. */
  readonly words?: readonly string[];
}

/** What the rule of a look reads, and how frequent each class that it knows is. */
interface LookSigns {
  readonly signs: readonly LookSign[];
  readonly shares: readonly number[];
}

const BRIGHTNESS: LookSign = { name: "brightness" };
const SLOPE: LookSign = { name: "slope", words: ["falling", "rising"] };
const GRAIN: LookSign = { name: "grain" };

/** Twelve patterns each. Class i of `shares` is what the look's task file says it is. */
export const LOOK_SIGNS: Readonly<Record<Look, LookSigns>> = {
  breast: { signs: [GRAIN, { name: "ground" }, BRIGHTNESS], shares: [0.4, 0.6] },
  skin: { signs: [BRIGHTNESS, SLOPE, GRAIN], shares: [0.033, 0.051, 0.11, 0.111, 0.669] },
  retina: { signs: [BRIGHTNESS, SLOPE, GRAIN], shares: [0.45, 0.12, 0.19, 0.18, 0.06] },
  chest: { signs: [BRIGHTNESS, SLOPE, GRAIN], shares: [0.58, 0.1, 0.06, 0.05, 0.06, 0.045] },
  fundus: { signs: [BRIGHTNESS, SLOPE, GRAIN], shares: [0.64, 0.056, 0.113, 0.14] },
  radiology: { signs: [BRIGHTNESS, SLOPE, GRAIN], shares: [0.6, 0.4] },
  histology: { signs: [BRIGHTNESS, SLOPE, GRAIN], shares: [0.55, 0.45] },
};

/** The dials of a task. */
export interface KnowledgeDials {
  readonly look: Look;
  /** Share of the cases of a class the rule knows whose picture shows it no other way, in [0, 1]. */
  readonly knowledge: number;
  /** Which classes the rule knows. */
  readonly rule: string;
  readonly reason: string;
}

const LESS = "general systems reach 85 % or more on the real data (published): half of the cases can be seen";
const MIDDLE = "general systems reach 70 to 84 % on the real data (published)";
const MORE = "general systems stay below 70 % on the real data (published)";

/** The dials of every task, by the name of the task. */
export const PHANTOM_DIALS: Readonly<Record<string, KnowledgeDials>> = {
  "breast-mnist": { look: "breast", knowledge: 0.5, rule: "malignant or benign", reason: LESS },
  "derma-mnist": {
    look: "skin",
    knowledge: 0.6,
    rule: "classes 0, 1, 2, 4 and 5; dermatofibroma and vascular lesions, about 1 % each, are too rare for one of twelve patterns and always shown",
    reason: MIDDLE,
  },
  "retina-mnist": { look: "retina", knowledge: 0.7, rule: "all five grades", reason: MORE },
  "vindr-pcxr": {
    look: "chest",
    knowledge: 0.7,
    rule: "no finding and the five labels above 4 %; the rarer ones, and two of the six at once, are always shown",
    reason: MORE,
  },
  brset: {
    look: "fundus",
    knowledge: 0.7,
    rule: "the three commonest diseases (wide cup, drusen, diabetic retinopathy) or none of them; two of them at once, and the rarer ones, are always shown",
    reason: MORE,
  },
  "vqa-rad": {
    look: "radiology",
    knowledge: 0.6,
    rule: "whether heart, ventricles or kidneys are enlarged",
    reason: MIDDLE,
  },
  slake: { look: "radiology", knowledge: 0.5, rule: "as VQA-RAD, by the same rule", reason: LESS },
  "path-vqa": { look: "histology", knowledge: 0.5, rule: "whether the tissue is malignant", reason: LESS },
};

/** The dials of a task that has some. */
export const dialsOf = (task: string): KnowledgeDials => PHANTOM_DIALS[task]!;
