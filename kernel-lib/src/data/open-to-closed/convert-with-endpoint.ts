import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { assertInteger, assertKnownKeys, assertNotInterrupted } from "../../base/check";
import { ConfigError, EnvironmentError } from "../../base/errors";
import type { Control, Example, Task } from "../../base/types";
import { appendWhole } from "../../store/files";
import { readLines } from "../formats/text-file";
import {
  type CandidateQuestion,
  type ConvertedTask,
  candidateQuestions,
  closedVersion,
  keyWords,
  type RefusedQuestion,
  toClosed,
} from "./convert-open";

const OPENINGS = /^(is|are|was|were|does|do|did|has|have|had|can|could|will|would|should)\b/i;
const MOST_LETTERS = 300;

/**
 * Why a written yes/no question cannot stand for its open question, or null when it can: it must be one question, begin like a
 * yes/no question, and keep every meaningful word of the candidate.
 */
export function findFault(question: string, { candidate }: CandidateQuestion): string | null {
  const text = question.trim();
  if (text.length === 0 || text.length > MOST_LETTERS) return `a text of ${text.length} letters`;
  if (!text.endsWith("?") || text.indexOf("?") !== text.length - 1 || text.includes("\n")) return "not one question";
  if (!OPENINGS.test(text)) return "no yes/no question";
  const words = new Set(keyWords(text));
  const lost = keyWords(candidate).filter((word) => !words.has(word));
  return lost.length === 0 ? null : `lost ${lost.join(", ")}`;
}

/** Answers of an endpoint by the hash of what it was asked: one JSON line each, appended when it comes. */
interface AnswerCache {
  get(key: string): string | undefined;
  put(key: string, answer: string): void;
}

/** Opens a cache file; a last line that an interruption cut short is passed over. */
async function openAnswerCache(file: string): Promise<AnswerCache> {
  const answers = new Map<string, string>();
  if (existsSync(file)) {
    for await (const { text } of readLines(file)) {
      try {
        const [key, answer] = JSON.parse(text) as [string, string];
        answers.set(key, answer);
      } catch {
        // cut short: it is asked again
      }
    }
  }
  appendWhole(file, ""); // where it cannot be written, nothing is asked
  return {
    get: (key) => answers.get(key),
    put: (key, answer) => {
      answers.set(key, answer);
      appendWhole(file, `\n${JSON.stringify([key, answer])}`); // a new line first: the one before may be cut short
    },
  };
}

/** Where data may go. */
interface EndpointRule {
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
 * @throws ConfigError for no http(s) address, or a host that is not allowed.
 */
export async function assertEndpoint(endpoint: string, rule: EndpointRule): Promise<URL> {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(
      `assertEndpoint: endpoint must be an http or https address; got ${JSON.stringify(endpoint)}.`,
    );
  }
  if (rule.access === "open" || isLoopback(url.hostname)) return url;
  const allowed = rule.allowListFile === undefined ? [] : await readAllowList(rule.allowListFile);
  if (allowed.includes(url.hostname) || allowed.includes(url.host)) return url;
  throw new ConfigError(
    `assertEndpoint: credentialed data must stay on this machine (localhost, 127.0.0.1, ::1); got host ${url.host}. If the data's agreement permits it, write the host into a file and pass it as allowListFile.`,
    { host: url.host, allowed },
  );
}

/** Options of convertWithEndpoint. */
export interface EndpointOptions extends EndpointRule {
  /** Base address of an OpenAI-compatible service, e.g. "http://127.0.0.1:8000/v1". */
  readonly endpoint: string;
  readonly model: string;
  /** Where answers are kept, so that nothing is asked twice. */
  readonly cacheFile: string;
  /** Sent as bearer token; never stored. Default none. */
  readonly apiKey?: string;
  /** Default 7. */
  readonly seed?: number;
  /** Default 60,000. */
  readonly timeoutMs?: number;
  readonly control?: Control;
}

const OPTION_NAMES: readonly (keyof EndpointOptions)[] = [
  "endpoint",
  "model",
  "cacheFile",
  "apiKey",
  "seed",
  "timeoutMs",
  "control",
  "access",
  "allowListFile",
];
const INSTRUCTION =
  "Rewrite the question as one yes/no question that asks whether the candidate is its answer. Keep the words of the candidate. Write the question alone.";
const MOST_BYTES = 2 ** 16;

function messagesFor({ example, candidate }: CandidateQuestion): { role: string; content: string }[] {
  return [
    { role: "system", content: INSTRUCTION },
    { role: "user", content: `Question: ${example.question}\nCandidate: ${candidate}` },
  ];
}

/** One request. Redirects are refused: they could lead data to another host. */
async function ask(url: URL, body: string, options: EndpointOptions): Promise<string> {
  const { apiKey, timeoutMs = 60_000, control } = options;
  const place = `${url.href.replace(/\/$/, "")}/chat/completions`;
  const signals = [AbortSignal.timeout(timeoutMs), ...(control?.signal === undefined ? [] : [control.signal])];
  const headers = {
    "content-type": "application/json",
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  try {
    const response = await fetch(place, {
      method: "POST",
      headers,
      body,
      redirect: "error",
      signal: AbortSignal.any(signals),
    });
    const text = await response.text();
    if (!response.ok || text.length > MOST_BYTES) throw new Error(`status ${response.status}, ${text.length} letters`);
    const { choices } = JSON.parse(text) as { choices?: { message?: { content?: unknown } }[] };
    const content = choices?.[0]?.message?.content;
    if (typeof content !== "string") throw new Error("no text in choices[0].message.content");
    return content;
  } catch (cause) {
    assertNotInterrupted("convertWithEndpoint", control?.signal);
    const message = `convertWithEndpoint: ${place} must answer; got ${(cause as Error).message}. What it had answered is kept: call again to go on.`;
    throw new EnvironmentError(message, { endpoint: place }, cause);
  }
}

/** As many yes as no: what is too much of one is refused, from the end. */
function balance(questions: readonly Example[]): { kept: Example[]; refused: RefusedQuestion[] } {
  const of = (answer: string) => questions.filter((example) => example.answer === answer);
  const fewest = Math.min(of("yes").length, of("no").length);
  const kept = new Set([...of("yes").slice(0, fewest), ...of("no").slice(0, fewest)]);
  const refused = questions
    .filter((example) => !kept.has(example))
    .map(({ id }) => ({ exampleId: id.replace(/\/closed$/, ""), reason: "more of its answer than of the other" }));
  return { kept: questions.filter((example) => kept.has(example)), refused };
}

/** Asks for one question, or finds what was answered before. */
async function createWriter(options: EndpointOptions): Promise<(entry: CandidateQuestion) => Promise<string>> {
  const url = await assertEndpoint(options.endpoint, options);
  const cache = await openAnswerCache(options.cacheFile);
  return async (entry) => {
    const { model, seed = 7 } = options;
    const body = JSON.stringify({ model, messages: messagesFor(entry), temperature: 0, seed });
    const key = createHash("sha256").update(body).digest("hex");
    const known = cache.get(key);
    if (known !== undefined) return known.trim();
    const question = await ask(url, body, options);
    cache.put(key, question);
    return question.trim();
  };
}

/** The sound questions of one split, as many yes as no; the others are added to `refused`. */
async function writeSplit(
  entries: readonly CandidateQuestion[],
  write: (entry: CandidateQuestion) => Promise<string>,
  refused: RefusedQuestion[],
  control: Control,
): Promise<Example[]> {
  const written: Example[] = [];
  for (const [position, entry] of entries.entries()) {
    assertNotInterrupted("convertWithEndpoint", control.signal);
    const question = await write(entry);
    const fault = findFault(question, entry);
    if (fault === null) written.push(toClosed(entry, question));
    else refused.push({ exampleId: entry.example.id, reason: fault });
    const stage = `closed questions, ${entry.example.split}`;
    control.onProgress?.({ stage, done: position + 1, total: entries.length, values: { refused: refused.length } });
  }
  const { kept, refused: tooMany } = balance(written);
  refused.push(...tooMany);
  return kept;
}

/**
 * Asks the open questions of a task as yes/no questions that a language model writes, as the paper does. Candidates are those of
 * convertOpenQuestions; the model sees question and candidate, never the picture. Its answers are kept on disk; one that is no
 * yes/no question or loses the candidate's words is refused and counted, and each split keeps as many yes as no.
 *
 * @throws ConfigError when credentialed data would leave this machine without a written permission. EnvironmentError when the
 * endpoint does not answer. DataError when a split keeps no question. InterruptedError on abort.
 */
export async function convertWithEndpoint(task: Task, options: EndpointOptions): Promise<ConvertedTask> {
  assertKnownKeys("convertWithEndpoint:", options, OPTION_NAMES);
  const { seed = 7, timeoutMs = 60_000, control = {} } = options;
  assertInteger("convertWithEndpoint: timeoutMs", timeoutMs, 1);
  const write = await createWriter(options);
  const { bySplit, refused: without } = candidateQuestions(task, seed);
  const refused = [...without];
  const splits = {
    train: await writeSplit(bySplit.train, write, refused, control),
    validation: await writeSplit(bySplit.validation, write, refused, control),
    test: await writeSplit(bySplit.test, write, refused, control),
  };
  const questions = Object.values(splits).flatMap((list) => list.map(({ id, question }) => [id, question]));
  const hash = createHash("sha256").update(JSON.stringify(questions)).digest("hex").slice(0, 16);
  return { task: closedVersion(task, splits, `by-model:${hash}`), refused };
}
