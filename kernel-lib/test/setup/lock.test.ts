import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { takeLock } from "../../setup/lock.mjs";
import { place, temporaryFolder } from "./fakes";

const nobody = () => {
  throw new Error("there is nobody to wait for");
};

describe("takeLock", () => {
  it("lets one in at a time, and tells the other whom it waits for", async () => {
    const root = temporaryFolder();
    const release = await takeLock(root, nobody);
    const events: unknown[] = [];
    const second = takeLock(root, (pid: number) => events.push(pid), 5).then((free: () => void) => {
      events.push("in");
      free();
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(events).toEqual([process.pid]);
    release();
    await second;
    expect(events).toEqual([process.pid, "in"]);
    expect(existsSync(join(root, ".setup/lock"))).toBe(false);
  });

  it("takes over from a process that has died", async () => {
    const root = temporaryFolder();
    const dead = spawnSync(process.execPath, ["-e", ""]).pid;
    place(root, ".setup/lock", JSON.stringify({ pid: dead, started: null }));
    const release = await takeLock(root, nobody, 5);
    expect(JSON.parse(readFileSync(join(root, ".setup/lock"), "utf8")).pid).toBe(process.pid);
    release();
  });

  it.runIf(process.platform === "linux")("does not take a reused process id for the old owner", async () => {
    const root = temporaryFolder();
    place(root, ".setup/lock", JSON.stringify({ pid: process.pid, started: "1" }));
    (await takeLock(root, nobody, 5))();
  });

  it("takes over a lock that stays unreadable", async () => {
    const root = temporaryFolder();
    const path = place(root, ".setup/lock", "");
    const minuteAgo = Date.now() / 1000 - 60;
    utimesSync(path, minuteAgo, minuteAgo);
    (await takeLock(root, nobody, 5))();
  });
});
