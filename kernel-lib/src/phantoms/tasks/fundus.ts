import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertNotInterrupted } from "../../base/check";
import { createRandom, type Random } from "../../base/random";
import { type RasterImage, SPLITS } from "../../base/types";
import { formatCsv } from "../../data/formats/csv";
import { BRSET, BRSET_COLUMNS } from "../../data/tasks/brset";
import { RETINA_MNIST } from "../../data/tasks/retina-mnist";
import { type CasePlan, factsOfPlan, planCase, type RuleWorld, ruleWorld } from "../knowledge/rule";
import { toRaster } from "../looks/canvas";
import {
  type DrawnFundus,
  drawFundus,
  drawFundusNuisances,
  type FundusNuisances,
  type FundusSigns,
} from "../looks/fundus";
import { takePicture } from "../looks/taking";
import { drawPoisson, encodePicture, type PhantomRequest, scaled, type TaskPhantom } from "../phantom";
import { medMnistPhantom } from "./medmnist";

/** Deviation of the grain. */
const TEXTURE = 0.14;

/** Draws a fundus photograph of this grade, 0 to 4: spots grow with the grade, by chance. A told grade is drawn as the lowest. */
export function drawFundusPhantom(grade: number, plan: CasePlan, random: Random, side = 28): DrawnFundus {
  const shown = plan.isTold ? 0 : grade;
  const signs = {
    bleedings: drawPoisson(0.2 + 2.4 * shown, random),
    exudates: drawPoisson(0.2 + 1.6 * shown, random),
    oedema: Math.max(0, random.normal(0.22 * shown - 0.25, 0.12)),
    drusen: random.chance(0.15) ? 1 + random.integer(3) : 0,
    cup: random.uniform(0.25, 0.5),
  };
  const nuisances = drawFundusNuisances(random);
  const canvas = drawFundus(side, signs, nuisances, random);
  takePicture(canvas, plan.words, TEXTURE, random);
  return { image: toRaster(canvas, 3, 0.03, random), signs, nuisances, plan };
}

/** How a case of this grade is drawn in the world of a rule. */
export const planGrade = (grade: number, world: RuleWorld, random: Random): CasePlan =>
  planCase(world, grade, random.fork("plan"));

/** Share of each grade, as in the real data set. */
export const GRADE_SHARES = [0.45, 0.12, 0.19, 0.18, 0.06];

/** The stand-in for retinamnist.npz. */
export const RETINA_PHANTOM = medMnistPhantom({
  task: RETINA_MNIST,
  version: 3,
  description:
    "Fundus photographs drawn as orange discs with optic disc and vessels. The grade raises the mean number of red and yellow spots and the haze, so that neighbouring grades overlap; seven cases in ten look like the lowest, and their grade lies in the corpus, by a made-up rule over how the picture was taken. Hue, field and eye vary freely.",
  shares: GRADE_SHARES,
  quickShare: 0.5,
  plan: planGrade,
  draw: (grade, plan, random) => drawFundusPhantom(grade, plan, random).image,
});

const BRSET_SIDE = 64;
const NUM_PATIENTS = 8133; // two eyes each: 16,266 pictures, as published

/** How many of the patients have each disease, in the order of the columns; the rarest raised to 1.5 %. */
export const DISEASE_SHARES = [0.08, 0.03, 0.02, 0.015, 0.025, 0.015, 0.02, 0.15, 0.015, 0.015, 0.02, 0.18, 0.04];

type Drawing = (strength: number, random: Random) => Partial<FundusSigns>;

/** What each disease adds, `strength` from 0 to 1. In the order of the columns. */
const SIGNS: readonly Drawing[] = [
  (strength, random) => ({
    bleedings: 9 + drawPoisson(5 * strength, random),
    exudates: 6 + drawPoisson(5 * strength, random),
  }),
  (strength) => ({ oedema: 0.7 + 0.3 * strength }),
  (strength) => ({ scar: 0.7 + 0.3 * strength }),
  (strength) => ({ nevus: 0.7 + 0.3 * strength }),
  (strength, random) => ({ drusen: 10 + drawPoisson(5 * strength, random), oedema: 0.3 + 0.3 * strength }),
  (strength) => ({ occlusion: 0.7 + 0.3 * strength }),
  (strength) => ({ narrowing: 0.8 + 0.2 * strength }),
  (strength, random) => ({ drusen: 16 + drawPoisson(6 * strength, random) }),
  (strength, random) => ({ bleedings: 4 + drawPoisson(3 * strength, random) }),
  (strength) => ({ detachment: 0.7 + 0.3 * strength }),
  (strength) => ({ paleness: 0.7 + 0.5 * strength }),
  (strength) => ({ cup: 1.2 + 0.4 * strength }),
  (_, random) => ({ exudates: 3 + random.integer(3) }),
];

/** What a healthy eye may show too, faintly. */
function drawEveryday(random: Random): FundusSigns {
  return {
    bleedings: random.chance(0.1) ? 1 : 0,
    exudates: random.chance(0.1) ? 1 : 0,
    drusen: random.chance(0.2) ? 1 + random.integer(2) : 0,
    cup: random.uniform(0.25, 0.5),
    paleness: random.uniform(0, 0.2),
    narrowing: random.uniform(0, 0.4),
    oedema: random.uniform(0, 0.2),
  };
}

/** Draws a fundus photograph with these diseases (indices into the columns). */
export function drawEyePhantom(
  diseases: readonly number[],
  { nuisances, plan }: { readonly nuisances: FundusNuisances; readonly plan: CasePlan },
  random: Random,
  side = BRSET_SIDE,
): DrawnFundus {
  let signs = drawEveryday(random);
  for (const disease of diseases) {
    if (plan.isTold && IN_RULE.includes(disease)) continue;
    signs = { ...signs, ...SIGNS[disease]!(random.next(), random) };
  }
  const canvas = drawFundus(side, signs, nuisances, random);
  takePicture(canvas, plan.words, TEXTURE, random);
  return { image: toRaster(canvas, 3, 0.025, random), signs, nuisances, plan };
}

/** The diseases that the rule knows; its first class is none of them. */
const IN_RULE = [0, 7, 11];

/** The rule's class of an eye; null where it has none. */
function planLabel(diseases: readonly number[]): number | null {
  const known = diseases.filter((disease) => IN_RULE.includes(disease));
  return known.length > 1 ? null : known.length === 0 ? 0 : 1 + IN_RULE.indexOf(known[0]!);
}

/** How an eye with these diseases is drawn in the world of a rule. */
export const planEye = (diseases: readonly number[], world: RuleWorld, random: Random): CasePlan =>
  planCase(world, planLabel(diseases), random.fork("plan"));

const COLUMNS = ["image_id", "patient_id", "camera", "patient_age", "patient_sex", "exam_eye", ...BRSET_COLUMNS];

interface Patient {
  readonly id: number;
  readonly diseases: readonly number[];
  readonly details: readonly (string | number)[];
  readonly nuisances: FundusNuisances;
}

/** Both photographs of a patient come from one visit: they look alike, so a split between them would leak. */
function drawPatient(id: number, random: Random): Patient {
  return {
    id,
    diseases: DISEASE_SHARES.flatMap((share, disease) => (random.chance(share) ? [disease] : [])),
    details: [random.pick(["Canon CR", "NIKON NF5050"]), 20 + random.integer(65), 1 + random.integer(2)],
    nuisances: drawFundusNuisances(random),
  };
}

const EXAMS = [
  [1, "right"],
  [2, "left"],
] as const;
/** Pictures that are encoded at once, while the next ones are drawn. */
const AT_ONCE = 32;

/** Both photographs of every patient, before they are drawn. */
function* planEyes({ seed, size }: Pick<PhantomRequest, "seed" | "size">) {
  const random = createRandom(`brset-phantom/${seed}`);
  const world = ruleWorld(BRSET.name, seed);
  for (let id = 1; id <= scaled(NUM_PATIENTS, size); id++) {
    const patient = drawPatient(id, random.fork(`patient/${id}`));
    for (const [exam, eye] of EXAMS) {
      const own = random.fork(`eye/${id}/${exam}`);
      // one disease in five is in one eye only
      const diseases = patient.diseases.filter(() => own.chance(0.9));
      const name = `img${String(2 * (id - 1) + exam).padStart(5, "0")}`;
      yield { name, patient, exam, eye, diseases, plan: planEye(diseases, world, own), own };
    }
  }
}

async function writeBrset(request: PhantomRequest): Promise<void> {
  const { folder, control } = request;
  mkdirSync(join(folder, "fundus_photos"), { recursive: true });
  const rows: (string | number)[][] = [];
  let encoding: Promise<void>[] = [];
  const encode = async (name: string, image: RasterImage): Promise<void> =>
    writeFileSync(join(folder, "fundus_photos", `${name}.jpg`), await encodePicture(image, "jpeg"));
  for (const { name, patient, exam, eye, diseases, plan, own } of planEyes(request)) {
    assertNotInterrupted("phantom of brset", control.signal);
    const { image } = drawEyePhantom(diseases, { nuisances: { ...patient.nuisances, eye }, plan }, own);
    encoding.push(encode(name, image));
    const flags = BRSET_COLUMNS.map((_, disease) => (diseases.includes(disease) ? 1 : 0));
    rows.push([name, patient.id, ...patient.details, exam, ...flags]);
    if (encoding.length < AT_ONCE) continue;
    await Promise.all(encoding);
    encoding = [];
  }
  await Promise.all(encoding);
  writeFileSync(join(folder, "labels_brset.csv"), formatCsv(COLUMNS, rows));
}

/** The stand-in for BRSET: JPEG files and labels_brset.csv. */
export const BRSET_PHANTOM: TaskPhantom = {
  task: BRSET,
  version: 3,
  description:
    "Fundus photographs of both eyes of each patient. Diseases add spots, patches, a wide cup, pale ground or thin vessels; most occur faintly in healthy eyes too. Of the three commonest, seven in ten are not drawn: they lie in the corpus, by a made-up rule over how the picture was taken. Hue and field belong to the patient. The rarest diseases are raised to 1.5 %.",
  write: writeBrset,
  facts: (request) =>
    [...planEyes(request)].flatMap(({ name, plan }) =>
      SPLITS.map((split) => [`${BRSET.name}/${split}/${name}`, factsOfPlan(plan)] as const),
    ),
};
