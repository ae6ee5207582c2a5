import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isKernelError } from "../../../src/base/errors";
import { parseClipConfig } from "../../../src/models/clip/config";
import { parseClipImageConfig } from "../../../src/models/clip/processor";
import { parseJinaClipConfig } from "../../../src/models/jina-clip/config";
import { parseJinaImageConfig } from "../../../src/models/jina-clip/processor";
import { parsePixtralConfig } from "../../../src/models/pixtral/config";
import { parsePixtralImageConfig, parsePixtralTokens } from "../../../src/models/pixtral/processor";
import { parseQwen2VlConfig } from "../../../src/models/qwen2-vl/config";
import { parseQwen2VlImageConfig } from "../../../src/models/qwen2-vl/processor";
import { withFolderTokens } from "../../../src/models/text/generation-config";
import { createTokenizer } from "../../../src/models/text/tokenizer";
import type { JsonObject } from "../../../src/models/weights/fields";
import { processorFields } from "../../../src/models/weights/model-folder";

type Json = Record<string, unknown>;

const readJson = (path: string): Json => JSON.parse(readFileSync(path, "utf8"));
const replica = (path: string): Json => readJson(join(__dirname, "../../../../data/checkpoints", path));
const reference = readJson(join(__dirname, "../../reference/configurations/reference.json"));
const defaults = reference["defaults"] as Record<string, Json>;

const tokenizerJson = replica("qwen2-vl/tokenizer.json");
const tokenizer = createTokenizer(tokenizerJson, replica("qwen2-vl/tokenizer_config.json"));
const generation: Json = {
  ...{ bos_token_id: 3, pad_token_id: 5, do_sample: true, eos_token_id: [7, 9], repetition_penalty: 1.0 },
  ...{ temperature: 0.01, top_p: 0.001, top_k: 1, max_new_tokens: 20, num_beams: 1, transformers_version: "4.41.2" },
};
const text = { vocabSize: 20, padTokenId: 1, endTokenId: 2 };
/** Qwen2-VL's numbers at the top, as it was published. */
const flatQwen: Json = {
  ...{
    model_type: "qwen2_vl",
    vocab_size: 151_936,
    hidden_size: 1536,
    num_attention_heads: 12,
    num_key_value_heads: 2,
  },
  ...{ num_hidden_layers: 28, intermediate_size: 8960, rms_norm_eps: 1e-6, rope_theta: 1e6, tie_word_embeddings: true },
  ...{ max_position_embeddings: 32_768, sliding_window: 32_768, max_window_layers: 28, use_sliding_window: false },
  ...{ bos_token_id: 151_643, eos_token_id: 151_645, vision_start_token_id: 151_652, vision_end_token_id: 151_653 },
  ...{ vision_token_id: 151_654, image_token_id: 151_655, video_token_id: 151_656, initializer_range: 0.02 },
  rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] },
  vision_config: {
    ...{ depth: 32, embed_dim: 1280, mlp_ratio: 4, num_heads: 16, in_chans: 3, hidden_size: 1536, patch_size: 14 },
    ...{ spatial_merge_size: 2, spatial_patch_size: 14, temporal_patch_size: 2 },
  },
};
const openaiClip: Json = {
  ...{
    model_type: "clip",
    projection_dim: 512,
    logit_scale_init_value: 2.6592,
    initializer_factor: 1,
    text_config_dict: null,
  },
  text_config: {
    eos_token_id: 2,
    bos_token_id: 0,
    pad_token_id: 1,
    dropout: 0,
    repetition_penalty: 1,
    top_k: 50,
    projection_dim: 512,
  },
  vision_config: { image_size: 224, patch_size: 32, attention_dropout: 0, num_beams: 1, projection_dim: 512 },
};
const section = (json: Json, name: string, change: Json): Json => ({
  ...json,
  [name]: { ...(json[name] as Json), ...change },
});
const qwen = section(defaults["qwen2-vl"]!, "vision_config", { hidden_size: 8192 }); // the text model's width
const pixtral = {
  ...section(defaults["pixtral"]!, "text_config", { sliding_window: null }),
  vision_feature_select_strategy: "full",
};
const tokens = { ...replica("pixtral/processor_config.json"), image_processor: {}, spatial_merge_size: 1 };

/** A file, what reads it, and its numbers that change nothing: of training, of drawing, of tokens nobody asks for. */
const FILES: [string, Json, (json: JsonObject) => unknown, string[]][] = [
  ["config.json of a CLIP", defaults["clip"]!, parseClipConfig, ["bos_token_id", "chunk_size_feed_forward"]],
  [
    "config.json of OpenAI's CLIP",
    openaiClip,
    parseClipConfig,
    ["bos_token_id", "dropout", "repetition_penalty", "top_k", "num_beams"],
  ],
  ["config.json of a Qwen2-VL", qwen, parseQwen2VlConfig, ["bos_token_id", "max_window_layers"]],
  [
    "config.json of a published Qwen2-VL",
    flatQwen,
    parseQwen2VlConfig,
    ["bos_token_id", "max_window_layers", "vision_token_id", "sliding_window"],
  ],
  ["config.json of a Pixtral", pixtral, parsePixtralConfig, ["bos_token_id", "image_seq_length"]],
  ["config.json of a Jina-CLIP", replica("jina-clip/config.json"), parseJinaClipConfig, ["pt_hw_seq_len"]],
  ["preprocessor_config.json of a CLIP", replica("clip/preprocessor_config.json"), parseClipImageConfig, []],
  [
    "preprocessor_config.json of a Qwen2-VL",
    replica("qwen2-vl/preprocessor_config.json"),
    parseQwen2VlImageConfig,
    ["size.longest_edge", "size.shortest_edge"],
  ],
  ["preprocessor_config.json of a Pixtral", replica("pixtral/preprocessor_config.json"), parsePixtralImageConfig, []],
  [
    "preprocessor_config.json of a Jina-CLIP",
    replica("jina-clip/preprocessor_config.json"),
    parseJinaImageConfig,
    ["fill_color"],
  ],
  ["processor_config.json of a Pixtral", tokens, (json) => parsePixtralTokens(json, 8), []],
  ["processor_config.json", { processor_class: "X" }, (json) => processorFields("load", json).refuseOthers(), []],
  [
    "generation_config.json",
    generation,
    (json) => withFolderTokens(text, { ...tokenizer, pad: null }, json),
    ["bos_token_id", "temperature", "top_p", "top_k", "max_new_tokens"],
  ],
  [
    "tokenizer_config.json",
    replica("qwen2-vl/tokenizer_config.json"),
    (json) => createTokenizer(tokenizerJson, json).pad,
    ["model_max_length"],
  ],
];

/** Objects of a file with the names that lead to them; lists are numbers of a field. */
function objectsOf(json: Json, path: readonly string[] = []): (readonly string[])[] {
  const inner = Object.entries(json).filter(([, value]) => typeof value === "object" && value !== null);
  return [
    path,
    ...inner.flatMap(([name, value]) => (Array.isArray(value) ? [] : objectsOf(value as Json, [...path, name]))),
  ];
}

const at = (json: Json, path: readonly string[]): Json => path.reduce((object, name) => object[name] as Json, json);

/** What a file says to its reader, or the refusal. */
function outcome(read: (json: JsonObject) => unknown, json: Json): string {
  try {
    return JSON.stringify(read(json) ?? "read");
  } catch (error) {
    if (!isKernelError(error)) throw error;
    return `refused: ${error.message}`;
  }
}

/** Tables of tokens and of other architectures' parts, whose insides nobody reads. */
const CLOSED = /^(image_processor|added_tokens_decoder|id2label|label2id|auto_map|task_specific_params)$/;

describe.each(FILES)("%s", (_name, json, read, irrelevant) => {
  const places = objectsOf(json).filter((path) => !path.some((name) => CLOSED.test(name)));

  test("is read as it stands", () => {
    expect(outcome(read, json)).not.toContain("refused");
  });

  test("with a number that nobody knows, in any of its sections, is refused by name and value", () => {
    for (const path of places) {
      const changed = structuredClone(json);
      at(changed, path)["unheard_of"] = 7.25;
      expect(outcome(read, changed), path.join(".")).toMatch(/^refused: .*unheard_of.* got 7\.25/);
    }
  });

  test("with another number reads otherwise or is refused, but for the listed ones", () => {
    const ignored = new Set<string>();
    for (const path of places) {
      for (const [name, value] of Object.entries(at(json, path))) {
        if (typeof value !== "number" || value === 0) continue;
        const changed = structuredClone(json);
        at(changed, path)[name] = Number.isInteger(value) ? value + 4 : value * 1.5;
        if (outcome(read, changed) === outcome(read, json))
          ignored.add(irrelevant.includes(name) ? name : [...path, name].join("."));
      }
    }
    const training = /(initializer_(range|factor)|projection_dim|chunk_size_feed_forward)$/;
    const unlisted = [...ignored].filter((name) => !training.test(name) && !irrelevant.includes(name));
    expect(unlisted).toEqual([]);
  });
});

test("a field that stands beside text_config as well must say the same there", () => {
  const json = structuredClone(qwen);
  const { hidden_size: size } = json["text_config"] as Json;
  expect(outcome(parseQwen2VlConfig, { ...json, hidden_size: size })).not.toContain("refused");
  expect(outcome(parseQwen2VlConfig, { ...json, hidden_size: 7 })).toContain(
    "hidden_size must be left out, or text_config.hidden_size",
  );
});

test.each([
  [{ quantization_config: { bits: 4 } }, 'quantization_config must be left out, or one of .*got {"bits":4}'],
  [{ pruned_heads: { 0: [1] } }, "pruned_heads must be empty"],
])("config.json with %j is refused by name", (change, message) => {
  expect(outcome(parseClipConfig, { ...defaults["clip"], ...change })).toMatch(new RegExp(message));
});
