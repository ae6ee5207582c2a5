import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { planGrid } from "../../../src/experiments/grid/plan";
import { gridStatus } from "../../../src/experiments/grid/records";
import { buildProgram, computedIds, GRID_OF_PROCESSES, type GridProgram, NUM_STAGES } from "./grid-processes";
import { killGrid } from "./kill-grid";
import { makeTinyModels, tinyWorld } from "./tiny-world";

let program: GridProgram;
const folder = mkdtempSync(join(tmpdir(), "grid-processes-"));

beforeAll(async () => {
  program = await buildProgram();
  await makeTinyModels(folder);
});
afterAll(() => {
  program.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const idsOf = (lines: readonly string[], word: string): string[] =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.split(" ")[1]!);

describe("two processes on one grid", () => {
  test("share the stages: each is computed once, by either, and none is lost; one that is held is passed by", async () => {
    const artifactsDir = join(folder, "two");
    const both = [program.start(folder, artifactsDir), program.start(folder, artifactsDir)];
    const ended = await Promise.all(both.map((running) => running.ended));
    for (const lines of ended) {
      expect(lines.at(-1)).toBe("end");
      expect(idsOf(lines, "failed")).toEqual([]);
    }
    const shares = ended.map((lines) => idsOf(lines, "computed"));
    expect(new Set(shares.flat()).size).toBe(NUM_STAGES);
    expect(shares.flat()).toHaveLength(NUM_STAGES);
    expect(computedIds(artifactsDir).sort()).toEqual(shares.flat().sort());
    for (const share of shares) expect(share.length).toBeGreaterThan(0);
    // at some moment each worked while the other held a stage: nobody only waited
    for (const lines of ended) {
      expect(lines.some((line) => /^at [a-z].* held [1-9]/.test(line))).toBe(true);
    }
  });

  test("a killed process's stage is shown as stopped, then taken over", async () => {
    const artifactsDir = join(folder, "killed");
    const running = program.start(folder, artifactsDir);
    await new Promise<void>((resolve) =>
      running.onLine((line) => {
        if (line.startsWith("at reader.retina-mnist.qwen2-vl.7.retrieval held")) resolve();
      }),
    );
    const plan = () => planGrid({ ...GRID_OF_PROCESSES, artifactsDir }, { world: tinyWorld(folder) });
    running.child.kill("SIGSTOP");
    const at = async (id: string) => (await gridStatus(await plan())).stages.find(({ stage }) => stage.id === id)!;
    const id = "reader.retina-mnist.qwen2-vl.7.retrieval";
    const before = await at(id);
    running.child.kill("SIGKILL");
    await running.ended;
    // the lock was taken before or after the moment of the stop
    if (before.state === "running") {
      expect(before.who).toContain(`process ${running.child.pid} on `);
      expect((await at(id)).state).toBe("stopped");
    } else expect(before.state).toBe("missing");
    const lines = await program.start(folder, artifactsDir).ended;
    expect(lines.at(-1)).toBe("end");
    expect(idsOf(lines, "computed")).toContain(id);
    const manifestFolder = join(artifactsDir, "reader");
    const { counts } = await gridStatus(await plan());
    expect(counts).toEqual({ done: NUM_STAGES, running: 0, stopped: 0, failed: 0, missing: 0 });
    const key = (await plan()).stages.find((stage) => stage.id === id)!.key!;
    const { resumed } = JSON.parse(readFileSync(join(manifestFolder, key, "manifest.json"), "utf8"));
    expect(resumed).toBe(before.state === "running" ? "resumed" : "fresh");
  });
});

test("kill -9 at random moments, then again: the same bytes, no stage twice", async () => {
  const report = await killGrid({ kills: 5, seed: 1 });
  expect(report).toMatchObject({ kills: 5, different: 0, twice: 0 });
});
