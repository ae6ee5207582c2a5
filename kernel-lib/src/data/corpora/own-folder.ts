import { join } from "node:path";
import { DataError } from "../../base/errors";
import { readCsv } from "../formats/csv";
import {
  type BrokenRow,
  type ByteProgress,
  type CorpusDefinition,
  type CorpusRow,
  type CorpusSource,
  countBytes,
  namesIn,
  readJsonlRows,
  stringField,
} from "./definition";

type Fields = Readonly<Record<string, unknown>>;

const GROUPS = ["group", "patient", "case"];

/** The first of the fields that name what a passage belongs to. */
function groupOf(object: Fields): { group?: string } {
  const found = GROUPS.map((name) => object[name]).find((value) => typeof value === "string" && value !== "");
  return found === undefined ? {} : { group: found as string };
}

function toRow(object: Fields, place: string, folder: string, licence: string): CorpusRow {
  const path = stringField(object, "image");
  const id = object.id === undefined ? path : stringField(object, "id");
  const own = object.licence === undefined ? licence : stringField(object, "licence");
  return { place, id, text: stringField(object, "text"), licence: own, picture: { folder, path }, ...groupOf(object) };
}

async function* csvRows(
  file: string,
  folder: string,
  licence: string,
  progress: ByteProgress,
): AsyncGenerator<CorpusRow> {
  const rows = await readCsv(file, ["image", "text"]);
  for (const { place, fields } of rows) yield toRow(Object.fromEntries(fields), place, folder, licence);
  progress.done = progress.total;
}

/**
 * Any folder with a file corpus.jsonl (one object a line) or corpus.csv (with a header): `image` (a path within the folder) and
 * `text`; optional `id` (default the path), `licence`, and `group`, `patient` or `case`. A .jsonl is read line by line; a .csv, of
 * at most 256 MiB, whole.
 *
 * @throws DataError when there is no such file.
 */
export async function openOwnFolder(
  folder: string,
  { name, card }: Pick<CorpusDefinition, "name" | "card">,
): Promise<CorpusSource> {
  const list = (await namesIn(folder)).find((file) => file === "corpus.jsonl" || file === "corpus.csv");
  if (list === undefined) {
    const message = `openOwnFolder: folder must hold corpus.jsonl or corpus.csv; got ${folder}. Check dataDir.`;
    throw new DataError(message, { folder });
  }
  const file = join(folder, list);
  const progress: ByteProgress = { done: 0, total: await countBytes([file]) };
  const rows = (): AsyncIterable<CorpusRow | BrokenRow> =>
    list === "corpus.csv"
      ? csvRows(file, folder, card.licence, progress)
      : readJsonlRows([file], (object, place) => toRow(object, place, folder, card.licence), progress);
  return { name, card, files: [folder], rows, progress: () => progress };
}

const NAME = "folder";
const CARD = {
  title: NAME,
  description: "Pictures with texts.",
  licence: "not stated",
  citation: "none given",
  obtain: "a folder with corpus.jsonl or corpus.csv",
};

/** Anybody's folder, which the data folder itself is then. */
export const OWN_FOLDER: CorpusDefinition = {
  name: NAME,
  modality: "pictures of any kind",
  card: CARD,
  layout: ["corpus.jsonl (or corpus.csv) + the pictures it names"],
  access: "open",
  publications: [],
  open: (dataDir) => openOwnFolder(dataDir, { name: NAME, card: CARD }),
};
