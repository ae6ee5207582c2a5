import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runGridCommand } from "../../../src/cli/grid";
import { createTerminalProgress } from "../../../src/cli/terminal-progress";
import { openSafetensors } from "../../../src/compute/safetensors";
import { gridCosts } from "../../../src/experiments/grid/costs";
import type { GridOptions } from "../../../src/experiments/grid/options";
import { type GridPlan, planGrid } from "../../../src/experiments/grid/plan";
import { gridStatus } from "../../../src/experiments/grid/records";
import { gridResults } from "../../../src/experiments/grid/results";
import { type RunGridOptions, runGrid } from "../../../src/experiments/grid/run-grid";
import type { GridWorld } from "../../../src/experiments/grid/session";
import { openRun } from "../../../src/experiments/run";
import { buildIndex } from "../../../src/experiments/stages/corpus-index";
import { predict } from "../../../src/experiments/stages/predictions";
import { tuneReader } from "../../../src/experiments/stages/reader";
import { tuneRetriever } from "../../../src/experiments/stages/retriever";
import { predictionsFrame, resultsFrame } from "../../../src/frames/result-frames";
import { computedIds, predictionBytes } from "./grid-processes";
import { makeTinyModels, tinyWorld } from "./tiny-world";

const folder = mkdtempSync(join(tmpdir(), "grid-"));
let world: GridWorld;
beforeAll(async () => {
  await makeTinyModels(folder);
  world = tinyWorld(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SYSTEMS = ["closed-book", "ft-rag", "text-head", "image-head", "jomed", "no-prior", "logits", "random-pairs"];
const optionsOf = (name: string, more: GridOptions = {}): GridOptions => ({
  profile: "test",
  source: "phantom",
  tasks: ["breast-mnist"],
  systems: SYSTEMS,
  artifactsDir: join(folder, name),
  ...more,
});
const plan = (options: GridOptions): Promise<GridPlan> => planGrid(options, { world });
const run = async (options: GridOptions, more: RunGridOptions = {}) => runGrid(await plan(options), { world, ...more });

describe("a grid on untrained models", () => {
  const options = optionsOf("whole");

  test("a plan computes and writes nothing; what leaks decide is not known yet", async () => {
    const before = await plan(options);
    expect(existsSync(join(folder, "whole"))).toBe(false);
    const keyOf = (id: string) => before.stages.find((stage) => stage.id === id)!.key;
    expect(keyOf("leaks.breast-mnist.7")).toMatch(/^[0-9a-f]{32}$/);
    expect(keyOf("reader.breast-mnist.qwen2-vl.7.closedBook")).toMatch(/^[0-9a-f]{32}$/);
    expect(keyOf("index.breast-mnist.7")).toBeNull();
    expect(before.stages.every(({ state, estimate }) => state === "missing" && estimate === "table")).toBe(true);
  });

  test("every stage is computed once; the plan's keys are those of the artifacts; then all is found", async () => {
    const first = await run(options);
    expect(first.failures).toEqual([]);
    const ids = (await plan(options)).stages.map(({ id }) => id);
    expect(first.computed.map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(computedIds(options.artifactsDir!).sort()).toEqual([...ids].sort());

    const after = await plan(options);
    for (const { kind, key, state } of after.stages) {
      expect(state).toBe("there");
      expect(existsSync(join(options.artifactsDir!, kind, key!, "manifest.json"))).toBe(true);
    }
    const keysOnDisk = ["reader", "retriever-head", "predictions", "index", "results"].flatMap((kind) =>
      readdirSync(join(options.artifactsDir!, kind)),
    );
    const kinds = after.stages.filter(({ kind }) => kind !== "leaks" && kind !== "candidate-scores");
    expect(keysOnDisk.sort()).toEqual(kinds.map(({ key }) => key!).sort());
    const again = await run(options);
    expect([again.computed, again.found.length]).toEqual([[], ids.length]);
    expect((await gridStatus(after)).counts).toMatchObject({ done: ids.length, missing: 0, failed: 0 });
  });

  test("estimates come from the runs that are there", async () => {
    const more = await plan({ ...options, tasks: ["breast-mnist", "retina-mnist"] });
    const missing = more.stages.filter(({ task }) => task === "retina-mnist");
    expect(missing.every(({ estimate, state }) => estimate === "runs" && state === "missing")).toBe(true);
  });

  test("its artifacts are those of the verbs that the notebooks call", async () => {
    const own = await openRun({ profile: "test", seed: 7, source: "phantom", artifactsDir: options.artifactsDir! });
    const [task, corpus] = [await world.loadTask("breast-mnist", 7, {}), await world.loadCorpus("tiny", 7, {})];
    const index = await buildIndex(own, { task, corpus, encoderFolder: world.encoderFolder });
    const reader = await tuneReader(own, { task, index, readerFolder: world.readerFolder("qwen2-vl") });
    const heads = await tuneRetriever(own, { task, index, reader });
    const answers = await predict(own, { system: "jomed", task, index, reader, heads });
    const prior = await tuneRetriever(own, { task, index, reader, options: { prior: "off" } });
    const variant = await predict(own, { system: "no-prior", task, index, reader, heads: prior });
    const origins = [index, reader, heads.heads.text!, heads.heads.image!, answers, variant];
    expect(origins.map(({ artifact }) => artifact.origin)).toEqual(Array(6).fill("found"));
    for (const part of [reader, index]) part.dispose();
  });

  test("another seed asks about pictures of its own: it shares nothing", async () => {
    const [seven, eight] = [await plan(options), await plan({ ...options, seeds: [8] })];
    expect(eight.stages.some(({ key }) => key !== null)).toBe(true);
    const shared = eight.stages.filter(({ key }) => key !== null && seven.stages.some((stage) => stage.key === key));
    expect(shared).toEqual([]);
  });

  test("stored rows make frames without any model", async () => {
    const { predictions, results, differences } = await gridResults(options.artifactsDir!);
    expect(predictions.map(({ system }) => system).sort()).toEqual([...SYSTEMS].sort());
    expect(new Set(results.map(({ system }) => system)).size).toBe(SYSTEMS.length);
    expect(differences.every(({ baseline, system }) => baseline === "ft-rag" && system !== "ft-rag")).toBe(true);
    const task = await world.loadTask("breast-mnist", 7, {});
    const frame = predictionsFrame(
      task,
      predictions.flatMap((each) => each.predictions),
    );
    expect(frame.numRows()).toBe(SYSTEMS.length * task.splits.test.length);
    expect(resultsFrame(results).numRows()).toBe(2 * SYSTEMS.length);
    expect((await gridResults(options.artifactsDir!, { task: "derma-mnist" })).predictions).toEqual([]);
  });

  test("what a system took is told from its stages: readings, trained weights, seconds", async () => {
    const costs = new Map((await gridCosts(options.artifactsDir!)).map((row) => [row.system, row]));
    const numTest = (await world.loadTask("breast-mnist", 7, {})).splits.test.length;
    const [closed, ftRag, text, jomed] = ["closed-book", "ft-rag", "text-head", "jomed"].map(
      (name) => costs.get(name)!,
    );
    expect([closed!.answeringPasses, ftRag!.answeringPasses]).toEqual([numTest, 4 * numTest]);
    expect([closed!.trainingPasses, ftRag!.trainingPasses]).toEqual([0, 0]);
    expect(ftRag!.trainedWeights).toBe(closed!.trainedWeights); // the adapter of stage 1
    const tower = text!.trainedWeights - ftRag!.trainedWeights;
    expect([tower > 0, jomed!.trainedWeights]).toEqual([true, ftRag!.trainedWeights + 2 * tower]);
    expect(jomed!.trainingPasses).toBeGreaterThan(0);
    expect(jomed!.trainingSeconds).toBeGreaterThan(ftRag!.trainingSeconds);
    expect(await gridCosts(options.artifactsDir!, { task: "derma-mnist" })).toEqual([]);
  });

  test("rows of an older version of a stage are left out: their files may have another form", async () => {
    const [first, ...others] = readdirSync(join(options.artifactsDir!, "predictions"));
    const file = join(options.artifactsDir!, "predictions", first!, "manifest.json");
    const manifest = readFileSync(file, "utf8");
    writeFileSync(file, manifest.replace(/"version": \d+/, '"version": 1'));
    expect((await gridResults(options.artifactsDir!)).predictions).toHaveLength(others.length);
    writeFileSync(file, manifest);
    expect((await gridResults(options.artifactsDir!)).predictions).toHaveLength(others.length + 1);
  });

  test("results of fewer systems beside them do not repeat a row", async () => {
    await run({ ...options, systems: ["ft-rag", "jomed"] });
    const { results } = await gridResults(options.artifactsDir!);
    expect(results).toHaveLength(2 * SYSTEMS.length);
  });

  test("a training of a system's own counts as many weights as it says", async () => {
    await run({ ...options, systems: ["ft-rag", "gsco-like"] });
    const costs = new Map((await gridCosts(options.artifactsDir!)).map((row) => [row.system, row]));
    const own = readdirSync(join(options.artifactsDir!, "system")).filter((name) => /^[0-9a-f]+$/.test(name));
    expect(own).toHaveLength(1);
    const said = JSON.parse(readFileSync(join(options.artifactsDir!, "system", own[0]!, "cost.json"), "utf8"));
    expect(said.trainedWeights).toBeGreaterThan(1000);
    expect(costs.get("gsco-like")!.trainedWeights).toBe(costs.get("ft-rag")!.trainedWeights + said.trainedWeights);
  });

  test("a reader with a frozen vision tower shares what is before it, and nothing after it", async () => {
    // the last of these: its answers lie beside the others'
    const frozen = optionsOf("whole", { backbones: ["qwen2-vl:vision=frozen"], systems: ["closed-book", "jomed"] });
    expect((await run(frozen)).failures).toEqual([]);
    const [whole, own] = [await plan(options), await plan(frozen)];
    const shared = own.stages.filter(({ key }) => whole.stages.some((stage) => stage.key === key));
    expect(shared.map(({ kind }) => kind).sort()).toEqual(["index", "leaks"]);
    const keyOf = (id: string) => own.stages.find((stage) => stage.id === id)!.key!;
    const reader = "breast-mnist.qwen2-vl:vision=frozen.7";
    const folderOf = (kind: string, id: string) => join(frozen.artifactsDir!, kind, keyOf(id));
    const fromReader = ["candidate-scores", "retriever-head", "predictions"].map((kind) => {
      const id = { "candidate-scores": "", "retriever-head": ".text.default", predictions: ".jomed" }[kind]!;
      return JSON.parse(readFileSync(join(folderOf(kind, `${kind}.${reader}${id}`), "manifest.json"), "utf8"));
    });
    for (const { inputs } of fromReader) expect(inputs).toContain(keyOf(`reader.${reader}.retrieval`));
    const weights = openSafetensors(
      join(folderOf("reader", `reader.${reader}.retrieval`), "adapter", "adapter_model.safetensors"),
    );
    expect([...weights.entries.keys()].filter((name) => name.includes("visual"))).toEqual([]);
    const { predictions } = await gridResults(options.artifactsDir!, { backbone: "qwen2-vl:vision=frozen" });
    expect(predictions.map(({ system }) => system).sort()).toEqual(["closed-book", "jomed"]);

    const notebook = await openRun({ profile: "test", seed: 7, source: "phantom", artifactsDir: frozen.artifactsDir! });
    const closedBook = await tuneReader(notebook, {
      task: await world.loadTask("breast-mnist", 7, {}),
      mode: "closedBook",
      readerFolder: world.readerFolder("qwen2-vl"),
      options: { vision: "frozen" },
    });
    expect(closedBook.artifact).toMatchObject({ origin: "found", key: keyOf(`reader.${reader}.closedBook`) });
    closedBook.dispose();
  });
});

describe("when something goes wrong", () => {
  test("a record that is none is named", async () => {
    const place = join(folder, "records", "grid", "phantom-test", "cells");
    mkdirSync(place, { recursive: true });
    for (const text of ["{", '{"kind":"results"}', "null"]) {
      writeFileSync(join(place, "results.toy.json"), text);
      await expect(gridResults(join(folder, "records"))).rejects.toMatchObject({
        code: "data",
        message: expect.stringContaining("results.toy.json must be JSON with id, kind, profile"),
      });
    }
  });

  test("a failing stage costs those that need it; the others are finished; the status and the end name it", async () => {
    const broken: GridWorld = {
      ...world,
      loadTask: async (name, seed) => {
        if (name === "retina-mnist") throw new Error("the disk of retina-mnist is on fire");
        return world.loadTask(name, seed, {});
      },
    };
    const options = optionsOf("broken", {
      tasks: ["retina-mnist", "breast-mnist"],
      systems: ["closed-book", "ft-rag"],
    });
    const said: string[] = [];
    const progress = createTerminalProgress({ write: (text) => said.push(text) });
    const command = { options, verb: "run", name: "broken" } as const;
    const planned = await planGrid(options, { world });
    const outcome = await runGrid(planned, { world: broken });
    expect(outcome.failures.map(({ stage }) => stage.id)).toEqual([
      "reader.retina-mnist.qwen2-vl.7.closedBook",
      "leaks.retina-mnist.7",
    ]);
    expect(outcome.computed.every(({ task }) => task === "breast-mnist")).toBe(true);
    const status = await gridStatus(planned);
    expect(status.counts.failed).toBe(2);
    expect(status.stages.find(({ state }) => state === "failed")!.message).toContain("on fire");
    // once it is well again, the failure is forgotten
    expect(await runGridCommand(command, { progress, world })).toEqual([]);
    expect((await gridStatus(planned)).counts.failed).toBe(0);
    const report = join(options.artifactsDir!, "reports", "broken");
    expect(readFileSync(join(report, "results.csv"), "utf8").split("\n")[0]).toContain(
      "task,backbone,system,metric,value",
    );
    const { rows } = JSON.parse(readFileSync(join(report, "results.json"), "utf8"));
    expect(rows).toHaveLength(2 * 2 * 2);
    expect(rows.find((row: { system: string }) => row.system === "ft-rag").published).toBe(62);
    expect(said.join("")).toContain("published");
  });

  test("a reader that is not there fails its own cells and says what to do", async () => {
    const options = optionsOf("no-reader", { backbones: ["pixtral", "qwen2-vl"], systems: ["closed-book"] });
    const { failures, computed } = await run(options);
    expect(failures.map(({ stage }) => stage.id)).toEqual(["reader.breast-mnist.pixtral.7.closedBook"]);
    expect(String(failures[0]!.error)).toMatch(/no-such-reader/);
    expect(failures[0]!.leftOut).toHaveLength(2);
    expect(computed).toHaveLength(3);
  });

  test("a folder that takes no file stops everything at once, with the way out", async () => {
    const options = optionsOf("full", { systems: ["closed-book"] });
    writeFileSync(options.artifactsDir!, "a file where the folder should be"); // as root, permissions do not stop anybody
    await expect(run(options)).rejects.toMatchObject({
      code: "environment",
      message: expect.stringMatching(
        /reader of breast-mnist: .*must take the files of stage reader; got ENOTDIR.*JOMED_ARTIFACTS_DIR/s,
      ),
    });
  });

  test.skipIf(process.getuid?.() === 0)("a read-only folder is named", async () => {
    const options = optionsOf("read-only", { systems: ["closed-book"] });
    mkdirSync(options.artifactsDir!);
    chmodSync(options.artifactsDir!, 0o500);
    await expect(run(options)).rejects.toMatchObject({ code: "environment" });
  });

  test("an interrupted grid goes on and ends with the same bytes", async () => {
    const options = optionsOf("interrupted", { systems: ["closed-book", "ft-rag", "jomed"] });
    for (const stopAt of [3, 9, 30]) {
      const controller = new AbortController();
      let events = 0;
      const onProgress = () => {
        events += 1;
        if (events === stopAt) controller.abort();
      };
      const stopped = run(options, { control: { signal: controller.signal }, onProgress });
      await expect(stopped).rejects.toMatchObject({ code: "interrupted" });
    }
    const locks = readdirSync(options.artifactsDir!, { recursive: true }).filter((name) =>
      String(name).endsWith(".lock"),
    );
    expect(locks).toEqual([]);
    expect((await run(options)).failures).toEqual([]);
    const undisturbed = predictionBytes(join(folder, "whole"));
    for (const [key, bytes] of predictionBytes(options.artifactsDir!)) expect(undisturbed.get(key)).toBe(bytes);
  });
});
