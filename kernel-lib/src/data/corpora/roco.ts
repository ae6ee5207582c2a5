import { basename, join } from "node:path";
import { DataError } from "../../base/errors";
import { readCsv } from "../formats/csv";
import { readParquetGroups } from "../formats/parquet";
import { allParquetFiles } from "../formats/parquet-splits";
import { readLines } from "../formats/text-file";
import {
  articleOf,
  type BrokenRow,
  type ByteProgress,
  type CorpusDefinition,
  type CorpusRow,
  type CorpusSource,
  corpusFolder,
  countBytes,
  firstFolder,
  isFolder,
  namesIn,
} from "./definition";

const LICENCE = "CC BY, CC BY-NC or CC0 of each article (license_information.csv)";

/** Files of ROCO v2 in a folder: <split>_captions.csv of the Zenodo release, or parquet files of the Hugging Face release. */
async function findRocoV2(folder: string): Promise<string[]> {
  const isList = (name: string) => /^(train|valid|validation|test)_captions\.csv$/.test(name);
  const files: string[] = [];
  for (const place of [folder, join(folder, "data")]) {
    files.push(...(await namesIn(place)).filter(isList).map((name) => join(place, name)));
  }
  return [...files, ...allParquetFiles(folder)];
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
  const bytes = image instanceof Uint8Array ? image : (image as { bytes?: unknown } | null)?.bytes;
  if (!(bytes instanceof Uint8Array)) return { place, reason: "no bytes in column image" };
  if (typeof id !== "string" || typeof caption !== "string")
    return { place, reason: "image_id and caption must be text" };
  return { place, id, text: caption, licence: LICENCE, picture: bytes };
}

/** The pairs of ROCO v2's files; one file is held in memory at a time, unpacked group by group. */
async function* rocoV2Rows(
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

const NAMES = ["roco", "ROCO", "roco-dataset", "rocov2", "ROCOv2"];
const SPLITS = ["train", "validation", "valid", "test"];
const CARD = {
  title: "ROCO",
  description: "Radiology pictures and captions from open-access articles.",
  licence: "licence of each article, in licences.txt",
  citation:
    "Pelka et al., Radiology Objects in COntext (ROCO), LABELS 2018; Rückert et al., ROCOv2, Scientific Data 11, 688 (2024).",
  obtain:
    "Run npm run data -- fetch roco for ROCO v2 (Hugging Face eltorio/ROCOv2-radiology, parquet; with --from zenodo record 10821435, captions and archives of pictures); or get ROCO v1 from github.com/razorx89/roco-dataset with its scripts/fetch.py, or as the published archive with captions.txt, licences.txt and images for each split, into a folder roco of the data folder.",
};

/** One list of captions with its licences and pictures. */
interface RocoPart {
  readonly captions: string;
  readonly licences: string | null;
  readonly pictures: string;
}

/** Captions of radiology pictures in one folder: captions.txt or <split>_radiology_captions.txt. */
async function partsIn(folder: string): Promise<RocoPart[]> {
  const names = await namesIn(folder);
  const captions = names.filter((name) => /^(.*radiology_)?captions\.txt$/.test(name) && !name.startsWith("non-"));
  const pictures = (await firstFolder([join(folder, "images")])) ?? folder;
  return captions.map((name) => {
    const licences = name.replace("captions", "licences");
    return {
      captions: join(folder, name),
      licences: names.includes(licences) ? join(folder, licences) : null,
      pictures,
    };
  });
}

async function findParts(folder: string): Promise<RocoPart[]> {
  const roots = [folder, join(folder, "data"), join(folder, "all_data")];
  const places = roots.flatMap((root) => [
    root,
    ...SPLITS.flatMap((split) => [join(root, split), join(root, split, "radiology")]),
  ]);
  const parts: RocoPart[] = [];
  for (const place of places) if (await isFolder(place)) parts.push(...(await partsIn(place)));
  return parts;
}

/** File name of the picture and licence by id. Columns id, file, licence, split by commas or tabs; the header names no licence. */
async function readLicences(file: string | null): Promise<Map<string, { file: string; licence: string }>> {
  const found = new Map<string, { file: string; licence: string }>();
  if (file === null) return found;
  for await (const { text } of readLines(file)) {
    const [id, name, licence] = text.split(/[,\t]/).map((cell) => cell.trim());
    if (id === undefined || name === undefined || licence === undefined || !/^ROCO_\d+$/.test(id)) continue;
    found.set(id, { file: name, licence });
  }
  return found;
}

async function* partRows(part: RocoPart, progress: ByteProgress): AsyncGenerator<CorpusRow | BrokenRow> {
  const licences = await readLicences(part.licences);
  const pictures = new Set(await namesIn(part.pictures));
  const before = progress.done;
  for await (const { number, text, bytesRead } of readLines(part.captions)) {
    progress.done = before + bytesRead;
    if (text.trim() === "") continue;
    const place = `${basename(part.captions)}, line ${number}`;
    const [, id, caption] = /^(ROCO_\d+)\t(.*)$/.exec(text) ?? [];
    if (id === undefined || caption === undefined) {
      yield { place, reason: "no ROCO number, tab and caption" };
      continue;
    }
    const known = licences.get(id);
    const path = known !== undefined && pictures.has(known.file) ? known.file : `${id}.jpg`;
    const licence = known?.licence ?? "not stated";
    const picture = { folder: part.pictures, path };
    yield { place, id, text: caption.trim(), licence, picture, ...articleOf(known?.file ?? "") };
  }
}

/**
 * ROCO on disk: for each split `captions.txt` (number, tab, caption), `licences.txt` (number, file, licence) and `images`. Pictures are
 * found under their article's file name or their number. A passage has the licence of its article; its group is the article.
 * ROCO v2: `<split>_captions.csv` with a folder of pictures, or parquet files.
 *
 * @throws DataError when no list of captions is found.
 */
async function openRoco(dataDir: string): Promise<CorpusSource> {
  const folder = await corpusFolder(dataDir, NAMES, CARD.obtain);
  const parts = await findParts(folder);
  const second = parts.length === 0 ? await findRocoV2(folder) : [];
  const lists = parts.length === 0 ? second : parts.map((part) => part.captions);
  if (lists.length === 0) {
    throw new DataError(
      `openRoco: ${folder} must hold a captions.txt, <split>_captions.csv or .parquet files; got none. ${CARD.obtain}`,
      { folder },
    );
  }
  const progress: ByteProgress = { done: 0, total: await countBytes(lists) };
  async function* rows(): AsyncGenerator<CorpusRow | BrokenRow> {
    progress.done = 0;
    for (const part of parts) yield* partRows(part, progress);
    if (second.length > 0) yield* rocoV2Rows(second, folder, progress);
  }
  return { name: "roco", card: CARD, files: [folder], rows, progress: () => progress };
}

const V2_SPLITS = ["train", "valid", "test"];

/** ROCO, versions 1 and 2: radiology pictures of articles. */
export const ROCO: CorpusDefinition = {
  name: "roco",
  modality: "radiology pictures of articles",
  card: CARD,
  layout: [
    "roco/<split>/radiology/captions.txt + licences.txt + images/",
    "roco/data/*.parquet",
    "rocov2/<split>_captions.csv + <split>_images/",
  ],
  access: "open",
  publications: [
    { from: "hugging-face", id: "eltorio/ROCOv2-radiology", wanted: [/^data\/.*\.parquet$/], folder: "roco" },
    {
      from: "zenodo",
      id: "10821435",
      wanted: V2_SPLITS.flatMap((split) => [
        new RegExp(`^${split}_captions\\.csv$`),
        new RegExp(`^${split}_images\\.zip$`),
      ]),
      folder: "rocov2",
      unpack: Object.fromEntries(V2_SPLITS.map((split) => [`${split}_images.zip`, `${split}_images`])),
    },
  ],
  open: openRoco,
};
