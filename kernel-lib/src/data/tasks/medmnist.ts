import { DataError } from "../../base/errors";
import type { DataCard, DataSource, Example, Label, RasterImage, Split, Task } from "../../base/types";
import { hashImage } from "../formats/checksum";
import type { NpyArray } from "../formats/npy";

/** What is fixed about one data set of the MedMNIST collection, 28 by 28 pixels. */
export interface MedMnistSpec {
  readonly name: string;
  /** File name as published. */
  readonly file: string;
  /** MD5 the publisher states. */
  readonly md5: string;
  readonly modality: string;
  readonly labels: readonly Label[];
  readonly question: string;
  readonly channels: 1 | 3;
  readonly counts: Readonly<Record<Split, number>>;
  readonly card: Omit<DataCard, "source">;
}

const SIDE = 28;
const PREFIX: Readonly<Record<Split, string>> = { train: "train", validation: "val", test: "test" };

function refuse(place: string, rule: string, got: string): never {
  const next = "Download the 28-pixel file again from the address in data/README.md.";
  throw new DataError(`readMedMnist: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got });
}

function takeArray(arrays: ReadonlyMap<string, NpyArray>, name: string, shapes: number[][], file: string): NpyArray {
  const array = arrays.get(name);
  if (array === undefined) refuse(file, `hold the array ${name}`, [...arrays.keys()].join(", ") || "an empty archive");
  const place = `${file}, array ${name}`;
  if (array.type !== "|u1") refuse(place, "hold unsigned bytes (|u1)", array.type);
  const wanted = shapes.map((shape) => `[${shape.join(", ")}]`);
  const shape = `[${array.shape.join(", ")}]`;
  if (!wanted.includes(shape)) refuse(place, `have shape ${wanted.join(" or ")}`, shape);
  return array;
}

function readSplit(arrays: ReadonlyMap<string, NpyArray>, spec: MedMnistSpec, split: Split, file: string): Example[] {
  const count = spec.counts[split];
  const channelAxis = spec.channels === 1 ? [] : [spec.channels];
  const images = takeArray(arrays, `${PREFIX[split]}_images`, [[count, SIDE, SIDE, ...channelAxis]], file);
  const labels = takeArray(arrays, `${PREFIX[split]}_labels`, [[count, 1], [count]], file);
  const size = SIDE * SIDE * spec.channels;
  return Array.from({ length: count }, (_, i) => {
    const label = spec.labels[Number(labels.data[i])];
    if (label === undefined) {
      const place = `${file}, array ${PREFIX[split]}_labels, row ${i}`;
      return refuse(place, `be a label from 0 to ${spec.labels.length - 1}`, String(labels.data[i]));
    }
    const data = images.data.slice(i * size, (i + 1) * size) as Uint8Array;
    const image: RasterImage = { width: SIDE, height: SIDE, channels: spec.channels, data };
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
 * @param origin file name for errors, where the pictures come from, and the fingerprint.
 * @throws DataError naming file, array, rule and value.
 */
export function readMedMnist(
  arrays: ReadonlyMap<string, NpyArray>,
  spec: MedMnistSpec,
  origin: { readonly file: string; readonly source: DataSource; readonly fingerprint: string },
): Task {
  const { file, source, fingerprint } = origin;
  const splits = {
    train: readSplit(arrays, spec, "train", file),
    validation: readSplit(arrays, spec, "validation", file),
    test: readSplit(arrays, spec, "test", file),
  };
  const { name, modality, labels } = spec;
  return { name, source, modality, labels, splits, card: { ...spec.card, source }, fingerprint };
}
