import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { trainReader } from "../../../src/training/reader-stage";
import { tinyReader } from "../../helpers/tiny-reader";
import { brightnessExamples, brightnessPassages } from "../../helpers/toy-task";

beforeAll(async () => {
  await openBackend();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const LOOP = "training/loop.ts";

/** What every operation of TensorFlow.js goes through; its types hide it. */
interface Engine {
  runKernelFunc(call: unknown): unknown;
}

/** The files of src on the present call stack from the training loop on, operations apart; a file's frames in a row count once. */
function filesOnStack(): string[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  Error.prepareStackTrace = (_error, frames) => frames.map((frame) => frame.getFileName() ?? "");
  const { stack } = new Error("here") as { stack?: unknown };
  Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  const names = (stack as string[]).reverse().flatMap((name) => name.split("kernel-lib/src/")[1] ?? []);
  const files = names.slice(names.indexOf(LOOP)).filter((file) => !file.startsWith("compute/ops/"));
  return files.filter((file, i) => file !== files[i - 1]);
}

/** The ways by which the operations of one training step of the reader stage are reached, from the loop on, optimiser apart. */
async function waysOfOneStep(): Promise<string[][]> {
  const ways = new Map<string, string[]>();
  const hidden: unknown = tf.engine();
  const engine = hidden as Engine;
  const run = engine.runKernelFunc.bind(engine);
  vi.spyOn(engine, "runKernelFunc").mockImplementation((call) => {
    const files = filesOnStack();
    if (files[0] === LOOP && !files.includes("compute/adamw.ts")) ways.set(files.join(), files);
    return run(call);
  });
  const model = tinyReader(1);
  try {
    const passages = brightnessPassages(4, "p");
    const readable = brightnessExamples(4, "way").map((example) => ({ example, passages }));
    const { adapter } = await trainReader(
      { model, train: readable, validation: readable.slice(0, 1), seed: 4 },
      { steps: 1, batchSize: 4, learningRate: 0.01, evaluateEvery: 1, dropout: 0.1 },
    );
    adapter.dispose();
  } finally {
    model.dispose();
  }
  return [...ways.values()];
}

test("a training batch passes seven files on its way from the loop to the operations, none more than twice", async () => {
  const ways = await waysOfOneStep();
  expect([...new Set(ways.flat())].sort()).toEqual([
    "losses/answer-nll.ts",
    "models/layers/decoder.ts",
    "models/layers/linear.ts",
    "models/qwen2-vl/model.ts",
    "models/vision-language/logits.ts",
    "training/loop.ts",
    "training/reader-stage.ts",
  ]);
  const whole = ["logits", "decoder", "linear"].map((name) => expect.stringContaining(`/${name}.ts`));
  expect(ways).toContainEqual([LOOP, "training/reader-stage.ts", ...whole]);
  for (const way of ways) for (const file of way) expect(way.filter((each) => each === file).length).toBeLessThan(3);
});
