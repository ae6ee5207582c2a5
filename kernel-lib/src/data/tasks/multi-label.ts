import { DataError } from "../../base/errors";
import type { Example, Label, RasterImage, Split } from "../../base/types";
import { hashImage } from "../formats/picture-file";
import { completeSplits } from "../splits";
import type { ReadRequest, TaskContent } from "./definition";
import { type PictureSource, withPictures } from "./pictures";

/** What the reader writes for a picture without any label. */
const NO_LABEL = "none";

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
  /** The patient's one name; null where the files name none: a group is then the set of equal pictures. */
  readonly patient: string | null;
  readonly picture: PictureSource;
}

/** The answer that names a set of labels, e.g. "0, 3". */
export function labelSetAnswer(indices: readonly number[], labels: readonly Label[]): string {
  return indices.length === 0 ? NO_LABEL : indices.map((index) => labels[index]!.answer).join(", ");
}

/** What all examples of a task have in common. */
interface LabelSetTask {
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
    group: row.patient ?? `image-${hashImage(image)}`,
  };
}

/**
 * Examples from pictures with sets of labels. Where no row is a validation row, a tenth of the training groups is taken for it,
 * by `splitSeed`.
 *
 * @throws DataError for a doubled id, more broken pictures than may be left out, or a split without rows.
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
  const sound = await withPictures(task.name, rows, request);
  const of = (split: Split) =>
    sound.filter(({ row }) => row.split === split).map(({ row, image }) => toExample(task, row, image));
  const published = { train: of("train"), validation: of("validation"), test: of("test") };
  return completeSplits(published, { task: task.name, members: "pictures", splitSeed: request.splitSeed });
}
