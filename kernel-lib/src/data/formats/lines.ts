import { createReadStream } from "node:fs";
import { DataError } from "../../base/errors";

/** One line of a text file. */
export interface TextLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** Bytes of the file read so far. */
  readonly bytesRead: number;
}

const NEWLINE = 0x0a;
const MOST_BYTES = 2 ** 20;

function refuse(file: string, line: number, rule: string, got: string): never {
  const message = `readLines: ${file}, line ${line}, must ${rule}; got ${got}. Check that it is the right file.`;
  throw new DataError(message, { file, line, rule, got });
}

/**
 * The lines of a UTF-8 text file, one at a time, without their ends; a byte order mark is left out, and so is what follows the
 * last line end when it is empty.
 *
 * @throws DataError naming file and line: unreadable file, a line longer than 1 MiB, bytes that are no UTF-8.
 */
export async function* readLines(file: string): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let [number, bytesRead] = [0, 0];
  let rest: Buffer = Buffer.alloc(0);
  const lineOf = (bytes: Buffer): TextLine => {
    number++;
    try {
      return { number, text: decoder.decode(bytes).replace(/\r$/, ""), bytesRead };
    } catch {
      return refuse(file, number, "be UTF-8 text", "other bytes");
    }
  };
  try {
    for await (const piece of createReadStream(file, { highWaterMark: 2 ** 18 })) {
      bytesRead += (piece as Buffer).length;
      const held = rest.length === 0 ? (piece as Buffer) : Buffer.concat([rest, piece as Buffer]);
      let start = 0;
      for (let end = held.indexOf(NEWLINE); end >= 0; end = held.indexOf(NEWLINE, start)) {
        yield lineOf(held.subarray(start, end));
        start = end + 1;
      }
      rest = held.subarray(start);
      if (rest.length > MOST_BYTES) refuse(file, number + 1, `have at most ${MOST_BYTES} bytes`, "more");
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`readLines: file must be readable; got ${file}. Check the folder.`, { file }, cause);
  }
  if (rest.length > 0) yield lineOf(rest);
}
