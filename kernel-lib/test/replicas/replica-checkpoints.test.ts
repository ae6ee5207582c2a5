import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { openBackend } from "../../src/compute/backend";
import { DERMA_MNIST } from "../../src/data/tasks/derma-mnist";
import { loadDualEncoder, loadReaderModel } from "../../src/models/architectures";
import { READING_MODES } from "../../src/phantoms/general/reading-exercises";
import { ATTRIBUTES } from "../../src/phantoms/general/world";
import { REPLICAS } from "../../src/replicas/make-replica";
import { ENCODER_RECIPE, PAIR_RECIPE, PIXTRAL_RECIPE, READER_RECIPE } from "../../src/replicas/recipes";

const READERS = ["qwen2-vl", "pixtral", "qwen2-vl-pairs"] as const;

const folderOf = (name: string): string => join(repositoryRoot(), "data", "checkpoints", name);

function manifestOf(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folderOf(name), "manifest.json"), "utf8"));
}

beforeAll(() => openBackend(), 60_000);

describe("the replica checkpoints of this repository", () => {
  test.each(REPLICAS)("%s: the manifest is of these weights", (name) => {
    const weights = readFileSync(join(folderOf(name), "model.safetensors"));
    const { sha256, bytes } = manifestOf(name);
    expect(createHash("sha256").update(weights).digest("hex")).toBe(sha256);
    expect(weights.length).toBe(bytes);
  });

  test("they were made by today's recipes", () => {
    expect(manifestOf("clip")["recipe"]).toEqual(ENCODER_RECIPE);
    expect(manifestOf("jina-clip")["recipe"]).toEqual(ENCODER_RECIPE);
    expect(manifestOf("qwen2-vl")["recipe"]).toEqual(READER_RECIPE);
    expect(manifestOf("pixtral")["recipe"]).toEqual(PIXTRAL_RECIPE);
    expect(manifestOf("qwen2-vl-pairs")["recipe"]).toEqual(PAIR_RECIPE);
  });

  test("qwen2-vl-pairs was made of the qwen2-vl that is here", () => {
    expect(manifestOf("qwen2-vl-pairs")["from"]).toEqual({
      model: "qwen2-vl",
      sha256: manifestOf("qwen2-vl")["sha256"],
    });
  });

  test.each([
    ["clip", loadDualEncoder],
    ["jina-clip", loadDualEncoder],
    ["qwen2-vl", loadReaderModel],
    ["pixtral", loadReaderModel],
    ["qwen2-vl-pairs", loadReaderModel],
  ] as const)("%s loads, with as many weights as the manifest says", (name, load) => {
    const model = load(folderOf(name));
    expect(model.parameters.count()).toBe(manifestOf(name)["parameters"]);
    model.dispose();
  });

  test.each(READERS)("%s: its tokenizer is today's, so prompts of the tasks are short", (name) => {
    const { tokenizer, dispose } = loadReaderModel(folderOf(name));
    const { question } = DERMA_MNIST;
    const pieces = question!.match(/\p{L}+| (?=\p{N})|\p{N}|[^\p{L}\p{N}\s]/gu)!; // the blank before a digit stands alone
    expect(tokenizer.encode(question!).length).toBe(pieces.length);
    dispose();
  });

  test("docs/models.md says what the readers can do", () => {
    const page = readFileSync(join(repositoryRoot(), "docs", "models.md"), "utf8");
    const percent = (share: number): string => (100 * share).toFixed(0);
    const skills = READERS.map((name) => manifestOf(name)["skills"] as Record<string, number>);
    for (const mode of READING_MODES) {
      const shares = skills.map((of) => percent(of[mode]!));
      expect(page).toContain(`| \`${mode}\` | ${shares.join(" | ")} |`);
    }
    const sights = READERS.map((name) => manifestOf(name)["sight"] as Record<string, Record<string, number>>);
    for (const { name } of ATTRIBUTES) {
      const shares = sights.flatMap((of) => [percent(of[name]!["named"]!), percent(of[name]!["compared"]!)]);
      expect(page).toContain(`| ${name} | ${shares.join(" | ")} |`);
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
