import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { endOrphans, identityOf, isAlive, rememberChild } from "../../setup/processes.mjs";
import { place, temporaryFolder } from "./fakes";

function startSleeper() {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, pid: child.pid ?? 0 };
}

describe("endOrphans", () => {
  it("ends what a killed set-up left running", async () => {
    const root = temporaryFolder();
    const { child, pid } = startSleeper();
    rememberChild(root, pid);
    expect(isAlive(identityOf(pid))).toBe(true);
    await Promise.all([endOrphans(root), once(child, "exit")]);
    expect(child.signalCode).toBe("SIGTERM");
    expect(readdirSync(join(root, ".setup/children"))).toEqual([]);
  });

  it("spares a process that only has the same id", async () => {
    const root = temporaryFolder();
    const { child, pid } = startSleeper();
    place(root, `.setup/children/${pid}.json`, JSON.stringify({ pid, started: "1" }));
    await endOrphans(root);
    expect(child.exitCode).toBeNull();
    expect(child.signalCode).toBeNull();
  });

  it("has nothing to do after a program that ended", async () => {
    const root = temporaryFolder();
    rememberChild(root, process.pid)();
    await endOrphans(root);
    expect(existsSync(join(root, `.setup/children/${process.pid}.json`))).toBe(false);
  });
});
