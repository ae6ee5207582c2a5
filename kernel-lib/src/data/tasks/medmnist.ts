import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, DataError } from "../../base/errors";
import type { DataCard, DataSource, Example, Label, RasterImage, Split, Task } from "../../base/types";
import { hashImage, md5OfFile } from "../formats/checksum";
import type { NpyArray } from "../formats/npy";
import { readNpz } from "../formats/npz";
import type { Download, ReadRequest, TaskContent, TaskDefinition } from "./task-definition";

/** Sides of the published pictures, pixels: MedMNIST v2 and the larger ones of MedMNIST+. */
export const MEDMNIST_SIZES = [28, 64, 128, 224] as const;
export type MedMnistSize = (typeof MEDMNIST_SIZES)[number];

/** What is fixed about one data set of the MedMNIST collection. */
export interface MedMnistSpec {
  readonly name: string;
  /** File name of the 28-pixel version as published. */
  readonly file: string;
  /** MD5 the publisher states for the 28-pixel file. */
  readonly md5: string;
  /** MD5 the publisher states for the larger files. */
  readonly largerMd5: Readonly<Record<Exclude<MedMnistSize, 28>, string>>;
  readonly modality: string;
  readonly labels: readonly Label[];
  readonly question: string;
  readonly channels: 1 | 3;
  readonly counts: Readonly<Record<Split, number>>;
  readonly card: Omit<DataCard, "source">;
}

/** Where readMedMnist's arrays come from. */
export interface MedMnistOrigin {
  /** File name for errors. */
  readonly file: string;
  readonly source: DataSource;
  readonly fingerprint: string;
  /** Side of the pictures. Default 28. */
  readonly side?: number;
}

const PREFIX: Readonly<Record<Split, string>> = { train: "train", validation: "val", test: "test" };
const RECORD = "https://zenodo.org/records/10519652/files";

function refuse(place: string, rule: string, got: string, side: number): never {
  const next = `Download the ${side}-pixel file again from the address in data/README.md.`;
  throw new DataError(`readMedMnist: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got });
}

interface Reading {
  readonly arrays: ReadonlyMap<string, NpyArray>;
  readonly spec: MedMnistSpec;
  readonly file: string;
  readonly side: number;
}

function takeArray({ arrays, file, side }: Reading, name: string, shapes: number[][]): NpyArray {
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

function readSplit(reading: Reading, split: Split): Example[] {
  const { spec, file, side } = reading;
  const count = spec.counts[split];
  const channelAxis = spec.channels === 1 ? [] : [spec.channels];
  const images = takeArray(reading, `${PREFIX[split]}_images`, [[count, side, side, ...channelAxis]]);
  const labels = takeArray(reading, `${PREFIX[split]}_labels`, [[count, 1], [count]]);
  const size = side * side * spec.channels;
  return Array.from({ length: count }, (_, i) => {
    const label = spec.labels[Number(labels.data[i])];
    if (label === undefined) {
      const place = `${file}, array ${PREFIX[split]}_labels, row ${i}`;
      return refuse(place, `be a label from 0 to ${spec.labels.length - 1}`, String(labels.data[i]), side);
    }
    const data = images.data.slice(i * size, (i + 1) * size) as Uint8Array;
    const image: RasterImage = { width: side, height: side, channels: spec.channels, data };
    return {
      id: `${spec.name}/${split}/${String(i).padStart(5, "0")}`,
      task: spec.name,
      split,
      image,
      question: spec.question,
      answer: label.answer,
      labels: [label.index],
      group: `image-${hashImage(image)}`,
    };
  });
}

/**
 * A task from the arrays of a MedMNIST file. Labels may have shape (N, 1), as published, or (N,).
 *
 * The files name no patients: a group is the set of equal pictures.
 * @throws DataError naming file, array, rule and value.
 */
export function readMedMnist(
  arrays: ReadonlyMap<string, NpyArray>,
  spec: MedMnistSpec,
  { file, source, fingerprint, side = 28 }: MedMnistOrigin,
): Task {
  const reading = { arrays, spec, file, side };
  const splits = {
    train: readSplit(reading, "train"),
    validation: readSplit(reading, "validation"),
    test: readSplit(reading, "test"),
  };
  const { name, modality, labels } = spec;
  return { name, source, modality, labels, splits, card: { ...spec.card, source }, fingerprint };
}

/** Name of the published file with pictures of this side, e.g. "dermamnist_64.npz". */
export function medMnistFile({ file }: MedMnistSpec, side: MedMnistSize): string {
  return side === 28 ? file : file.replace(/\.npz$/, `_${side}.npz`);
}

function findFile(dataDir: string, spec: MedMnistSpec, file: string): string {
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
    throw new DataError(`${said} Download it again, or pass checksum: "warn".`, details);
  }
  request.control.onWarn?.("checksum", `${said} Going on: its content is checked instead.`, details);
  return md5;
}

/** The numbers of rows the file itself states; the reader then holds images and labels to each other. */
function countsOf(arrays: ReadonlyMap<string, NpyArray>): Record<Split, number> {
  const count = (split: Split) => arrays.get(`${PREFIX[split]}_images`)?.shape[0] ?? 0;
  return { train: count("train"), validation: count("validation"), test: count("test") };
}

async function readFileOf(spec: MedMnistSpec, request: ReadRequest): Promise<TaskContent> {
  const side = (request.imageSize ?? 28) as MedMnistSize;
  if (!MEDMNIST_SIZES.includes(side)) {
    throw new ConfigError(
      `loadTask: imageSize must be one of ${MEDMNIST_SIZES.join(", ")} for ${spec.name}; got ${side}.`,
      { imageSize: side },
    );
  }
  const file = medMnistFile(spec, side);
  const path = findFile(request.dataDir, spec, file);
  const real = request.source === "real";
  const identity = real
    ? await checkMd5(path, file, side === 28 ? spec.md5 : spec.largerMd5[side], request)
    : createHash("sha256")
        .update(await readFile(path))
        .digest("hex")
        .slice(0, 16);
  const total = Object.values(spec.counts).reduce((sum, n) => sum + n, 0);
  const arrays = await readNpz(path, { maxBytes: Math.max(512 * 2 ** 20, 2 * total * side * side * spec.channels) });
  const counts = request.counts === "any" ? countsOf(arrays) : spec.counts;
  const origin = { file: real ? file : `phantom of ${file}`, source: request.source, fingerprint: identity, side };
  return { splits: readMedMnist(arrays, { ...spec, counts }, origin).splits, identity };
}

function downloadsOf(spec: MedMnistSpec): Download[] {
  return MEDMNIST_SIZES.map((side) => {
    const file = medMnistFile(spec, side);
    const md5 = side === 28 ? spec.md5 : spec.largerMd5[side];
    return { url: `${RECORD}/${file}?download=1`, file: `medmnist/${file}`, md5 };
  });
}

/** The task of a MedMNIST data set. */
export function medMnistTask(spec: MedMnistSpec): TaskDefinition {
  const { train, validation, test } = spec.counts;
  return {
    name: spec.name,
    modality: spec.modality,
    labels: spec.labels,
    question: spec.question,
    answerFormat: "the number of one class",
    metrics: ["accuracy", "macroF1"],
    splitsNote: `published: ${train} / ${validation} / ${test}; the files name no patients, so a patient may stand in two splits`,
    layout: MEDMNIST_SIZES.map((side) => `medmnist/${medMnistFile(spec, side)}`),
    access: "open",
    downloads: downloadsOf(spec),
    card: spec.card,
    read: (request) => readFileOf(spec, request),
  };
}
