import { createHash } from "node:crypto";
import { assertInteger, assertKnownKeys, assertNotInterrupted, assertOneOf } from "../base/check";
import { ConfigError, EnvironmentError, isKernelError } from "../base/errors";
import { sum } from "../base/numbers";
import type { Control, Label } from "../base/types";
import {
  type AnswerLog,
  ENDPOINT_OPTIONS,
  type Endpoint,
  type EndpointOptions,
  openAnswerLog,
  openEndpoint,
  writtenText,
} from "../hub/endpoint";
import { buildPrompt, PROMPT_VERSION } from "./prompt";
import { type LabelScores, promptKey, type Reader, type ReadPair } from "./reader";
import {
  plainPrompt,
  SCORINGS,
  type Scoring,
  type ServedMessage,
  type ServedModel,
  scoreServed,
  servedMessages,
  withoutLogProbabilities,
} from "./served-scores";

/** How a served reader is asked. What decides its answers is part of its fingerprint; where it lies and how patient we are is not. */
export interface ServedReaderOptions extends EndpointOptions {
  /** As the server calls it. */
  readonly model: string;
  /** Which weights that name stands for, where the server does not tell, e.g. a commit or a date. Default none. */
  readonly revision?: string;
  /** How labels are scored; "none": answers are only written. Default "auto": the first of `SCORINGS` that the server has. */
  readonly scoring?: Scoring | "auto" | "none";
  /** "none" for a model of texts alone: it reads the words of the prompt. Default "sent". */
  readonly pictures?: "sent" | "none";
  /** A system turn before the prompt. Default none, as in the paper. */
  readonly instruction?: string;
  /** Most tokens of a written answer. Default 16. */
  readonly maxNewTokens?: number;
  /** Where answers are kept as they come, so that a stopped run goes on. Default in memory only. */
  readonly answersFile?: string;
  /** Requests at once. Default 4. */
  readonly concurrency?: number;
  /** After so many questions in a row without an answer the others are not asked. Default 8. */
  readonly giveUpAfter?: number;
}

/** The names of these options, for those who take them among others. */
export const SERVED_READER_OPTIONS = [
  ...ENDPOINT_OPTIONS,
  ...(["model", "revision", "scoring", "pictures", "instruction", "maxNewTokens"] as const),
  ...(["answersFile", "concurrency", "giveUpAfter"] as const),
];

/** What a server says of itself: its version and its entry for the model, null where it says nothing. */
export interface ServerFacts {
  readonly version: unknown;
  readonly entry: unknown;
  readonly scoring: Scoring | "none";
}

/** A reader behind an endpoint. */
export interface ServedReader extends Reader {
  readonly server: ServerFacts;
}

/** A question without an answer, as the error's `details.failed` lists them. */
export interface UnansweredQuestion {
  readonly exampleId: string;
  readonly passageId: string | null;
  readonly reason: string;
}

/**
 * A reader behind any OpenAI-compatible server: pictures go as data URLs, labels are scored by exact log-probabilities.
 *
 * A question that gets no answer within the budget of attempts is reported (warning "endpoint"), and the others are asked all the
 * same; at the end the call throws, with the list in `details.failed`. What was answered is kept in `answersFile`: the next call asks
 * only for the rest. Nothing stands for an answer that did not come.
 *
 * Deviation: a server has no logits. `logits` are the mean log-probabilities of a label's tokens: their softmax over labels of one
 * token is that of the logits; for longer labels each token is normalised first (D15).
 *
 * @throws ConfigError on a bad option or an unknown model. EnvironmentError when the server does not answer, or, with
 * `details.lacks` "logprobs", when it does not have the log-probabilities of labels.
 * @example await openServedReader({ endpoint: "http://127.0.0.1:8000/v1", model: "OpenGVLab/InternVL3-8B", access: "open" })
 */
export async function openServedReader(options: ServedReaderOptions, control: Control = {}): Promise<ServedReader> {
  checkOptions(options);
  const endpoint = await openEndpoint(options);
  const served: ServedModel = { endpoint, model: options.model, tokens: new Map() };
  const facts = await askWhoItIs(endpoint, options.model, control);
  const scoring = await findScoring(served, options, control);
  const server: ServerFacts = { ...facts, scoring };
  const { model, revision = null, pictures = "sent", instruction = null, maxNewTokens = 16 } = options;
  const identity = [PROMPT_VERSION, model, revision, pictures, instruction, maxNewTokens, server];
  const fingerprint = hashOf("served", identity);
  const log = openAnswerLog<LoggedAnswer>(options.answersFile ?? null);
  const room: AskingRoom = { served, options, scoring, fingerprint, log };
  return {
    fingerprint,
    server,
    scoreLabels: (pairs, labels, watch = {}) => scorePairs(room, pairs, labels, watch),
    writeAnswers: (pairs, watch = {}) => writePairs(room, pairs, watch),
    dispose: () => {},
  };
}

function checkOptions(options: ServedReaderOptions): void {
  assertKnownKeys("openServedReader:", options, SERVED_READER_OPTIONS);
  const { model, scoring = "auto", pictures = "sent", maxNewTokens = 16, concurrency = 4, giveUpAfter = 8 } = options;
  if (typeof model !== "string" || model === "")
    throw new ConfigError(
      `openServedReader: model must be the server's name of a model; got ${JSON.stringify(model)}.`,
    );
  assertOneOf("openServedReader: scoring", scoring, ["auto", "none", ...SCORINGS]);
  assertOneOf("openServedReader: pictures", pictures, ["sent", "none"]);
  for (const [name, value] of Object.entries({ maxNewTokens, concurrency, giveUpAfter }))
    assertInteger(`openServedReader: ${name}`, value, 1);
  if (scoring === "echo" && pictures === "sent")
    throw new ConfigError(
      `openServedReader: scoring "echo" must go with pictures "none"; got "sent". The interface of completions takes no pictures.`,
    );
}

/** Asks for version and model. A server without these pages is taken as it is; one that lists other models is refused. */
async function askWhoItIs(endpoint: Endpoint, model: string, control: Control): Promise<Omit<ServerFacts, "scoring">> {
  const look = (path: string): Promise<unknown> =>
    endpoint.ask({ path, read: (json) => json }, control).catch((error: unknown) => {
      const status = isKernelError(error) ? error.details["status"] : undefined;
      if (status === 404 || status === 405) return null;
      throw error;
    });
  const { data } = ((await look("models")) ?? {}) as { data?: { id?: unknown; root?: unknown }[] };
  const found = Array.isArray(data) ? data.find(({ id }) => id === model) : undefined;
  if (Array.isArray(data) && found === undefined) {
    const known = data.slice(0, 10).map(({ id }) => id);
    throw new ConfigError(
      `openServedReader: model must be one that ${endpoint.url.origin} serves (${known.join(", ")}); got ${model}.`,
      { model, known },
    );
  }
  const entry = found === undefined ? null : { id: found.id, root: found.root ?? null };
  return { version: await look("/version"), entry };
}

/** Answers of a server that does not know what it is asked. */
const UNKNOWN_FIELD: readonly unknown[] = [400, 404, 405, 422, 501];

/** The way to score labels that the server has: the one asked for, or the first. */
async function findScoring(served: ServedModel, options: ServedReaderOptions, control: Control) {
  const { scoring = "auto", pictures = "sent" } = options;
  if (scoring === "none") return scoring;
  const possible = SCORINGS.filter((way) =>
    scoring === "auto" ? way !== "echo" || pictures === "none" : way === scoring,
  );
  const messages = [{ role: "user", content: "Is it 0 or 1? Write 0 or 1." }];
  const why: string[] = [];
  for (const way of possible) {
    try {
      const answers = way === "topTokens" ? [] : ["0", "1"]; // whether they are likely is each question's own matter
      await scoreServed(way, served, { messages, answers, whenDropped: "refuse", control });
      return way;
    } catch (error) {
      if (!isKernelError(error, "environment")) throw error;
      const { lacks, status } = error.details;
      if (lacks === undefined && !UNKNOWN_FIELD.includes(status)) throw error;
      why.push(`${way}: ${lacks === undefined ? `status ${status}` : error.details["what"]}`);
    }
  }
  throw withoutLogProbabilities(`it does not by ${possible.join(" or ")} (${why.join("; ")})`);
}

/** What is kept of an answer: log-probabilities by answer and token, or a text. */
type LoggedAnswer = readonly (readonly number[])[] | string;

interface AskingRoom {
  readonly served: ServedModel;
  readonly options: ServedReaderOptions;
  readonly scoring: Scoring | "none";
  readonly fingerprint: string;
  readonly log: AnswerLog<LoggedAnswer>;
}

function hashOf(...parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

function messagesFor({ instruction, pictures = "sent" }: ServedReaderOptions, pair: ReadPair): ServedMessage[] {
  const turns = buildPrompt(pair).map(({ role, content }) => ({
    role,
    content:
      typeof content === "string" || pictures === "sent" ? content : content.filter(({ type }) => type === "text"),
  }));
  return [...(instruction === undefined ? [] : [{ role: "system", content: instruction }]), ...servedMessages(turns)];
}

async function scorePairs(room: AskingRoom, pairs: readonly ReadPair[], labels: readonly Label[], control: Control) {
  const { served, options, scoring } = room;
  if (labels.length === 0) throw new ConfigError("scoreLabels: labels must hold at least one label; got none.");
  if (scoring === "none") throw withoutLogProbabilities('this reader was opened with scoring "none"');
  const answers = labels.map(({ answer }) => answer);
  const ask = (pair: ReadPair): Promise<number[][]> => {
    const messages = messagesFor(options, pair);
    return scoreServed(scoring, served, { messages, answers, whenDropped: "retry", control });
  };
  return (await askAll(room, pairs, { kind: answers, ask, control })).map(toScores);
}

function toScores(rows: readonly (readonly number[])[]): LabelScores {
  const sums = rows.map((row) => sum(row));
  return {
    logits: Float32Array.from(sums, (sum, i) => sum / rows[i]!.length),
    logLikelihoods: Float32Array.from(sums),
  };
}

async function writePairs(room: AskingRoom, pairs: readonly ReadPair[], control: Control): Promise<string[]> {
  const { served, options, scoring } = room;
  const { endpoint, model } = served;
  const limits = { temperature: 0, max_tokens: options.maxNewTokens ?? 16 };
  const ask = (pair: ReadPair): Promise<string> => {
    const messages = messagesFor(options, pair);
    if (scoring !== "echo")
      return endpoint.ask(
        { path: "chat/completions", body: { model, messages, ...limits }, read: writtenText },
        control,
      );
    const body = { model, prompt: plainPrompt(messages), ...limits };
    return endpoint.ask({ path: "completions", body, read: writtenText }, control);
  };
  return askAll<string>(room, pairs, { kind: "write", ask, control });
}

interface Asking<T> {
  /** What is asked of each pair: part of the key that its answer is kept by. */
  readonly kind: unknown;
  readonly ask: (pair: ReadPair) => Promise<T>;
  readonly control: Control;
}

/** Asks for what is not kept yet, several at once. @throws EnvironmentError when a question stays without an answer. */
async function askAll<T extends LoggedAnswer>(
  room: AskingRoom,
  pairs: readonly ReadPair[],
  asking: Asking<T>,
): Promise<T[]> {
  const { log, fingerprint, options } = room;
  const keys = pairs.map((pair) => hashOf(fingerprint, asking.kind, promptKey(pair)));
  const missing = new Map<string, ReadPair>();
  keys.forEach((key, i) => {
    if (log.get(key) === undefined) missing.set(key, pairs[i]!);
  });
  const round = new Round(room, missing.size, asking.control);
  const queue = [...missing][Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (const [key, pair] of queue) {
      if (round.isOver()) return;
      await round.settle(pair, () => asking.ask(pair).then((answer) => log.put(key, answer)));
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.concurrency ?? 4, missing.size) }, work));
  assertNotInterrupted("servedReader", asking.control.signal);
  round.requireAll();
  return keys.map((key) => log.get(key) as T);
}

/** Answers that say that no question will be answered: no key, no such model. */
const HOPELESS: readonly unknown[] = [401, 403, 404];

/** The questions of one call: how many are done, and which got no answer. */
class Round {
  readonly #failed: UnansweredQuestion[] = [];
  #done = 0;
  #inRow = 0;
  #end: unknown = null;

  constructor(
    private readonly room: AskingRoom,
    private readonly total: number,
    private readonly control: Control,
  ) {}

  /** Whether nothing more is to be asked. */
  isOver(): boolean {
    const { giveUpAfter = 8 } = this.room.options;
    return this.#end !== null || this.#inRow >= giveUpAfter || this.control.signal?.aborted === true;
  }

  async settle({ example, passage }: ReadPair, ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
      this.#inRow = 0;
    } catch (error) {
      if (isKernelError(error, "interrupted")) return; // the caller says it
      if (!isKernelError(error, "environment") || HOPELESS.includes(error.details["status"])) this.#end ??= error;
      this.#inRow += 1;
      const reason = (error as Error).message;
      const question = { exampleId: example.id, passageId: passage?.id ?? null, reason };
      this.#failed.push(question);
      this.control.onWarn?.("endpoint", `servedReader: ${example.id} has no answer: ${reason}`, { ...question });
    }
    this.#done += 1;
    this.control.onProgress?.({ stage: "asking", done: this.#done, total: this.total });
  }

  requireAll(): void {
    if (this.#failed.length === 0) return;
    const { model, answersFile } = this.room.options;
    const [first] = this.#failed;
    const unasked = this.total - this.#done;
    const kept = answersFile === undefined ? "in memory" : `in ${answersFile}`;
    const left = unasked === 0 ? "" : `, ${unasked} were not asked any more`;
    throw new EnvironmentError(
      `servedReader: ${model} must answer each of ${this.total} questions; ${this.#failed.length} have no answer${left} (${first!.exampleId}: ${first!.reason}). What was answered is kept ${kept}: call again to ask for the rest.`,
      { failed: this.#failed, unasked },
      this.#end ?? undefined,
    );
  }
}
