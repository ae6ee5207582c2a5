import { describe, expect, test } from "vitest";
import { TASKS } from "../../../src/data/tasks/tasks";
import { type GridStage, gridGraph, predictionsNode } from "../../../src/experiments/grid/graph";
import { corpusOf, type GridOptions, resolveGrid } from "../../../src/experiments/grid/options";
import { openWorld } from "../../../src/experiments/grid/session";
import { readerChanges, readerRecipe, retrieverChanges } from "../../../src/experiments/grid/sizes";
import { READER_MODES } from "../../../src/experiments/stages/reader";
import { readerKinds } from "../../../src/models/architectures";
import type { SystemDefinition } from "../../../src/systems/system";
import { SYSTEMS, systemNames, systemOf } from "../../../src/systems/systems";

function list(options: GridOptions = {}) {
  const { nodes, ...graph } = gridGraph(resolveGrid({ source: "phantom", ...options }));
  return { ...graph, stages: nodes.map(({ stage }) => stage) };
}
const count = (stages: readonly GridStage[], kind: string): number =>
  stages.filter((stage) => stage.kind === kind).length;

describe("profile quick", () => {
  const { cells, stages, leftOut } = list();
  test("is eight tasks, one reader, one seed, five systems; systems share what they can", () => {
    expect(cells).toHaveLength(8 * 5);
    const perTask = {
      leaks: 1,
      index: 1,
      reader: 2,
      "candidate-scores": 1,
      "retriever-head": 2,
      predictions: 5,
      results: 1,
    };
    for (const [kind, number] of Object.entries(perTask))
      expect([kind, count(stages, kind)]).toEqual([kind, 8 * number]);
    expect(leftOut).toEqual([]);
  });

  test("a stage comes after what it needs, and a task is finished before the next begins", () => {
    const seen = new Set<string>();
    for (const { id, needs } of stages) {
      for (const need of needs) expect(seen).toContain(need);
      seen.add(id);
    }
    expect(seen.size).toBe(stages.length);
    const tasks = stages.map(({ task }) => task).filter((task, i, all) => task !== all[i - 1]);
    expect(tasks).toEqual([...TASKS.keys()]); // none that is only drawn
  });

  test("the walkthrough's task has the notebooks' options", () => {
    const group = { task: "breast-mnist", backbone: "qwen2-vl" };
    for (const mode of READER_MODES) expect(readerChanges("quick", mode, { ...group, numTrain: 546 })).toEqual({});
    expect(retrieverChanges("quick", group)).toEqual({});
  });
});

describe("profile full", () => {
  const { cells, stages, leftOut } = list({ profile: "full" });
  test("is both readers, five seeds and every system, where its loss can be asked", () => {
    const notLabelled = 5; // tasks with label sets or open answers
    const inWords = 3; // tasks with answers that no caption names: for three systems
    expect(leftOut).toHaveLength(4 * notLabelled + 3 * inWords);
    expect(cells).toHaveLength(
      (8 * (SYSTEMS.length - systemNames("served").length) - leftOut.length) * readerKinds().length * 5,
    );
    expect(count(stages, "index")).toBe(8 * 5); // every seed draws pictures of its own
    expect(count(stages, "reader")).toBe(8 * 2 * 5 * 2);
    expect(count(stages, "candidate-scores")).toBe(8 * 2 * 5 * 2); // of the labels, and of the answers' words (open-form)
    expect(new Set(stages.map(({ id }) => id)).size).toBe(stages.length);
  });

  test("ablations that train have heads of their own, the others the default ones", () => {
    const heads = stages.filter(
      ({ kind, task, backbone, seed }) =>
        kind === "retriever-head" && task === "breast-mnist" && backbone === "pixtral" && seed === 9,
    );
    const variants = ["default", ...SYSTEMS.filter(({ training }) => training !== undefined).map(({ name }) => name)];
    expect(heads.map(({ part: [head, variant] }) => `${variant} ${head}`).sort()).toEqual(
      variants.flatMap((variant) => [`${variant} image`, `${variant} text`]).sort(),
    );
  });
});

test.each([
  ["breast-mnist", undefined, undefined, undefined, undefined], // the walkthrough: the profile's own numbers
  ["derma-mnist", 100, 120, 60, 4],
  ["retina-mnist", 100, 120, 60, 4],
  ["vindr-pcxr", 160, 200, 100, 3],
  ["brset", 160, 240, 120, 3],
  ["vqa-rad", 120, 120, 60, 4],
  ["slake", 100, 100, 50, 4],
  ["path-vqa", 60, 60, 60, 3],
])("a short grid trains on %s as long as the task says", (task, closedBook, reader, evaluateEvery, numCandidates) => {
  const of = (mode: "closedBook" | "retrieval") =>
    readerChanges("quick", mode, { task, backbone: "qwen2-vl", numTrain: 500 });
  expect([of("closedBook").steps, of("retrieval").steps]).toEqual([closedBook, reader]);
  expect(of("retrieval").evaluateEvery).toBe(evaluateEvery);
  expect(retrieverChanges("quick", { task, backbone: "qwen2-vl" }).numCandidates).toBe(numCandidates);
  expect(readerChanges("test", "retrieval", { task, backbone: "qwen2-vl", numTrain: 500 })).toEqual({});
});

test("profile paper counts a reader's steps in epochs, with the batch of each reader", () => {
  const optionsFor = (backbone: string) =>
    readerChanges("paper", "retrieval", { task: "derma-mnist", backbone, numTrain: 7007 });
  expect(optionsFor("qwen2-vl")).toEqual({ steps: 15 * Math.round(7007 / 24), evaluateEvery: Math.round(7007 / 24) });
  expect(optionsFor("pixtral")).toMatchObject({ batchSize: 5, steps: 15 * Math.round(7007 / 40) });
});

test("a reader with a frozen vision tower is a reader of its own, trained as the other but for that", () => {
  const frozen = "qwen2-vl:vision=frozen";
  expect(readerRecipe(frozen)).toEqual({ model: "qwen2-vl", vision: "frozen" });
  expect(readerRecipe("qwen2-vl")).toEqual({ model: "qwen2-vl", vision: "trained" });
  for (const profile of ["quick", "paper"] as const)
    for (const mode of READER_MODES) {
      const of = (backbone: string) => readerChanges(profile, mode, { task: "derma-mnist", backbone, numTrain: 7007 });
      expect(of(frozen)).toEqual({ ...of("qwen2-vl"), vision: "frozen" });
      expect(of("pixtral:vision=frozen")).toEqual({ ...of("pixtral"), vision: "frozen" });
    }
  expect(retrieverChanges("quick", { task: "slake", backbone: frozen })).toEqual(
    retrieverChanges("quick", { task: "slake", backbone: "qwen2-vl" }),
  );
  const settings = resolveGrid({ source: "phantom", backbones: ["pixtral", frozen] });
  expect(settings.backbones).toEqual(["pixtral", frozen]);
  expect(openWorld(settings).readerFolder(frozen)).toBe(openWorld(settings).readerFolder("qwen2-vl"));
  const readers = list({ tasks: ["breast-mnist"], backbones: ["qwen2-vl", frozen] }).stages;
  expect([count(readers, "index"), count(readers, "reader"), count(readers, "retriever-head")]).toEqual([1, 4, 4]);
});

test.each([
  ["qwen2-vl:vision=trained", /qwen2-vl:vision=frozen.*got "qwen2-vl:vision=trained"/],
  ["qwen2-vl:rank=4", /got "qwen2-vl:rank=4"/],
  ["gpt:vision=frozen", /backbones must be one of .*got "gpt"/],
])("a reader is not named %s", (name, message) => {
  expect(() => resolveGrid({ source: "phantom", backbones: [name] })).toThrow(message);
});

test("a stage that a system brings along comes before its answers; its own reading of candidates is a stage of its own", () => {
  const group = { task: "breast-mnist", backbone: "qwen2-vl", seed: 7, dataSeed: 7 } as const;
  const jomed = systemOf("test", "jomed");
  const ownTraining = { version: 1, config: {}, train: async () => {} };
  const idsBefore = (system: SystemDefinition) => predictionsNode(group, system).stage.needs;
  expect(idsBefore({ ...jomed, name: "joint", ownTraining })).toEqual([
    ...idsBefore(jomed),
    "system.breast-mnist.qwen2-vl.7.joint",
  ]);
  const [head] = predictionsNode(group, { ...jomed, name: "fewer", training: { numCandidates: 3 } }).after.slice(2);
  expect(head!.stage.needs.at(-1)).toBe("candidate-scores.breast-mnist.qwen2-vl.7.fewer");
});

test("seeds share the index of files that are read, and none that is drawn", () => {
  const indexes = (source: "phantom" | "real") =>
    list({ tasks: ["breast-mnist"], seeds: [7, 8], source })
      .stages.filter(({ kind }) => kind === "index")
      .map(({ id, seed }) => [id, seed]);
  expect(indexes("real")).toEqual([["index.breast-mnist", null]]);
  expect(indexes("phantom")).toEqual([
    ["index.breast-mnist.7", 7],
    ["index.breast-mnist.8", 8],
  ]);
});

test("a setting of the casebook is a task by its name, with a corpus of its own", () => {
  const { cells } = list({ tasks: ["casebook:knowledge=0.3"], systems: ["jomed"] });
  expect(cells.map(({ task }) => task)).toEqual(["casebook:knowledge=0.3"]);
  expect(corpusOf(resolveGrid({}), "casebook:knowledge=0.3")).toBe("casebook-pairs:knowledge=0.3");
});

test("closed-book alone needs no index", () => {
  const { stages } = list({ tasks: ["slake"], systems: ["closed-book"] });
  expect(stages.map(({ kind }) => kind)).toEqual(["reader", "predictions", "results"]);
});

test.each([
  [{ tasks: ["casebook:knowledge=2"] }, /knowledge must be a number in \[0, 1\]; got 2/],
  [{ corpus: "casebook-pairs:know=1" }, /casebook:know=1 must name dials as :dial=number; got "know=1"/],
  [{ tasks: ["breast"] }, /tasks must be one of breast-mnist, derma-mnist.*; got "breast"/],
  [{ backbones: ["llava"] }, /backbones must be one of pixtral, qwen2-vl, qwen2-vl-pairs; got "llava"/],
  [{ systems: ["jomed", "rad"] }, /systems must be one of closed-book, ft-rag, .*; got "rad"/],
  [{ seeds: [1.5] }, /seeds must be a whole number/],
  [{ seeds: [] }, /seeds must name at least one; got none/],
  [{ profile: "huge" }, /profile must be one of quick, full, paper, test; got "huge"/],
  [{ corpus: "wiki" }, /corpus must be one of/],
  [{ task: ["slake"] }, /has no option "task"\. Use one of profile, tasks/],
])("%j is refused", (options, message) => {
  expect(() => resolveGrid(options as GridOptions)).toThrow(message);
});

test("the walkthrough's task searches the notebooks' corpus, the others the pool, unless one is named", () => {
  const corpora = (options: GridOptions) => [...TASKS.keys()].map((task) => corpusOf(resolveGrid(options), task));
  expect(corpora({})).toEqual([...TASKS.keys()].map((task) => (task === "breast-mnist" ? "phantom" : "phantom-pool")));
  expect(new Set(corpora({ corpus: "roco" }))).toEqual(new Set(["roco"]));
  expect(corpusOf(resolveGrid({ tasks: ["casebook"] }), "casebook")).toBe("casebook-pairs");
});

test("a reader that is not there is named, with what to do", () => {
  const world = openWorld(resolveGrid({ checkpointsDir: "/no/models" }));
  const message = /\/no\/models\/pixtral must be the folder of a pixtral model.*--checkpoints.*--backbones/;
  expect(() => world.readerFolder("pixtral")).toThrow(message);
});

test("a name given twice counts once", () => {
  expect(resolveGrid({ tasks: ["slake", "slake"], seeds: [7, 7] })).toMatchObject({ tasks: ["slake"], seeds: [7] });
});
