import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as a server got it. */
export interface Asked {
  readonly path: string;
  readonly authorization: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: whatever a client sends
  readonly body: any;
}

/** Does something else than answering: true when it did. */
export type Evil = (asked: Asked, response: ServerResponse) => boolean;

/** What a server can do; vLLM all of it. */
export type Ability = "tokenize" | "logprob_token_ids" | "prompt_logprobs" | "top_logprobs" | "echo";

/** An OpenAI-compatible server on this machine: its model is a hash, its tokens are letters. */
export interface EndpointServer {
  readonly endpoint: string;
  readonly asked: Asked[];
  evil: Evil;
  abilities: readonly Ability[];
  version: string;
  close(): Promise<void>;
}

const VOCABULARY = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));

/** Log-probability of each letter after a text: a softmax of numbers drawn from the text's hash; any digit is likelier than any letter. */
export function letterLogProbabilities(text: string): Map<string, number> {
  const logits = VOCABULARY.map((letter) => {
    const drawn = createHash("sha256").update(`${text}|${letter}`).digest().readUInt16LE(0) / 65_536;
    return 3 * drawn + (/\d/.test(letter) ? 4 : 0);
  });
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return new Map(VOCABULARY.map((letter, i) => [letter, logits[i]! - total]));
}

/** Log-probability of each letter of an answer after a text. */
export function answerLogProbabilities(text: string, answer: string): number[] {
  return [...answer].map((letter, i) => letterLogProbabilities(text + answer.slice(0, i)).get(letter)!);
}

/** A chat as the model reads it; pictures by their address. */
export function chatText(messages: readonly { role: string; content: unknown }[]): string {
  const turns = messages.map(({ role, content }) => `<${role}>${JSON.stringify(content)}`);
  return `${turns.join("")}<assistant>`;
}

const codeOf = (letter: string): number => letter.charCodeAt(0);
const idsOf = (text: string): number[] => [...text].map(codeOf);

/** The text before the answer, and the answer that the last turn begins, if it does. */
function split({ messages, continue_final_message: goesOn }: Asked["body"]): [string, string] {
  if (goesOn !== true) return [chatText(messages), ""];
  return [chatText(messages.slice(0, -1)), messages.at(-1).content];
}

function topOf(text: string, { body, abilities }: { body: Asked["body"]; abilities: readonly Ability[] }): object[] {
  const all = [...letterLogProbabilities(text)].sort(([, a], [, b]) => b - a);
  const byId = abilities.includes("logprob_token_ids") ? body.logprob_token_ids : undefined;
  const count = abilities.includes("top_logprobs") ? (body.top_logprobs ?? 0) : 0;
  const chosen =
    byId === undefined ? all.slice(0, count) : all.filter(([letter], i) => i === 0 || byId.includes(codeOf(letter)));
  const named = (letter: string) => (body.return_tokens_as_token_ids === true ? `token_id:${codeOf(letter)}` : letter);
  return chosen.map(([letter, logprob]) => ({ token: named(letter), logprob, bytes: [codeOf(letter)] }));
}

function chat(body: Asked["body"], abilities: readonly Ability[]): object {
  const [before, answer] = split(body);
  const [first] = [...letterLogProbabilities(before + answer)].sort(([, a], [, b]) => b - a)[0]!;
  const top = topOf(before + answer, { body, abilities });
  const logprobs = body.logprobs === true && top.length > 0 ? { content: [{ token: first, top_logprobs: top }] } : null;
  const choices = [{ message: { role: "assistant", content: first }, finish_reason: "length", logprobs }];
  if (body.prompt_logprobs === undefined || !abilities.includes("prompt_logprobs")) return { choices };
  const tail = answerLogProbabilities(before, answer).map((logprob, i) => ({ [codeOf(answer[i]!)]: { logprob } }));
  return { choices, prompt_logprobs: [null, { 1: { logprob: -1 } }, ...tail] };
}

function complete({ prompt, echo }: Asked["body"], abilities: readonly Ability[]): object {
  const [first] = [...letterLogProbabilities(prompt)].sort(([, a], [, b]) => b - a)[0]!;
  if (echo !== true || !abilities.includes("echo")) return { choices: [{ text: first }] };
  const letters = [...(prompt as string)];
  const values = letters.map((letter, i) =>
    i === 0 ? null : (letterLogProbabilities(prompt.slice(0, i)).get(letter) ?? -9),
  );
  return { choices: [{ text: prompt, logprobs: { text_offset: letters.map((_, i) => i), token_logprobs: values } }] };
}

/** Starts one, on loopback. Its model is "hash-vl". */
export async function startEndpointServer(): Promise<EndpointServer> {
  const listening: Server = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = "";
    for await (const piece of request) text += String(piece);
    const asked = {
      path: request.url!,
      authorization: request.headers.authorization,
      body: JSON.parse(text || "null"),
    };
    server.asked.push(asked);
    if (server.evil(asked, response)) return;
    const said = route(asked);
    response.writeHead(said === null ? 404 : 200, { "content-type": "application/json" }).end(JSON.stringify(said));
  };
  const route = ({ path, body }: Asked): object | null => {
    const { abilities } = server;
    if (path === "/version") return { version: server.version };
    if (path === "/v1/models") return { data: [{ id: "hash-vl", root: "hash" }] };
    if (path === "/v1/chat/completions") return chat(body, abilities);
    if (path === "/v1/completions") return complete(body, abilities);
    if (path === "/tokenize" && abilities.includes("tokenize")) return { tokens: idsOf(split(body).join("")) };
    return null;
  };
  await new Promise<void>((ready) => listening.listen(0, "127.0.0.1", ready));
  const server: EndpointServer = {
    endpoint: `http://127.0.0.1:${(listening.address() as AddressInfo).port}/v1`,
    asked: [],
    evil: () => false,
    abilities: ["tokenize", "logprob_token_ids", "prompt_logprobs", "top_logprobs"],
    version: "0.32",
    close: async () => {
      listening.closeAllConnections();
      await new Promise((done) => listening.close(done));
    },
  };
  return server;
}
