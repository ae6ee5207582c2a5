import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathWithin } from "../../base/paths";
import { type CsvRow, csvFlag, csvText, readCsv } from "../formats/csv";
import { readDicom, renderDicom } from "../formats/dicom/dicom";
import { readBytes } from "../formats/text-file";
import { classQuestion, type PublishedTask, type ReadRequest } from "./definition";
import { LABEL_SET_FORMAT, type LabelSetRow, readLabelSets } from "./multi-label";
import { findLayout, missingPicture, type PictureSource, pictureOf, reducePicture, sideOf } from "./pictures";

/** Names as the publisher's columns have them, misspellings included. */
export const VINDR_COLUMNS: readonly string[] = [
  "No finding",
  "Bronchitis",
  "Brocho-pneumonia",
  "Other disease",
  "Bronchiolitis",
  "Situs inversus",
  "Pneumonia",
  "Pleuro-pneumonia",
  "Diagphramatic hernia",
  "Tuberculosis",
  "Congenital emphysema",
  "CPAM",
  "Hyaline membrane disease",
  "Mediastinal tumor",
  "Lung tumor",
];

const LABELS = VINDR_COLUMNS.map((column, index) => ({ index, name: column.toLowerCase(), answer: String(index) }));
const QUESTION = classQuestion(
  "which of these does this chest x-ray of a child show ?",
  LABELS.map(({ name }) => name),
);
const CARD = {
  title: "VinDr-PCXR",
  description: "9,125 chest x-rays of children under ten, 15 labels per picture by radiologists.",
  licence: "PhysioNet Credentialed Health Data License 1.5.0",
  citation: "Pham et al., VinDr-PCXR: an open, large-scale pediatric chest X-ray dataset, PhysioNet (2022).",
  obtain:
    "VinDr-PCXR 1.0.0 from physionet.org/content/vindr-pcxr: become a credentialed user, complete the required training, sign the agreement of the data set, then download train/, test/, image_labels_train.csv and image_labels_test.csv to data/raw/vindr-pcxr/. Pictures exported as PNG under the same names are read too. The data must not go to third parties, online services included.",
} as const;

const ENDINGS = [".dicom", ".dcm", ".png", ".jpg"];

async function dicomPicture(path: string, place: string, side: number): Promise<PictureSource> {
  const load = async () => reducePicture(renderDicom(await readDicom(await readBytes(path), place)), side);
  return { key: path, place, load };
}

/** The picture of an id, as DICOM or exported. */
async function findPicture(folder: string, id: string, place: string, side: number): Promise<PictureSource> {
  for (const ending of ENDINGS) {
    const path = await pathWithin(folder, `${id}${ending}`, place);
    if (!existsSync(path)) continue;
    const named = `${place}, picture ${id}${ending}`;
    return ending.startsWith(".d") ? dicomPicture(path, named, side) : pictureOf(path, named, path, side);
  }
  return missingPicture(place, `none of ${id}${ENDINGS.join(", ")} in ${folder}`, "Get the pictures too.");
}

const flagsOf = (row: CsvRow): number[] => VINDR_COLUMNS.map((column) => csvFlag(row, column));

/** Rows by picture: a label holds when at least half of the radiologists who read the picture named it. */
function mergeReaders(rows: readonly CsvRow[]): Map<string, { place: string; labels: number[] }> {
  const readings = new Map<string, { place: string; flags: number[][] }>();
  for (const row of rows) {
    const id = csvText(row, "image_id");
    const known = readings.get(id);
    if (known === undefined) readings.set(id, { place: row.place, flags: [flagsOf(row)] });
    else known.flags.push(flagsOf(row));
  }
  const merged = new Map<string, { place: string; labels: number[] }>();
  for (const [id, { place, flags }] of readings) {
    const holds = (index: number) => 2 * flags.reduce((sum, row) => sum + row[index]!, 0) >= flags.length;
    merged.set(id, { place, labels: LABELS.map(({ index }) => index).filter(holds) });
  }
  return merged;
}

async function readRows(request: ReadRequest): Promise<LabelSetRow[]> {
  const files = ["image_labels_train.csv", "image_labels_test.csv"];
  const own = ["vindr-pcxr", "vindr_pcxr", "physionet.org/files/vindr-pcxr/1.0.0"];
  const { folder } = findLayout(request.dataDir, own, [{ name: "physionet", files }], CARD);
  const rows: LabelSetRow[] = [];
  for (const split of ["train", "test"] as const) {
    const csv = await readCsv(join(folder, `image_labels_${split}.csv`), ["image_id", ...VINDR_COLUMNS]);
    for (const [id, { place, labels }] of mergeReaders(csv)) {
      const picture = await findPicture(join(folder, split), id, place, sideOf(request));
      rows.push({ id, split, place, labels, patient: null, picture });
    }
  }
  return rows;
}

/** VinDr-PCXR: chest x-rays of children, any number of 15 labels. */
export const VINDR_PCXR: PublishedTask = {
  name: "vindr-pcxr",
  modality: "paediatric chest x-ray",
  labels: LABELS,
  question: QUESTION,
  forms: ["labels"],
  answerFormat: LABEL_SET_FORMAT,
  metrics: ["exactMatch", "macroF1"],
  replicaTraining: { closedBookSteps: 160, readerSteps: 200, numCandidates: 3 }, // a pair is scored once per label
  splitsNote:
    "published: 7,728 / 1,397 for training and test; a tenth of the training pictures becomes validation, by splitSeed. The files name no patients",
  layout: ["vindr-pcxr/image_labels_{train,test}.csv + {train,test}/<image_id>.dicom (or .png)"],
  access: "credentialed",
  downloads: [],
  publications: [],
  card: CARD,
  read: async (request) =>
    readLabelSets({ name: "vindr-pcxr", question: QUESTION, labels: LABELS }, await readRows(request), request),
};
