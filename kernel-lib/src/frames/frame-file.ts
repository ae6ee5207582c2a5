import { readFile } from "node:fs/promises";
import { DataError } from "../base/errors";
import { writeFileAtomic } from "../base/write-atomic";
import { FRAMES, type FrameName } from "./schemas";
import { decodeTable, type Table } from "./table";

const MAGIC = "ARROW1";

/** Saves a table as an Arrow IPC file, whole or not at all. Makes missing folders. */
export function saveFrame(table: Table, file: string): void {
  writeFileAtomic(file, table.toArrowIPC({ format: "file" }));
}

function refuse(file: string, rule: string, got: string, cause?: unknown): never {
  const message = `loadFrame: ${file} must ${rule}; got ${got}. Delete it and run the stage that writes it again.`;
  throw new DataError(message, { file, rule, got }, cause);
}

function decode(bytes: Buffer, file: string): Table {
  const whole = bytes.length >= 20 && bytes.toString("latin1", 0, 6) === MAGIC;
  if (!whole) refuse(file, "be an Arrow IPC file", "another format");
  if (bytes.toString("latin1", bytes.length - 6) !== MAGIC) refuse(file, "end with the Arrow mark", "a truncated file");
  try {
    return decodeTable(bytes);
  } catch (cause) {
    return refuse(file, "hold a sound Arrow table", `damaged content (${(cause as Error).message})`, cause);
  }
}

/**
 * Loads a table that saveFrame wrote.
 *
 * @param name which frame it must be; its columns are checked then.
 * @throws DataError for a missing, truncated or foreign file, or one without the frame's columns.
 */
export async function loadFrame(file: string, name?: FrameName): Promise<Table> {
  const bytes = await readFile(file).catch((cause: unknown) => refuse(file, "be readable", "no such file", cause));
  const table = decode(bytes, file);
  const names = table.columnNames();
  const missing = name === undefined ? [] : FRAMES[name].columns.filter((column) => !names.includes(column.name));
  if (missing.length === 0) return table;
  const wanted = missing.map((column) => column.name).join(", ");
  return refuse(file, `have the columns of ${name}, among them ${wanted}`, names.join(", ") || "no column");
}
