import { DataError } from "../../base/errors";
import type { Example, Label, RasterImage, Split } from "../../base/types";
import { hashImage } from "../formats/checksum";
import { completeSplits } from "./complete-splits";
import { loadPictures, type PictureSource } from "./load-pictures";
import type { ReadRequest, TaskContent } from "./task-definition";

/** The label set of yes/no questions, in the paper's order. */
export const YES_NO: readonly Label[] = [
  { index: 0, name: "yes", answer: "yes" },
  { index: 1, name: "no", answer: "no" },
];

/** How a reader is asked to answer, for the data card. */
export const VQA_ANSWER_FORMAT = "yes or no to a yes/no question, else words; the question is the example's own";

/** One question as a file holds it. */
export interface VqaRow {
  /** Unique within its split. */
  readonly id: string;
  readonly split: Split;
  readonly place: string;
  readonly question: string;
  readonly answer: string;
  readonly kind: "closed" | "open";
  readonly topic: string | null;
  readonly picture: PictureSource;
}

/** Whether an answer is yes or no, whatever its case. */
export const isYesNo = (answer: string): boolean => /^(yes|no)$/i.test(answer);

/** Closed or open, by the answer alone: for releases that do not say it. */
export const kindByAnswer = (answer: string): "closed" | "open" => (isYesNo(answer) ? "closed" : "open");

function toExample(task: string, row: VqaRow, image: RasterImage): Example {
  const yesNo = isYesNo(row.answer);
  const answer = yesNo ? row.answer.toLowerCase() : row.answer;
  return {
    id: `${task}/${row.split}/${row.id}`,
    task,
    split: row.split,
    image,
    question: row.question,
    answer,
    labels: yesNo ? [answer === "yes" ? 0 : 1] : [],
    form: yesNo ? "label" : "words",
    kind: row.kind,
    ...(row.topic === null ? {} : { topic: row.topic }),
    group: `image-${hashImage(image)}`,
  };
}

function assertUnique(rows: readonly VqaRow[]): void {
  const seen = new Map<string, string>();
  for (const { split, id, place } of rows) {
    const key = `${split}/${id}`;
    const first = seen.get(key);
    if (first !== undefined) {
      throw new DataError(`loadTask: ${place} must have an id of its own; got ${id}, as ${first}. Check the file.`, {
        place,
        id,
      });
    }
    seen.set(key, place);
  }
}

/**
 * Examples from the rows of a question-answering data set. Where no row is a validation row, a tenth of the training pictures
 * is taken for it, by `splitSeed`.
 *
 * @throws DataError for a doubled id, a broken picture, or a split without rows.
 */
export async function readVqa(task: string, rows: readonly VqaRow[], request: ReadRequest): Promise<TaskContent> {
  assertUnique(rows);
  const pictures = await loadPictures(
    task,
    rows.map(({ picture }) => picture),
    request.control,
  );
  const of = (split: Split) =>
    rows.filter((row) => row.split === split).map((row) => toExample(task, row, pictures.get(row.picture.key)!));
  const published = { train: of("train"), validation: of("validation"), test: of("test") };
  return completeSplits(published, { task, members: "questions", splitSeed: request.splitSeed });
}
