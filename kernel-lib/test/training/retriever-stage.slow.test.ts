import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { openBackend } from "../../src/compute/backend";
import type { RetrieverStageInputs, RetrieverStageOptions } from "../../src/training/retriever-options";
import { trainRetrieverHead } from "../../src/training/retriever-stage";
import { copyValues } from "../../src/training/training-state";
import { TOY_STAGE, toyAgreement, toyWorld } from "./toy-retriever";

let folder: string;
beforeAll(async () => {
  await openBackend();
  folder = mkdtempSync(join(tmpdir(), "retriever-stage-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

for (const loss of ["contrastive", "perplexityDistillation"] as const) {
  test(`the head moves to the candidates the reader reads well (${loss})`, async () => {
    const world = await toyWorld();
    const before = await toyAgreement(world.inputs);
    const { curve, bestStep } = await trainRetrieverHead(world.inputs, { ...TOY_STAGE, loss });
    expect(before).toBeLessThan(0.75);
    expect(await toyAgreement(world.inputs)).toBeGreaterThan(before + 0.15);
    expect(bestStep).toBeGreaterThan(0);
    const metrics = new Set(curve.filter((point) => point.split === "validation").map((point) => point.metric));
    const wanted = ["loss", "likelihood", "targetEntropy", "retrieverEntropy", "effectiveCandidates", "frozenOverlap"];
    expect([...metrics].sort()).toEqual([...wanted, "drift", "spread"].sort());
    world.dispose();
  });
}

test("before the first step nothing has moved", async () => {
  const world = await toyWorld();
  const { curve } = await trainRetrieverHead(world.inputs, { ...TOY_STAGE, steps: 10 });
  const at = (metric: string, step: number) =>
    curve.find((point) => point.metric === metric && point.step === step)!.value;
  expect(at("drift", 0)).toBeCloseTo(0, 5);
  expect(at("frozenOverlap", 0)).toBe(1);
  expect(at("drift", 10)).toBeGreaterThan(1e-3);
  expect(at("effectiveCandidates", 0)).toBeLessThanOrEqual(10 + 1e-3);
  world.dispose();
});

test("corpus and reader stay as they are, each pair is read once, and no tensor is left behind", async () => {
  const world = await toyWorld();
  const { inputs, reader } = world;
  const frozen = [inputs.corpus.embeddings, inputs.train.frozen, inputs.validation.frozen];
  const copies = frozen.map((matrix) => Buffer.from(matrix.data.slice().buffer));
  const before = tf.memory().numTensors;
  await trainRetrieverHead(inputs, { ...TOY_STAGE, steps: 200 });
  expect(tf.memory().numTensors).toBe(before);
  frozen.forEach((matrix, i) => {
    expect(Buffer.from(matrix.data.buffer).equals(copies[i]!)).toBe(true);
  });
  const { asked, read } = inputs.scores.stats();
  expect(read).toBe(reader.readPairs.length);
  expect(new Set(reader.readPairs.map(({ example, passage }) => `${example.id} ${passage!.id}`)).size).toBe(read);
  expect(asked).toBeGreaterThan(10 * read);
  world.dispose();
});

test("an aborted stage that is called again gives the bits of an undisturbed one, candidates refreshed alike", async () => {
  const bits = (inputs: RetrieverStageInputs): string =>
    Buffer.from(copyValues(inputs.tower.variables)[0]!.buffer).toString("hex");
  const whole = await toyWorld();
  const undisturbed = await trainRetrieverHead(whole.inputs, TOY_STAGE);
  const stateFile = join(folder, "state.safetensors");
  const stop = new AbortController();
  const stopped = await toyWorld();
  const control = {
    signal: stop.signal,
    onProgress: ({ done }: { done: number }) => {
      if (done === 47) stop.abort();
    },
  };
  const failed = await trainRetrieverHead({ ...stopped.inputs, stateFile, control }, TOY_STAGE).catch((error) => error);
  expect(isKernelError(failed, "interrupted")).toBe(true);
  const again = await toyWorld();
  const resumed = await trainRetrieverHead({ ...again.inputs, stateFile }, TOY_STAGE);
  expect(bits(again.inputs)).toBe(bits(whole.inputs));
  expect(resumed).toEqual(undisturbed);
  for (const world of [whole, stopped, again]) world.dispose();
});

test("refusals: examples without a label, an empty split, one candidate", async () => {
  const world = await toyWorld();
  const { inputs } = world;
  const failure = async (changed: Partial<RetrieverStageInputs>, over: Partial<RetrieverStageOptions> = {}) => {
    const error = await trainRetrieverHead({ ...inputs, ...changed }, { ...TOY_STAGE, ...over }).catch(
      (caught) => caught,
    );
    return isKernelError(error) ? `${error.code}: ${error.message}` : error;
  };
  const open = inputs.train.examples.map((example) => ({ ...example, labels: [] }));
  expect(await failure({ train: { ...inputs.train, examples: open } }, { loss: "reveal" })).toMatch(
    /^data: .*"reveal".*train-0 has none/,
  );
  const none = { examples: [], frozen: { data: new Float32Array(0), rows: 0, cols: 6 } };
  expect(await failure({ validation: none })).toMatch(/^data: .*validation must hold at least one/);
  expect(await failure({}, { numCandidates: 1 })).toMatch(/^config: .*numCandidates/);
  expect(await failure({}, { loss: "emdr2", prior: "off" })).toMatch(/^config: .*prior must be left out/);
  expect(await failure({}, { preference: "tokens", loss: "reveal" })).toMatch(/^config: .*preference must be "labels"/);
  expect(await failure({}, { preference: "tokens", preferenceSoftmax: "twice" })).toMatch(/^config: .*"twice"/);
  expect(await failure({}, { bestBy: "accuracy" as never })).toMatch(
    /^config: .*bestBy must be one of likelihood, loss/,
  );
  world.dispose();
});
