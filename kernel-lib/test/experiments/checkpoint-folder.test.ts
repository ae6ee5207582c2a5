import { createHash } from "node:crypto";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { checkpointFolder } from "../../src/experiments/checkpoint-folder";
import { readCheckpoint, writeCheckpoint } from "../../src/models/weights/model-folder";

const SOURCE = join(__dirname, "../reference/pixtral/tied");
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
  cpSync(SOURCE, folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const fingerprint = async (): Promise<string> => (await checkpointFolder("qwen2-vl", { named: folder })).fingerprint;

/** Makes the folder one of three shards or more. @returns their names. */
function shard(): string[] {
  writeCheckpoint(folder, readCheckpoint(folder), { maxShardBytes: 40_000 });
  const index = JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8"));
  return [...new Set(Object.values(index.weight_map as Record<string, string>))];
}

/** Flips one bit of a file. */
function flip(file: string): void {
  const bytes = readFileSync(join(folder, file));
  bytes[bytes.length - 3]! ^= 1;
  writeFileSync(join(folder, file), bytes);
}

test.each(["clip", "qwen2-vl"] as const)(
  "the fingerprint of the repository's %s is the hash of names and bytes in a fixed order",
  async (model) => {
    const own = join(repositoryRoot(), "data", "checkpoints", model);
    const hash = createHash("sha256");
    const order = ["config", "model", "tokenizer", "tokenizer_config", "preprocessor_config", "chat_template"];
    for (const part of order) {
      const file = `${part}.${part === "model" ? "safetensors" : part === "chat_template" ? "jinja" : "json"}`;
      if (existsSync(join(own, file))) hash.update(`${file}\n`).update(readFileSync(join(own, file)));
    }
    const found = await checkpointFolder(model);
    expect(found).toEqual({ folder: own, fingerprint: `${model}:${hash.digest("hex").slice(0, 32)}` });
  },
);

describe("a folder's fingerprint", () => {
  test.each([
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "processor_config.json",
    "chat_template.jinja",
  ])("is another one when %s changes", async (file) => {
    const before = await fingerprint();
    expect(await fingerprint()).toBe(before);
    flip(file);
    expect(await fingerprint()).not.toBe(before);
  });

  test.each(["preprocessor_config.json", "chat_template.json"])("is another one when %s is added", async (file) => {
    const before = await fingerprint();
    writeFileSync(join(folder, file), "{}");
    expect(await fingerprint()).not.toBe(before);
  });

  test("covers every shard and the index, and no file beside them", async () => {
    const shards = shard();
    expect(shards.length).toBeGreaterThan(2);
    const seen = new Set([await fingerprint()]);
    for (const file of shards) {
      flip(file);
      seen.add(await fingerprint());
    }
    appendFileSync(join(folder, "model.safetensors.index.json"), "\n");
    seen.add(await fingerprint());
    expect(seen.size).toBe(1 + shards.length + 1);
    const now = await fingerprint();
    appendFileSync(join(folder, "reference.json"), " ");
    expect(await fingerprint()).toBe(now);
  });

  test("sees bytes changed under the same size and time", async () => {
    const file = join(folder, "model.safetensors");
    const { atime, mtime } = statSync(file);
    const before = await fingerprint();
    flip("model.safetensors");
    utimesSync(file, atime, mtime);
    expect(await fingerprint()).not.toBe(before);
  });

  test("does not depend on where the folder is", async () => {
    const before = await fingerprint();
    renameSync(folder, `${folder}-moved`);
    folder = `${folder}-moved`;
    expect(await fingerprint()).toBe(before);
  });
});

test("a model is found by its name on the hub, with the fingerprint of its folder", async () => {
  const modelsDir = mkdtempSync(join(tmpdir(), "models-"));
  const place = join(modelsDir, "some-owner--Some-Model", "main");
  cpSync(folder, place, { recursive: true });
  const found = await checkpointFolder("qwen2-vl", { named: "some-owner/Some-Model", modelsDir });
  expect(found).toEqual({ folder: place, fingerprint: await fingerprint() });
  const missing = checkpointFolder("qwen2-vl", { named: "some-owner/Other@v1", modelsDir });
  await expect(missing).rejects.toThrow(/npm run data -- fetch-model some-owner\/Other --revision v1/);
  rmSync(modelsDir, { recursive: true });
});

test("a folder without a model is refused with the file that is missing and the command", async () => {
  rmSync(join(folder, "model.safetensors"));
  await expect(fingerprint()).rejects.toThrow(
    /checkpointFolder: .* must hold a qwen2-vl model; .*model\.safetensors; there is none\. Run npm run checkpoints/,
  );
  writeFileSync(
    join(folder, "model.safetensors.index.json"),
    JSON.stringify({ weight_map: { a: "model-00001-of-00002.safetensors" } }),
  );
  await expect(fingerprint()).rejects.toThrow(/lists model-00001-of-00002\.safetensors, which is not there/);
});

test("files that did not change are not read again in one process", async () => {
  const before = await fingerprint();
  const stop = new AbortController();
  stop.abort();
  const control = { signal: stop.signal }; // reading would be an interruption
  expect((await checkpointFolder("qwen2-vl", { named: folder, control })).fingerprint).toBe(before);
});

test("an abort while it is hashed is an interruption", async () => {
  const stop = new AbortController();
  stop.abort();
  flip("model.safetensors");
  const asked = checkpointFolder("qwen2-vl", { named: folder, control: { signal: stop.signal } });
  await expect(asked).rejects.toMatchObject({ code: "interrupted" });
});
