import { DataError } from "../../base/errors";
import type { DataCard, DataSource, Example, Label, RasterImage, Split, Task } from "../../base/types";
import { hashImage } from "../formats/checksum";
import type { NpyArray } from "../formats/npy";

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

/** What the publisher calls each split. */
export const MEDMNIST_PREFIX: Readonly<Record<Split, string>> = { train: "train", validation: "val", test: "test" };

function refuse(place: string, rule: string, got: string, side: number): never {
  const next = `Download the ${side}-pixel file again from the address in data/README.md.`;
  throw new DataError(`readMedMnist: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got });
}

/** An array as far as it has to be checked. */
export type ArrayForm = Pick<NpyArray, "type" | "shape">;

export interface MedMnistReading<A extends ArrayForm> {
  readonly arrays: ReadonlyMap<string, A>;
  /** Bytes of an array, counted from its first number. */
  readonly bytesOf: (array: A, start: number, length: number) => Uint8Array;
  /** Whether an example holds its picture, or reads it whenever it is asked for. */
  readonly pictures: "held" | "read";
  readonly spec: MedMnistSpec;
  readonly file: string;
  readonly side: number;
}

function takeArray<A extends ArrayForm>(
  { arrays, file, side }: MedMnistReading<A>,
  name: string,
  shapes: number[][],
): A {
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
function pictureAt<A extends ArrayForm>(
  { bytesOf, spec, side }: MedMnistReading<A>,
  images: A,
  i: number,
): RasterImage {
  const size = side * side * spec.channels;
  return { width: side, height: side, channels: spec.channels, data: bytesOf(images, i * size, size) };
}

function readSplit<A extends ArrayForm>(reading: MedMnistReading<A>, split: Split): Example[] {
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
export function readMedMnistSplits<A extends ArrayForm>(reading: MedMnistReading<A>): Record<Split, Example[]> {
  return {
    train: readSplit(reading, "train"),
    validation: readSplit(reading, "validation"),
    test: readSplit(reading, "test"),
  };
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
  const bytesOf = ({ data }: NpyArray, start: number, length: number) =>
    data.slice(start, start + length) as Uint8Array;
  const splits = readMedMnistSplits({ arrays, bytesOf, pictures: "held", spec, file, side });
  const { name, modality, labels } = spec;
  return { name, source, modality, labels, splits, card: { ...spec.card, source }, fingerprint };
}
