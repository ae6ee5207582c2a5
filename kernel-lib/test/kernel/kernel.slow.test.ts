import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { repositoryRoot } from "../../src/base/paths";
import { type KernelClient, startKernel } from "../../src/kernel/client";
import type { KernelSpec } from "../../src/kernel/process";
import { createKernelSpec } from "../../src/notebook/runner";

const root = repositoryRoot();
const folder = join(import.meta.dirname, "..", "notebook", "files");
const python = join(root, ".venv", "bin", "python");
const pythonSpec: KernelSpec = {
  name: "python3",
  argv: [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
  cwd: folder,
  interruptMode: "message",
};

const started: KernelClient[] = [];
async function start(spec: KernelSpec): Promise<KernelClient> {
  const { client } = await startKernel(spec, { timeoutMs: 90_000 });
  started.push(client);
  return client;
}
afterEach(async () => {
  await Promise.all(started.splice(0).map((client) => client.shutdown()));
});

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const caught = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => null,
    (error) => error,
  );
const text = (pieces: [string, Record<string, unknown>][], name: string): string =>
  pieces
    .filter(([type, content]) => type === "stream" && content["name"] === name)
    .map(([, content]) => content["text"])
    .join("");

async function run(client: KernelClient, code: string, timeoutMs?: number) {
  const pieces: [string, Record<string, unknown>][] = [];
  const result = await client.execute(code, {
    onOutput: (type, content) => pieces.push([type, content]),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  const shown = pieces.find(([type]) => type === "execute_result")?.[1]["data"] as { "text/plain": string } | undefined;
  const error = pieces.find(([type]) => type === "error")?.[1] as
    | { ename: string; evalue: string; traceback: string[] }
    | undefined;
  return {
    ...result,
    pieces,
    stdout: text(pieces, "stdout"),
    stderr: text(pieces, "stderr"),
    value: shown?.["text/plain"],
    error,
  };
}

/** Starts a cell and waits until it has written something: an interrupt before that would be lost. */
async function runUntilOutput(client: KernelClient, code: string) {
  let written: () => void = () => undefined;
  const begun = new Promise<void>((done) => {
    written = done;
  });
  const result = client.execute(code, { onOutput: (type) => type === "stream" && written() });
  await begun;
  await pause(300);
  return { result };
}

describe("the TypeScript kernel", () => {
  it("keeps state between cells, counts them, and judges a cell by its reply", async () => {
    const client = await start(createKernelSpec(root, folder));
    expect(await run(client, "let x = 20;")).toMatchObject({ status: "ok", executionCount: 1 });
    expect(await run(client, "x += 1;\nx * 2")).toMatchObject({
      status: "ok",
      executionCount: 2,
      value: "42",
    });
    const failed = await run(client, "throw new TypeError('no');");
    expect(failed).toMatchObject({ status: "error", executionCount: 3 });
    expect(failed.error).toMatchObject({ ename: "TypeError", evalue: "no" });
    expect(await client.heartbeat()).toBe("alive");
  });

  it("an interrupt stops a loop that gives way to events within 2 s, and the signal is fresh in the next cell", async () => {
    const client = await start(createKernelSpec(root, folder));
    await run(
      client,
      'import * as kernel from "kernel-lib";\nconst control = kernel.notebookControl();\nlet rounds = 0;',
    );
    const loop =
      "console.log('on');\nwhile (!control.signal!.aborted) { rounds++; await new Promise((next) => setImmediate(next)); }";
    const running = await runUntilOutput(client, loop);
    const before = performance.now();
    await client.interrupt();
    expect((await running.result).status).toBe("error");
    expect(performance.now() - before).toBeLessThan(2000);
    await pause(300);
    const [first, second] = [
      await run(client, "rounds"),
      await run(client, "await new Promise((n) => setTimeout(n, 200));\nrounds"),
    ];
    expect(Number(first.value)).toBeGreaterThan(10);
    expect(second.value).toBe(first.value);
    expect((await run(client, "control.signal!.aborted")).value).toBe("false");
  });

  it("an interrupt stops a loop that never gives way", async () => {
    const client = await start(createKernelSpec(root, folder));
    const running = await runUntilOutput(client, "console.log('on');\nwhile (true) {}");
    const before = performance.now();
    await client.interrupt();
    expect((await running.result).status).toBe("error");
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it("a cell that is too slow is interrupted with its own error, and the kernel lives on", async () => {
    const client = await start(createKernelSpec(root, folder));
    const error = await caught(run(client, "await new Promise((done) => setTimeout(done, 60_000));", 1500));
    expect(error).toSatisfy((e) => isKernelError(e, "state") && e.details["reason"] === "cell-timeout");
    expect((error as Error).message).toContain("the cell must end within 1500 ms; it was interrupted.");
    await pause(2500);
    expect((await run(client, "1 + 1")).value).toBe("2");
  });

  it("a kernel whose process ends is told from a failed cell", async () => {
    const client = await start(createKernelSpec(root, folder));
    const error = await caught(run(client, "process.kill(process.ppid, 'SIGKILL'); await new Promise(() => {});"));
    expect(error).toSatisfy((e) => isKernelError(e, "environment") && e.details["reason"] === "kernel-died");
    expect((error as Error).message).toContain("it ended with signal SIGKILL. It may have run out of memory.");
    expect(await caught(run(client, "1"))).toBe(error);
  });
});

describe("tslab's own kernel", () => {
  it("runs the same notebooks, and shows one format of each display", async () => {
    const program = join(root, "node_modules", "tslab", "bin", "tslab");
    const argv = [process.execPath, program, "kernel", "--config-path", "{connection_file}"];
    const cell =
      'import * as kernel from "kernel-lib";\nkernel.showMarkdown("**x**");\nkernel.createRandom(3).integer(1)';
    const shown = async (spec: KernelSpec) => {
      const { status, pieces } = await run(await start(spec), cell);
      return [status, pieces.find(([type]) => type === "display_data")?.[1]["data"]];
    };
    expect(await shown({ name: "tslab", argv, cwd: folder })).toEqual(["ok", { "text/markdown": "**x**" }]);
    const both = { "text/markdown": "**x**", "text/plain": "**x**" };
    expect(await shown(createKernelSpec(root, folder))).toEqual(["ok", both]);
  });
});

describe("starting", () => {
  const node = (script: string): KernelSpec => ({ name: "fake", argv: [process.execPath, "-e", script], cwd: folder });

  it("a kernel that never answers is a start-up time-out that shows its command and output", async () => {
    const error = await caught(
      startKernel(node("console.log('hello'); setTimeout(() => {}, 60000)"), { timeoutMs: 1200 }),
    );
    expect(error).toSatisfy((e) => isKernelError(e, "environment") && e.details["reason"] === "start-timeout");
    expect((error as Error).message).toMatch(/kernel "fake" must answer within 1200 ms; it did not\.[\s\S]*hello/);
  });

  it("a kernel that ends at once, or a program that does not exist, is a dead kernel", async () => {
    const error = await caught(startKernel(node("console.error('broken'); process.exit(4)"), { timeoutMs: 20_000 }));
    expect((error as Error).message).toMatch(/it ended with exit code 4\.[\s\S]*broken/);
    const missing = await caught(
      startKernel({ name: "x", argv: ["no-such-program"], cwd: folder }, { timeoutMs: 20_000 }),
    );
    expect(missing).toSatisfy((e) => isKernelError(e, "environment") && e.details["reason"] === "kernel-died");
    expect((missing as Error).message).toContain("ENOENT");
  });

  it("an argv without a program is refused", async () => {
    await expect(startKernel({ name: "x", argv: [], cwd: folder })).rejects.toThrow("argv must name a program");
  });

  it("a started kernel leaves neither process nor connection file behind", async () => {
    const { client } = await startKernel(createKernelSpec(root, folder));
    const pid = client.process.pid!;
    await client.shutdown();
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect(await caught(run(client, "1"))).toSatisfy((e) => isKernelError(e, "state"));
  });
});

describe.skipIf(!existsSync(python))("another kernel (Python) through the same client", () => {
  it("sends results and errors of its own, asks for input, and is interrupted by a message", async () => {
    const client = await start(pythonSpec);
    const result = await run(client, "6 * 7");
    expect(result.pieces.find(([type]) => type === "execute_result")?.[1]["data"]).toEqual({ "text/plain": "42" });
    const failed = await run(client, "1 / 0");
    expect(failed.status).toBe("error");
    expect(failed.pieces.find(([type]) => type === "error")?.[1]["ename"]).toBe("ZeroDivisionError");
    const pieces: [string, Record<string, unknown>][] = [];
    await client.execute("print('hello', input('name? '))", {
      onOutput: (type, content) => pieces.push([type, content]),
      onInput: async (prompt) => `${prompt}Ada`,
    });
    expect(text(pieces, "stdout")).toBe("hello name? Ada\n");
    const running = await runUntilOutput(client, "import time\nprint('on', flush=True)\ntime.sleep(60)");
    await client.interrupt();
    expect((await running.result).reply).toMatchObject({ status: "error", ename: "KeyboardInterrupt" });
  });
});

describe("a kernel that forgets to say it is idle", () => {
  it("does not hold up the client: the cell ends 10 s after the last message, outputs kept", {
    timeout: 30_000,
  }, async () => {
    const program = join(import.meta.dirname, "forgetful-kernel.cjs");
    const client = await start({
      name: "forgetful",
      argv: [process.execPath, program, "{connection_file}"],
      cwd: root,
    });
    const begun = Date.now();
    const { status, stdout } = await run(client, "1");
    expect({ status, stdout }).toEqual({ status: "ok", stdout: "seen" });
    expect(Date.now() - begun).toBeGreaterThan(9_000);
  });
});
