import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Example, Passage, Retrieved, Task } from "../../src/base/types";
import { resolveGrid } from "../../src/experiments/grid/options";
import { openRun } from "../../src/experiments/run";
import { predict } from "../../src/experiments/stages/predictions";
import type { ReadPair } from "../../src/reader/reader";
import type { PassageFinder } from "../../src/systems/retrieval";
import { rerankedFinder, servedReranker, servedSystem } from "../../src/systems/served";
import { systemOf } from "../../src/systems/systems";
import { refusal } from "../data/helpers";
import { type EndpointServer, startEndpointServer } from "../helpers/endpoint-server";
import { BRIGHTNESS_LABELS, brightnessExamples, brightnessPassages } from "../helpers/toy-task";

let server: EndpointServer;
let folder = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "served-system-"));
  server = await startEndpointServer();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  server.evil = () => false;
  server.abilities = ["tokenize", "logprob_token_ids"];
  server.asked.length = 0;
});

const examples = brightnessExamples(6, "q");
const card = { title: "", source: "phantom", description: "", licence: "", citation: "", obtain: "" } as const;
const task: Task = {
  ...{ name: "brightness", source: "phantom", modality: "", labels: BRIGHTNESS_LABELS, card, fingerprint: "b" },
  splits: { train: [], validation: [], test: examples },
};
const optionsFor = (name: string) => ({
  ...({ name, model: "hash-vl", endpoint: server.endpoint, access: "open", concurrency: 1 } as const),
  ...{ retries: 1, retryMs: 1 },
});
const chats = () => server.asked.filter(({ path }) => path === "/v1/chat/completions");

test("a served model answers a task by its name: the grid's stage fails with the questions, goes on, and is found", async () => {
  const run = await openRun({ profile: "test", artifactsDir: folder, dataDir: folder, source: "phantom" });
  const system = servedSystem({ ...optionsFor("internvl"), passages: "none" });
  let left = 2;
  server.evil = ({ body }, response) => {
    const hit = body?.logprob_token_ids !== undefined && body.messages[0].content.length === 2 && left > 0;
    if (hit) response.destroy();
    if (hit) left -= 1;
    return hit;
  };
  const error = await refusal(() => predict(run, { system, task }));
  expect(error.details["failed"]).toMatchObject([{ exampleId: examples[0]!.id, passageId: null }]);
  server.asked.length = 0;
  const { predictions, artifact } = await predict(run, { system, task });
  expect(chats().filter(({ body }) => body.messages[0].content.length === 2)).toHaveLength(1 + 6); // one score, six texts
  expect(predictions.map(({ exampleId }) => exampleId)).toEqual(examples.map(({ id }) => id));
  for (const each of predictions) {
    expect(each.readings).toHaveLength(1);
    expect("probabilities" in each && each.probabilities[0]! + each.probabilities[1]!).toBeCloseTo(1, 6);
  }
  server.asked.length = 0;
  const moved = servedSystem({ ...optionsFor("internvl"), endpoint: "http://127.0.0.1:9/v1", passages: "none" });
  expect((await predict(run, { system: moved, task })).artifact.key).toBe(artifact.key);
  expect(server.asked).toHaveLength(0);
});

test("where the server has no log-probabilities, single labels are refused by type before anything is asked", async () => {
  server.abilities = [];
  const run = await openRun({ profile: "test", artifactsDir: folder, dataDir: folder, source: "phantom" });
  const system = servedSystem({ ...optionsFor("mute"), passages: "none" });
  const error = await refusal(() => predict(run, { system, task }));
  expect(error.details["lacks"]).toBe("logprobs");
});

const passages = brightnessPassages(4, "p");
const hit = (id: number, head: "image" | "text", rank: number): Retrieved => ({
  ...{ passageId: passages[id]!.id, head, rank, score: 1 - rank / 10 },
});
const candidates: PassageFinder = {
  passages: new Map(passages.map((passage) => [passage.id, passage])),
  find: async (asked) =>
    asked.map(() => [hit(0, "image", 0), hit(1, "image", 1), hit(2, "image", 2), hit(2, "text", 0), hit(3, "text", 1)]),
  dispose: () => {},
};

test("a reranker keeps of each head what the judge thinks most of, scores unchanged, each passage judged once", async () => {
  const judged: ReadPair[] = [];
  const worth = new Map(passages.map(({ id }, i) => [id, [0, 2, 2, 3][i]!]));
  const judge = async (pairs: readonly ReadPair[]) => {
    judged.push(...pairs);
    return pairs.map(({ passage }) => worth.get(passage!.id)!);
  };
  const [found] = await rerankedFinder(candidates, judge, 2).find(examples.slice(0, 1) as Example[], {});
  const named = found!.map(({ passageId, head, rank, score }) => [
    passages.findIndex((p: Passage) => p.id === passageId),
    head,
    rank,
    score,
  ]);
  expect(named).toEqual([
    [1, "image", 0, 0.9],
    [2, "image", 1, 0.8],
    [3, "text", 0, 0.9],
    [2, "text", 1, 1],
  ]);
  expect(judged.map(({ passage }) => passage!.id).sort()).toEqual(passages.map(({ id }) => id).sort());
});

test("the grid's rows take server and model from the environment, and say what is missing", async () => {
  const row = systemOf("test", "served-closed-book");
  const run = await openRun({ profile: "test", artifactsDir: folder, dataDir: folder, source: "phantom" });
  expect(row.settings).toEqual({ version: 1, model: null });
  expect((await refusal(() => predict(run, { system: "served-closed-book", task }))).message).toMatch(
    /JOMED_ENDPOINT_MODEL/,
  );
  process.env["JOMED_ENDPOINT"] = server.endpoint;
  process.env["JOMED_ENDPOINT_MODEL"] = "hash-vl";
  process.env["JOMED_ENDPOINT_KEY"] = "sk-word";
  try {
    expect(row.settings).toEqual({ version: 1, model: "hash-vl" });
    const { predictions } = await predict(run, { system: "served-closed-book", task });
    expect(predictions).toHaveLength(examples.length);
    expect(chats()[0]!.authorization).toBe("Bearer sk-word");
    const systems = resolveGrid({ profile: "full", artifactsDir: folder, dataDir: folder }).systems;
    expect(systems.filter((name) => name.startsWith("served"))).toEqual([]);
    const asked = resolveGrid({ systems: ["served-rag"], artifactsDir: folder, dataDir: folder });
    expect(asked.systems).toEqual(["served-rag"]);
  } finally {
    for (const end of ["", "_MODEL", "_KEY"]) delete process.env[`JOMED_ENDPOINT${end}`];
  }
});

test("what decides a reranker's answers is its model and role, not its address", () => {
  const { settings, needs } = servedReranker({ ...optionsFor("rerank"), revision: "b1" });
  expect(settings).toEqual({ version: 1, model: "hash-vl", revision: "b1", role: "reranker", drawnFrom: 10 });
  expect(needs).toEqual({ reader: "retrieval", retriever: [] });
});
