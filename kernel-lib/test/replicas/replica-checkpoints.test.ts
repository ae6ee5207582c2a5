import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { openBackend } from "../../src/compute/backend";
import { DERMA_MNIST } from "../../src/data/tasks/derma-mnist";
import { loadDualEncoder, loadReaderModel } from "../../src/models/architectures";
import { READING_MODES } from "../../src/phantoms/general/reading-exercises";
import { ENCODER_RECIPE, READER_RECIPE } from "../../src/replicas/recipes";

const folderOf = (name: string): string => join(repositoryRoot(), "data", "checkpoints", name);

function manifestOf(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folderOf(name), "manifest.json"), "utf8"));
}

beforeAll(() => openBackend(), 60_000);

describe("the replica checkpoints of this repository", () => {
  test.each(["clip", "jina-clip", "qwen2-vl", "pixtral"])("%s: the manifest is of these weights", (name) => {
    const weights = readFileSync(join(folderOf(name), "model.safetensors"));
    const { sha256, bytes } = manifestOf(name);
    expect(createHash("sha256").update(weights).digest("hex")).toBe(sha256);
    expect(weights.length).toBe(bytes);
  });

  test("they were made by today's recipes", () => {
    expect(manifestOf("clip")["recipe"]).toEqual(ENCODER_RECIPE);
    expect(manifestOf("jina-clip")["recipe"]).toEqual(ENCODER_RECIPE);
    expect(manifestOf("qwen2-vl")["recipe"]).toEqual(READER_RECIPE);
    expect(manifestOf("pixtral")["recipe"]).toEqual(READER_RECIPE);
  });

  test.each([
    ["clip", loadDualEncoder],
    ["jina-clip", loadDualEncoder],
    ["qwen2-vl", loadReaderModel],
    ["pixtral", loadReaderModel],
  ] as const)("%s loads, with as many weights as the manifest says", (name, load) => {
    const model = load(folderOf(name));
    expect(model.parameters.count()).toBe(manifestOf(name)["parameters"]);
    model.dispose();
  });

  test.each(["qwen2-vl", "pixtral"])("%s: its tokenizer is today's, so prompts of the tasks are short", (name) => {
    const { tokenizer, dispose } = loadReaderModel(folderOf(name));
    const { question } = DERMA_MNIST;
    const pieces = question!.match(/\p{L}+| (?=\p{N})|\p{N}|[^\p{L}\p{N}\s]/gu)!; // the blank before a digit stands alone
    expect(tokenizer.encode(question!).length).toBe(pieces.length);
    dispose();
  });

  test("docs/models.md says what the readers can do", () => {
    const page = readFileSync(join(repositoryRoot(), "docs", "models.md"), "utf8");
    const [qwen, pixtral] = ["qwen2-vl", "pixtral"].map((name) => manifestOf(name)["skills"] as Record<string, number>);
    expect(READING_MODES.filter((mode) => qwen![mode] === undefined || pixtral![mode] === undefined)).toEqual([]);
    for (const mode of READING_MODES) {
      const percent = (share: number) => (100 * share).toFixed(0);
      expect(page).toContain(`| \`${mode}\` | ${percent(qwen![mode]!)} | ${percent(pixtral![mode]!)} |`);
    }
  });

  test("their heads are 32 wide, so that servers take them", () => {
    const { text, vision } = loadConfig("qwen2-vl");
    expect(text.hidden_size / text.num_attention_heads).toBe(32);
    expect(vision.embed_dim / vision.num_heads).toBe(32);
    const pixtral = loadConfig("pixtral");
    expect([pixtral.text.head_dim, pixtral.vision.head_dim]).toEqual([32, 32]);
  });
});

function loadConfig(name: string) {
  const config = JSON.parse(readFileSync(join(folderOf(name), "config.json"), "utf8"));
  return { text: config.text_config, vision: config.vision_config };
}
