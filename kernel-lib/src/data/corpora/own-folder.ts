import { join } from "node:path";
import { DataError } from "../../base/errors";
import type { CorpusSource } from "./corpus-source";
import { namesIn } from "./find-place";
import { type ByteProgress, countBytes, readJsonlRows, stringField } from "./jsonl-rows";

/** What is known of an own folder besides its files. */
export interface OwnFolderOptions {
  /** Name of the corpus in tables. */
  readonly name: string;
  /** Licence of every passage without one of its own. */
  readonly licence: string;
  readonly card?: Pick<CorpusSource["card"], "title" | "description" | "citation" | "obtain">;
}

const GROUPS = ["group", "patient", "case"];

/** The first of the fields that name what a passage belongs to. */
function groupOf(object: Readonly<Record<string, unknown>>): { group?: string } {
  const found = GROUPS.map((name) => object[name]).find((value) => typeof value === "string" && value !== "");
  return found === undefined ? {} : { group: found as string };
}

/**
 * Any folder with a file corpus.jsonl: one object a line with `image` (a path within the folder) and `text`; optional `id` (default
 * the path), `licence`, and `group`, `patient` or `case`.
 *
 * @throws DataError when there is no such file.
 */
export async function openOwnFolder(folder: string, options: OwnFolderOptions): Promise<CorpusSource> {
  const { name, licence } = options;
  if (!(await namesIn(folder)).includes("corpus.jsonl")) {
    throw new DataError(`openOwnFolder: folder must hold corpus.jsonl; got ${folder}. Check dataDir.`, { folder });
  }
  const files = [join(folder, "corpus.jsonl")];
  const progress: ByteProgress = { done: 0, total: await countBytes(files) };
  const rows = () =>
    readJsonlRows(
      files,
      (object, place) => {
        const path = stringField(object, "image");
        const id = object.id === undefined ? path : stringField(object, "id");
        const own = object.licence === undefined ? licence : stringField(object, "licence");
        return {
          place,
          id,
          text: stringField(object, "text"),
          licence: own,
          picture: { folder, path },
          ...groupOf(object),
        };
      },
      progress,
    );
  const card = {
    title: name,
    description: "Pictures with texts.",
    citation: "none given",
    obtain: "a folder with corpus.jsonl",
    ...options.card,
    licence,
  };
  return { name, card, files: [folder], rows, progress: () => progress };
}
