import { createRandom } from "../../src/base/random";
import type { RasterImage } from "../../src/base/types";
import { type CasebookOptions, settleDials } from "../../src/phantoms/casebook/dials";
import { drawCasebook } from "../../src/phantoms/casebook/world";
import { drawCorpusPhantom } from "../../src/phantoms/corpora/breast-corpus";
import { drawPool, POOL_LOOKS } from "../../src/phantoms/corpora/pool";
import { loadTask } from "../../src/phantoms/load-task";
import { type BreastDiagnosis, type BreastPhantom, drawBreastPhantom } from "../../src/phantoms/tasks/breast";
import { contactSheet } from "./contact-sheet";
import { shownPlan } from "./plans";

const COLUMNS = 10;
const TASKS = ["breast-mnist", "derma-mnist", "retina-mnist", "vindr-pcxr", "brset", "vqa-rad", "slake", "path-vqa"];

const first = <T>(list: readonly T[]): T[] => list.slice(0, COLUMNS);
const draw = (diagnosis: BreastDiagnosis, name: string): BreastPhantom =>
  drawBreastPhantom(diagnosis, shownPlan("breast-mnist", name), createRandom(name));

/** Rows: benign, and the same pictures (same stream, so same nuisances, noise and chance) drawn as malignant. */
export function diagnosisSheet(): Promise<Buffer> {
  const rows = (["benign", "malignant"] as const).map((diagnosis) =>
    Array.from({ length: COLUMNS }, (_, i) => draw(diagnosis, `sheet/${i}`).image),
  );
  return contactSheet(rows, 64);
}

/** One row per value of device, density and zoom: benign pictures only. */
export function nuisanceSheet(): Promise<Buffer> {
  const many = Array.from({ length: 400 }, (_, i) => draw("benign", `nuisance/${i}`));
  const having = (name: keyof BreastPhantom["nuisances"], value: string): RasterImage[] =>
    first(many.filter((phantom) => phantom.nuisances[name] === value)).map((phantom) => phantom.image);
  const rows = [
    having("device", "dark"),
    having("device", "bright"),
    having("density", "coarse"),
    having("density", "fine"),
    having("side", "left"),
    having("side", "right"),
    having("zoom", "small"),
    having("zoom", "large"),
  ];
  return contactSheet(rows, 56);
}

/** What each corpus shows: rows for ultrasound, chest, retina and skin. */
export function corpusSheet(): Promise<Buffer> {
  const { passages } = drawCorpusPhantom({ numPassages: 400 });
  const showing = (pattern: RegExp) =>
    first(passages.filter(({ text }) => pattern.test(text))).map(({ image }) => image);
  return contactSheet([showing(/ultrasound/), showing(/^chest/), showing(/^retina/), showing(/^skin/)], 56);
}

/** One row per look of the pool. */
export function poolSheet(): Promise<Buffer> {
  const passages = [...drawPool({ seed: 7, numPassages: 7 * COLUMNS })];
  const rows = Object.keys(POOL_LOOKS).map((look) =>
    passages.filter(({ id }) => id.startsWith(`pool/${look}/`)).map(({ image }) => image),
  );
  return contactSheet(rows, 56);
}

/** One row per task, in the paper's order. */
export async function taskSheet(): Promise<Buffer> {
  const rows: RasterImage[][] = [];
  for (const name of TASKS) {
    const { splits } = await loadTask(name, { source: "phantom" });
    rows.push(first([...new Set(splits.train.map(({ image }) => image))]));
  }
  return contactSheet(rows, 56);
}

/** What is turned in each row of the casebook's sheet; the cases of a column are the same otherwise. */
export const CASEBOOK_ROWS: readonly CasebookOptions[] = [
  {},
  { visibility: 0.5 },
  { visibility: 0 },
  { pull: 0.5 },
  { pull: 0 },
  { knowledge: 0 },
];

/** One row per setting: the first test cases of one seed. */
export function casebookSheet(): Promise<Buffer> {
  const rows = CASEBOOK_ROWS.map((turned) => {
    const { cases } = drawCasebook("casebook", settleDials("casebook", turned), 7);
    return first(cases("test")).map(({ draw }) => draw());
  });
  return contactSheet(rows, 64);
}
