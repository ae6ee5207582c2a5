import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Lock, type LockOwner, lockHolder, thisOwner, tryLock, withLock } from "../../src/store/lock";
import { temporaryFolder } from "../experiments/helpers/fake-run";

const QUICK = { silentMs: 60, unfinishedMs: 60 };
const NOBODY = 2 ** 22 + 1; // above Linux's largest process id

function lockFile(owner?: Partial<LockOwner> | string): string {
  const file = join(temporaryFolder(), "stage.lock");
  if (owner === undefined) return file;
  writeFileSync(file, typeof owner === "string" ? owner : JSON.stringify({ ...thisOwner("other"), ...owner }));
  return file;
}
const isHeld = (answer: Awaited<ReturnType<typeof tryLock>>): answer is Lock => "release" in answer;

describe("tryLock", () => {
  it("gives a free lock to one, tells the other who has it, and is free again after release", async () => {
    const file = lockFile();
    const answers = await Promise.all([tryLock(file), tryLock(file), tryLock(file)]);
    const [held] = answers.filter(isHeld);
    expect(answers.filter(isHeld)).toHaveLength(1);
    expect(answers.find((answer) => !isHeld(answer))).toMatchObject({
      heldBy: expect.stringContaining(`process ${process.pid} on `),
    });
    expect(await held!.isOurs()).toBe(true);
    await held!.release();
    expect(readdirSync(join(file, ".."))).toEqual([]); // no drafts, guards or graves
    expect(isHeld(await tryLock(file))).toBe(true);
  });

  it("takes a dead process's lock at once", async () => {
    expect(isHeld(await tryLock(lockFile({ pid: NOBODY })))).toBe(true);
  });

  it.runIf(existsSync("/proc/self/stat"))("takes the lock of a process whose id another one has now", async () => {
    expect(isHeld(await tryLock(lockFile({ processStart: "1" })))).toBe(true);
  });

  it("takes a lock from before the machine was started anew, though its process id is in use", async () => {
    expect(isHeld(await tryLock(lockFile({ boot: "an earlier one" })))).toBe(true);
  });

  it.each([
    ["another host", { host: "elsewhere" }],
    ["another machine of the same name", { machine: "0123" }],
    ["another container of the same machine", { namespace: "pid:[1]" }],
  ])("never asks for the process id of %s: waits for its heartbeat to stop", async (_name, place) => {
    const file = lockFile({ ...place, pid: NOBODY });
    expect(isHeld(await tryLock(file, QUICK))).toBe(false);
    await sleep(100);
    expect(isHeld(await tryLock(file, QUICK))).toBe(true);
  });

  it("leaves a beating owner elsewhere its lock, however wrong its clock", async () => {
    const file = lockFile({ host: "elsewhere", pid: NOBODY });
    for (let beat = 0; beat < 6; beat++) {
      const yearsOff = new Date(Date.UTC(1990, 0, 1) + 1000 * beat);
      utimesSync(file, yearsOff, yearsOff);
      expect(isHeld(await tryLock(file, QUICK))).toBe(false);
      await sleep(40);
    }
  });

  it("leaves a fresh owner elsewhere its lock when its clock is years ahead or behind", async () => {
    for (const year of [1990, 2090]) {
      const file = lockFile({ host: "elsewhere", pid: NOBODY });
      const time = new Date(Date.UTC(year, 0, 1));
      utimesSync(file, time, time);
      expect(isHeld(await tryLock(file))).toBe(false);
    }
  });

  it("waits for a lock that names nobody yet, and takes it when nobody comes", async () => {
    const file = lockFile("");
    expect(await tryLock(file, QUICK)).toEqual({ heldBy: "another process" });
    await sleep(100);
    expect(isHeld(await tryLock(file, QUICK))).toBe(true);
  });

  it("goes on when a take-over was left half-done", async () => {
    const file = lockFile({ pid: NOBODY });
    writeFileSync(`${file}.takeover`, "");
    expect(isHeld(await tryLock(file, QUICK))).toBe(false);
    await sleep(100);
    expect(isHeld(await tryLock(file, QUICK))).toBe(false); // removes the guard
    expect(isHeld(await tryLock(file, QUICK))).toBe(true);
    expect(existsSync(`${file}.takeover`)).toBe(false);
  });

  it("gives a dead owner's lock to one of many", async () => {
    const file = lockFile({ pid: NOBODY });
    const answers = await Promise.all(Array.from({ length: 8 }, () => tryLock(file)));
    const again = await Promise.all(Array.from({ length: 8 }, () => tryLock(file)));
    expect([...answers, ...again].filter(isHeld)).toHaveLength(1);
  });

  it("an owner that lost its lock knows, and leaves the new owner's alone", async () => {
    const file = lockFile();
    const lost = (await tryLock(file)) as Lock;
    writeFileSync(file, JSON.stringify(thisOwner("new")));
    expect(await lost.isOurs()).toBe(false);
    await lost.release();
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ token: "new" });
  });
});

describe("lockHolder", () => {
  it("names the living, says of whom nothing can be known, and passes over the dead", async () => {
    expect(await lockHolder(lockFile({}))).toMatchObject({ life: "alive", pid: process.pid });
    expect(await lockHolder(lockFile({ host: "elsewhere" }))).toMatchObject({ life: "unknown", pid: process.pid });
    expect(await lockHolder(lockFile(""))).toEqual({
      name: "another process",
      life: "unknown",
      pid: null,
      since: null,
    });
    expect(await lockHolder(lockFile({ pid: NOBODY }))).toBeNull();
    expect(await lockHolder(lockFile())).toBeNull();
  });

  it("cannot tell of a lock of another version of this program", async () => {
    const { machine: _machine, ...older } = thisOwner("t");
    expect(await lockHolder(lockFile(JSON.stringify(older)))).toMatchObject({ life: "unknown" });
  });
});

describe("withLock", () => {
  const options = { where: "work", what: "the thing" };

  it("lets one in after the other and leaves no file, whatever happens inside", async () => {
    const file = lockFile();
    const order: string[] = [];
    const work = (name: string) => () => sleep(20).then(() => order.push(`${name} in`, `${name} out`));
    await Promise.all([withLock(file, work("a"), options), withLock(file, work("b"), options)]);
    expect(order.map((line) => line.slice(2))).toEqual(["in", "out", "in", "out"]);
    await expect(withLock(file, () => Promise.reject(new TypeError("inside")), options)).rejects.toThrow("inside");
    expect(readdirSync(join(file, ".."))).toEqual([]);
  });

  it("refuses where it is not to wait, naming holder and file", async () => {
    const file = lockFile({});
    const refused = withLock(file, async () => 1, { ...options, whenHeld: "refuse" });
    await expect(refused).rejects.toMatchObject({
      code: "state",
      message: expect.stringMatching(/^work: the thing must be free; process \d+ on .* is at work on it/),
      details: { lockFile: file },
    });
  });

  it("waits, says so, and ends the wait with what it finds or when it is stopped", async () => {
    const file = lockFile({});
    const stages: string[] = [];
    const control = { onProgress: ({ stage }: { readonly stage: string }) => void stages.push(stage) };
    expect(await withLock(file, async () => "made", { ...options, find: async () => "found", control })).toBe("found");
    expect(stages).toEqual([expect.stringMatching(/^the thing: waiting for process \d+ on /)]);
    const stopped = { signal: AbortSignal.abort() };
    await expect(withLock(file, async () => 1, { ...options, control: stopped })).rejects.toMatchObject({
      code: "interrupted",
    });
  });
});
