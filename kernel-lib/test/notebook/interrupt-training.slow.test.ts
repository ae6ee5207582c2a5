import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { type KernelClient, startKernel } from "../../src/kernel/client";
import { createKernelSpec } from "../../src/notebook/runner";

const ROOT = repositoryRoot();
let folder: string;
let client: KernelClient;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "interrupt-"));
  ({ client } = await startKernel(createKernelSpec(ROOT, ROOT), { timeoutMs: 120_000 }));
});
afterAll(async () => {
  await client.shutdown();
  rmSync(folder, { recursive: true });
});

async function run(code: string): Promise<{ status: string; written: string }> {
  let written = "";
  const onOutput = (type: string, content: Record<string, unknown>): void => {
    if (type === "stream") written += String(content["text"]);
    if (type === "error") written += String(content["ename"]);
  };
  const { status } = await client.execute(code, { onOutput });
  return { status, written };
}

async function untilThere(file: string): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!existsSync(file) && Date.now() < deadline) await new Promise((next) => setTimeout(next, 50));
  expect(existsSync(file)).toBe(true);
}

async function untilOther(file: string, first: Buffer): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (readFileSync(file).equals(first) && Date.now() < deadline) await new Promise((next) => setTimeout(next, 50));
  expect(readFileSync(file).equals(first)).toBe(false);
}

test("an interrupt stops a training within 2 s; called again, it goes on from the state that was left", async () => {
  const stateFile = join(folder, "state.safetensors");
  const opened = await run(`
import * as kernel from "kernel-lib";
await kernel.compute.openBackend();
const model = kernel.models.loadQwen2Vl(${JSON.stringify(join(ROOT, "data/checkpoints/qwen2-vl"))});
const task = await kernel.loadTask("breast-mnist", { source: "phantom" });
const readable = (examples: readonly kernel.Example[]) => examples.map((example) => ({ example, passages: [] }));
const inputs = {
  model,
  train: readable(task.splits.train.slice(0, 32)),
  validation: readable(task.splits.validation.slice(0, 4)),
  seed: 1,
  stateFile: ${JSON.stringify(stateFile)},
};
const options = { steps: 5000, batchSize: 16, learningRate: 1e-3, evaluateEvery: 5 };
const control = kernel.notebookControl();`);
  expect(opened).toEqual({ status: "ok", written: "" });
  const training = run("await kernel.training.trainReader({ ...inputs, control }, options)");
  await untilThere(stateFile); // written before the first step
  await untilOther(stateFile, readFileSync(stateFile)); // and after the fifth
  const before = performance.now();
  await client.interrupt();
  expect(await training).toMatchObject({ status: "error", written: expect.stringContaining("Interrupted") });
  expect(performance.now() - before).toBeLessThan(2000);
  // not only the cell has ended: nothing goes on writing
  await new Promise((next) => setTimeout(next, 2000));
  const left = readFileSync(stateFile);
  await new Promise((next) => setTimeout(next, 3000));
  expect(readFileSync(stateFile).equals(left)).toBe(true);

  const resumed = await run(`
const stop = new AbortController();
const steps: number[] = [];
const watch: kernel.Control = {
  signal: stop.signal,
  onProgress: ({ total, done }: { total: number; done: number }) => {
    if (total !== options.steps) return;
    steps.push(done);
    stop.abort();
  },
};
try {
  await kernel.training.trainReader({ ...inputs, control: watch }, options);
} catch (error) {
  if (!kernel.isKernelError(error, "interrupted")) throw error;
}
console.log(JSON.stringify(steps));`);
  expect(resumed).toEqual({ status: "ok", written: expect.any(String) });
  const [first] = JSON.parse(resumed.written) as number[];
  expect(first).toBeGreaterThan(1);
  expect(first! % 5).toBe(1); // the step after the last evaluation, where the state was written
});
