import { createHash } from "node:crypto";
import { type FileHandle, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import type { Passage, RasterImage } from "../../base/types";
import { isUnbroken, openStoredBytes, readStoredBytes, type StoredBytes, sealedJson } from "../../store/files";
import { readLines } from "../formats/text-file";

/** What stands beside a pack: how many passages it holds and what they are. */
export interface PackSummary {
  readonly schema: 1;
  readonly count: number;
  /** SHA-256 over all ids, texts and pixels, in order. */
  readonly hash: string;
  readonly broken: readonly { readonly place: string; readonly reason: string }[];
  /** What the reading found out about the whole. */
  readonly notes?: readonly string[];
  /** Places of the rows whose pictures decode to nearly one value. */
  readonly flat?: readonly string[];
}

/** One line of rows.jsonl: where text and pixels of a passage lie in passages.bin. */
type PackRow = readonly [id: string, corpus: string, licence: string, group: string | null, size: RowSize];
/** The row, and what is known besides. */
type WrittenRow = PackRow | readonly [...PackRow, truth: string | null, entities?: readonly string[] | undefined];
type RowSize = [width: number, height: number, channels: 1 | 3, start: number, textBytes: number];

const DATA = "passages.bin";
const ROWS = "rows.jsonl";
const SUMMARY = "pack.json";

/**
 * Writes passages as they come: decoded pixels and texts in one file, where they lie in another.
 *
 * @param about what else the summary says, asked when the last passage has come.
 */
export async function writePack(
  folder: string,
  passages: AsyncIterable<Passage>,
  about: () => Pick<PackSummary, "broken" | "flat" | "notes">,
): Promise<void> {
  const data = await open(join(folder, DATA), "w");
  try {
    const rows = await open(join(folder, ROWS), "w");
    try {
      const { count, hash } = await writeRows(passages, data, rows);
      const summary: PackSummary = { schema: 1, count, hash, ...about() };
      await writeFile(join(folder, SUMMARY), sealedJson(summary)); // last: a pack without it is unfinished
    } finally {
      await rows.close(); // also when the passages end in an error: nothing is written into a folder that is gone
    }
  } finally {
    await data.close();
  }
}

function rowOf(passage: Omit<Passage, "image" | "text">, size: RowSize): WrittenRow {
  const { id, corpus, licence, group, truth, entities } = passage;
  const row: PackRow = [id, corpus, licence, group ?? null, size];
  if (entities !== undefined) return [...row, truth ?? null, entities];
  return truth === undefined ? row : [...row, truth];
}

async function writeRows(
  passages: AsyncIterable<Passage>,
  data: FileHandle,
  rows: FileHandle,
): Promise<Pick<PackSummary, "count" | "hash">> {
  const hash = createHash("sha256");
  let [count, start] = [0, 0];
  for await (const { image, text, ...passage } of passages) {
    const textBytes = Buffer.from(text, "utf8");
    const size: RowSize = [image.width, image.height, image.channels, start, textBytes.length];
    const line = `${JSON.stringify(rowOf(passage, size))}\n`;
    for (const chunk of [textBytes, image.data]) {
      await data.appendFile(chunk);
      hash.update(chunk);
      start += chunk.length;
    }
    await rows.appendFile(line);
    hash.update(line);
    count++;
  }
  return { count, hash: hash.digest("hex") };
}

function readAt(file: StoredBytes, start: number, length: number): Buffer {
  const bytes = readStoredBytes(file, start, length);
  if (bytes !== null) return bytes;
  throw new DataError(
    "readPassage: the corpus's cached file must not change while it is read; got a shorter one. Load the corpus again.",
  );
}

/** A passage that holds its id; text and picture are read whenever they are asked for. */
function lazyPassage(file: StoredBytes, [id, corpus, licence, group, size, truth, entities]: WrittenRow): Passage {
  const [width, height, channels, start, textBytes] = size;
  return {
    id,
    corpus,
    licence,
    ...(group === null ? {} : { group }),
    ...(truth === undefined || truth === null ? {} : { truth }),
    ...(entities === undefined ? {} : { entities }),
    get text(): string {
      return readAt(file, start, textBytes).toString("utf8");
    },
    get image(): RasterImage {
      const data = new Uint8Array(readAt(file, start + textBytes, width * height * channels).buffer);
      return { width, height, channels, data };
    },
  };
}

function refuse(folder: string, file: string, rule: string): never {
  throw new DataError(`openPack: ${join(folder, file)} must ${rule}. Delete its folder and load the corpus again.`, {
    folder,
    file,
  });
}

/** The summary of a finished pack; null when there is none. @throws DataError when it is damaged. */
export async function readPackSummary(folder: string): Promise<PackSummary | null> {
  const text = await readFile(join(folder, SUMMARY), "utf8").catch(() => null);
  if (text === null) return null;
  const summary = parse(text) as PackSummary | null | undefined;
  if (typeof summary !== "object" || summary === null || !isUnbroken(summary))
    return refuse(folder, SUMMARY, "be as it was written");
  return summary.schema === 1 ? summary : null;
}

/** The value of a JSON text; undefined when it is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a line of rows.jsonl says where text and pixels of a passage lie. */
function isRow(value: unknown): value is WrittenRow {
  if (!Array.isArray(value)) return false;
  const [id, corpus, licence, group, size, truth, entities] = value as unknown[];
  const texts = [id, corpus, licence].every((each) => typeof each === "string");
  const optional = [group, truth].every((each) => each === undefined || each === null || typeof each === "string");
  const whole = Array.isArray(size) && size.length === 5 && size.every((n) => Number.isSafeInteger(n) && n >= 0);
  const names =
    entities === undefined || (Array.isArray(entities) && entities.every((each) => typeof each === "string"));
  return texts && optional && whole && names;
}

/** The passages of a finished pack; about 300 bytes each are held in memory. @throws DataError naming a line that is damaged. */
export async function openPack(folder: string): Promise<Passage[]> {
  const file = openStoredBytes(join(folder, DATA));
  const texts = new Map<string, string>();
  const shared = (text: string): string => {
    if (!texts.has(text)) texts.set(text, text); // corpus and licence repeat on every line: one string each is kept
    return texts.get(text)!;
  };
  const passages: Passage[] = [];
  for await (const { text: line, number } of readLines(join(folder, ROWS))) {
    const row = parse(line);
    if (!isRow(row)) return refuse(folder, ROWS, `hold a passage on line ${number}`);
    const [id, corpus, licence, group, size, truth, entities] = row;
    const known = typeof truth === "string" ? shared(truth) : null;
    passages.push(lazyPassage(file, [id, shared(corpus), shared(licence), group, size, known, entities]));
  }
  return passages;
}
