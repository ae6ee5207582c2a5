import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { assertInteger } from "../base/check";
import { ConfigError, EnvironmentError } from "../base/errors";
import type { Control } from "../base/types";
import { appendWhole } from "../store/files";
import { BusyError, isPassing, type Patience, readText, retryConnection, waitAskedFor } from "./http";

/*
 * A service that answers JSON to JSON, as OpenAI's and those compatible with it: where data may be sent, how it is asked, and how
 * its answers are kept so that nothing is asked twice.
 */

/** Where data may go. */
export interface EndpointRule {
  /** Credentialed data stays on this machine unless the host is written down. */
  readonly access: "open" | "credentialed";
  /** A file with one host a line (# begins a comment) that credentialed data may be sent to. Default none. */
  readonly allowListFile?: string;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

async function readAllowList(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const message = `assertEndpoint: allowListFile must be readable; got ${file}. Write one host a line into it.`;
    throw new ConfigError(message, { file }, cause);
  });
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim().toLowerCase())
    .filter((line) => line !== "");
}

/**
 * The endpoint's address, if data may be sent there: open data anywhere, credentialed data to this machine's loopback or to a host
 * that the user has written into the allow-list.
 *
 * @throws ConfigError for no http(s) address, one with a password in it, or a host that is not allowed.
 */
export async function assertEndpoint(endpoint: string, rule: EndpointRule): Promise<URL> {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(
      `assertEndpoint: endpoint must be an http or https address; got ${JSON.stringify(endpoint)}.`,
    );
  }
  if (url.username !== "" || url.password !== "")
    throw new ConfigError(
      `assertEndpoint: endpoint must hold no user or password; the one of ${url.host} does. Name the environment variable of a key instead.`,
    );
  if (rule.access === "open" || isLoopback(url.hostname)) return url;
  const allowed = rule.allowListFile === undefined ? [] : await readAllowList(rule.allowListFile);
  if (allowed.includes(url.hostname) || allowed.includes(url.host)) return url;
  throw new ConfigError(
    `assertEndpoint: credentialed data must stay on this machine (localhost, 127.0.0.1, ::1); got host ${url.host}. If the data's agreement permits it, write the host into a file and pass it as allowListFile.`,
    { host: url.host, allowed },
  );
}

/** How an endpoint is reached. */
export interface EndpointOptions extends EndpointRule, Omit<Patience, "idleMs"> {
  /** Base address of an OpenAI-compatible service, e.g. "http://127.0.0.1:8000/v1". */
  readonly endpoint: string;
  /** Environment variable that holds the key, sent as bearer token to this host alone; the key itself is never written. Default none. */
  readonly keyVariable?: string;
  /** Longest wait for one whole answer, ms. Default 60,000. */
  readonly timeoutMs?: number;
  /** Longest wait that a busy server may ask for (Retry-After), ms; who asks for more is not asked again. Default 60,000. */
  readonly mostWaitMs?: number;
}

/** The names of these options, for those who take them among others. */
export const ENDPOINT_OPTIONS = [
  ...(["endpoint", "access", "allowListFile", "keyVariable"] as const),
  ...(["retries", "retryMs", "timeoutMs", "mostWaitMs"] as const),
];

/** An answer that was none: the question may be asked again. */
export class NoAnswer extends Error {}

/** A service to ask. */
export interface Endpoint {
  readonly url: URL;
  /**
   * Asks until the answer is one, within the budget of attempts.
   *
   * @param ask path below the base address ("/…" below the host alone), the body (none: GET), and how the answer is read: `read`
   * throws NoAnswer on what is none, and is asked again.
   * @throws EnvironmentError when no answer came within the budget, or the server refuses: `details.status` says with what, null
   * where there was none. InterruptedError on abort.
   */
  ask<T>(ask: EndpointQuestion<T>, control?: Control): Promise<T>;
}

/** What an endpoint is asked. */
export interface EndpointQuestion<T> {
  readonly path: string;
  readonly body?: object;
  readonly read: (json: unknown) => T;
}

/** Opens an endpoint; nothing is sent yet. @throws ConfigError on a bad option, a host that is not allowed, or a key that is not there. */
export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { keyVariable, retries = 4, timeoutMs = 60_000 } = options;
  assertInteger("openEndpoint: retries", retries, 0);
  assertInteger("openEndpoint: timeoutMs", timeoutMs, 1);
  const url = await assertEndpoint(options.endpoint, options);
  const key = keyVariable === undefined ? null : readKey(keyVariable);
  return {
    url,
    ask: (question, control = {}) => {
      const place = placeOf(url, question.path);
      const patience = { url: place, retries, retryMs: options.retryMs ?? 1000, control, warning: "endpoint" };
      return retryConnection("askEndpoint", patience, () => attempt(place, question, { ...options, key, control }));
    },
  };
}

function readKey(variable: string): string {
  const key = process.env[variable] ?? "";
  if (key !== "") return key;
  throw new ConfigError(
    `openEndpoint: keyVariable must name an environment variable that holds the key; ${variable} is empty. Set it, or leave the option out.`,
    { keyVariable: variable },
  );
}

function placeOf(url: URL, path: string): string {
  return path.startsWith("/") ? `${url.origin}${path}` : `${url.href.replace(/\/$/, "")}/${path}`;
}

interface AttemptOptions extends EndpointOptions {
  readonly key: string | null;
  readonly control: Control;
}

/** One request. Redirects are refused: they could lead data to another host. */
async function attempt<T>(place: string, question: EndpointQuestion<T>, options: AttemptOptions): Promise<T> {
  const { key, control, timeoutMs = 60_000, mostWaitMs = 60_000 } = options;
  const signals = [AbortSignal.timeout(timeoutMs), ...(control.signal === undefined ? [] : [control.signal])];
  const response = await fetch(place, {
    ...(question.body === undefined ? {} : { method: "POST", body: JSON.stringify(question.body) }),
    headers: { "content-type": "application/json", ...(key === null ? {} : { authorization: `Bearer ${key}` }) },
    redirect: "error",
    signal: AbortSignal.any(signals),
  });
  const said = await readText({ where: "askEndpoint", url: place }, response);
  const text = key === null ? said : said.replaceAll(key, "[key]"); // a server that repeats it must not make us write it down
  if (response.ok) return question.read(parse(text));
  const status = `status ${response.status}, ${JSON.stringify(text.slice(0, 200))}`;
  const waitMs = waitAskedFor(response);
  if (isPassing(response.status) && waitMs <= mostWaitMs) throw new BusyError(status, waitMs);
  const advice = waitMs > mostWaitMs ? `It asks to wait ${waitMs / 1000} s.` : adviceOn(response.status);
  throw new EnvironmentError(`askEndpoint: ${place} must answer; got ${status}. ${advice}`, {
    url: place,
    status: response.status,
  });
}

function adviceOn(status: number): string {
  if (status === 401 || status === 403) return "Give a key by the environment variable that keyVariable names.";
  return status === 404 ? "Name another base address or model." : "Change what is asked; asking again would not help.";
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NoAnswer(`no JSON, ${JSON.stringify(text.slice(0, 60))}`);
  }
}

/** The written text of a chat's answer, or of a completion's. @throws NoAnswer where there is none, or the service held it back. */
export function writtenText(json: unknown): string {
  const { choices } = (json ?? {}) as {
    choices?: { message?: { content?: unknown }; text?: unknown; finish_reason?: unknown }[];
  };
  const [choice] = Array.isArray(choices) ? choices : [];
  const content = choice?.message?.content ?? choice?.text;
  if (typeof content !== "string") throw new NoAnswer("no text in choices[0].message.content");
  if (choice?.finish_reason === "content_filter") throw new NoAnswer("a text held back by the service's filter");
  return content;
}

/** Answers of an endpoint by the hash of what it was asked: one JSON line each, appended when it comes. */
export interface AnswerLog<T> {
  get(key: string): T | undefined;
  put(key: string, answer: T): void;
}

const sealOf = (key: string, answer: unknown): number => crc32(JSON.stringify([key, answer]));

/**
 * Opens a file of answers. A line that an interruption cut short, or that was changed, is passed over: its question is asked again.
 *
 * @param file null: kept in memory only.
 */
export function openAnswerLog<T>(file: string | null): AnswerLog<T> {
  const answers = new Map<string, T>(file === null || !existsSync(file) ? [] : readLog<T>(file));
  if (file !== null) appendWhole(file, ""); // where it cannot be written, nothing is asked
  return {
    get: (key) => answers.get(key),
    put: (key, answer) => {
      answers.set(key, answer);
      const line = JSON.stringify([key, answer, sealOf(key, answer)]);
      if (file !== null) appendWhole(file, `\n${line}`); // a new line first: the one before may be cut short
    },
  };
}

function readLog<T>(file: string): [string, T][] {
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line): [string, T][] => {
      try {
        const [key, answer, seal] = JSON.parse(line) as [string, T, number];
        return seal === sealOf(key, answer) ? [[key, answer]] : [];
      } catch {
        return [];
      }
    });
}
