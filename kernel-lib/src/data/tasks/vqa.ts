import { createHash } from "node:crypto";
import { basename } from "node:path";
import { DataError, type KernelError } from "../../base/errors";
import type { Control, Example, Label, RasterImage, Split, Task } from "../../base/types";
import { entityNames, entityNamesIn } from "../entities";
import { readParquetGroups } from "../formats/parquet";
import { hashImage } from "../formats/picture-file";
import { type JsonRow, optionalText, readJsonRows, textField } from "../formats/text-file";
import { completeSplits } from "../splits";
import type { ReadRequest, TaskContent } from "./definition";
import {
  decodePictures,
  missingPicture,
  namedPicture,
  type PictureSource,
  pictureOf,
  unusable,
  withPictures,
} from "./pictures";

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
  /** The answers to choose from, one for each of the task's labels, in their order; absent where the question has none. */
  readonly choices?: readonly string[];
  readonly topic: string | null;
  /** What the picture comes from, where its name or its source says it. */
  readonly entities: readonly string[];
  readonly picture: PictureSource;
}

/** Yes or no, in small letters, where an answer is that, whatever its case and the marks behind it; null otherwise. */
function yesNoOf(answer: string): "yes" | "no" | null {
  const word = /^(yes|no)[\s\p{P}]*$/iu.exec(answer.normalize("NFKC"))?.[1]?.toLowerCase();
  return word === "yes" || word === "no" ? word : null;
}

/** Closed or open, by the answer alone: for releases that do not say it. */
export const kindByAnswer = (answer: string): "closed" | "open" => (yesNoOf(answer) === null ? "open" : "closed");

/** How a row is answered: by one of its choices, by yes or no, or in words. */
function answered({ answer, choices, place }: VqaRow): Pick<Example, "answer" | "labels" | "form" | "wordings"> {
  if (choices !== undefined) {
    const label = choices.indexOf(answer);
    if (label >= 0) return { answer, labels: [label], form: "label", wordings: choices };
    throw new DataError(
      `loadTask: ${place} must answer with one of ${choices.join(", ")}; got ${answer}. Check the file.`,
      {
        place,
        choices,
      },
    );
  }
  const word = yesNoOf(answer);
  if (word === null) return { answer, labels: [], form: "words" };
  return { answer: word, labels: [word === "yes" ? 0 : 1], form: "yesNo" };
}

function toExample(task: string, row: VqaRow, image: RasterImage): Example {
  return {
    id: `${task}/${row.split}/${row.id}`,
    task,
    split: row.split,
    image,
    question: row.question,
    ...answered(row),
    kind: row.kind,
    ...(row.topic === null ? {} : { topic: row.topic }),
    ...(row.entities.length === 0 ? {} : { entities: row.entities }),
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
 * @throws DataError for a doubled id, more broken pictures than may be left out, or a split without rows.
 */
export async function readVqa(task: string, rows: readonly VqaRow[], request: ReadRequest): Promise<TaskContent> {
  assertUnique(rows);
  const sound = await withPictures(task, rows, request);
  const of = (split: Split) =>
    sound.filter(({ row }) => row.split === split).map(({ row, image }) => toExample(task, row, image));
  const published = { train: of("train"), validation: of("validation"), test: of("test") };
  return completeSplits(published, { task, members: "questions", splitSeed: request.splitSeed });
}

/** The field that says OPEN or CLOSED. */
export function kindField(row: JsonRow, field: string): "closed" | "open" {
  const value = textField(row, field).toLowerCase();
  if (value === "closed" || value === "open") return value;
  throw new DataError(`loadTask: ${row.place}, field ${field}, must be OPEN or CLOSED; got ${value}. Check the file.`, {
    place: row.place,
    field,
  });
}

const asText = (value: unknown, place: string): string => {
  const text = value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
  if (typeof text === "string" && text.trim() !== "") return text.trim();
  throw new DataError(`loadTask: ${place} must be a text that is not empty; got ${typeof text}. Check the file.`, {
    place,
  });
};

/** Parquet files repeat a picture for each of its questions: equal bytes are decoded once. */
const hashBytes = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** A picture inside a parquet file: its bytes, alone or beside its path. */
function embeddedPicture(value: unknown, place: string, side: number): PictureSource {
  const held = value as { readonly bytes?: unknown; readonly path?: unknown } | Uint8Array | null;
  const bytes = held instanceof Uint8Array ? held : held?.bytes;
  if (bytes instanceof Uint8Array) return pictureOf(hashBytes(bytes), place, bytes, side);
  const path = held instanceof Uint8Array ? undefined : held?.path;
  const got = typeof path === "string" ? `only its path ${path}` : "none";
  return missingPicture(place, got, "Save the data set with its pictures inside (embed_external_files).");
}

/** What the name of an embedded picture gives away. */
function entitiesOf(value: unknown): string[] {
  const path = (value as { readonly path?: unknown } | null)?.path;
  return typeof path === "string" ? entityNamesIn(path) : [];
}

/** Where parquet rows go. */
interface ParquetRequest {
  readonly split: Split;
  /** Longest side of a picture, pixels. */
  readonly side: number;
  readonly task: string;
  readonly control: Control;
}

/** A row of a parquet file, its picture still encoded. */
function parquetRow(
  row: Readonly<Record<string, unknown>>,
  id: number,
  place: string,
  request: ParquetRequest,
): VqaRow {
  const stated = row["answer"] ?? "";
  const isEmpty = typeof stated === "string" && stated.trim() === "";
  const answer = isEmpty ? "" : asText(stated, `${place}, column answer`);
  return {
    id: String(id).padStart(5, "0"),
    split: request.split,
    place,
    question: asText(row["question"], `${place}, column question`),
    answer,
    kind: kindByAnswer(answer),
    topic: null,
    entities: entitiesOf(row["image"]),
    picture: isEmpty
      ? unanswered(place, "column")
      : embeddedPicture(row["image"], `${place}, column image`, request.side),
  };
}

function soundOf(outcome: RasterImage | KernelError): RasterImage {
  if (outcome instanceof Error) throw outcome;
  return outcome;
}

/**
 * Rows of parquet files with the columns image {bytes, path}, question and answer: pictures are inside. They are decoded group by
 * group: the encoded ones of a large release do not fit into memory together.
 */
export async function parquetRows(files: readonly string[], request: ParquetRequest): Promise<VqaRow[]> {
  const { split, task, control } = request;
  const rows: VqaRow[] = [];
  const decoded = new Map<string, RasterImage | KernelError>();
  for (const [done, path] of files.entries()) {
    const file = basename(path);
    let position = 0;
    for await (const group of readParquetGroups(path, ["image", "question", "answer"])) {
      const fresh = group.map((row, i) => parquetRow(row, rows.length + i, `${file}, row ${position + i}`, request));
      position += group.length;
      const sources = fresh.map(({ picture }) => picture).filter(({ key }) => !decoded.has(key));
      const quiet = control.signal === undefined ? {} : { signal: control.signal };
      for (const [key, outcome] of await decodePictures(task, sources, quiet)) decoded.set(key, outcome);
      for (const row of fresh) {
        const { key, place } = row.picture;
        const load = async () => soundOf(decoded.get(key)!);
        rows.push({ ...row, picture: { key, place, load } });
      }
    }
    control.onProgress?.({ stage: `${split} files of ${task}`, done: done + 1, total: files.length });
  }
  return rows;
}

/** The answer of a row; empty where it has none, as one question of SLAKE: such a row is left out and named. */
export const answerField = (row: JsonRow): string =>
  String(row.fields["answer"] ?? "").trim() === "" ? "" : textField(row, "answer");

/** Stands in place of the picture of a question without an answer. */
const unanswered = (place: string, unit: "field" | "column"): PictureSource =>
  unusable(`${place}, ${unit} answer`, "be a text that is not empty", "none", "The question cannot be used.");

/** Rows of a JSON list whose objects name a picture in a folder, and perhaps the address of its case; `pick` reads the other fields. */
export async function jsonRows(
  file: string,
  pictures: { readonly folder: string; readonly field: string; readonly caseField?: string; readonly side: number },
  pick: (row: JsonRow, index: number) => Omit<VqaRow, "picture" | "place" | "entities"> | null,
): Promise<VqaRow[]> {
  const rows: VqaRow[] = [];
  for (const [index, row] of (await readJsonRows(file)).entries()) {
    const picked = pick(row, index);
    if (picked === null) continue;
    const name = textField(row, pictures.field);
    const place = `${row.place}, field ${pictures.field}`;
    const named = await namedPicture(pictures.folder, name, place, pictures.side);
    const picture = picked.answer === "" ? unanswered(row.place, "field") : named;
    const address = pictures.caseField === undefined ? null : optionalText(row, pictures.caseField);
    const entities = [...entityNamesIn(name), ...(address === null ? [] : entityNames(address, "case"))];
    rows.push({ ...picked, place: row.place, entities, picture });
  }
  return rows;
}

/**
 * The part of a question-answering task that is answered with one of its labels: its yes/no questions. It is a task like any
 * single-label task, so every training and evaluation takes it.
 *
 * @throws DataError when a split has no such question.
 */
export function closedTask(task: Task): Task {
  const of = (split: Split) => {
    const kept = task.splits[split].filter(({ form }) => form === "yesNo");
    if (kept.length > 0) return kept;
    throw new DataError(
      `closedTask: ${task.name} must have ${split} questions of yes or no; got none of ${task.splits[split].length}.`,
      { task: task.name, split },
    );
  };
  const splits = { train: of("train"), validation: of("validation"), test: of("test") };
  return { ...task, splits, metrics: ["accuracy", "macroF1"], fingerprint: `${task.fingerprint}:closed` };
}
