import { join } from "node:path";
import { DataError } from "../../base/errors";
import { SPLITS } from "../../base/types";
import { entityNames, entityText } from "../entities";
import { type CsvRow, csvFlag, csvText, readCsv } from "../formats/csv";
import { dealGroups } from "../splits";
import { classQuestion, type PublishedTask, type ReadRequest } from "./definition";
import { LABEL_SET_FORMAT, type LabelSetRow, readLabelSets } from "./multi-label";
import { findLayout, namedPicture, sideOf } from "./pictures";

/** The disease columns of labels.csv, in their order. */
export const BRSET_COLUMNS: readonly string[] = [
  "diabetic_retinopathy",
  "macular_edema",
  "scar",
  "nevus",
  "amd",
  "vascular_occlusion",
  "hypertensive_retinopathy",
  "drusens",
  "hemorrhage",
  "retinal_detachment",
  "myopic_fundus",
  "increased_cup_disc",
  "other",
];

/** The paper counts 14 classes: the 13 columns and, by our reading, a picture without any of them. */
const NAMES = [...BRSET_COLUMNS.map((column) => column.replaceAll("_", " ")), "normal"];
const NORMAL = NAMES.length - 1;
const LABELS = NAMES.map((name, index) => ({ index, name, answer: String(index) }));
const QUESTION = classQuestion("which of these does this fundus photograph show ?", NAMES);
const SHARES = [0.7, 0.1, 0.2];
const CARD = {
  title: "BRSET",
  description: "16,266 fundus photographs of 8,524 Brazilian patients, 13 diseases; the paper counts 14 classes.",
  licence: "PhysioNet Credentialed Health Data License 1.5.0",
  citation: "Nakayama et al., A Brazilian Multilabel Ophthalmological Dataset (BRSET), PhysioNet (2023).",
  obtain:
    "BRSET from physionet.org/content/brazilian-ophthalmological: become a credentialed user, complete the required training, sign the agreement of the data set, then download labels_brset.csv (older: labels.csv) and fundus_photos/ to data/raw/brset/. The data must not go to third parties, online services included.",
} as const;

function labelsOf(row: CsvRow): number[] {
  const found = BRSET_COLUMNS.flatMap((column, index) => (csvFlag(row, column) === 1 ? [index] : []));
  return found.length === 0 ? [NORMAL] : found;
}

/** The patient's one name. @throws DataError where the cell names none. */
function patientOf({ place, fields }: CsvRow): string {
  const where = `loadTask: ${place}, column patient_id,`;
  try {
    const text = entityText(fields.get("patient_id"), "patient_id");
    if (text !== null) return entityNames(text, "patient")[0]!;
  } catch (cause) {
    throw new DataError(`${where} ${(cause as Error).message}. Check the file.`, { place }, cause);
  }
  throw new DataError(`${where} must name a patient; got none. Check the file.`, { place });
}

async function readRows(request: ReadRequest): Promise<LabelSetRow[]> {
  const versions = ["1.0.1", "1.0.0"].map((version) => `physionet.org/files/brazilian-ophthalmological/${version}`);
  const layouts = ["labels_brset.csv", "labels.csv"].map((name) => ({ name, files: [name, "fundus_photos"] }));
  const own = ["brset", "brazilian-ophthalmological", ...versions];
  const { folder, layout } = findLayout(request.dataDir, own, layouts, CARD);
  const csv = await readCsv(join(folder, layout), ["image_id", "patient_id", ...BRSET_COLUMNS]);
  const patients = csv.map(patientOf);
  const numbers = patients.map((name) => name.replace(/^patient-/, ""));
  const parts = dealGroups(numbers, SHARES, request.splitSeed);
  const rows: LabelSetRow[] = [];
  for (const [i, row] of csv.entries()) {
    const id = csvText(row, "image_id").replace(/\.jpg$/, "");
    const place = `${row.place}, column image_id`;
    const picture = await namedPicture(join(folder, "fundus_photos"), `${id}.jpg`, place, sideOf(request));
    const split = SPLITS[parts[i]!]!;
    rows.push({ id, split, place: row.place, labels: labelsOf(row), patient: patients[i]!, picture });
  }
  return rows;
}

/** BRSET: fundus photographs, any number of 14 labels. */
export const BRSET: PublishedTask = {
  name: "brset",
  modality: "fundus photograph",
  labels: LABELS,
  question: QUESTION,
  forms: ["labels"],
  answerFormat: LABEL_SET_FORMAT,
  metrics: ["exactMatch", "macroF1"],
  replicaTraining: { closedBookSteps: 160, readerSteps: 240, numCandidates: 3 }, // a pair is scored once per label
  splitsNote:
    "none published: 70 / 10 / 20 % of the pictures, whole patients, by splitSeed (the paper trains on 11,386 pictures, 70 %, and does not say which)",
  layout: ["brset/labels_brset.csv (or labels.csv) + fundus_photos/<image_id>.jpg"],
  access: "credentialed",
  downloads: [],
  publications: [],
  card: CARD,
  read: async (request) =>
    readLabelSets({ name: "brset", question: QUESTION, labels: LABELS }, await readRows(request), request),
};
