import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  createWriteStream,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  type WriteStream,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DataError, EnvironmentError } from "../base/errors";
import type { Control } from "../base/types";
import { digestOfFile, type FileDigest, makeFolder, placeFile } from "../store/files";
import { createWatch, isPassing, openUrl, type Patience, type Request, retryConnection } from "./http";

/**
 * One download: whole, checked, taken up where it broke.
 *
 * `@huggingface/hub` 2.17 was looked at for this and is less strict: it begins a broken download anew, compares neither size nor
 * digest with what the hub states, lets two processes write one unfinished file, sets no limit to silence or length, follows a
 * redirect from https to http, writes to the console, and knows no other publisher.
 */

/** Options of downloadFile; every one but address, place and digest has a default. */
interface DownloadOptions extends Request, Patience {
  /** Where the file goes; its folders are made. */
  readonly file: string;
  /** The publisher's digest; null where none is stated: the content is then not checked. */
  readonly digest: FileDigest | null;
  /** The publisher's size in bytes. Default: not known. */
  readonly bytes?: number;
  /** Most bytes. Default `bytes`, else 8 GiB. */
  readonly maxBytes?: number;
  /** Names the download in progress. Default "download <url>". */
  readonly stage?: string;
  /** What to do about an answer other than 200, a sentence. */
  readonly advise?: (response: Response) => string;
  readonly control?: Control;
}

interface Attempt extends DownloadOptions {
  readonly part: string;
  readonly tag: string;
  readonly maxBytes: number;
}

const GIBIBYTE = 2 ** 30;
const DISK_ERRORS: readonly string[] = ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EFBIG"];

/** Size of the part that an earlier attempt left, if it is known to be of the same version of the file. */
function heldBytes({ part, tag }: Attempt): { size: number; version: string } {
  if (!existsSync(part) || !existsSync(tag)) return { size: 0, version: "" };
  return { size: statSync(part).size, version: readFileSync(tag, "utf8") };
}

/** What names a version of the file on the server; empty where it says none, and then nothing can be resumed. */
const versionOf = (response: Response): string => {
  const tag = response.headers.get("etag") ?? "";
  return tag.startsWith("W/") || tag === "" ? (response.headers.get("last-modified") ?? "") : tag;
};

function totalOf(response: Response, start: number): number | null {
  const length = response.headers.get("content-length");
  return length === null ? null : start + Number(length);
}

function refuse(url: string, rule: string, got: string, next: string): never {
  throw new EnvironmentError(`downloadFile: ${url} must ${rule}; got ${got}. ${next}`, { url, rule, got });
}

async function openResponse(attempt: Attempt, signal: AbortSignal): Promise<{ response: Response; start: number }> {
  const { url, advise = () => "Check the address." } = attempt;
  const held = heldBytes(attempt);
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (held.size > 0 && held.version !== "") {
    headers["range"] = `bytes=${held.size}-`;
    headers["if-range"] = held.version;
  }
  const response = await openUrl({ ...attempt, headers }, signal);
  const goesOn = response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${held.size}-`);
  if (goesOn === true) return { response, start: held.size };
  if (response.status === 200) {
    makeFolder(dirname(attempt.part));
    writeFileSync(attempt.tag, versionOf(response));
    return { response, start: 0 };
  }
  await response.body?.cancel();
  if (response.status === 416 || response.status === 206) {
    rmSync(attempt.part, { force: true }); // what is held does not fit the file: from the beginning
    throw new Error(`status ${response.status}`);
  }
  if (isPassing(response.status)) throw new Error(`status ${response.status}`);
  return refuse(url, "answer 200", `status ${response.status}`, advise(response));
}

/** One connection: appends to the part what comes. @throws on a broken one; then the part is kept. */
async function attemptOnce(attempt: Attempt): Promise<void> {
  const { url, part, bytes, maxBytes, control = {}, idleMs = 30_000, stage = `download ${url}` } = attempt;
  const held = heldBytes(attempt).size;
  if (held > 0 && held === bytes) return; // stopped between the last byte and the check
  const watch = createWatch(idleMs, control.signal);
  try {
    const { response, start } = await openResponse(attempt, watch.signal);
    const total = totalOf(response, start);
    if (total !== null && total > maxBytes)
      refuse(url, `have at most ${maxBytes} bytes`, String(total), "Raise maxBytes.");
    let done = start;
    const counted = async function* (body: AsyncIterable<Uint8Array>) {
      for await (const piece of body) {
        watch.heard();
        done += piece.length;
        if (done > maxBytes) refuse(url, `have at most ${maxBytes} bytes`, "more", "Raise maxBytes.");
        control.onProgress?.({ stage, done, total: total ?? bytes ?? done });
        yield piece;
      }
    };
    if (response.body === null) throw new Error("no content");
    const flags = start > 0 ? "a" : "w";
    await writeAll(Readable.fromWeb(response.body as never), counted, createWriteStream(part, { flags }));
    if (total !== null && done !== total) throw new Error(`${done} of ${total} bytes`);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== undefined && DISK_ERRORS.includes(code))
      // no other connection helps
      refuse(url, `be written to ${part}`, code, "Make room or choose another folder.");
    throw cause;
  } finally {
    watch.stop();
  }
}

/** As `pipeline`, but over only when the file is closed: one that is still being opened could empty what the next attempt wrote. */
async function writeAll(
  body: Readable,
  through: (pieces: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
  out: WriteStream,
): Promise<void> {
  try {
    await pipeline(body, through, out);
  } finally {
    if (!out.closed) await once(out, "close");
  }
}

/** Throws DataError, and removes the part, unless it is the published file. */
async function assertPublished({ url, part, tag, bytes, digest, control }: Attempt): Promise<void> {
  const size = statSync(part).size;
  const found = digest === null ? null : await digestOfFile(part, digest.kind, control);
  rmSync(tag, { force: true });
  const isSize = bytes === undefined || bytes === size;
  if (isSize && found === (digest?.value ?? null)) return;
  rmSync(part, { force: true });
  const [rule, got] = isSize ? [`${digest!.kind} ${digest!.value}`, found!] : [`size of ${bytes} bytes`, String(size)];
  throw new DataError(
    `downloadFile: ${url} must have the published ${rule}; got ${got}. Try again; if it stays so, do not use the file.`,
    { url, got, published: rule },
  );
}

/**
 * Downloads a file: follows redirects, takes up broken connections where they broke, checks the publisher's size and digest,
 * and puts the file in its place only when it is whole. An interrupted download goes on at the next call. A file that is there
 * with the right digest is not fetched again.
 *
 * @returns "present" when it was there, "fetched" otherwise.
 * @throws EnvironmentError when the server does not deliver. DataError when the content is another one; it is not kept.
 * InterruptedError on abort.
 */
export async function downloadFile(options: DownloadOptions): Promise<"present" | "fetched"> {
  const { url, file, digest, bytes, maxBytes = bytes ?? 8 * GIBIBYTE, control } = options;
  if (existsSync(file) && (digest === null || (await digestOfFile(file, digest.kind, control)) === digest.value))
    return "present";
  const name = `${file}.${createHash("sha256").update(url).digest("hex").slice(0, 8)}`;
  const attempt: Attempt = { ...options, maxBytes, part: `${name}.part`, tag: `${name}.tag` };
  await retryConnection("downloadFile", attempt, () => attemptOnce(attempt));
  await assertPublished(attempt);
  await placeFile(attempt.part, file);
  return "fetched";
}
