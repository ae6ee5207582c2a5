import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { findModel, isModelName, listModels } from "../../src/hub/models";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const NAME = "some-owner/Some-Model";
let root = "";
let modelsDir = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "find-model-"));
  modelsDir = join(root, "fetched");
  vi.stubEnv("JOMED_MODELS_DIR", join(root, "own"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

/** Makes a folder with a configuration. */
function place(...path: string[]): string {
  const folder = join(root, ...path);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), '{"model_type":"qwen2_vl"}');
  return folder;
}

/** Makes the folder of a model as the hub's cache does: files are links into blobs, branches name commits. */
function placeInCache(branch: string | null): string {
  const cache = join(root, "own", "models--some-owner--Some-Model");
  const folder = join(cache, "snapshots", COMMIT);
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(cache, "blobs"));
  writeFileSync(join(cache, "blobs", "abc"), '{"model_type":"llava"}');
  symlinkSync("../../blobs/abc", join(folder, "config.json"));
  if (branch !== null) {
    mkdirSync(dirname(join(cache, "refs", branch)), { recursive: true });
    writeFileSync(join(cache, "refs", branch), COMMIT);
  }
  return folder;
}

const find = (name = NAME, revision?: string): string =>
  findModel(name, { modelsDir, ...(revision === undefined ? {} : { revision }) });

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isKernelError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

describe("findModel", () => {
  test("gives a folder back as it is", () => {
    const folder = place("anywhere");
    expect(find(folder)).toBe(folder);
    expect(refusal(() => find(folder, "main"))).toMatch(/^config: .*revision must be left out for a folder/);
  });

  test("finds a fetched model by branch, tag or commit", () => {
    const main = place("fetched", "some-owner--Some-Model", "main");
    const branch = place("fetched", "some-owner--Some-Model", "refs%2Fpr%2F1");
    expect(find()).toBe(main);
    expect(find(NAME, "main")).toBe(main);
    expect(find(`${NAME}@refs/pr/1`)).toBe(branch);
    expect(find(NAME, "refs/pr/1")).toBe(branch);
    expect(refusal(() => find(NAME, "v2"))).toMatch(/^data: .*fetch-model some-owner\/Some-Model --revision v2,/);
  });

  test("finds models that came another way, before fetched ones", () => {
    place("fetched", "some-owner--Some-Model", "main");
    const cached = placeInCache("main");
    expect(find()).toBe(cached);
    const short = place("own", "Some-Model");
    expect(find()).toBe(short);
    const full = place("own", "some-owner", "Some-Model");
    expect(find()).toBe(full);
  });

  test("finds a named revision only where the folder says which it is", () => {
    place("own", "some-owner", "Some-Model");
    expect(refusal(() => find(NAME, "v1"))).toMatch(/^data: .*must be on this machine/);
    const cached = placeInCache("refs/pr/1");
    expect(find(NAME, "refs/pr/1")).toBe(cached);
    expect(find(NAME, COMMIT)).toBe(cached);
    expect(refusal(() => find(NAME, "v1"))).toMatch(/^data: /);
  });

  test("names the places and the command when the model is nowhere", () => {
    const text = refusal(() => find());
    expect(text).toContain(join(root, "own", "some-owner", "Some-Model"));
    expect(text).toContain(join(modelsDir, "some-owner--Some-Model", "main"));
    expect(text).toMatch(/Run npm run data -- fetch-model some-owner\/Some-Model, or name its folder\.$/);
  });

  test("refuses what is neither a folder nor a name, and two revisions", () => {
    expect(refusal(() => find("no/such/folder"))).toMatch(/^data: .*must be a folder, or owner\/name/);
    expect(refusal(() => find("/no/such"))).toMatch(/^data: .*Check the path/);
    expect(refusal(() => find(`${NAME}@a`, "b"))).toMatch(/^config: .*said once; got a and b/);
    expect(refusal(() => find(NAME, "../x"))).toMatch(/^config: .*branch, a tag or a commit; got "\.\.\/x"/);
  });
});

test.each([
  ["Qwen/Qwen2-VL-2B-Instruct", true],
  ["a/b@refs/pr/1", true],
  ["a/b@", false],
  ["a/b@x@y", false],
  ["a", false],
  ["a/b/c", false],
  ["../b", false],
  ["a/..", false],
  ["a--b/c", false],
  [".a/b", false],
  ["a/b.", false],
  ["a/b c", false],
  [`a/${"b".repeat(97)}`, false],
])("%j is a model's name: %s", (text, expected) => {
  expect(isModelName(text)).toBe(expected);
});

test("listModels lists every layout with its type, and says which folder is not complete", () => {
  place("own", "some-owner", "Some-Model");
  place("own", "Short");
  placeInCache("main");
  const fetched = place("fetched", "some-owner--Some-Model", "main");
  writeFileSync(join(fetched, "hub.json"), JSON.stringify({ id: NAME, revision: "main", commit: COMMIT, files: [] }));
  writeFileSync(join(fetched, "model.safetensors"), "12345");
  place("fetched", "some-owner--Some-Model", "other.0123456789ab.part"); // a draft
  const listed = listModels(modelsDir).map(({ name, revision, type, bytes }) => [name, revision, type, bytes]);
  expect(listed).toEqual([
    [NAME, "main", "qwen2_vl", '{"model_type":"qwen2_vl"}'.length + 5],
    ["Short", null, "qwen2_vl", null],
    [NAME, COMMIT, "llava", null],
    [NAME, null, "qwen2_vl", null],
  ]);
  expect(listModels(join(root, "none")).length).toBe(3);
});
