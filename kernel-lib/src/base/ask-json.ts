import { DataError, EnvironmentError } from "./errors";
import { createWatch, isPassing, openUrl, type Patience, type Request, retryConnection } from "./http";
import type { Control } from "./types";

/** How an interface that answers JSON is asked. */
export interface JsonRequest extends Request, Patience {
  /** Who asks, for messages. */
  readonly where: string;
  /** What to do about an answer other than 200, a sentence. Default "Try again later." */
  readonly advise?: (response: Response) => string;
  /** What to do about an answer that is no JSON, a sentence. Default "Try again later." */
  readonly doubt?: string;
  readonly control?: Control;
}

/** An answer and what its head says of a next page. */
export interface JsonAnswer {
  readonly json: unknown;
  readonly link: string | null;
}

const MOST_BYTES = 64 * 2 ** 20;

/**
 * Asks an address for JSON; a connection that breaks, or a server that is busy, is asked again.
 *
 * @throws EnvironmentError when it does not answer, or with another status than 200. DataError when it answers no JSON, or more
 * than 64 MiB. InterruptedError on abort.
 */
export async function askJson(request: JsonRequest): Promise<JsonAnswer> {
  const { where, url, idleMs = 30_000, control = {}, advise = () => "Try again later." } = request;
  return retryConnection(where, request, async () => {
    const watch = createWatch(idleMs, control.signal);
    try {
      const response = await openUrl(request, watch.signal);
      if (isPassing(response.status)) throw new Error(`status ${response.status}`);
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new EnvironmentError(
          `${where}: ${url} must answer 200; got status ${response.status}. ${advise(response)}`,
          { url, status: response.status },
        );
      }
      const text = await readText(request, response, watch.heard);
      return { json: parse(request, text), link: response.headers.get("link") };
    } finally {
      watch.stop();
    }
  });
}

async function readText({ where, url }: JsonRequest, response: Response, heard: () => void): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    heard();
    bytes += piece.length;
    if (bytes > MOST_BYTES) throw new DataError(`${where}: ${url} must answer at most ${MOST_BYTES} bytes; got more.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function parse({ where, url, doubt = "Try again later." }: JsonRequest, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const got = JSON.stringify(text.slice(0, 60));
    throw new DataError(`${where}: ${url} must answer JSON; got ${got}. ${doubt}`, { url }, cause);
  }
}
