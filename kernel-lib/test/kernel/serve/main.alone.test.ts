import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";

/** What the program does, in order: the kernel's own steps are only noted. */
const events: string[] = [];
vi.mock("../../../src/kernel/serve/kernel", () => ({
  Kernel: class {
    start = async () => void events.push("starts");
    close = async () => void events.push("closes");
  },
}));

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const { argv } = process;
const listeners = SIGNALS.map((name) => process.listeners(name));
let folder = "";
let parent = process.ppid;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kernel-main-"));
  writeFileSync(join(folder, "connection.json"), "{}");
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  events.length = 0;
  parent = process.ppid;
  process.argv = [...argv.slice(0, 2), join(folder, "connection.json")];
  vi.useFakeTimers({ toFake: ["setInterval", "setTimeout"] });
  vi.spyOn(process, "exit").mockImplementation(((code: number) => events.push(`exits ${code}`)) as never);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  vi.unstubAllEnvs();
  process.argv = argv;
  for (const [i, name] of SIGNALS.entries())
    for (const each of process.listeners(name)) if (!listeners[i]!.includes(each)) process.off(name, each);
});

/** Runs the program as if a process of this number had started it. */
async function runMain(parentPid: number | undefined): Promise<void> {
  vi.stubEnv("JPY_PARENT_PID", parentPid === undefined ? undefined : String(parentPid));
  vi.resetModules();
  await import("../../../src/kernel/serve/main");
  await nextTurn();
}

describe("the kernel's program", () => {
  it("ends at once when whoever started it was killed meanwhile: nobody can reach it", async () => {
    const { pid, status } = spawnSync("true");
    expect(status).toBe(0); // it was there, and is gone
    await runMain(pid);
    expect(events[0]).toBe("exits 0");
  });

  it("starts beside a living process that is not its parent (a launcher stands between), and without any", async () => {
    await runMain(process.pid);
    await runMain(undefined);
    await runMain(0); // Windows' front ends say so
    await vi.advanceTimersByTimeAsync(5000);
    expect(events).toEqual(["starts", "starts", "starts"]);
  });

  it("stays as long as its parent lives, and ends within a second or two of its death", async () => {
    vi.spyOn(process, "ppid", "get").mockImplementation(() => parent);
    await runMain(parent);
    await vi.advanceTimersByTimeAsync(5000);
    expect(events).toEqual(["starts"]);
    parent = 1; // whom orphans are given to
    await vi.advanceTimersByTimeAsync(1000);
    expect(events).toEqual(["starts", "closes", "exits 0"]);
  });
});
