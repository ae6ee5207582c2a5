import { rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { SetupError, StepSkipped } from "../../setup/errors.mjs";
import { findCurrent, runSteps } from "../../setup/schedule.mjs";
import { readStamp } from "../../setup/stamps.mjs";
import { fakeContext, place, temporaryFolder } from "./fakes";

/** a → b → c, and d that only follows b; every run is noted. */
let root = "";
let ran: string[] = [];
let inputs: Record<string, unknown> = {};
let failures: Record<string, Error | undefined> = {};

function step(name: string, needs: string[], after: string[] = []) {
  return {
    name,
    title: name,
    file: pathToFileURL(__filename).href,
    needs,
    after,
    inputs: () => inputs[name] ?? null,
    run: async () => {
      ran.push(name);
      place(root, name);
      if (failures[name]) throw failures[name];
      return [name];
    },
  };
}

const steps = [step("a", []), step("b", ["a"]), step("c", ["b"]), step("d", [], ["b"])];
const runAll = (skipped = "keep") => runSteps(steps, { ...fakeContext(root, ""), skipped });

beforeEach(() => {
  root = temporaryFolder();
  ran = [];
  inputs = {};
  failures = {};
});

describe("runSteps", () => {
  it("does each step once, after those it needs, and nothing the second time", async () => {
    await runAll();
    expect(ran).toEqual(["a", "b", "c", "d"]);
    await runAll();
    expect(ran).toHaveLength(4);
    expect(findCurrent(steps, fakeContext(root, ""))).not.toBeNull();
  });

  it("runs only what depends on a changed input", async () => {
    await runAll();
    ran = [];
    inputs = { b: "changed" };
    expect(findCurrent(steps, fakeContext(root, ""))).toBeNull();
    await runAll();
    expect(ran).toEqual(["b", "c", "d"]);
    ran = [];
    inputs = { b: "changed", c: "changed" };
    await runAll();
    expect(ran).toEqual(["c"]);
  });

  it("does a step again whose output is gone", async () => {
    await runAll();
    ran = [];
    rmSync(join(root, "c"));
    await runAll();
    expect(ran).toEqual(["c"]);
  });

  it("forgets a step before it starts, so that an interrupted one is repaired", async () => {
    await runAll();
    inputs = { b: "changed" };
    failures = { b: new Error("interrupted") };
    await expect(runAll()).rejects.toThrow('Set-up stopped at "b": interrupted');
    expect(readStamp(root, "b")).toBeNull();
    inputs = {};
    failures = {};
    ran = [];
    await runAll();
    expect(ran).toEqual(["b", "c", "d"]);
  });

  it("leaves out what cannot be done here with all that needs it, and goes on with the rest", async () => {
    failures = { b: new StepSkipped("no compiler", "Install one.") };
    const stamps = await runAll();
    expect(ran).toEqual(["a", "b", "d"]);
    expect(stamps.get("c")).toMatchObject({ status: "skipped", reason: "no compiler", advice: "Install one." });
    expect(stamps.get("d")).toMatchObject({ status: "done" });
  });

  it("tries a left-out step again only when asked to, or when its inputs changed", async () => {
    failures = { b: new StepSkipped("no compiler", "Install one.") };
    await runAll();
    ran = [];
    failures = {};
    await runAll("keep");
    expect(ran).toEqual([]);
    await runAll("retry");
    expect(ran).toEqual(["b", "c", "d"]);
  });

  it("names the step and the way out when a step throws what it did not foresee", async () => {
    failures = { a: Object.assign(new Error("write failed"), { code: "ENOSPC" }) };
    const error = await runAll().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SetupError);
    expect((error as Error).message).toMatch(/^Set-up stopped at "a": the disk is full\..*\nFree some space/);
    expect(ran).toEqual(["a"]);
  });
});
