import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { labelPredictions } from "../../../src/answers/forms";
import { isKernelError } from "../../../src/base/errors";
import type { Control, Example, MetricName, Prediction, Task } from "../../../src/base/types";
import type { Run } from "../../../src/experiments/run";
import { measureIndexRecall } from "../../../src/experiments/stages/corpus-index";
import { predict } from "../../../src/experiments/stages/predictions";
import { tuneReader } from "../../../src/experiments/stages/reader";
import { ablate, evaluate } from "../../../src/experiments/stages/results";
import { tuneRetriever } from "../../../src/experiments/stages/retriever";
import { loadQwen2Vl } from "../../../src/models/qwen2-vl/weights";
import { fingerprintReader } from "../../../src/reader/local-reader";
import { ablations, systemNames } from "../../../src/systems/systems";
import { bytesOf, type SmallWorld, smallWorld } from "../helpers/small-world";

const FIVE_SYSTEMS = systemNames("system");

let world: SmallWorld;
beforeAll(async () => {
  world = await smallWorld();
});
afterAll(() => world.dispose());

/** Everything a notebook calls, in order. */
async function everything(run: Run, task: Task = world.task) {
  const index = await world.index(run, task);
  const reader = await world.reader(run, index);
  const closed = await tuneReader(run, { task, mode: "closedBook", readerFolder: world.readerFolder });
  const heads = await tuneRetriever(run, { task, index, reader });
  const predictions: Prediction[] = [];
  const origins: string[] = [];
  for (const system of FIVE_SYSTEMS) {
    const chosen = system === "closed-book" ? closed : reader;
    const result = await predict(run, { system, task, index, reader: chosen, heads });
    predictions.push(...result.predictions);
    origins.push(result.artifact.origin);
  }
  origins.push(
    ...[index, reader, closed, heads.heads.text!, heads.heads.image!].map(({ artifact }) => artifact.origin),
  );
  return { index, reader, closed, heads, predictions, origins };
}

type All = Awaited<ReturnType<typeof everything>>;
function free({ index, reader, closed }: All): void {
  for (const part of [index, reader, closed]) part.dispose();
}

/** The trained weights of both stages. */
function trained({ reader, closed, heads }: All): string[] {
  return [
    bytesOf(reader.artifact, "adapter/adapter_model.safetensors"),
    bytesOf(closed.artifact, "adapter/adapter_model.safetensors"),
    bytesOf(heads.heads.text!.artifact, "tower.safetensors"),
    bytesOf(heads.heads.image!.artifact, "tower.safetensors"),
  ];
}

/** Everything that was decided: kept steps and curves, health, the corpus, and every answer with what it was read from. */
function choices({ index, reader, closed, heads, predictions }: All): unknown[] {
  return [
    ...[reader, closed, heads.heads.text!, heads.heads.image!].map(({ bestStep, curve, health }) => [
      bestStep,
      curve,
      health,
    ]),
    index.corpus.passages.map(({ id }) => id),
    predictions.map(({ truth: _truth, ...answer }) => answer),
  ];
}

describe("the whole chain on untrained models", () => {
  test("computes once, finds everything the second time, and stores what figures need", async () => {
    const first = await everything(await world.openRun("chain"));
    expect(new Set(first.origins)).toEqual(new Set(["computed"]));
    const again = await everything(await world.openRun("chain"));
    expect(new Set(again.origins)).toEqual(new Set(["found"]));
    expect(again.predictions).toEqual(first.predictions);
    const numTest = world.task.splits.test.length;
    expect(first.predictions).toHaveLength(FIVE_SYSTEMS.length * numTest);
    for (const { system, readings, weights, probabilities } of labelPredictions(first.predictions)) {
      expect(readings).toHaveLength(system === "closed-book" ? 1 : 4);
      expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9);
      expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
    }
    const recall = await measureIndexRecall(await world.openRun("chain"), first.index);
    const hnsw = recall.filter((row) => row.ef === 64);
    expect(hnsw).toHaveLength(2);
    for (const row of hnsw) expect(row.recall).toBeGreaterThan(0.95);
    expect(first.heads.heads.text!.reads.saved).toBeGreaterThan(0);
    const trainings = (all: All) => [all.reader, all.closed, all.heads.heads.text!, all.heads.heads.image!];
    for (const { health, artifact } of trainings(first)) {
      expect(artifact.manifest.health).toEqual(health);
      expect(Object.values(health!.measured).every(Number.isFinite)).toBe(true);
    }
    expect(first.reader.health!.measured).toHaveProperty("commonestAnswer");
    for (const measured of ["frozenOverlap", "captionVote", "alone", "captionSwap"])
      expect(first.heads.heads.text!.health!.measured).toHaveProperty(measured);
    expect(trainings(again).map(({ health }) => health)).toEqual(trainings(first).map(({ health }) => health));
    free(first);
    free(again);
  });

  test("the same seed gives the same weights and predictions; test labels change no trained weight and no choice", async () => {
    const first = await everything(await world.openRun("chain"));
    const same = await everything(await world.openRun("twin"));
    expect(trained(same)).toEqual(trained(first));
    expect(same.predictions).toEqual(first.predictions);
    const { test: examples } = world.task.splits;
    const permuted = examples.map((example, i) => {
      const { labels, answer } = examples[(i + 1) % examples.length]!;
      return { ...example, labels, answer };
    });
    expect(permuted.map(({ answer }) => answer)).not.toEqual(examples.map(({ answer }) => answer));
    const task = { ...world.task, splits: { ...world.task.splits, test: permuted }, fingerprint: "labels permuted" };
    const other = await everything(await world.openRun("chain"), task);
    expect(new Set(other.origins)).toEqual(new Set(["computed"]));
    expect(trained(other)).toEqual(trained(first));
    expect(choices(other)).toEqual(choices(first));
    expect(other.predictions.map((p) => p.truth)).not.toEqual(first.predictions.map((p) => p.truth));
    for (const all of [first, same, other]) free(all);
  });

  test("stage 2 leaves corpus and reader bit-identical", async () => {
    const run = await world.openRun("frozen");
    const index = await world.index(run);
    const reader = await world.reader(run, index);
    const before = [
      bytesOf(index.artifact, "embeddings.safetensors"),
      index.embeddings.text.data.join(),
      reader.reader.fingerprint,
    ];
    await tuneRetriever(run, { task: world.task, index, reader });
    const readAgain = await world.reader(run, index);
    const after = [
      bytesOf(index.artifact, "embeddings.safetensors"),
      index.embeddings.text.data.join(),
      readAgain.reader.fingerprint,
    ];
    expect(after).toEqual(before);
    const model = loadQwen2Vl(world.readerFolder);
    expect(fingerprintReader(model)).not.toBe(reader.reader.fingerprint); // tuned, not the base
    model.dispose();
    for (const part of [index, reader, readAgain]) part.dispose();
  });
});

test("a run that is interrupted in both stages and started again ends with the same bytes", async () => {
  const whole = await everything(await world.openRun("chain"));
  const stopAt = (stage: RegExp, done: number): Control => {
    const stop = new AbortController();
    return {
      signal: stop.signal,
      onProgress: (event) => {
        if (stage.test(event.stage) && event.done >= done) stop.abort();
      },
    };
  };
  for (const control of [
    stopAt(/^reader$/, 3),
    stopAt(/candidates/, 32),
    stopAt(/text head/, 3),
    stopAt(/image head/, 3),
  ]) {
    const failed = await everything(await world.openRun("stopped", control)).catch((error) => error);
    expect(isKernelError(failed, "interrupted")).toBe(true);
  }
  const resumed = await everything(await world.openRun("stopped"));
  expect(trained(resumed)).toEqual(trained(whole));
  expect(resumed.predictions).toEqual(whole.predictions);
  expect(resumed.heads.curve).toEqual(whole.heads.curve);
  expect(resumed.heads.heads.text!.reads).toEqual(whole.heads.heads.text!.reads);
  free(whole);
  free(resumed);
});

test("evaluate gives rows with intervals and paired differences; ablate one difference per variant", async () => {
  const run = await world.openRun("chain");
  const all = await everything(run);
  const { rows, differences, unparsed } = await evaluate(run, { task: world.task, predictions: all.predictions });
  for (const { system, value, n } of unparsed) {
    const ofSystem = all.predictions.filter((answer) => answer.system === system);
    expect([value, n]).toEqual([ofSystem.filter(({ answer }) => answer === null).length / 10, 10]);
  }
  expect(unparsed.map(({ system }) => system)).toEqual(FIVE_SYSTEMS);
  expect(rows).toHaveLength(2 * FIVE_SYSTEMS.length);
  for (const row of rows) {
    expect(row.low).toBeLessThanOrEqual(row.value);
    expect(row.high).toBeGreaterThanOrEqual(row.value);
    expect(row).toMatchObject({ n: 10, seeds: 1, scale: "replica", data: "phantom" });
  }
  expect(differences.map((row) => row.system)).not.toContain("ft-rag");
  expect(differences).toHaveLength(2 * (FIVE_SYSTEMS.length - 1));
  const { index, reader, heads } = all;
  const ablation = await ablate(run, { task: world.task, index, reader, heads });
  expect(new Set(ablation.differences.map((row) => row.system)).size).toBe(ablations().length);
  const answersOf = (system: string) =>
    ablation.predictions.filter((each) => each.system === system).map(({ answer }) => answer);
  for (const [variant, other] of Object.entries(ablation.identical))
    expect(answersOf(variant)).toEqual(answersOf(other));
  const asSystem = await predict(run, { system: "logits", task: world.task, index, reader, heads });
  const fused = ablation.predictions.filter(({ system }) => system === "logits");
  expect(fused).toEqual(asSystem.predictions);
  const odd = ablations()
    .map(({ ablates }) => ablates)
    .filter((variant) => !(variant in ablation.identical));
  for (const variant of odd) expect(answersOf(variant)).not.toEqual(answersOf("jomed"));
  const value = (system: string) =>
    ablation.rows.find((row) => row.system === system && row.metric === "accuracy")!.value;
  for (const row of ablation.differences.filter((each) => each.metric === "accuracy")) {
    expect(row.value).toBeCloseTo(value(row.system) - value("jomed"), 9);
  }
  free(all);
});

test("ablate takes a task of every form of answer: sets of labels and open questions beside single labels", async () => {
  const run = await world.openRun("mixed");
  const mixed = (example: Example, i: number): Example => {
    if (i % 3 === 0) return example;
    return i % 3 === 1 ? { ...example, form: "labels" } : { ...example, form: "words", labels: [], kind: "open" };
  };
  const { train, validation, test: asked } = world.task.splits;
  const splits = { train: train.map(mixed), validation: validation.map(mixed), test: asked.map(mixed) };
  const metrics: MetricName[] = ["accuracy", "exactMatch", "tokenRecall"];
  const task: Task = { ...world.task, splits, metrics, fingerprint: "mixed forms" };
  const index = await world.index(run, task);
  const reader = await world.reader(run, index);
  const { predictions, rows, differences } = await ablate(run, {
    task,
    index,
    reader,
    variants: ["no heads", "logits"],
  });
  expect(predictions).toHaveLength(3 * splits.test.length);
  expect(predictions.slice(0, splits.test.length).map(({ form }) => form)).toEqual([
    ...["label", "label", "label", "label"],
    ...["labels", "labels", "labels"],
    ...["words", "words", "words"],
  ]);
  expect(rows.map(({ system, metric, n }) => [system, metric, n])).toEqual(
    ["jomed", "no heads", "logits"].flatMap((system) => [
      [system, "accuracy", 4],
      [system, "exactMatch", 3],
      [system, "tokenRecall", 3],
    ]),
  );
  expect(differences).toHaveLength(2 * metrics.length);
  index.dispose();
  reader.dispose();
});

test("verbs refuse what does not fit, and say which call is missing", async () => {
  const run = await world.openRun("chain");
  const all = await everything(run);
  const { index, reader, closed, heads } = all;
  const { task } = world;
  const message = (call: Promise<unknown>) =>
    call.then(
      () => "accepted",
      (error) => (isKernelError(error) ? `${error.code}: ${error.message}` : String(error)),
    );
  expect(await message(tuneReader(run, { task, readerFolder: world.readerFolder }))).toMatch(/^config: .*buildIndex/);
  expect(await message(tuneRetriever(run, { task, index, reader: closed }))).toMatch(/^config: .*"closedBook"/);
  expect(await message(predict(run, { system: "ft-rag", task, index, reader: closed }))).toMatch(
    /^config: .*"retrieval"/,
  );
  expect(await message(predict(run, { system: "jomed", task, index, reader }))).toMatch(
    /^config: .*text and image is missing/,
  );
  expect(await message(predict(run, { system: "rad", task, reader }))).toMatch(/^config: .*closed-book, ft-rag/);
  expect(await message(ablate(run, { task, index, reader, heads, variants: ["x"] }))).toMatch(/^config: .*no prior/);
  const missing = message(tuneReader(run, { task, mode: "closedBook", readerFolder: world.folder }));
  expect(await missing).toMatch(/^data: .*npm run checkpoints/);
  free(all);
});
