import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Control } from "../../../src/base/types";
import {
  artifactOf,
  isStageHeld,
  runStage,
  type Stage,
  type StageOf,
  sayHealth,
  stageKey,
  useStage,
} from "../../../src/experiments/stages/stage";
import { thisOwner } from "../../../src/store/lock";
import type { StageHealth } from "../../../src/training/health";
import { fakeRun, temporaryFolder } from "../helpers/fake-run";

function counting(config: Stage["config"] = { x: 1 }) {
  let calls = 0;
  const options: Stage = {
    name: "toy-stage",
    version: 1,
    config,
    inputs: ["fingerprint-a"],
    compute: async (workDir, { resumeDir }) => {
      calls += 1;
      mkdirSync(join(workDir, "deep"));
      writeFileSync(join(workDir, "deep", "result.txt"), "hello");
      writeFileSync(join(resumeDir, "state"), "not part of the result");
    },
  };
  return { options, calls: () => calls };
}

function warnings(): { control: Control; seen: string[] } {
  const seen: string[] = [];
  return { control: { onWarn: (code, message) => seen.push(`${code}: ${message}`) }, seen };
}

describe("runStage", () => {
  it("computes once and finds the result the second time", async () => {
    const run = fakeRun(temporaryFolder());
    const { options, calls } = counting();
    const first = await runStage(run, options);
    const second = await runStage(run, options);
    expect([first.origin, second.origin, calls()]).toEqual(["computed", "found", 1]);
    expect(second.manifest).toEqual(first.manifest);
    expect(readFileSync(join(second.folder, "deep", "result.txt"), "utf8")).toBe("hello");
  });

  it("describes the result in its manifest and leaves nothing else behind", async () => {
    const run = fakeRun(temporaryFolder());
    const { folder, manifest, key } = await runStage(run, counting().options);
    expect(manifest.files).toEqual([
      {
        path: "deep/result.txt",
        bytes: 5,
        sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", // of "hello"
      },
    ]);
    expect(manifest).toMatchObject({ stage: "toy-stage", version: 1, key, seed: 7, backend: "cpu", resumed: "fresh" });
    expect(manifest.inputs).toEqual(["fingerprint-a"]);
    expect(manifest.code.packages).toHaveProperty("arquero");
    expect(readdirSync(join(run.artifactsDir, "toy-stage"))).toEqual([key]);
    expect(readdirSync(folder).sort()).toEqual(["deep", "manifest.json"]);
  });

  it("keeps the health a training reports, and says its findings whenever the stage is asked for", async () => {
    const { control, seen } = warnings();
    const run = fakeRun(temporaryFolder(), control);
    const health: StageHealth = {
      findings: [{ sign: "loss-flat", seen: "the loss fell by 0.0 %", advice: "Raise the learning rate." }],
      measured: { trainFall: 0 },
    };
    const { options } = counting();
    const sick = {
      ...options,
      compute: async (...[folder, context]: Parameters<Stage["compute"]>) => {
        await options.compute(folder, context);
        context.report(health);
      },
    };
    const first = await runStage(run, sick);
    expect(first.manifest.health).toEqual(health);
    expect(sayHealth(run, await runStage(run, sick), "toy")).toEqual(health);
    expect(seen).toEqual(["health: toy: loss-flat: the loss fell by 0.0 %. Raise the learning rate."]);
    const well = await runStage(run, { ...options, name: "well" });
    expect([sayHealth(run, well, "well"), seen.length, "health" in well.manifest]).toEqual([null, 1, false]);
  });

  it("names an input artifact by its key", async () => {
    const run = fakeRun(temporaryFolder());
    const input = await runStage(run, counting().options);
    const { options } = counting();
    const later = await runStage(run, { ...options, name: "later", inputs: [input, "b"] });
    expect(later.manifest.inputs).toEqual([input.key, "b"]);
  });

  it("computes twice-at-once calls of one process only once", async () => {
    const run = fakeRun(temporaryFolder());
    const { options, calls } = counting();
    const both = await Promise.all([runStage(run, options), runStage(run, options)]);
    expect(both.map((artifact) => artifact.origin).sort()).toEqual(["computed", "found"]);
    expect(calls()).toBe(1);
  });

  it.each([
    ["a missing file", (folder: string) => rmSync(join(folder, "deep", "result.txt")), /result\.txt is missing/],
    ["a shorter file", (folder: string) => writeFileSync(join(folder, "deep", "result.txt"), "hell"), /4 bytes/],
    ["one altered byte", (folder: string) => writeFileSync(join(folder, "deep", "result.txt"), "hullo"), /altered/],
    ["a truncated manifest", (folder: string) => writeFileSync(join(folder, "manifest.json"), "{"), /be JSON/],
    ["no manifest", (folder: string) => rmSync(join(folder, "manifest.json")), /manifest\.json is missing/],
    [
      "a manifest naming a file outside",
      (folder: string) => {
        const file = join(folder, "manifest.json");
        writeFileSync(file, readFileSync(file, "utf8").replace("deep/result.txt", "../result.txt"));
      },
      /list files/,
    ],
  ])("computes again, with a warning, after %s", async (_name, damage, reason) => {
    const { control, seen } = warnings();
    const run = fakeRun(temporaryFolder(), control);
    const { options, calls } = counting();
    const { folder } = await runStage(run, options);
    damage(folder);
    const again = await runStage(run, options);
    expect([again.origin, calls(), seen.length]).toEqual(["computed", 2, 1]);
    expect(seen[0]).toMatch(/^artifact-damaged: /);
    expect(seen[0]).toMatch(reason);
    expect(readFileSync(join(folder, "deep", "result.txt"), "utf8")).toBe("hello");
  });

  it("keeps the work folder of a failed computation for the next call", async () => {
    const run = fakeRun(temporaryFolder());
    const seen: string[] = [];
    const options: Stage = {
      ...counting().options,
      compute: async (workDir, { begun, resumeDir }) => {
        seen.push(begun);
        if (begun === "fresh") {
          writeFileSync(join(resumeDir, "half"), "1");
          throw new TypeError("broken on purpose");
        }
        writeFileSync(join(workDir, "result"), `${readFileSync(join(resumeDir, "half"), "utf8")}2`);
      },
    };
    await expect(runStage(run, options)).rejects.toThrow("broken on purpose");
    expect(readdirSync(join(run.artifactsDir, "toy-stage")).filter((name) => !name.endsWith(".partial"))).toEqual([]);
    const { folder, manifest } = await runStage(run, options);
    expect(seen).toEqual(["fresh", "resumed"]);
    expect(manifest.resumed).toBe("resumed");
    expect(readFileSync(join(folder, "result"), "utf8")).toBe("12");
  });

  it("takes over the lock of a dead process and publishes a finished work folder without computing", async () => {
    const run = fakeRun(temporaryFolder());
    const { options, calls } = counting();
    const { folder } = await runStage(run, options);
    renameSync(folder, `${folder}.partial`); // as a kill between manifest and rename leaves it
    const dead = { ...thisOwner("t"), pid: 2 ** 22 + 1 };
    writeFileSync(`${folder}.lock`, JSON.stringify(dead));
    const again = await runStage(run, options);
    expect([again.origin, calls()]).toEqual(["computed", 1]);
    expect(existsSync(`${folder}.lock`)).toBe(false);
  });

  it.runIf(process.platform === "linux")("is not fooled by a process that got a dead owner's id", async () => {
    const run = fakeRun(temporaryFolder());
    const { options, calls } = counting();
    const { folder } = await runStage(run, options);
    rmSync(folder, { recursive: true });
    const former = { ...thisOwner("t"), processStart: "1" };
    writeFileSync(`${folder}.lock`, JSON.stringify(former));
    expect((await runStage(run, options)).origin).toBe("computed");
    expect(calls()).toBe(2);
  });

  it("waits for a live owner, reports whom, and stops waiting when aborted", async () => {
    const stop = new AbortController();
    const stages: string[] = [];
    const onProgress = ({ stage }: { stage: string }) => {
      stages.push(stage);
      stop.abort();
    };
    const run = fakeRun(temporaryFolder(), { signal: stop.signal, onProgress });
    const slow = runStage(
      { ...run, control: {} },
      {
        ...counting().options,
        compute: async (workDir) => {
          await expect(runStage(run, counting().options)).rejects.toMatchObject({ code: "interrupted" });
          writeFileSync(join(workDir, "done"), "1");
        },
      },
    );
    await slow;
    expect(stages).toEqual([`toy-stage: waiting for process ${process.pid} on ${hostname()}`]);
  });

  it.each([
    ["an upper-case name", { name: "Toy" }, /name must be lower-case/],
    ["a name that climbs", { name: "../toy" }, /name must be lower-case/],
    ["version 0", { version: 0 }, /version must be a whole number/],
    ["a config with NaN", { config: { x: Number.NaN } }, /toy-stage\.config\.x must be plain JSON/],
    ["an unknown option", { sed: 1 }, /no option "sed"/],
  ])("refuses %s", async (_name, change, wording) => {
    const run = fakeRun(temporaryFolder());
    const promise = runStage(run, { ...counting().options, ...change } as Stage);
    await expect(promise).rejects.toMatchObject({ code: "config", message: expect.stringMatching(wording) });
  });

  it("refuses a computation that writes no file", async () => {
    const run = fakeRun(temporaryFolder());
    const promise = runStage(run, { ...counting().options, compute: async () => undefined });
    await expect(promise).rejects.toMatchObject({ code: "state" });
  });

  it.runIf(existsSync("/dev/full"))("explains a full disk and leaves no artifact", async () => {
    const run = fakeRun(temporaryFolder());
    const promise = runStage(run, {
      ...counting().options,
      compute: async () => writeFileSync("/dev/full", "x"),
    });
    await expect(promise).rejects.toMatchObject({
      code: "environment",
      message: expect.stringMatching(/got ENOSPC.*Free space.*JOMED_ARTIFACTS_DIR/),
    });
    expect(readdirSync(join(run.artifactsDir, "toy-stage")).every((name) => name.endsWith(".partial"))).toBe(true);
  });

  it.skipIf(process.platform === "win32")("explains an artifacts folder that must not be written to", async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o500);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534); // permissions do not bind root
    try {
      const fault = await runStage(fakeRun(folder), counting().options).catch((error: unknown) => error);
      expect(fault).toMatchObject({ code: "environment", details: { folder, fault: "EACCES" } });
    } finally {
      if (isRoot) process.seteuid?.(0);
      chmodSync(folder, 0o700);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  // where Node's own recursive mkdir does not end
  it.runIf(existsSync("/proc/self"))("explains an artifacts folder that cannot be made", async () => {
    const promise = runStage(fakeRun("/proc/nowhere"), counting().options);
    await expect(promise).rejects.toMatchObject({ code: "environment", details: { fault: "ENOENT" } });
  });

  it("finds a result in a folder that may only be read", async () => {
    const folder = temporaryFolder();
    const { options, calls } = counting();
    const { key } = await runStage(fakeRun(folder), options);
    const places = [folder, join(folder, "toy-stage"), join(folder, "toy-stage", key)];
    for (const place of places) chmodSync(place, 0o555);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534); // permissions do not bind root
    try {
      expect((await runStage(fakeRun(folder), options)).origin).toBe("found");
    } finally {
      if (isRoot) process.seteuid?.(0);
      for (const place of places) chmodSync(place, 0o755);
    }
    expect(calls()).toBe(1);
  });

  it("explains an artifacts folder that cannot be one", async () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    const promise = runStage(fakeRun(file), counting().options);
    await expect(promise).rejects.toMatchObject({ code: "environment", details: { folder: file, fault: "ENOTDIR" } });
    expect(statSync(file).size).toBe(0);
  });
});

describe("a stage as a value", () => {
  it("says its key without computing or opening anything; the artifact then has this key", async () => {
    const run = fakeRun(temporaryFolder());
    const { options, calls } = counting();
    const input = artifactOf(run, options);
    const later: Stage = { ...counting().options, name: "later", inputs: [input] };
    const key = stageKey(run, later);
    expect([calls(), readdirSync(run.artifactsDir)]).toEqual([0, []]);
    expect(input.key).toBe((await runStage(run, options)).key);
    expect((await runStage(run, later)).key).toBe(key);
  });

  it.each([
    ["its version", { version: 2 }],
    ["its config", { config: { x: 2 } }],
    ["an input", { inputs: ["fingerprint-b"] }],
    ["its seed", { seed: 8 }],
  ])("has another key with another value of %s", (_name, change) => {
    const run = fakeRun(temporaryFolder());
    const { options } = counting();
    expect(stageKey(run, { ...options, ...change })).not.toBe(stageKey(run, options));
    expect(stageKey(run, { ...options, config: { y: undefined, x: 1 } })).toBe(stageKey(run, options));
  });

  it("with a seed of its own is shared by runs of every seed, and computes with it", async () => {
    const folder = temporaryFolder();
    const seeds: number[] = [];
    const shared: Stage = {
      ...counting().options,
      seed: 7,
      compute: async (workDir, { seed }) => {
        seeds.push(seed);
        writeFileSync(join(workDir, "done"), "1");
      },
    };
    const runs = [fakeRun(folder, {}, 8), fakeRun(folder, {}, 9)];
    const made = await Promise.all(runs.map((run) => runStage(run, shared)));
    expect([made[0]!.key, made[0]!.manifest.seed, seeds]).toEqual([made[1]!.key, 7, [7]]);
  });

  it("opens its inputs only when it is computed, and computes what is missing of them first", async () => {
    const run = fakeRun(temporaryFolder());
    const first = counting();
    const input = artifactOf(run, first.options);
    const second: StageOf<string> = {
      ...counting().options,
      name: "later",
      inputs: [input],
      compute: async (workDir) => {
        const { folder } = await input.open();
        writeFileSync(join(workDir, "copy"), readFileSync(join(folder, "deep", "result.txt")));
      },
      open: async ({ folder }) => readFileSync(join(folder, "copy"), "utf8"),
    };
    expect(await useStage(run, second)).toBe("hello");
    rmSync(join(run.artifactsDir, "toy-stage"), { recursive: true });
    expect([await useStage(run, second), first.calls()]).toEqual(["hello", 1]);
  });

  it("that another process computes is refused where it is not waited for", async () => {
    const run = fakeRun(temporaryFolder());
    const { options } = counting();
    let refused: unknown;
    await runStage(run, {
      ...options,
      compute: async (workDir) => {
        refused = await runStage(run, options, { whenHeld: "refuse" }).catch((error: unknown) => error);
        writeFileSync(join(workDir, "done"), "1");
      },
    });
    expect(isStageHeld(refused)).toBe(true);
    expect(isStageHeld(new Error("something else"))).toBe(false);
  });
});
