import { join } from "node:path";
import { DataError } from "../../base/errors";
import { readCsv } from "../formats/csv";
import type { BrokenRow, CorpusRow, CorpusSource } from "./definition";
import { type ByteProgress, countBytes, namesIn, readJsonlRows, stringField } from "./folders";

/** What is known of an own folder besides its files. */
export interface OwnFolderOptions {
  /** Name of the corpus in tables. */
  readonly name: string;
  /** Licence of every passage without one of its own. */
  readonly licence: string;
  readonly card?: Pick<CorpusSource["card"], "title" | "description" | "citation" | "obtain">;
}

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
export async function openOwnFolder(folder: string, options: OwnFolderOptions): Promise<CorpusSource> {
  const { name, licence } = options;
  const list = (await namesIn(folder)).find((file) => file === "corpus.jsonl" || file === "corpus.csv");
  if (list === undefined) {
    const message = `openOwnFolder: folder must hold corpus.jsonl or corpus.csv; got ${folder}. Check dataDir.`;
    throw new DataError(message, { folder });
  }
  const file = join(folder, list);
  const progress: ByteProgress = { done: 0, total: await countBytes([file]) };
  const rows = (): AsyncIterable<CorpusRow | BrokenRow> =>
    list === "corpus.csv"
      ? csvRows(file, folder, licence, progress)
      : readJsonlRows([file], (object, place) => toRow(object, place, folder, licence), progress);
  const card = {
    title: name,
    description: "Pictures with texts.",
    citation: "none given",
    obtain: "a folder with corpus.jsonl or corpus.csv",
    ...options.card,
    licence,
  };
  return { name, card, files: [folder], rows, progress: () => progress };
}
