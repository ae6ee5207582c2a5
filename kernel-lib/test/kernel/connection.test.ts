import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { createConnectionFile, findFreePorts } from "../../src/kernel/message";

describe("connection file", () => {
  it("holds loopback, five different ports and a fresh 256-bit key, readable by this user only", async () => {
    const [first, second] = [await createConnectionFile("tslab"), await createConnectionFile("tslab")];
    const stored = JSON.parse(readFileSync(first.path, "utf8"));
    expect(stored).toEqual(first.info);
    expect(stored).toMatchObject({ transport: "tcp", ip: "127.0.0.1", signature_scheme: "hmac-sha256" });
    const ports = ["shell", "iopub", "stdin", "control", "hb"].map((name) => stored[`${name}_port`]);
    expect(new Set(ports).size).toBe(5);
    expect(stored.key).toMatch(/^[0-9a-f]{64}$/);
    expect(second.info.key).not.toBe(first.info.key);
    expect(statSync(first.path).mode & 0o077).toBe(0);
    await Promise.all([first.remove(), second.remove()]);
    expect(existsSync(dirname(first.path))).toBe(false);
  });

  it("findFreePorts gives different ports", async () => {
    expect(new Set(await findFreePorts(20)).size).toBe(20);
  });
});
