import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { DataError } from "../../../src/base/errors";
import type { GridNode, GridSources } from "../../../src/experiments/grid/graph";
import { resolveGrid } from "../../../src/experiments/grid/options";
import { GridSession, type GridWorld } from "../../../src/experiments/grid/session";
import type { Stage, StageOf } from "../../../src/experiments/stages/stage";

const folder = mkdtempSync(join(tmpdir(), "grid-session-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NOTHING: GridWorld = {
  loadTask: () => Promise.reject(new Error("no task is needed")),
  isDrawn: () => true,
  corpusOf: () => "none",
  loadCorpus: () => Promise.reject(new Error("no corpus is needed")),
  encoderFolder: "",
  readerFolder: () => "",
};

const open = (name: string, how: "look" | "work"): Promise<GridSession> =>
  GridSession.open(resolveGrid({ profile: "test", source: "phantom", artifactsDir: join(folder, name) }), {
    world: NOTHING,
    control: {},
    how,
  });

type Text = StageOf<{ readonly text: string; dispose(): void }>;
const disposed: string[] = [];

/** A stage that writes a text, and one opened that can be disposed of. */
function writes(text: string, inputs: Stage["inputs"] = []): Text {
  return {
    name: "text",
    version: 1,
    config: { text },
    inputs,
    compute: async (workDir) => writeFileSync(join(workDir, "text"), text),
    open: async (artifact) => {
      const found = readFileSync(join(artifact.folder, "text"), "utf8");
      return { text: found, dispose: () => void disposed.push(found) };
    },
  };
}

function node<S extends Stage>(
  id: string,
  define: (from: GridSources) => Promise<S | null>,
  { after = [], enough = "all" }: { readonly after?: readonly GridNode[]; readonly enough?: "all" | "any" } = {},
): GridNode<S> {
  const shared = { kind: "text", task: "toy", backbone: null, seed: null, part: [] };
  const stage = { id, ...shared, needs: after.map((each) => each.stage.id), enough };
  return { stage, after, keep: 1, define };
}

const first = node("first", async () => writes("first"));
const second = node("second", async () => writes("second"));

test("a key that hangs on a result is not known until that is there; looking computes nothing", async () => {
  const hangs = node(
    "hangs",
    async (from) => {
      const found = await from.find(first);
      return found === null ? null : writes(`after ${found.text}`);
    },
    { after: [first] },
  );
  const [looking, working] = [await open("hangs", "look"), await open("hangs", "work")];
  expect(await looking.locate(hangs)).toBeNull();
  await working.compute(first);
  const { key } = await working.compute(hangs);
  expect((await looking.locate(hangs))!.place.key).toBe(key);
  for (const session of [looking, working]) session.dispose();
});

test("a stage that takes any of its inputs takes those that are there; looking waits for all of them", async () => {
  const define = async (from: GridSources): Promise<Text | null> => {
    const found = await from.findAll([first, second]);
    return found === null ? null : writes(found.map(({ text }) => text).join("+"));
  };
  const joined = node("joined", define, { after: [first, second], enough: "any" });
  const [looking, working] = [await open("any", "look"), await open("any", "work")];
  await working.compute(first);
  expect(await looking.locate(joined)).toBeNull();
  const partly = await working.compute(joined);
  expect(await working.answersBehind(joined)).toHaveLength(1);
  await working.compute(second);
  const whole = await working.compute(joined);
  expect([partly, whole].map(({ manifest }) => manifest.config)).toEqual([{ text: "first" }, { text: "first+second" }]);
  expect((await looking.locate(joined))!.place.key).toBe(whole.key);
  expect(await working.answersBehind(joined)).toHaveLength(2);
  for (const session of [looking, working]) session.dispose();
});

test("opened results stay open while stages share them, no more than a node says at once", async () => {
  const session = await open("keeps", "work");
  const reading = (id: string, input: GridNode<Text>): GridNode<Text> =>
    node(
      id,
      async (from) => ({
        ...writes(id, [from.result(input)]),
        compute: async (workDir) => writeFileSync(join(workDir, "text"), (await from.result(input).open()).text),
      }),
      { after: [input] },
    );
  disposed.length = 0;
  for (const each of [first, second, reading("a", first), reading("b", first)]) {
    await session.locate(each);
    await session.compute(each);
  }
  expect(disposed).toEqual([]);
  const last = reading("c", second);
  await session.locate(last);
  await session.compute(last);
  expect(disposed).toEqual(["first"]);
  session.dispose();
  expect(disposed).toEqual(["first", "second"]);
});

test("what cannot be read has no key; computing it says why", async () => {
  const broken = node("broken", async () => {
    throw new DataError("the file must be there; there is none.");
  });
  const session = await open("broken", "work");
  expect(await session.locate(broken)).toBeNull();
  await expect(session.compute(broken)).rejects.toThrow("the file must be there");
  session.dispose();
});
