import { basename, join } from "node:path";
import { readCsv } from "../formats/csv";
import { readParquetGroups } from "../formats/parquet";
import type { BrokenRow, CorpusRow } from "./corpus-source";
import { firstFolder, namesIn } from "./find-place";
import type { ByteProgress } from "./jsonl-rows";

const LICENCE = "CC BY, CC BY-NC or CC0 of each article (license_information.csv)";

/** Files of ROCO v2 in a folder: <split>_captions.csv of the Zenodo release, or parquet files of the Hugging Face release. */
export async function findRocoV2(folder: string): Promise<string[]> {
  const wanted = (name: string) =>
    /^(train|valid|validation|test)_captions\.csv$/.test(name) || name.endsWith(".parquet");
  const files: string[] = [];
  for (const place of [folder, join(folder, "data")]) {
    files.push(...(await namesIn(place)).filter(wanted).map((name) => join(place, name)));
  }
  return files;
}

/** Pictures of a split lie in a folder named like its captions. */
async function* captionRows(file: string, folder: string): AsyncGenerator<CorpusRow> {
  const split = basename(file).replace(/_captions\.csv$/, "");
  const places = [split, `${split}_images`, "images"].flatMap((name) => [
    join(folder, name, split),
    join(folder, name),
  ]);
  const pictures = (await firstFolder(places)) ?? folder;
  for (const { place, fields } of await readCsv(file, ["ID", "Caption"])) {
    const id = fields.get("ID")!.replace(/\.jpg$/, "");
    const picture = { folder: pictures, path: `${id}.jpg` };
    yield { place, id, text: fields.get("Caption")!, licence: LICENCE, picture };
  }
}

/** One file of the Hugging Face release: columns image (with its bytes), image_id, caption. */
async function* parquetRows(file: string): AsyncGenerator<CorpusRow | BrokenRow> {
  let position = 0;
  for await (const rows of readParquetGroups(file, ["image", "image_id", "caption"]))
    for (const row of rows) yield pairOf(row, `${basename(file)}, row ${position++}`);
}

/** One row: its picture's bytes stand in the file. */
function pairOf({ image, image_id: id, caption }: Record<string, unknown>, place: string): CorpusRow | BrokenRow {
  const bytes = (image as { bytes?: unknown } | null)?.bytes;
  if (!(bytes instanceof Uint8Array)) return { place, reason: "no bytes in column image" };
  if (typeof id !== "string" || typeof caption !== "string")
    return { place, reason: "image_id and caption must be text" };
  return { place, id, text: caption, licence: LICENCE, picture: bytes };
}

/** The pairs of ROCO v2's files; one file is held in memory at a time, unpacked group by group. */
export async function* rocoV2Rows(
  files: readonly string[],
  folder: string,
  progress: ByteProgress,
): AsyncGenerator<CorpusRow | BrokenRow> {
  const step = progress.total / files.length;
  for (const [position, file] of files.entries()) {
    yield* file.endsWith(".parquet") ? parquetRows(file) : captionRows(file, folder);
    progress.done = Math.round(step * (position + 1));
  }
}
