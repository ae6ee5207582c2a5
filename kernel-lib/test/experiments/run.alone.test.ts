import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { openRun } from "../../src/experiments/run";
import { temporaryFolder } from "./helpers/fake-run";

const ROOT = resolve(__dirname, "../../..");

beforeEach(() => {
  vi.stubEnv("JOMED_BACKEND", "cpu");
  vi.stubEnv("JOMED_ARTIFACTS_DIR", "");
  vi.stubEnv("JOMED_DATA_DIR", "");
});
afterEach(() => vi.unstubAllEnvs());

describe("openRun", () => {
  it("has documented defaults", async () => {
    const run = await openRun();
    expect(run).toMatchObject({ profile: "quick", seed: 7, source: "phantom", control: {} });
    expect(run.artifactsDir).toBe(join(ROOT, "data", "artifacts"));
    expect(run.dataDir).toBe(join(ROOT, "data", "raw"));
    expect(run.backend.backend).toBe("cpu");
  });

  it("takes its folders from the environment, and real data with them", async () => {
    vi.stubEnv("JOMED_ARTIFACTS_DIR", "some/artifacts");
    vi.stubEnv("JOMED_DATA_DIR", "some/data");
    const run = await openRun();
    expect([run.artifactsDir, run.dataDir, run.source]).toEqual([
      resolve("some/artifacts"),
      resolve("some/data"),
      "real",
    ]);
  });

  it("prefers its options to the environment", async () => {
    vi.stubEnv("JOMED_ARTIFACTS_DIR", "some/artifacts");
    vi.stubEnv("JOMED_DATA_DIR", "some/data");
    const run = await openRun({ artifactsDir: "a", dataDir: "d", source: "phantom", seed: 3, profile: "test" });
    expect(run).toMatchObject({ artifactsDir: resolve("a"), dataDir: resolve("d"), source: "phantom", seed: 3 });
  });

  it.each([
    [{ profil: "quick" }, /openRun: has no option "profil"\. Use one of profile, seed/],
    [{ profile: "huge" }, /openRun: profile must be one of quick, full, paper, test; got "huge"/],
    [{ seed: 1.5 }, /openRun: seed must be a whole number/],
    [{ seed: -1 }, /openRun: seed must be a whole number/],
    [{ source: "fake" }, /openRun: source must be one of phantom, real/],
  ])("refuses %j", async (options, wording) => {
    const promise = openRun(options as object);
    await expect(promise).rejects.toMatchObject({ code: "config", message: expect.stringMatching(wording) });
  });
});

describe("repositoryRoot", () => {
  it("walks up past other and unreadable packages", () => {
    const root = temporaryFolder();
    const deep = join(root, "a", "b");
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(root, "package.json"), '{"name":"jomed-notebooks"}');
    writeFileSync(join(root, "a", "package.json"), "{ not json");
    writeFileSync(join(deep, "package.json"), '{"name":"kernel-lib"}');
    expect(repositoryRoot([deep])).toBe(root);
  });

  it("refuses a folder outside a checkout", () => {
    expect(() => repositoryRoot([temporaryFolder()])).toThrow(/must lie inside a checkout of jomed-notebooks/);
  });
});
