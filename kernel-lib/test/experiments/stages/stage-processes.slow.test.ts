import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fakeRun, temporaryFolder } from "../helpers/fake-run";
import { slowSum } from "../helpers/stage-child";

let program: string;

beforeAll(async () => {
  program = mkdtempSync(join(tmpdir(), "stage-child-"));
  const entry = join(__dirname, "..", "helpers", "stage-child.ts");
  const output = { format: "cjs", entryFileNames: "child.cjs" } as const;
  await build({
    configFile: false,
    logLevel: "silent",
    build: { ssr: entry, outDir: program, rollupOptions: { output } },
  });
}, 60_000);

afterAll(() => rmSync(program, { recursive: true, force: true }));

/** Steps that cannot end before a test that waits for one of them kills the process, and steps that soon end. */
const SLOW_MS = 500;
const FAST_MS = 20;

function start(artifactsDir: string, stepMs: number): { child: ChildProcess; ended: Promise<string> } {
  const env = { ...process.env, STAGE_CHILD: "1" };
  const child = spawn(process.execPath, [join(program, "child.cjs"), artifactsDir, String(stepMs)], {
    env,
    cwd: __dirname,
  });
  let text = "";
  child.stdout.on("data", (chunk) => (text += chunk));
  child.stderr.on("data", (chunk) => (text += chunk));
  const ended = new Promise<string>((resolve) => child.on("close", () => resolve(text)));
  return { child, ended };
}

function steps(artifactsDir: string): [number, number][] {
  const file = join(artifactsDir, "steps.log");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ").map(Number) as [number, number]);
}

async function waitForStep(artifactsDir: string, wanted: number): Promise<void> {
  while (steps(artifactsDir).length < wanted) await sleep(5);
}

describe("a stage over several processes", () => {
  it("goes on from the last checkpoint after kill -9, with the same result", async () => {
    const folder = temporaryFolder();
    const killed = start(folder, SLOW_MS);
    await waitForStep(folder, 2);
    killed.child.kill("SIGKILL");
    await killed.ended;
    const made = steps(folder).length;
    expect(made).toBeLessThan(12);
    expect(readdirSync(join(folder, "slow-sum")).some((name) => name.endsWith(".lock"))).toBe(true);

    const { folder: result, manifest, origin } = await slowSum(fakeRun(folder), FAST_MS);
    expect([origin, manifest.resumed]).toEqual(["computed", "resumed"]);
    expect(readFileSync(join(result, "sum.json"), "utf8")).toBe(`{"sum":${(12 * 13) / 2}}`);
    const mine = steps(folder).filter(([pid]) => pid === process.pid);
    expect(mine[0]![1]).toBeGreaterThanOrEqual(made); // at most the step in flight is made again
    expect(mine.at(-1)![1]).toBe(12);
  });

  it("is computed by one of two processes at once; both end with the result", async () => {
    const folder = temporaryFolder();
    const both = [start(folder, FAST_MS), start(folder, FAST_MS)];
    expect((await Promise.all(both.map(({ ended }) => ended))).sort()).toEqual(["computed", "found"]);
    expect(new Set(steps(folder).map(([pid]) => pid)).size).toBe(1);
    expect(steps(folder).map(([, step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it("passes from a killed owner to the process that waits for it", async () => {
    const folder = temporaryFolder();
    const owner = start(folder, SLOW_MS);
    await waitForStep(folder, 1);
    const waited: string[] = [];
    const waiting = slowSum(fakeRun(folder, { onProgress: ({ stage }) => waited.push(stage) }), FAST_MS);
    while (waited.length === 0) await sleep(5);
    owner.child.kill("SIGKILL");
    const artifact = await waiting;
    expect(artifact.manifest.resumed).toBe("resumed");
    expect(waited[0]).toBe(`slow-sum: waiting for process ${owner.child.pid} on ${hostname()}`);
    expect(readFileSync(join(artifact.folder, "sum.json"), "utf8")).toBe('{"sum":78}');
  });

  it("is taken over once when many processes find the same dead owner", async () => {
    const folder = temporaryFolder();
    const killed = start(folder, SLOW_MS);
    await waitForStep(folder, 2);
    killed.child.kill("SIGKILL");
    await killed.ended;
    const many = [1, 2, 3, 4].map(() => start(folder, FAST_MS));
    const origins = await Promise.all(many.map(({ ended }) => ended));
    expect(origins.sort()).toEqual(["computed", "found", "found", "found"]);
    expect(new Set(steps(folder).map(([pid]) => pid)).size).toBe(2); // the killed one and its successor
  });
});
