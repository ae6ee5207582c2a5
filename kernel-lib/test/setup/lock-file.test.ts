import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { REPOSITORY } from "./fakes";

const read = (path: string) => readFileSync(join(REPOSITORY, path), "utf8");

describe("package-lock.json", () => {
  it("holds no download addresses", () => {
    const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, { resolved?: string }> };
    const addresses = Object.entries(lock.packages).filter(([, { resolved }]) => /^[a-z+]+:/.test(resolved ?? ""));
    expect(addresses).toEqual([]);
    expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
  });

  it("keeps every dependency at one exact version", () => {
    const { dependencies, devDependencies, overrides } = JSON.parse(read("package.json"));
    for (const version of Object.values({ ...dependencies, ...devDependencies, ...overrides })) {
      expect(version).toMatch(/^(\d+\.\d+\.\d+|\$.+)$/);
    }
  });
});

describe("the Python requirements", () => {
  it.each([
    "requirements.txt",
    "requirements-pins.txt",
    "requirements-tensorflow.txt",
    "requirements-tensorflow-gpu.txt",
  ])("pins %s", (path) => {
    const lines = read(path)
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of lines) expect(line).toMatch(/^[A-Za-z0-9._-]+==[0-9][^;]*(; .+)?$/);
    expect(lines.length).toBeGreaterThan(0);
  });
});
