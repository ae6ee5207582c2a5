import { createHash } from "node:crypto";
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";
import { assertNotInterrupted } from "../../base/check";
import { DataError, EnvironmentError, isKernelError } from "../../base/errors";
import type { Control } from "../../base/types";
import { md5OfFile } from "../formats/checksum";

/** Options of downloadFile; every one but the place has a default. */
export interface DownloadOptions {
  readonly url: string;
  /** Where the file goes; its folders are made. */
  readonly file: string;
  /** The publisher's MD5; null where none is stated: the content is then not checked. */
  readonly md5: string | null;
  /** How often a broken connection is taken up again. Default 5. */
  readonly retries?: number;
  /** Longest silence of the server, ms. Default 30,000. */
  readonly idleMs?: number;
  /** Wait before the first retry, ms; doubled each time. Default 1,000. */
  readonly retryMs?: number;
  /** Most bytes. Default 8 GiB. */
  readonly maxBytes?: number;
  readonly control?: Control;
}

interface Attempt extends Required<Omit<DownloadOptions, "md5">> {
  readonly part: string;
  readonly tag: string;
}

const GIBIBYTE = 2 ** 30;

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

/** A watchdog that aborts when nothing came for `idleMs`, and whatever the caller's signal does. */
function createWatch(idleMs: number, signal: AbortSignal | undefined) {
  const idle = new AbortController();
  let timer = setTimeout(() => idle.abort(new Error(`no byte for ${idleMs} ms`)), idleMs);
  return {
    signal: signal === undefined ? idle.signal : AbortSignal.any([idle.signal, signal]),
    heard() {
      clearTimeout(timer);
      timer = setTimeout(() => idle.abort(new Error(`no byte for ${idleMs} ms`)), idleMs);
    },
    stop: () => clearTimeout(timer),
  };
}

async function openResponse(attempt: Attempt, signal: AbortSignal): Promise<{ response: Response; start: number }> {
  const { url } = attempt;
  const held = heldBytes(attempt);
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (held.size > 0 && held.version !== "") {
    headers["range"] = `bytes=${held.size}-`;
    headers["if-range"] = held.version;
  }
  const response = await fetch(url, { headers, signal, redirect: "follow" });
  const goesOn = response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${held.size}-`);
  if (goesOn === true) return { response, start: held.size };
  if (response.status === 200) {
    mkdirSync(dirname(attempt.part), { recursive: true });
    writeFileSync(attempt.tag, versionOf(response));
    return { response, start: 0 };
  }
  await response.body?.cancel();
  if (response.status === 416 || response.status === 206) {
    rmSync(attempt.part, { force: true }); // what is held does not fit the file: from the beginning
    throw new Error(`status ${response.status}`);
  }
  if (response.status >= 500 || response.status === 429) throw new Error(`status ${response.status}`);
  return refuse(url, "answer 200", `status ${response.status}`, "Check the address in data/README.md.");
}

/** One connection: appends to the part what comes. @throws on a broken one; then the part is kept. */
async function attemptOnce(attempt: Attempt): Promise<void> {
  const { url, part, maxBytes, control, idleMs } = attempt;
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
        control.onProgress?.({ stage: `download ${url}`, done, total: total ?? done });
        yield piece;
      }
    };
    if (response.body === null) throw new Error("no content");
    const flags = start > 0 ? "a" : "w";
    await pipeline(Readable.fromWeb(response.body as never), counted, createWriteStream(part, { flags }));
    if (total !== null && done !== total) throw new Error(`${done} of ${total} bytes`);
  } finally {
    watch.stop();
  }
}

async function attemptAll(attempt: Attempt): Promise<void> {
  const { url, retries, retryMs, control } = attempt;
  for (let round = 0; ; round++) {
    try {
      return await attemptOnce(attempt);
    } catch (cause) {
      assertNotInterrupted("downloadFile", control.signal);
      if (isKernelError(cause)) throw cause;
      const { message, cause: inner } = cause as Error;
      const reason = inner instanceof Error ? inner.message : message;
      if (round >= retries) {
        const next = "Try again: it goes on where it stopped.";
        throw new EnvironmentError(
          `downloadFile: ${url} must arrive whole within ${retries + 1} attempts; got ${reason}. ${next}`,
          { url, retries },
          cause,
        );
      }
      control.onWarn?.("download", `downloadFile: the connection to ${url} broke (${reason}); going on.`, {
        url,
        round,
      });
      await wait(retryMs * 2 ** round, undefined, { signal: control.signal ?? new AbortController().signal }).catch(
        () => {},
      );
    }
  }
}

/**
 * Downloads a file: follows redirects, takes up broken connections where they broke, checks the publisher's MD5, and puts the
 * file in its place only when it is whole. An interrupted download goes on at the next call. A file that is there with the
 * right MD5 is not fetched again.
 *
 * @returns "present" when it was there, "fetched" otherwise.
 * @throws EnvironmentError when the server does not deliver. DataError when the content has another MD5; it is not kept.
 * InterruptedError on abort.
 */
export async function downloadFile(options: DownloadOptions): Promise<"present" | "fetched"> {
  const {
    url,
    file,
    md5,
    retries = 5,
    idleMs = 30_000,
    retryMs = 1000,
    maxBytes = 8 * GIBIBYTE,
    control = {},
  } = options;
  if (existsSync(file) && (md5 === null || (await md5OfFile(file)) === md5)) return "present";
  const name = `${file}.${createHash("sha256").update(url).digest("hex").slice(0, 8)}`;
  const attempt = { url, file, retries, idleMs, retryMs, maxBytes, control, part: `${name}.part`, tag: `${name}.tag` };
  await attemptAll(attempt);
  const found = await md5OfFile(attempt.part);
  rmSync(attempt.tag, { force: true });
  if (md5 !== null && found !== md5) {
    rmSync(attempt.part, { force: true });
    throw new DataError(
      `downloadFile: ${url} must have the published md5 ${md5}; got ${found}. Try again; if it stays so, do not use the file.`,
      { url, md5: found, published: md5 },
    );
  }
  renameSync(attempt.part, file);
  return "fetched";
}
