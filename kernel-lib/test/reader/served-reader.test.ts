import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { softmax } from "../../src/base/softmax";
import { buildPrompt } from "../../src/reader/prompt";
import type { ReadPair } from "../../src/reader/reader";
import { openServedReader, type ServedReaderOptions, type UnansweredQuestion } from "../../src/reader/served-reader";
import { lacksLogProbabilities, servedMessages } from "../../src/reader/served-scores";
import { refusal } from "../data/helpers";
import {
  type Asked,
  answerLogProbabilities,
  chatText,
  type EndpointServer,
  letterLogProbabilities,
  startEndpointServer,
} from "../helpers/endpoint-server";
import { brightnessExamples, brightnessPassages, BRIGHTNESS_LABELS as LABELS } from "../helpers/toy-task";

const SECRET = "sk-very-secret";
const VARIABLE = "JOMED_TEST_ENDPOINT_KEY";
const ABILITIES = ["tokenize", "logprob_token_ids", "prompt_logprobs", "top_logprobs"] as const;
let server: EndpointServer;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "served-"));
  server = await startEndpointServer();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  server.asked.length = 0;
  server.evil = () => false;
  server.abilities = ABILITIES;
  server.version = "0.32";
});
afterEach(() => {
  delete process.env[VARIABLE];
});

const examples = brightnessExamples(4, "e");
const [passage] = brightnessPassages(1, "p");
const pairs: ReadPair[] = [{ example: examples[0]!, passage: passage! }, ...examples.slice(1).map(blind)];
function blind(example: ReadPair["example"]): ReadPair {
  return { example, passage: null };
}

const open = (options: Partial<ServedReaderOptions> = {}) =>
  openServedReader({
    ...{ endpoint: server.endpoint, model: "hash-vl", access: "credentialed" },
    ...{ retries: 2, retryMs: 1, timeoutMs: 20_000, concurrency: 2 },
    ...options,
  });
const isChat = ({ path }: Asked): boolean => path === "/v1/chat/completions";
const chats = (): Asked[] => server.asked.filter(isChat);
const textOf = (pair: ReadPair): string => chatText(servedMessages(buildPrompt(pair)));
const namesOf = (error: { details: Readonly<Record<string, unknown>> }): string[] =>
  (error.details["failed"] as UnansweredQuestion[]).map(({ exampleId }) => exampleId);
/** An evil that only questions of this pair meet, the first `times` of them. */
function evilFor(pair: ReadPair, evil: (response: ServerResponse) => unknown, times = Number.POSITIVE_INFINITY): void {
  const picture = servedMessages(buildPrompt(pair)).at(-1)!.content.at(-2) as object;
  let left = times;
  server.evil = (asked, response) => {
    if (!isChat(asked) || !JSON.stringify(asked.body.messages).includes(JSON.stringify(picture)) || left === 0)
      return false;
    left -= 1;
    evil(response);
    return true;
  };
}

describe("log-probabilities of labels", () => {
  it.each(["labelTokens", "promptTokens", "topTokens"] as const)("are the model's own, by %s", async (scoring) => {
    const reader = await open({ scoring });
    const scores = await reader.scoreLabels(pairs, LABELS);
    for (const [i, pair] of pairs.entries()) {
      const [p0, p1] = LABELS.map(({ answer }) => letterLogProbabilities(textOf(pair)).get(answer)!) as [
        number,
        number,
      ];
      expect([...scores[i]!.logLikelihoods]).toEqual([...Float32Array.of(p0, p1)]);
      expect(softmax(scores[i]!.logits)[0]).toBeCloseTo(Math.exp(p0) / (Math.exp(p0) + Math.exp(p1)), 6);
    }
    expect(reader.server).toEqual({ version: { version: "0.32" }, entry: { id: "hash-vl", root: "hash" }, scoring });
  });

  it("of several tokens are summed, and averaged as logits; whichever way was found asks for them in the prompt", async () => {
    const reader = await open();
    expect(reader.server.scoring).toBe("labelTokens");
    const labels = ["left lung", "no"].map((answer, index) => ({ index, name: answer, answer }));
    const [scores] = await reader.scoreLabels(pairs.slice(0, 1), labels);
    for (const { index, answer } of labels) {
      const each = answerLogProbabilities(textOf(pairs[0]!), answer);
      const sum = each.reduce((total, value) => total + value, 0);
      expect(scores!.logLikelihoods[index]).toBeCloseTo(sum, 4);
      expect(scores!.logits[index]).toBeCloseTo(sum / each.length, 5);
    }
  });

  it("are asked for twenty at a time where there are more labels", async () => {
    const reader = await open({ scoring: "labelTokens" });
    const labels = Array.from({ length: 26 }, (_, index) => {
      const answer = String.fromCharCode(97 + index);
      return { index, name: answer, answer };
    });
    server.asked.length = 0;
    const [scores] = await reader.scoreLabels(pairs.slice(1, 2), labels);
    expect(chats().map(({ body }) => body.logprob_token_ids.length)).toEqual([20, 6]);
    const wanted = labels.map(({ answer }) => letterLogProbabilities(textOf(pairs[1]!)).get(answer)!);
    expect([...scores!.logits]).toEqual([...Float32Array.from(wanted)]);
  });

  it("come from completions for a model of texts, which sees no picture", async () => {
    server.abilities = ["echo"];
    const reader = await open({ pictures: "none" });
    expect(reader.server.scoring).toBe("echo");
    const [scores] = await reader.scoreLabels(pairs.slice(0, 1), LABELS);
    const prompt = `background: ${passage!.text}\n\n${examples[0]!.question}\n`;
    expect(scores!.logLikelihoods[1]).toBeCloseTo(answerLogProbabilities(prompt, "1")[0]!, 5);
    const [written] = await reader.writeAnswers(pairs.slice(0, 1));
    const likeliest = [...letterLogProbabilities(prompt)].sort(([, a], [, b]) => b - a)[0]![0];
    expect(written).toBe(likeliest);
    expect(JSON.stringify(server.asked)).not.toContain("image");
    expect((await refusal(() => open({ scoring: "echo" }))).message).toMatch(/must go with pictures "none"/);
  });

  it("are refused by a type of their own where the server has none; what is only written is written", async () => {
    server.abilities = [];
    const error = await refusal(() => open());
    expect(lacksLogProbabilities(error)).toBe(true);
    expect(error.message).toMatch(/exact log-probabilities.*labelTokens or promptTokens or topTokens/);
    const reader = await open({ scoring: "none" });
    expect(await reader.writeAnswers(pairs)).toHaveLength(pairs.length);
    expect(lacksLogProbabilities(await refusal(() => reader.scoreLabels(pairs, LABELS)))).toBe(true);
  });

  it("are refused for a pair whose label is not among the likeliest tokens, and asked for once", async () => {
    server.abilities = ["top_logprobs"];
    const reader = await open();
    expect(reader.server.scoring).toBe("topTokens");
    const labels = ["0", "~~"].map((answer, index) => ({ index, name: answer, answer }));
    server.asked.length = 0;
    const error = await refusal(() => reader.scoreLabels(pairs, labels));
    expect(namesOf(error).sort()).toEqual(examples.map(({ id }) => id));
    expect((error.details["failed"] as UnansweredQuestion[])[0]!.reason).toMatch(/"~~" is not one of the 20 likeliest/);
    expect(chats()).toHaveLength(pairs.length);
  });
});

describe("what is sent", () => {
  it("is the paper's prompt, its pictures as data URLs with every pixel", async () => {
    const reader = await open({ instruction: "Write a number.", maxNewTokens: 3 });
    server.asked.length = 0;
    await reader.writeAnswers(pairs.slice(0, 1));
    const [{ body }] = chats() as [Asked];
    expect([body.model, body.temperature, body.max_tokens]).toEqual(["hash-vl", 0, 3]);
    expect(body.messages[0]).toEqual({ role: "system", content: "Write a number." });
    const [first, background, second, question] = body.messages[1].content;
    expect([background, question]).toEqual([
      { type: "text", text: `background: ${passage!.text}\n\n` },
      { type: "text", text: examples[0]!.question },
    ]);
    for (const [part, { image }] of [[first, passage!] as const, [second, examples[0]!] as const]) {
      const [head, data] = part.image_url.url.split(",");
      expect(head).toBe("data:image/png;base64");
      const { data: pixels, info } = await sharp(Buffer.from(data, "base64"))
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([info.width, info.height]).toEqual([image.width, image.height]);
      const kept = Uint8Array.from(image.data, (_, i) => pixels[i * info.channels]!);
      expect(kept).toEqual(image.data);
    }
  });

  it("names a fingerprint by all that decides an answer, and by nothing else", async () => {
    const plain = (await open()).fingerprint;
    expect((await open({ retries: 1, concurrency: 1, answersFile: join(folder, "f.jsonl") })).fingerprint).toBe(plain);
    for (const other of [
      { instruction: "x" },
      { revision: "b" },
      { scoring: "topTokens" },
      { maxNewTokens: 2 },
    ] as const)
      expect((await open(other)).fingerprint).not.toBe(plain);
    server.version = "0.33";
    expect((await open()).fingerprint).not.toBe(plain);
  });

  it("goes with a key that is written nowhere, though the server repeats it", async () => {
    process.env[VARIABLE] = SECRET;
    const said: string[] = [];
    const control = { onWarn: (...all: unknown[]) => void said.push(JSON.stringify(all)) };
    const file = join(folder, "key.jsonl");
    const reader = await open({ keyVariable: VARIABLE, answersFile: file });
    server.evil = (asked, response) => {
      const echoed = { choices: [{ message: { content: `you are ${asked.authorization}` } }] };
      response.writeHead(chats().length % 2 === 0 ? 200 : 418).end(JSON.stringify(echoed));
      return true;
    };
    const error = await refusal(() => reader.writeAnswers(pairs, control));
    expect(server.asked.every(({ authorization }) => authorization === `Bearer ${SECRET}`)).toBe(true);
    const kept = readFileSync(file, "utf8");
    expect(kept).toContain("you are Bearer [key]");
    for (const text of [kept, JSON.stringify([error.message, error.details, String(error.cause)]), ...said])
      expect(text).not.toContain(SECRET);
    delete process.env[VARIABLE];
    expect((await refusal(() => open({ keyVariable: VARIABLE }))).message).toMatch(new RegExp(`${VARIABLE} is empty`));
  });

  it("stays on this machine unless allowed, and never in an address", async () => {
    expect((await refusal(() => open({ endpoint: "https://api.example.org/v1" }))).message).toMatch(
      /credentialed data/,
    );
    const error = await refusal(() => open({ endpoint: "http://me:secret@127.0.0.1/v1" }));
    expect(error.message).toMatch(/must hold no user or password/);
    expect(error.message).not.toContain("secret");
    expect((await refusal(() => open({ model: "other" }))).message).toMatch(/\(hash-vl\); got other/);
  });
});

const json = (value: unknown) => (response: ServerResponse) => response.end(JSON.stringify(value));
const status =
  (code: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    response.writeHead(code, headers).end("no");
const top = (...entries: object[]) => json({ choices: [{ logprobs: { content: [{ top_logprobs: entries }] } }] });
const EVILS: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  "a 500": status(500),
  "a 503": status(503),
  "a 429": status(429, { "retry-after": "0" }),
  "a closed connection": (response) => response.destroy(),
  "half an answer": (response) => {
    response.writeHead(200, { "content-length": 1000 }).write("{");
    setTimeout(() => response.destroy(), 5);
  },
  "no answer in time": () => {},
  "no JSON": (response) => response.end("<html>busy</html>"),
  "another JSON": json([1, 2]),
  null: json(null),
  "dropped log-probabilities": json({ choices: [{ message: { content: "0" }, logprobs: null }] }),
  "other tokens": top({ token: "token_id:9", logprob: -1 }),
  "a probability above 1": top({ token: "token_id:48", logprob: 0.5 }, { token: "token_id:49", logprob: -1 }),
  "no number": top({ token: "token_id:48", logprob: null }, { token: "token_id:49", logprob: "-1" }),
};

const patience = (name: string): number => (name === "no answer in time" ? 1000 : 20_000);

describe("an endpoint in hard times", () => {
  it.each(Object.entries(EVILS))("%s once is asked again, and changes nothing", async (name, evil) => {
    const wanted = await (await open()).scoreLabels(pairs, LABELS);
    const reader = await open({ timeoutMs: patience(name) });
    evilFor(pairs[1]!, evil, 1);
    server.asked.length = 0;
    expect(await reader.scoreLabels(pairs, LABELS)).toEqual(wanted);
    expect(chats()).toHaveLength(pairs.length + 1);
  });

  it.each(Object.entries(EVILS))(
    "%s for good is reported for its question alone, and nothing stands for it",
    async (name, evil) => {
      const wanted = await (await open()).scoreLabels(pairs, LABELS);
      const file = join(folder, `${Object.values(EVILS).indexOf(evil)}.jsonl`);
      const reader = await open({ timeoutMs: patience(name), answersFile: file });
      evilFor(pairs[1]!, evil);
      const warned: unknown[] = [];
      const control = { onWarn: (code: string, message: string) => void (code === "endpoint" && warned.push(message)) };
      server.asked.length = 0;
      const error = await refusal(() => reader.scoreLabels(pairs, LABELS, control));
      expect(error.code).toBe("environment");
      expect(namesOf(error)).toEqual([examples[1]!.id]);
      expect(error.message).toMatch(/must answer each of 4 questions; 1 have no answer .*call again/);
      expect(warned.filter((message) => String(message).includes("has no answer"))).toHaveLength(1);
      expect(chats()).toHaveLength(pairs.length - 1 + 3);
      expect(readFileSync(file, "utf8").trim().split("\n")).toHaveLength(pairs.length - 1);
      server.evil = () => false;
      server.asked.length = 0;
      expect(await (await open({ answersFile: file })).scoreLabels(pairs, LABELS)).toEqual(wanted);
      expect(
        chats().filter(
          ({ body }) => body.messages.at(-1).content.length > 1 && Array.isArray(body.messages.at(-1).content),
        ),
      ).toHaveLength(1);
    },
  );

  it("waits as long as a busy server asks for, and does not ask one again that asks for too long", async () => {
    const reader = await open({ mostWaitMs: 2000 });
    evilFor(pairs[0]!, status(429, { "retry-after": "1" }), 1);
    const begun = performance.now();
    await reader.scoreLabels(pairs, LABELS);
    expect(performance.now() - begun).toBeGreaterThan(950);
    const other = await open({ mostWaitMs: 2000 });
    evilFor(pairs[0]!, status(429, { "retry-after": "3600" }));
    server.asked.length = 0;
    const error = await refusal(() => other.scoreLabels(pairs, LABELS));
    expect(error.message).toMatch(/asks to wait 3600 s/);
    expect(chats()).toHaveLength(pairs.length);
  });

  it("does not ask again what the server refuses, and stops where nothing will be answered", async () => {
    const reader = await open({ concurrency: 1 });
    evilFor(pairs[2]!, status(400));
    server.asked.length = 0;
    expect(namesOf(await refusal(() => reader.scoreLabels(pairs, LABELS)))).toEqual([examples[2]!.id]);
    expect(chats()).toHaveLength(pairs.length);
    const keyless = await open({ concurrency: 1 });
    server.evil = (asked, response) => isChat(asked) && !!status(401)(response);
    server.asked.length = 0;
    const error = await refusal(() => keyless.scoreLabels(pairs, LABELS));
    expect([chats().length, error.details["unasked"]]).toEqual([1, 3]);
    expect(error.message).toMatch(/keyVariable/);
  });

  it("gives up a dead server after a few questions in a row, and goes on with the others later", async () => {
    const many = brightnessExamples(20, "many").map(blind);
    const file = join(folder, "dead.jsonl");
    const reader = await open({ giveUpAfter: 3, concurrency: 1, retries: 1, answersFile: file });
    await reader.scoreLabels(many.slice(0, 5), LABELS);
    server.evil = (asked, response) => isChat(asked) && !!response.destroy();
    server.asked.length = 0;
    const error = await refusal(() => reader.scoreLabels(many, LABELS));
    expect(chats()).toHaveLength(3 * 2);
    expect([namesOf(error).length, error.details["unasked"]]).toEqual([3, 12]);
    server.evil = () => false;
    server.asked.length = 0;
    await reader.scoreLabels(many, LABELS);
    expect(chats()).toHaveLength(15);
  });

  it("stops when asked to, and keeps what was answered", async () => {
    const file = join(folder, "stopped.jsonl");
    const reader = await open({ answersFile: file, concurrency: 1 });
    const stop = new AbortController();
    const control = { signal: stop.signal, onProgress: ({ done }: { done: number }) => done === 2 && stop.abort() };
    const error = await reader.scoreLabels(pairs, LABELS, control as never).catch((caught: unknown) => caught);
    expect(isKernelError(error, "interrupted")).toBe(true);
    server.asked.length = 0;
    await reader.scoreLabels(pairs, LABELS);
    expect(chats()).toHaveLength(2);
  });

  it("passes over a line of kept answers that was cut short or changed", async () => {
    const file = join(folder, "cut.jsonl");
    await (await open({ answersFile: file })).scoreLabels(pairs, LABELS);
    const lines = readFileSync(file, "utf8").split("\n");
    const changed = lines[2]!.replace(/(\d)(?=\d*[,\]])/, (digit) => String((Number(digit) + 1) % 10));
    expect(changed).not.toBe(lines[2]);
    writeFileSync(file, [...lines.slice(0, 2), changed, lines[3], lines[4]!.slice(0, 40)].join("\n"));
    const reader = await open({ answersFile: file });
    server.asked.length = 0;
    await reader.scoreLabels(pairs, LABELS);
    expect(chats()).toHaveLength(2);
    await reader.scoreLabels(pairs, LABELS);
    expect(chats()).toHaveLength(2);
  });

  it("takes a text held back, or none at all, for no answer; an empty text is one", async () => {
    const reader = await open({ retries: 0 });
    const held = { message: { content: "0" }, finish_reason: "content_filter" };
    evilFor(pairs[1]!, json({ choices: [held] }));
    expect((await refusal(() => reader.writeAnswers(pairs))).message).toMatch(/held back/);
    evilFor(pairs[1]!, json({ choices: [{ message: { content: null } }] }));
    expect(namesOf(await refusal(() => reader.writeAnswers(pairs)))).toEqual([examples[1]!.id]);
    evilFor(pairs[1]!, json({ choices: [{ message: { content: "" }, finish_reason: "stop" }] }));
    expect((await reader.writeAnswers(pairs))[1]).toBe("");
  });
});
