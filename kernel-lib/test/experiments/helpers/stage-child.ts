// A program of its own, built and started by the tests: computes one slow stage in steps, writing down each.
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Run } from "../../../src/experiments/run";
import { type Artifact, runStage } from "../../../src/experiments/stages/stage";

const STEPS = 12;

/** Sums 1..12, one step each `stepMs`, with a checkpoint after each; logs which process made which step. */
export function slowSum(run: Run, stepMs: number): Promise<Artifact> {
  return runStage(run, {
    name: "slow-sum",
    version: 1,
    config: { steps: STEPS },
    inputs: [],
    compute: async (workDir, { resumeDir }) => {
      const checkpoint = join(resumeDir, "state.json");
      let { step, sum } = existsSync(checkpoint) ? JSON.parse(readFileSync(checkpoint, "utf8")) : { step: 0, sum: 0 };
      while (step < STEPS) {
        await sleep(stepMs);
        step += 1;
        sum += step;
        appendFileSync(join(run.artifactsDir, "steps.log"), `${process.pid} ${step}\n`);
        writeFileSync(`${checkpoint}.new`, JSON.stringify({ step, sum }));
        renameSync(`${checkpoint}.new`, checkpoint);
      }
      writeFileSync(join(workDir, "sum.json"), JSON.stringify({ sum }));
    },
  });
}

const artifactsDir = process.argv[2];
if (process.env["STAGE_CHILD"] === "1" && artifactsDir !== undefined) {
  const backend = { backend: "cpu", reason: "test", advice: null, versions: {} } as const;
  const run: Run = { profile: "test", seed: 7, source: "phantom", artifactsDir, dataDir: "", control: {}, backend };
  slowSum(run, Number(process.argv[3])).then(
    (artifact) => process.stdout.write(artifact.origin),
    (error: unknown) => {
      process.stderr.write(String(error));
      process.exitCode = 1;
    },
  );
}
