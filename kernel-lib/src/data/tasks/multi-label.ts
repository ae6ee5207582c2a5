import { createHash } from "node:crypto";
import { DataError } from "../../base/errors";
import type { Example, Label, RasterImage, Split } from "../../base/types";
import { hashImage } from "../formats/picture-file";
import { carveValidation } from "../splits";
import { loadPictures, type PictureSource } from "./pictures";
import type { ReadRequest, TaskContent } from "./task-definition";

/** Hash of everything a reader could see of the examples: the identity of a task made of many files. */
export function hashExamples(splits: Readonly<Record<Split, readonly Example[]>>): string {
  const hash = createHash("sha256");
  for (const { id, question, answer, group, image } of Object.values(splits).flat()) {
    hash.update(JSON.stringify([id, question, answer, group, hashImage(image)]));
  }
  return hash.digest("hex").slice(0, 16);
}

/** Whose splits they are, and what their members are called in an error. */
interface SplitOwner {
  readonly task: string;
  readonly members: "pictures" | "questions";
  readonly splitSeed: number;
}

/**
 * The three splits of a task from the published ones. Where no validation split is published, a tenth of the training groups is
 * taken for it, by `splitSeed`.
 *
 * @throws DataError when the training or test split is empty.
 */
export function completeSplits(
  published: Readonly<Record<Split, readonly Example[]>>,
  { task, members, splitSeed }: SplitOwner,
): TaskContent {
  for (const split of ["train", "test"] as const) {
    if (published[split].length > 0) continue;
    throw new DataError(`loadTask: ${task} must hold ${split} ${members}; got none. Check that every file is there.`);
  }
  const open = published.validation.length === 0;
  const splits = open ? { ...published, ...carveValidation(published.train, splitSeed) } : published;
  return { splits, identity: hashExamples(splits) };
}

/** What the reader writes for a picture without any label. */
export const NO_LABEL = "none";

/** How a reader is asked to answer, for the data card. */
export const LABEL_SET_FORMAT = "the numbers of all classes that apply, ascending, with commas: 0, 3";

/** One picture with the set of its labels. */
export interface LabelSetRow {
  /** Unique in the task. */
  readonly id: string;
  readonly split: Split;
  readonly place: string;
  /** Indices into the task's labels. */
  readonly labels: readonly number[];
  /** The patient; null where the files name none: a group is then the set of equal pictures. */
  readonly patient: string | null;
  readonly picture: PictureSource;
}

/** The answer that names a set of labels, e.g. "0, 3". */
export function labelSetAnswer(indices: readonly number[], labels: readonly Label[]): string {
  return indices.length === 0 ? NO_LABEL : indices.map((index) => labels[index]!.answer).join(", ");
}

/** What all examples of a task have in common. */
export interface LabelSetTask {
  readonly name: string;
  readonly question: string;
  readonly labels: readonly Label[];
}

function toExample({ name, question, labels }: LabelSetTask, row: LabelSetRow, image: RasterImage): Example {
  const indices = [...row.labels].sort((a, b) => a - b);
  return {
    id: `${name}/${row.split}/${row.id}`,
    task: name,
    split: row.split,
    image,
    question,
    answer: labelSetAnswer(indices, labels),
    labels: indices,
    form: "labels",
    group: row.patient === null ? `image-${hashImage(image)}` : `patient-${row.patient}`,
  };
}

/**
 * Examples from pictures with sets of labels. Where no row is a validation row, a tenth of the training groups is taken for it,
 * by `splitSeed`.
 *
 * @throws DataError for a doubled id, a broken picture, or a split without rows.
 */
export async function readLabelSets(
  task: LabelSetTask,
  rows: readonly LabelSetRow[],
  request: ReadRequest,
): Promise<TaskContent> {
  const places = new Map<string, string>();
  for (const { id, place } of rows) {
    const first = places.get(id);
    if (first !== undefined) {
      throw new DataError(`loadTask: ${place} must name a picture once; got ${id}, as ${first}. Check the file.`, {
        id,
      });
    }
    places.set(id, place);
  }
  const pictures = await loadPictures(
    task.name,
    rows.map(({ picture }) => picture),
    request.control,
  );
  const of = (split: Split) =>
    rows.filter((row) => row.split === split).map((row) => toExample(task, row, pictures.get(row.picture.key)!));
  const published = { train: of("train"), validation: of("validation"), test: of("test") };
  return completeSplits(published, { task: task.name, members: "pictures", splitSeed: request.splitSeed });
}
