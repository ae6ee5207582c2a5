import { setTimeout as wait } from "node:timers/promises";
import { assertNotInterrupted } from "../base/check";
import { DataError, EnvironmentError, isKernelError } from "../base/errors";
import type { Control } from "../base/types";

/** How an address is asked. */
export interface Request {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as a bearer token to the origin of `url`, to no other one, whatever it redirects to. Default: none. */
  readonly token?: string | null;
}

/** How patient a connection is. */
export interface Patience {
  /** How often a broken connection is taken up again. Default 5. */
  readonly retries?: number;
  /** Wait before the first retry, ms; doubled each time. Default 1,000. */
  readonly retryMs?: number;
  /** Longest silence of the server, ms. Default 30,000. */
  readonly idleMs?: number;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/**
 * Asks an address (GET) and follows its redirects.
 *
 * @throws EnvironmentError on a redirect that leads nowhere, away from the web, or from https to http. Errors of the connection as they are.
 */
export async function openUrl({ url, headers = {}, token = null }: Request, signal: AbortSignal): Promise<Response> {
  const { origin } = new URL(url);
  let place = new URL(url);
  let held = token;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    if (place.origin !== origin) held = null; // and never again, wherever the chain leads back to
    const authorization = held === null ? {} : { authorization: `Bearer ${held}` };
    const response = await fetch(place, { headers: { ...headers, ...authorization }, signal, redirect: "manual" });
    if (!REDIRECTS.includes(response.status)) return response;
    await response.body?.cancel();
    place = redirectOf(place, response.headers.get("location"));
  }
  throw new EnvironmentError(
    `openUrl: ${url} must redirect at most ${MAX_REDIRECTS} times; got more. Try again later.`,
    {
      url,
    },
  );
}

function redirectOf(from: URL, location: string | null): URL {
  const to = location !== null && URL.canParse(location, from.href) ? new URL(location, from) : null;
  const isSafe = to?.protocol === "https:" || (to?.protocol === "http:" && from.protocol === "http:");
  if (to !== null && isSafe) return to;
  throw new EnvironmentError(
    `openUrl: ${from.origin}${from.pathname} must redirect to an address of the web, https staying https; got ${JSON.stringify(location)}. Do not use it.`,
    { location },
  );
}

/** A watchdog that aborts when nothing came for `idleMs`, and whatever the caller's signal does. */
interface Watch {
  readonly signal: AbortSignal;
  /** Something came. */
  heard(): void;
  stop(): void;
}

export function createWatch(idleMs: number, signal: AbortSignal | undefined): Watch {
  const idle = new AbortController();
  const start = () => setTimeout(() => idle.abort(new Error(`no byte for ${idleMs} ms`)), idleMs);
  let timer = start();
  return {
    signal: signal === undefined ? idle.signal : AbortSignal.any([idle.signal, signal]),
    heard() {
      clearTimeout(timer);
      timer = start();
    },
    stop: () => clearTimeout(timer),
  };
}

/** Whether a server that answered so may answer better later. */
export const isPassing = (status: number): boolean => status >= 500 || status === 429 || status === 408;

/** A server that answers later, and after how many ms it wants to be asked again (0: it does not say). */
export class BusyError extends Error {
  constructor(
    message: string,
    readonly waitMs: number,
  ) {
    super(message);
  }
}

/**
 * How long a server asks to wait (its Retry-After: seconds, or a date), ms; 0 where it asks nothing that can be read.
 *
 * @param now milliseconds since 1970. Default the clock's.
 */
export function waitAskedFor({ headers }: Pick<Response, "headers">, now = Date.now()): number {
  const said = (headers.get("retry-after") ?? "").trim();
  const ms = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

interface Retrying extends Pick<Request, "url">, Pick<Patience, "retries" | "retryMs"> {
  /** Code of the warning that a retry is. Default "download". */
  readonly warning?: string;
  readonly control?: Control;
}

/**
 * Does something over a connection, again when that breaks; errors of the library are final.
 *
 * @throws EnvironmentError when it breaks too often. InterruptedError on abort.
 */
export async function retryConnection<T>(
  where: string,
  { url, retries = 5, retryMs = 1000, warning: code = "download", control = {} }: Retrying,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let round = 0; ; round++) {
    try {
      assertNotInterrupted(where, control.signal);
      return await attempt();
    } catch (cause) {
      assertNotInterrupted(where, control.signal);
      if (isKernelError(cause)) throw cause;
      const { message, cause: inner } = cause as Error;
      const reason = inner instanceof Error ? inner.message : message;
      if (round >= retries)
        throw new EnvironmentError(
          `${where}: ${url} must arrive whole within ${retries + 1} attempts; got ${reason}. Try again: it goes on where it stopped.`,
          { url, retries },
          cause,
        );
      const warning = `${where}: the connection to ${url} broke (${reason}); going on.`;
      control.onWarn?.(code, warning, { url, round });
      const ms = Math.max(retryMs * 2 ** round, cause instanceof BusyError ? cause.waitMs : 0);
      await wait(ms, undefined, control.signal === undefined ? {} : { signal: control.signal }).catch(
        () => {}, // the next assertion says it
      );
    }
  }
}

/** How an interface that answers JSON is asked. */
interface JsonRequest extends Request, Patience {
  /** Who asks, for messages. */
  readonly where: string;
  /** What to do about an answer other than 200, a sentence. Default "Try again later." */
  readonly advise?: (response: Response) => string;
  /** What to do about an answer that is no JSON, a sentence. Default "Try again later." */
  readonly doubt?: string;
  readonly control?: Control;
}

/** An answer and what its head says of a next page. */
interface JsonAnswer {
  readonly json: unknown;
  readonly link: string | null;
}

const MOST_BYTES = 64 * 2 ** 20;
const MOST_WAIT_MS = 60_000;

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
      if (isPassing(response.status))
        throw new BusyError(`status ${response.status}`, Math.min(waitAskedFor(response), MOST_WAIT_MS));
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

/** The whole text of an answer. @throws DataError when it is longer than 64 MiB. */
export async function readText(
  { where, url }: Pick<JsonRequest, "where" | "url">,
  response: Response,
  heard: () => void = () => {},
): Promise<string> {
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
