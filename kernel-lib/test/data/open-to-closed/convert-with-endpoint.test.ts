import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  type ConvertWithEndpointOptions,
  convertWithEndpoint,
  findFault,
} from "../../../src/data/open-to-closed/convert-with-endpoint";
import { assertEndpoint } from "../../../src/hub/endpoint";
import { refusal } from "../helpers";
import { openExample, TASK } from "./tiny-vqa";

let folder = "";
let server: Server;
let asked: { authorization: string | undefined; candidate: string }[] = [];
let answer: (candidate: string) => { status: number; text: string };
const sound = (candidate: string) => ({ status: 200, text: `Is this organ the ${candidate}?` });

beforeAll(async () => {
  process.env["JOMED_TEST_KEY"] = "secret-word";
  folder = mkdtempSync(join(tmpdir(), "endpoint-"));
  server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += String(piece);
    const { messages } = JSON.parse(body) as { messages: { content: string }[] };
    const candidate = /Candidate: (.*)/.exec(messages[1]!.content)![1]!;
    asked.push({ authorization: request.headers.authorization, candidate });
    const { status, text } = answer(candidate);
    const headers = status === 302 ? { location: "http://127.0.0.1:9/elsewhere" } : {};
    response.writeHead(status, headers).end(JSON.stringify({ choices: [{ message: { content: text } }] }));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
});
afterAll(() => {
  delete process.env["JOMED_TEST_KEY"];
  server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  asked = [];
  answer = sound;
});

const optionsFor = (cache: string): ConvertWithEndpointOptions => ({
  endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
  model: "tiny",
  cacheFile: join(folder, cache),
  access: "credentialed",
  keyVariable: "JOMED_TEST_KEY",
  retries: 1,
  retryMs: 1,
});

test("questions come from the endpoint, are balanced, and are asked once for all", async () => {
  const first = await convertWithEndpoint(TASK, optionsFor("a.jsonl"));
  expect(first.refused).toEqual([]);
  const { train } = first.task.splits;
  expect(train).toHaveLength(8);
  expect(train.filter((example) => example.answer === "yes")).toHaveLength(4);
  expect(train.every((example) => /^Is this organ the .+\?$/.test(example.question))).toBe(true);
  expect(asked[0]!.authorization).toBe("Bearer secret-word");
  expect(readFileSync(join(folder, "a.jsonl"), "utf8")).not.toContain("secret-word");
  const count = asked.length;
  const again = await convertWithEndpoint(TASK, optionsFor("a.jsonl"));
  expect(asked).toHaveLength(count);
  expect(again.task.fingerprint).toBe(first.task.fingerprint);
});

test("a question that loses the candidate's words is refused and counted, and the labels stay balanced", async () => {
  answer = (candidate) => (candidate === "heart" ? { status: 200, text: "Is this organ healthy?" } : sound(candidate));
  const { task, refused } = await convertWithEndpoint(TASK, optionsFor("b.jsonl"));
  const lost = asked.filter(({ candidate }) => candidate === "heart").length;
  expect(lost).toBeGreaterThan(0);
  expect(new Set(refused.map(({ reason }) => reason))).toContain("lost heart");
  for (const examples of Object.values(task.splits)) {
    const yes = examples.filter((example) => example.answer === "yes").length;
    expect(2 * yes).toBe(examples.length);
  }
});

test("a failing endpoint keeps what it had answered; a redirect is not followed", async () => {
  answer = (candidate) => (asked.length > 2 ? { status: 500, text: "" } : sound(candidate));
  const error = await refusal(() => convertWithEndpoint(TASK, optionsFor("c.jsonl")));
  expect(error.code).toBe("environment");
  expect(error.message).toMatch(/must answer; got status 500|got .*status 500/);
  expect(readFileSync(join(folder, "c.jsonl"), "utf8").trim().split("\n")).toHaveLength(2);
  answer = () => ({ status: 302, text: "" });
  expect((await refusal(() => convertWithEndpoint(TASK, optionsFor("d.jsonl")))).code).toBe("environment");
});

test("credentialed data goes to loopback or to a host that the user wrote down, open data anywhere", async () => {
  const rule = { access: "credentialed" } as const;
  for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
    expect((await assertEndpoint(`http://${host}:8000/v1`, rule)).port).toBe("8000");
  }
  for (const host of ["api.example.org", "127.0.0.1.example.org", "localhost.example.org", "0.0.0.0", "10.0.0.1"]) {
    const error = await refusal(() => assertEndpoint(`https://${host}/v1`, rule));
    expect(error.message).toMatch(/credentialed data must stay on this machine/);
  }
  expect((await assertEndpoint("https://api.example.org/v1", { access: "open" })).host).toBe("api.example.org");
  const allowListFile = join(folder, "hosts.txt");
  writeFileSync(allowListFile, "# our own\nAPI.example.org\n");
  expect((await assertEndpoint("https://api.example.org/v1", { ...rule, allowListFile })).host).toBe("api.example.org");
  expect((await refusal(() => assertEndpoint("https://other.example.org", { ...rule, allowListFile }))).code).toBe(
    "config",
  );
  expect((await refusal(() => assertEndpoint("file:///etc/passwd", rule))).message).toMatch(/http or https address/);
});

test.each([
  ["Is this the left lung?", null],
  ["is the left lung shown ?", null],
  ["Is this the lung?", "lost left"],
  ["Which side is the left lung?", "no yes/no question"],
  ["Is it the left lung? Or not?", "not one question"],
  ["It is the left lung.", "not one question"],
  ["", "a text of 0 letters"],
])("%j is judged: %s", (question, fault) => {
  const entry = { example: openExample("test", 0, "left lung"), candidate: "left lung", truth: "yes" } as const;
  expect(findFault(question, entry)).toBe(fault);
});
