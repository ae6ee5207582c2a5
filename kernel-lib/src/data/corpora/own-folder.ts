import { join } from "node:path";
import { DataError } from "../../base/errors";
import { type EntityKind, entityNames, entityNamesIn, entityText } from "../entities";
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

/**
 * The fields that name what a passage comes from, and what they say it is; the first that is filled gives the group. Capitals and
 * what stands between words do not matter: "PatientID" and "patient_id" are one.
 */
const BELONGS: readonly (readonly [field: string, kind: EntityKind | null])[] = [
  ["group", null],
  ["patient", "patient"],
  ["case", "case"],
  ["study", "study"],
  ["article", "article"],
  ["patientid", "patient"],
  ["subjectid", "patient"],
  ["subject", "patient"],
  ["participantid", "patient"],
  ["participant", "patient"],
  ["pid", "patient"],
  ["mrn", "patient"],
  ["medicalrecordnumber", "patient"],
  ["caseid", "case"],
  ["studyid", "study"],
  ["accession", "study"],
  ["accessionnumber", "study"],
  ["studyinstanceuid", "study"],
  ["articleid", "article"],
  ["pmcid", "article"],
  ["pmid", "article"],
  ["doi", "article"],
];

const plainField = (field: string): string => field.toLowerCase().replaceAll(/[\s_.-]/g, "");

/** All that a passage comes from, also what its id and its picture's path give away. */
function belongings(object: Fields, id: string, path: string): Pick<CorpusRow, "group" | "entities"> {
  const fields = Object.keys(object).map((field) => [plainField(field), field] as const);
  const said = BELONGS.flatMap(([plain, kind]) =>
    fields.flatMap(([found, field]) => {
      const text = found === plain ? entityText(object[field], field) : null;
      // a number of PubMed is none of PubMed Central
      const named = plain === "pmid" && text !== null && /^\d+$/.test(text) ? `pmid ${text}` : text;
      return named === null ? [] : [{ text: named, names: entityNames(named, kind) }];
    }),
  );
  const names = [...said.flatMap((entity) => entity.names), ...entityNamesIn(id), ...entityNamesIn(path)];
  return { ...(said.length === 0 ? {} : { group: said[0]!.text }), entities: [...new Set(names)] };
}

function toRow(object: Fields, place: string, folder: string, licence: string): CorpusRow {
  const path = stringField(object, "image");
  const id = object.id === undefined ? path : stringField(object, "id");
  const own = object.licence === undefined ? licence : stringField(object, "licence");
  const text = stringField(object, "text");
  return { place, id, text, licence: own, picture: { folder, path }, ...belongings(object, id, path) };
}

async function* csvRows(
  file: string,
  folder: string,
  licence: string,
  progress: ByteProgress,
): AsyncGenerator<CorpusRow | BrokenRow> {
  for (const { place, fields } of await readCsv(file, ["image", "text"])) {
    try {
      yield toRow(Object.fromEntries(fields), place, folder, licence);
    } catch (error) {
      yield { place, reason: (error as Error).message };
    }
  }
  progress.done = progress.total;
}

/**
 * Any folder with a file corpus.jsonl (one object a line) or corpus.csv (with a header): `image` (a path within the folder) and
 * `text`; optional `id` (default the path), `licence`, and any of `group`, `patient`, `case`, `study` and `article` (or `patient_id`,
 * `PatientID`, `subject` … likewise), as texts or whole numbers: what the passage comes from. A .jsonl is read line by line; a .csv, of at most 256 MiB, whole.
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
