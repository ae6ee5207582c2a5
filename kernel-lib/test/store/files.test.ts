import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  appendWhole,
  digestOfFile,
  makeFolder,
  publishFile,
  removeHalfWritten,
  withTemporaryFolder,
  writeFileAtomic,
  writePartsAtomic,
} from "../../src/store/files";
import { temporaryFolder } from "../experiments/helpers/fake-run";

describe("writeFileAtomic", () => {
  it("makes missing folders and leaves the file alone beside nothing", () => {
    const file = join(temporaryFolder(), "deep", "er", "file");
    writeFileAtomic(file, "a", new Uint8Array([98]));
    expect(readFileSync(file, "utf8")).toBe("ab");
    expect(readdirSync(dirname(file))).toEqual(["file"]);
  });

  it("keeps the old file when a part cannot be made, and leaves nothing of the new one", () => {
    const file = join(temporaryFolder(), "file");
    writeFileAtomic(file, "old");
    const parts = function* () {
      yield "new";
      throw new TypeError("no more");
    };
    expect(() => writePartsAtomic(file, parts())).toThrow("no more");
    expect(readFileSync(file, "utf8")).toBe("old");
    expect(readdirSync(dirname(file))).toEqual(["file"]);
  });

  it("leaves nothing beside a place that cannot be taken", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "file", "full"), { recursive: true });
    expect(() => writeFileAtomic(join(folder, "file"), "x")).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

describe("publishFile", () => {
  it("gives the name when the file is complete, and to none that fails", async () => {
    const file = join(temporaryFolder(), "deep", "file");
    await publishFile(file, async (beside) => {
      expect(existsSync(file)).toBe(false);
      writeFileSync(beside, "whole");
    });
    const failing = publishFile(file, async (beside) => {
      writeFileSync(beside, "half");
      throw new TypeError("stopped");
    });
    await expect(failing).rejects.toThrow("stopped");
    expect(readFileSync(file, "utf8")).toBe("whole");
    expect(readdirSync(dirname(file))).toEqual(["file"]);
  });

  it("one inside the other: neither gets its name when the outer one fails before the inner one's is given", async () => {
    const folder = temporaryFolder();
    const both = publishFile(join(folder, "sidecar"), (sidecar) =>
      publishFile(join(folder, "binary"), async (binary) => {
        writeFileSync(binary, "1");
        writeFileSync(join(sidecar, "impossible"), "2");
      }),
    );
    await expect(both).rejects.toMatchObject({ code: expect.stringMatching(/ENOENT|ENOTDIR/) });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("appendWhole", () => {
  it("begins a file with its folders and goes on at its end", () => {
    const file = join(temporaryFolder(), "deep", "log");
    appendWhole(file, "a\n");
    appendWhole(file, new Uint8Array([98, 10]));
    expect(readFileSync(file, "utf8")).toBe("a\nb\n");
  });

  it.runIf(existsSync("/dev/full"))("says so when the disk is full", () => {
    expect(() => appendWhole("/dev/full", "x")).toThrow(/ENOSPC/);
  });
});

it("withTemporaryFolder removes its folder, however it ends", async () => {
  const seen: string[] = [];
  const use = async (folder: string): Promise<number> => {
    seen.push(folder);
    writeFileSync(join(folder, "x"), "1");
    return 5;
  };
  expect(await withTemporaryFolder("test-store-", use)).toBe(5);
  const failing = withTemporaryFolder("test-store-", async (folder) => {
    await use(folder);
    throw new TypeError("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect(seen.map((folder) => [basename(folder).startsWith("test-store-"), existsSync(folder)])).toEqual([
    [true, false],
    [true, false],
  ]);
});

it("makeFolder makes what is missing and is content with what is there", () => {
  const folder = join(temporaryFolder(), "a", "b", "c");
  makeFolder(folder);
  makeFolder(folder);
  expect(existsSync(folder)).toBe(true);
});

it("removeHalfWritten takes what a killed process was writing, and nothing else", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "deep"));
  const killed = "result.01234567-89ab-cdef-0123-456789abcdef.part";
  const others = ["result", "result.part", "model.0123abcd.part"];
  for (const name of [killed, ...others]) writeFileSync(join(folder, "deep", name), "");
  await removeHalfWritten(folder);
  expect(readdirSync(join(folder, "deep")).sort()).toEqual(others.sort());
});

it.each([
  ["md5", "5d41402abc4b2a76b9719d911017c592"],
  ["sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"],
  ["gitBlob", "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"], // git hash-object
] as const)("digestOfFile %s of hello", async (kind, expected) => {
  const file = join(temporaryFolder(), "hello");
  writeFileSync(file, "hello");
  expect(await digestOfFile(file, kind)).toBe(expected);
  await expect(digestOfFile(`${file}.none`, kind)).rejects.toMatchObject({ code: "data" });
});
