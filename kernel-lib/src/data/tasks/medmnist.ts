import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, DataError } from "../../base/errors";
import { sum } from "../../base/numbers";
import type { Example, Label, RasterImage, Split } from "../../base/types";
import type { NpyArray } from "../formats/npy";
import { readNpz, type StoredArray, storeNpz } from "../formats/npz";
import { hashImage, isNearlyFlat, md5OfFile } from "../formats/picture-file";
import type { PublishedTask, ReadRequest, TaskContent } from "./definition";
import { warnOfFlat } from "./pictures";

/** Sides of the published pictures, pixels: MedMNIST v2 and the larger ones of MedMNIST+. */
const SIDES = [28, 64, 128, 224] as const;
type MedMnistSide = (typeof SIDES)[number];

/** What the reader of a file in the collection's format has to know. */
export interface MedMnistFile {
  readonly name: string;
  /** File name of the 28-pixel version as published. */
  readonly file: string;
  /** MD5 the publisher states for the file of each side; null for a task that is only drawn. */
  readonly md5: Readonly<Record<MedMnistSide, string>> | null;
  readonly labels: readonly Label[];
  readonly question: string;
  readonly channels: 1 | 3;
  readonly counts: Readonly<Record<Split, number>>;
  readonly card: { readonly obtain: string };
}

/** What is fixed about one data set of the MedMNIST collection. */
export interface MedMnistSpec extends MedMnistFile {
  readonly md5: Readonly<Record<MedMnistSide, string>>;
  readonly modality: string;
  readonly replicaTraining?: PublishedTask["replicaTraining"];
  readonly card: PublishedTask["card"];
}

/** A task of the collection, with what a stand-in needs to look like its file. */
export interface MedMnistTask extends PublishedTask {
  readonly question: string;
  readonly file: string;
  readonly channels: 1 | 3;
  readonly counts: Readonly<Record<Split, number>>;
}

/** What the publisher calls each split. */
export const MEDMNIST_PREFIX: Readonly<Record<Split, string>> = { train: "train", validation: "val", test: "test" };

function refuse(place: string, rule: string, got: string, side: number): never {
  const next = `Download the ${side}-pixel file again from the address in data/README.md.`;
  throw new DataError(`readMedMnist: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got });
}

/** An array as far as it has to be checked. */
type ArrayForm = Pick<NpyArray, "type" | "shape">;

/** A file's arrays, and how its pictures become examples. */
interface Reading<A extends ArrayForm> {
  readonly arrays: ReadonlyMap<string, A>;
  /** Bytes of an array, counted from its first number. */
  readonly bytesOf: (array: A, start: number, length: number) => Uint8Array;
  /** Whether an example holds its picture, or reads it whenever it is asked for. */
  readonly pictures: "held" | "read";
  readonly spec: MedMnistFile;
  /** File name for errors. */
  readonly file: string;
  readonly side: number;
  /** Takes the places of pictures of nearly one value. */
  readonly flat: string[];
}

function takeArray<A extends ArrayForm>({ arrays, file, side }: Reading<A>, name: string, shapes: number[][]): A {
  const array = arrays.get(name);
  if (array === undefined) {
    return refuse(file, `hold the array ${name}`, [...arrays.keys()].join(", ") || "an empty archive", side);
  }
  const place = `${file}, array ${name}`;
  if (array.type !== "|u1") refuse(place, "hold unsigned bytes (|u1)", array.type, side);
  const wanted = shapes.map((shape) => `[${shape.join(", ")}]`);
  const shape = `[${array.shape.join(", ")}]`;
  if (!wanted.includes(shape)) refuse(place, `have shape ${wanted.join(" or ")}`, shape, side);
  return array;
}

/** The picture of a row. */
function pictureAt<A extends ArrayForm>({ bytesOf, spec, side }: Reading<A>, images: A, i: number): RasterImage {
  const size = side * side * spec.channels;
  return { width: side, height: side, channels: spec.channels, data: bytesOf(images, i * size, size) };
}

function readSplit<A extends ArrayForm>(reading: Reading<A>, split: Split): Example[] {
  const { bytesOf, pictures, spec, file, side } = reading;
  const count = spec.counts[split];
  const channelAxis = spec.channels === 1 ? [] : [spec.channels];
  const images = takeArray(reading, `${MEDMNIST_PREFIX[split]}_images`, [[count, side, side, ...channelAxis]]);
  const labels = bytesOf(takeArray(reading, `${MEDMNIST_PREFIX[split]}_labels`, [[count, 1], [count]]), 0, count);
  return Array.from({ length: count }, (_, i) => {
    const label = spec.labels[labels[i]!];
    if (label === undefined) {
      const place = `${file}, array ${MEDMNIST_PREFIX[split]}_labels, row ${i}`;
      return refuse(place, `be a label from 0 to ${spec.labels.length - 1}`, String(labels[i]), side);
    }
    const picture = pictureAt(reading, images, i);
    if (isNearlyFlat(picture)) reading.flat.push(`${file}, array ${MEDMNIST_PREFIX[split]}_images, row ${i}`);
    const held = pictures === "held" ? picture : null;
    return {
      id: `${spec.name}/${split}/${String(i).padStart(5, "0")}`,
      task: spec.name,
      split,
      get image() {
        return held ?? pictureAt(reading, images, i);
      },
      question: spec.question,
      answer: label.answer,
      labels: [label.index],
      group: `image-${hashImage(picture)}`,
    };
  });
}

/** The examples of all splits. @throws DataError naming file, array, rule and value. */
function readSplits<A extends ArrayForm>(reading: Reading<A>): TaskContent["splits"] {
  return {
    train: readSplit(reading, "train"),
    validation: readSplit(reading, "validation"),
    test: readSplit(reading, "test"),
  };
}

const RECORD = "https://zenodo.org/records/10519652/files";

/** Name of the published file with pictures of this side, e.g. "dermamnist_64.npz". */
function fileOf({ file }: Pick<MedMnistFile, "file">, side: MedMnistSide): string {
  return side === 28 ? file : file.replace(/\.npz$/, `_${side}.npz`);
}

function findFile(dataDir: string, spec: MedMnistFile, file: string): string {
  const places = [join(dataDir, "medmnist", file), join(dataDir, file)];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new DataError(
    `loadTask: dataDir must hold ${file}; got neither ${places.join(" nor ")}. Get ${spec.card.obtain}`,
    { dataDir, file },
  );
}

async function checkMd5(path: string, file: string, published: string, request: ReadRequest): Promise<string> {
  const md5 = await md5OfFile(path);
  if (md5 === published) return md5;
  const said = `loadTask: ${file} must have the published md5 ${published}; got ${md5}.`;
  const details = { file: path, md5, published };
  if (request.checksum === "strict") {
    throw new DataError(`${said} Download it again, or pass checksum: "warn" (JOMED_CHECKSUM=warn).`, details);
  }
  request.control.onWarn?.("checksum", `${said} Going on: its content is checked instead.`, details);
  return md5;
}

/** The numbers of rows the file itself states; the reader then holds images and labels to each other. */
function countsOf(arrays: ReadonlyMap<string, ArrayForm>): Record<Split, number> {
  const count = (split: Split) => arrays.get(`${MEDMNIST_PREFIX[split]}_images`)?.shape[0] ?? 0;
  return { train: count("train"), validation: count("validation"), test: count("test") };
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256").update(await readFile(path));
  return hash.digest("hex").slice(0, 16);
}

/**
 * The examples of one file. Labels may have shape (N, 1), as published, or (N,). The files name no patients: a group is the set of
 * equal pictures.
 *
 * @throws ConfigError on a side that is not published. DataError for a missing or unsound file.
 */
export async function readMedMnist(spec: MedMnistFile, request: ReadRequest): Promise<TaskContent> {
  const side = (request.imageSize ?? 28) as MedMnistSide;
  if (!SIDES.includes(side)) {
    throw new ConfigError(`loadTask: imageSize must be one of ${SIDES.join(", ")} for ${spec.name}; got ${side}.`, {
      imageSize: side,
    });
  }
  const file = fileOf(spec, side);
  const path = findFile(request.dataDir, spec, file);
  const published = request.files === "published" ? (spec.md5?.[side] ?? null) : null;
  const identity = published === null ? await hashFile(path) : await checkMd5(path, file, published, request);
  const place = request.files === "published" ? file : `phantom of ${file}`;
  return { splits: await readArrays(path, spec, request, { file: place, side }), identity };
}

/** The small pictures are held in memory; the larger ones of MedMNIST+, up to 1.5 GB, stay on disk. */
async function readArrays(
  path: string,
  spec: MedMnistFile,
  { files, control }: ReadRequest,
  place: { readonly file: string; readonly side: MedMnistSide },
): Promise<TaskContent["splits"]> {
  const flat: string[] = [];
  const read = <A extends ArrayForm>(reading: Omit<Reading<A>, "flat">): TaskContent["splits"] => {
    const splits = readSplits({ ...reading, flat });
    warnOfFlat(spec.name, flat, control);
    return splits;
  };
  const held = (arrays: ReadonlyMap<string, ArrayForm>) => ({
    ...spec,
    counts: files === "published" ? spec.counts : countsOf(arrays),
  });
  if (place.side === 28) {
    const arrays = await readNpz(path);
    const bytesOf = ({ data }: NpyArray, start: number, length: number) =>
      data.slice(start, start + length) as Uint8Array;
    return read({ arrays, bytesOf, pictures: "held", spec: held(arrays), ...place });
  }
  const total = sum(Object.values(spec.counts));
  const arrays = await storeNpz(path, Math.max(512 * 2 ** 20, 2 * total * place.side * place.side * spec.channels));
  const bytesOf = (array: StoredArray, start: number, length: number) => array.read(start, length);
  return read({ arrays, bytesOf, pictures: "read", spec: held(arrays), ...place });
}

/** The task of a MedMNIST data set. */
export function medMnistTask(spec: MedMnistSpec): MedMnistTask {
  const { train, validation, test } = spec.counts;
  const { md5, ...fixed } = spec;
  return {
    ...fixed,
    forms: ["label"],
    answerFormat: "the number of one class",
    metrics: ["accuracy", "macroF1"],
    splitsNote: `published: ${train} / ${validation} / ${test}; the files name no patients, so a patient may stand in two splits`,
    layout: SIDES.map((side) => `medmnist/${fileOf(spec, side)}`),
    access: "open",
    downloads: SIDES.map((side) => {
      const file = fileOf(spec, side);
      return { url: `${RECORD}/${file}?download=1`, file: `medmnist/${file}`, imageSize: side, md5: md5[side] };
    }),
    publications: [],
    read: (request) => readMedMnist(spec, request),
  };
}
