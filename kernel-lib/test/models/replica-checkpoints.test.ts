import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/repository-root";
import { openBackend } from "../../src/compute/backend";
import { loadClip } from "../../src/models/clip";
import { loadDualEncoder } from "../../src/models/load-dual-encoder";
import { loadQwen2Vl } from "../../src/models/qwen2-vl";
import { CLIP_RECIPE, JINA_CLIP_RECIPE } from "../../src/training/pretrain-clip";
import { READER_RECIPE } from "../../src/training/pretrain-reader";

const folderOf = (name: string): string => join(repositoryRoot(), "data", "checkpoints", name);

function manifestOf(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folderOf(name), "manifest.json"), "utf8"));
}

beforeAll(() => openBackend(), 60_000);

describe("the replica checkpoints of this repository", () => {
  test.each(["clip", "jina-clip", "qwen2-vl"])("%s: the manifest is of these weights", (name) => {
    const weights = readFileSync(join(folderOf(name), "model.safetensors"));
    const { sha256, bytes } = manifestOf(name);
    expect(createHash("sha256").update(weights).digest("hex")).toBe(sha256);
    expect(weights.length).toBe(bytes);
  });

  test("they were made by today's recipes", () => {
    expect(manifestOf("clip")["recipe"]).toEqual(CLIP_RECIPE);
    expect(manifestOf("jina-clip")["recipe"]).toEqual(JINA_CLIP_RECIPE);
    expect(manifestOf("qwen2-vl")["recipe"]).toEqual(READER_RECIPE);
  });

  test("they load, with as many weights as the manifest says", () => {
    const clip = loadClip(folderOf("clip"));
    const reader = loadQwen2Vl(folderOf("qwen2-vl"));
    const jina = loadDualEncoder(folderOf("jina-clip"));
    expect(jina.parameters.count()).toBe(manifestOf("jina-clip")["parameters"]);
    jina.dispose();
    expect(clip.parameters.count()).toBe(manifestOf("clip")["parameters"]);
    expect(reader.parameters.count()).toBe(manifestOf("qwen2-vl")["parameters"]);
    clip.dispose();
    reader.dispose();
  });

  test("their heads are 32 wide, so that servers take them", () => {
    const { text, vision } = loadConfig("qwen2-vl");
    expect(text.hidden_size / text.num_attention_heads).toBe(32);
    expect(vision.embed_dim / vision.num_heads).toBe(32);
  });
});

function loadConfig(name: string) {
  const config = JSON.parse(readFileSync(join(folderOf(name), "config.json"), "utf8"));
  return { text: config.text_config, vision: config.vision_config };
}
