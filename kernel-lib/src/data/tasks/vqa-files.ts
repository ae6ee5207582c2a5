import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { DataError } from "../../base/errors";
import type { Control, RasterImage, Split } from "../../base/types";
import { type JsonRow, readJsonRows, textField } from "../formats/json-rows";
import { readParquetGroups } from "../formats/parquet";
import { loadPictures, type PictureSource, pictureOf } from "./load-pictures";
import { namedPicture } from "./named-picture";
import { kindByAnswer, type VqaRow } from "./vqa";

/** The field that says OPEN or CLOSED. */
export function kindField(row: JsonRow, field: string): "closed" | "open" {
  const value = textField(row, field).toLowerCase();
  if (value === "closed" || value === "open") return value;
  throw new DataError(`loadTask: ${row.place}, field ${field}, must be OPEN or CLOSED; got ${value}. Check the file.`, {
    place: row.place,
    field,
  });
}

/** The parquet files of a split as Hugging Face names them: `data/train-00000-of-00002-….parquet`; sorted. */
export function parquetFiles(folder: string, split: string): string[] {
  for (const place of [join(folder, "data"), folder]) {
    if (!existsSync(place)) continue;
    const names = readdirSync(place).filter((name) => name.startsWith(`${split}-`) && name.endsWith(".parquet"));
    if (names.length > 0) return names.sort().map((name) => join(place, name));
  }
  return [];
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

function embeddedPicture(value: unknown, place: string, side: number): PictureSource {
  const bytes = (value as { readonly bytes?: unknown } | null)?.bytes;
  if (bytes instanceof Uint8Array) return pictureOf(hashBytes(bytes), place, bytes, side);
  throw new DataError(`loadTask: ${place} must hold a picture's bytes; got ${typeof bytes}. Download the file again.`, {
    place,
  });
}

/** Where parquet rows go. */
export interface ParquetRequest {
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
  const answer = asText(row["answer"], `${place}, column answer`);
  return {
    id: String(id).padStart(5, "0"),
    split: request.split,
    place,
    question: asText(row["question"], `${place}, column question`),
    answer,
    kind: kindByAnswer(answer),
    topic: null,
    picture: embeddedPicture(row["image"], `${place}, column image`, request.side),
  };
}

/**
 * Rows of parquet files with the columns image {bytes, path}, question and answer: pictures are inside. They are decoded group by
 * group: the encoded ones of a large release do not fit into memory together.
 */
export async function parquetRows(files: readonly string[], request: ParquetRequest): Promise<VqaRow[]> {
  const { split, task, control } = request;
  const rows: VqaRow[] = [];
  const decoded = new Map<string, RasterImage>();
  for (const [done, path] of files.entries()) {
    const file = basename(path);
    let position = 0;
    for await (const group of readParquetGroups(path, ["image", "question", "answer"])) {
      const fresh = group.map((row, i) => parquetRow(row, rows.length + i, `${file}, row ${position + i}`, request));
      position += group.length;
      const sources = fresh.map(({ picture }) => picture).filter(({ key }) => !decoded.has(key));
      const quiet = control.signal === undefined ? {} : { signal: control.signal };
      for (const [key, image] of await loadPictures(task, sources, quiet)) decoded.set(key, image);
      for (const row of fresh) {
        const { key, place } = row.picture;
        rows.push({ ...row, picture: { key, place, load: async () => decoded.get(key)! } });
      }
    }
    control.onProgress?.({ stage: `${split} files of ${task}`, done: done + 1, total: files.length });
  }
  return rows;
}

/** Rows of a JSON list whose objects name a picture in a folder; `pick` reads the other fields. */
export async function jsonRows(
  file: string,
  pictures: { readonly folder: string; readonly field: string; readonly side: number },
  pick: (row: JsonRow, index: number) => Omit<VqaRow, "picture" | "place"> | null,
): Promise<VqaRow[]> {
  const rows: VqaRow[] = [];
  for (const [index, row] of (await readJsonRows(file)).entries()) {
    const picked = pick(row, index);
    if (picked === null) continue;
    const name = textField(row, pictures.field);
    const picture = await namedPicture(pictures.folder, name, `${row.place}, field ${pictures.field}`, pictures.side);
    rows.push({ ...picked, place: row.place, picture });
  }
  return rows;
}
