import { EnvironmentError, isKernelError } from "../base/errors";
import { pngUri } from "../base/png";
import type { Control } from "../base/types";
import { type Endpoint, NoAnswer } from "../hub/endpoint";
import type { ChatMessage } from "../models/text/chat-template";

/*
 * Log-probabilities of given answers from an OpenAI-compatible server, each way exact or refused: none guesses the probability of a
 * token that the server does not name.
 */

/**
 * - "labelTokens": the server is asked for these tokens by id (`logprob_token_ids`, vLLM); answers of one token, one request a pair.
 * - "promptTokens": the answer stands in the prompt, and the server says how likely the prompt's tokens are (`prompt_logprobs`, vLLM);
 *   any answer, one request an answer.
 * - "topTokens": the twenty likeliest tokens (`top_logprobs`); answers of one token, refused for a pair where one is not among them.
 * - "echo": as promptTokens by the older interface of completions (`echo` with `logprobs`), which takes no pictures.
 */
export const SCORINGS = ["labelTokens", "promptTokens", "topTokens", "echo"] as const;
export type Scoring = (typeof SCORINGS)[number];

/** A model behind an endpoint, as it is talked to. */
export interface ServedModel {
  readonly endpoint: Endpoint;
  readonly model: string;
  /** Token ids of answers, asked for once. */
  readonly tokens: Map<string, Promise<readonly number[]>>;
}

/** A turn as the interface takes it. */
export interface ServedMessage {
  readonly role: string;
  readonly content: string | readonly object[];
}

/** The turns of a prompt, its pictures as data URLs (PNG, pixel by pixel). */
export function servedMessages(messages: readonly ChatMessage[]): ServedMessage[] {
  return messages.map(({ role, content }) => ({
    role,
    content:
      typeof content === "string"
        ? content
        : content.map((part) =>
            part.type === "text" ? part : { type: "image_url", image_url: { url: pngUri(part.image, 1) } },
          ),
  }));
}

/** One pair's question, and the answers to be scored. */
export interface ScoreRequest {
  readonly messages: readonly ServedMessage[];
  readonly answers: readonly string[];
  /** What it means that the server leaves log-probabilities out: "refuse" (it cannot), or "retry" (it has given them before). */
  readonly whenDropped: "refuse" | "retry";
  readonly control: Control;
}

type Way = (served: ServedModel, request: ScoreRequest) => Promise<number[][]>;

const WAYS: Readonly<Record<Scoring, Way>> = {
  labelTokens: scoreByIds,
  promptTokens: scoreInPrompt,
  topTokens: scoreAmongTop,
  echo: scoreEcho,
};

/**
 * Log-probability of each token of each answer: result[answer][token], nats, over the whole vocabulary.
 *
 * @throws EnvironmentError when no such answer came within the budget, or, with `details.lacks` "logprobs", where the server has none.
 */
export function scoreServed(scoring: Scoring, served: ServedModel, request: ScoreRequest): Promise<number[][]> {
  return WAYS[scoring](served, request);
}

/** Whether an error says that a server cannot give the log-probabilities that were asked for. */
export function lacksLogProbabilities(error: unknown): boolean {
  return isKernelError(error, "environment") && error.details["lacks"] === "logprobs";
}

/** The error for a server without them. */
export function withoutLogProbabilities(what: string): EnvironmentError {
  const advice = `Use a server that gives them (vLLM), name another scoring of ${SCORINGS.join(", ")}, or "none" for answers that are only written.`;
  return new EnvironmentError(
    `scoreServed: the server must give exact log-probabilities of the labels; ${what}. ${advice}`,
    { lacks: "logprobs", what },
  );
}

function dropped({ whenDropped }: ScoreRequest, what: string): Error {
  return whenDropped === "retry" ? new NoAnswer(what) : withoutLogProbabilities(what);
}

/** Follows names and positions into an answer; undefined where one leads nowhere. */
function at(json: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], json);
}

/** A log-probability, or what is wrong with it. */
function logProbability(value: unknown, request: ScoreRequest): number {
  if (typeof value === "number" && Number.isFinite(value) && value <= 1e-4) return Math.min(0, value);
  throw dropped(request, `a log-probability is ${JSON.stringify(value) ?? "missing"}`);
}

const FIRST_TOKEN = { max_tokens: 1, temperature: 0 } as const;
/** Most ids that a server takes in one request. */
const MOST_IDS = 20;

async function scoreByIds(served: ServedModel, request: ScoreRequest): Promise<number[][]> {
  const ids = await Promise.all(request.answers.map((answer) => answerTokens(served, answer, request)));
  const long = request.answers.find((_, i) => ids[i]!.length > 1);
  if (long !== undefined) return scoreInPrompt(served, request); // exact too, one request an answer
  const wanted = [...new Set(ids.map(([id]) => id!))];
  const found = new Map<number, number>();
  for (let from = 0; from < wanted.length; from += MOST_IDS) {
    const some = wanted.slice(from, from + MOST_IDS);
    for (const [id, value] of await askForIds(served, request, some)) found.set(id, value);
  }
  return ids.map(([id]) => [found.get(id!)!]);
}

function askForIds({ endpoint, model }: ServedModel, request: ScoreRequest, ids: readonly number[]) {
  const body = {
    ...{ model, messages: request.messages, ...FIRST_TOKEN, logprobs: true },
    ...{ logprob_token_ids: ids, return_tokens_as_token_ids: true },
  };
  const read = (json: unknown): [number, number][] => {
    const given = at(json, "choices", 0, "logprobs", "content", 0, "top_logprobs");
    const entries = new Map((Array.isArray(given) ? given : []).map((entry) => [at(entry, "token"), entry]));
    return ids.map((id) => {
      const entry = entries.get(`token_id:${id}`);
      if (entry === undefined) throw dropped(request, `token ${id} is not among those it names`);
      return [id, logProbability(at(entry, "logprob"), request)];
    });
  };
  return endpoint.ask({ path: "chat/completions", body, read }, request.control);
}

async function scoreInPrompt(served: ServedModel, request: ScoreRequest): Promise<number[][]> {
  const { endpoint, model } = served;
  const { messages, control } = request;
  const scores: number[][] = [];
  for (const answer of request.answers) {
    const ids = await answerTokens(served, answer, request);
    const body = { model, ...withAnswer(messages, answer), ...FIRST_TOKEN, prompt_logprobs: 0 };
    const read = (json: unknown): number[] => {
      const given = at(json, "prompt_logprobs");
      const last = Array.isArray(given) ? given.slice(-ids.length) : [];
      return ids.map((id, i) => logProbability(at(last[i], String(id), "logprob"), request));
    };
    scores.push(await endpoint.ask({ path: "chat/completions", body, read }, control));
  }
  return scores;
}

/** The turns with an answer begun, which the server is not to end. */
function withAnswer(messages: readonly ServedMessage[], answer: string): object {
  return {
    messages: [...messages, { role: "assistant", content: answer }],
    ...{ add_generation_prompt: false, continue_final_message: true },
  };
}

/** The tokens that an answer is at the beginning of the server's turn: the same whatever was asked, and so asked with a short text. */
function answerTokens(served: ServedModel, answer: string, request: ScoreRequest): Promise<readonly number[]> {
  const known = served.tokens.get(answer);
  if (known !== undefined) return known;
  const question = [{ role: "user", content: "?" }];
  const ask = (turns: object): Promise<readonly number[]> =>
    served.endpoint.ask(
      { path: "/tokenize", body: { model: served.model, ...turns }, read: (json) => tokenIds(json, request) },
      request.control,
    );
  const found = Promise.all([
    ask({ messages: question, add_generation_prompt: true }),
    ask(withAnswer(question, answer)),
  ])
    .then(([before, whole]) => tokensBehind(answer, before, whole))
    .catch((error: unknown) => {
      served.tokens.delete(answer); // the next may find them
      throw error;
    });
  served.tokens.set(answer, found);
  return found;
}

function tokenIds(json: unknown, request: ScoreRequest): readonly number[] {
  const tokens = at(json, "tokens");
  if (Array.isArray(tokens) && tokens.length > 0 && tokens.every(Number.isSafeInteger)) return tokens as number[];
  throw dropped(request, "it does not say which tokens a text is");
}

function tokensBehind(answer: string, before: readonly number[], whole: readonly number[]): readonly number[] {
  const ids = whole.slice(before.length);
  if (ids.length > 0 && before.every((id, i) => whole[i] === id)) return ids;
  throw withoutLogProbabilities(
    `its tokens of the answer ${JSON.stringify(answer)} do not follow those of the question`,
  );
}

async function scoreAmongTop({ endpoint, model }: ServedModel, request: ScoreRequest): Promise<number[][]> {
  const body = { model, messages: request.messages, ...FIRST_TOKEN, logprobs: true, top_logprobs: MOST_IDS };
  const read = (json: unknown): number[][] => {
    const given = at(json, "choices", 0, "logprobs", "content", 0, "top_logprobs");
    if (!Array.isArray(given) || given.length === 0) throw dropped(request, "it names no likely tokens");
    return request.answers.map((answer) => {
      const entries = given.filter((entry) => at(entry, "token") === answer);
      if (entries.length === 1) return [logProbability(at(entries[0], "logprob"), request)];
      throw withoutLogProbabilities(`${JSON.stringify(answer)} is not one of the ${given.length} likeliest tokens`);
    });
  };
  return endpoint.ask({ path: "chat/completions", body, read }, request.control);
}

/** The words of the turns alone, as the older interface takes them. */
export function plainPrompt(messages: readonly ServedMessage[]): string {
  const wordsOf = (content: ServedMessage["content"]): string =>
    typeof content === "string" ? content : content.map((part) => String(at(part, "text") ?? "")).join("");
  return `${messages.map(({ content }) => wordsOf(content)).join("\n")}\n`;
}

async function scoreEcho({ endpoint, model }: ServedModel, request: ScoreRequest): Promise<number[][]> {
  const prompt = plainPrompt(request.messages);
  const scores: number[][] = [];
  for (const answer of request.answers) {
    const body = { model, prompt: prompt + answer, ...FIRST_TOKEN, max_tokens: 0, echo: true, logprobs: 1 };
    const read = (json: unknown): number[] => {
      const [offsets, values] = ["text_offset", "token_logprobs"].map((name) =>
        at(json, "choices", 0, "logprobs", name),
      );
      if (!Array.isArray(offsets) || !Array.isArray(values)) throw dropped(request, "it repeats no log-probabilities");
      const first = offsets.indexOf(prompt.length);
      const after = offsets.findIndex((offset, i) => i > first && offset >= prompt.length + answer.length);
      if (first < 0) throw withoutLogProbabilities(`no token begins where ${JSON.stringify(answer)} does`);
      return values.slice(first, after < 0 ? undefined : after).map((value) => logProbability(value, request));
    };
    scores.push(await endpoint.ask({ path: "completions", body, read }, request.control));
  }
  return scores;
}
