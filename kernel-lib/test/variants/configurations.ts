import * as fc from "fast-check";
import { parseClipConfig } from "../../src/models/clip/config";
import type { DecoderConfig } from "../../src/models/layers/decoder";
import { headWidth } from "../../src/models/layers/decoder";
import { rotaryFrequencies, rotaryScale } from "../../src/models/layers/rope";
import { parsePixtralConfig } from "../../src/models/pixtral/config";
import { parseQwen2VlConfig } from "../../src/models/qwen2-vl/config";
import { withFolderTokens } from "../../src/models/text/generation-config";
import type { TextTokenizer } from "../../src/models/text/tokenizer";
import type { JsonObject } from "../../src/models/weights/fields";
import { differenceOf, formatOf } from "./format";

/** Any of these fields, each or not: transformers leaves out what equals its defaults. */
const some = <T extends Record<string, unknown>>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { requiredKeys: [] });
const pick = <T>(...values: readonly T[]) => fc.constantFrom(...values);

/** A value, so often: what is refused by name should be met, and not hide the rest. */
const times = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);

/** What programs write into any section, and what never changes a number. */
const NOISE = {
  torch_dtype: pick("float32", "bfloat16"),
  initializer_range: pick(0.02),
  use_cache: pick(true, false),
  attention_dropout: pick(0, 0.1),
  transformers_version: pick("4.49.0"),
  _name_or_path: pick("somewhere"),
  output_attentions: pick(false),
};

interface ConfigSpec {
  readonly config: JsonObject;
  readonly length: number;
}
const length = fc.constantFrom(10, 300, 5000);
const withLength = (config: fc.Arbitrary<JsonObject>): fc.Arbitrary<ConfigSpec> => fc.record({ config, length });

// ---- CLIP --------------------------------------------------------------------------------------------------------------

const tower = {
  ...NOISE,
  hidden_size: pick(64, 128, 768),
  intermediate_size: pick(96, 3072),
  num_hidden_layers: pick(2, 12),
  num_attention_heads: pick(2, 4, 8),
  hidden_act: pick("quick_gelu", "quick_gelu", "gelu", "gelu", "relu"),
  layer_norm_eps: pick(1e-5, 1e-6),
  dropout: pick(0),
  projection_dim: pick(512),
};
const clipText = some({
  ...tower,
  vocab_size: pick(49_408, 600),
  max_position_embeddings: pick(77, 30),
  eos_token_id: pick<unknown>(2, 49_407, 7),
  bos_token_id: pick(0, 49_406),
  pad_token_id: pick<unknown>(1, 0, 49_407),
});
const clipVision = some({ ...tower, image_size: pick(32, 224), patch_size: pick(8, 16, 32), num_channels: pick(3) });
const clipConfig = some({
  ...NOISE,
  model_type: pick("clip"),
  projection_dim: pick(16, 512, 768),
  logit_scale_init_value: pick(2.6592, 4.6052),
  text_config: clipText,
  vision_config: clipVision,
  text_config_dict: fc.option(clipText, { freq: 2 }),
  vision_config_dict: fc.option(clipVision, { freq: 2 }),
}) as fc.Arbitrary<JsonObject>;

function clipTower(config: ReturnType<typeof parseClipConfig>["text" | "vision"]): object {
  return {
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numLayers,
    num_attention_heads: config.numHeads,
    hidden_act: config.activation,
    layer_norm_eps: config.layerNormEpsilon,
  };
}

export const CLIP = formatOf<ConfigSpec, object>({
  name: "clip",
  specs: withLength(clipConfig),
  compare: ({ spec, answer }) => {
    const { projectionSize, logitScale, vision, text } = parseClipConfig(spec.config);
    const found = {
      projection_dim: projectionSize,
      logit_scale_init_value: logitScale,
      vision: { ...clipTower(vision), image_size: vision.imageSize, patch_size: vision.patchSize, num_channels: 3 },
      text: {
        ...clipTower(text),
        vocab_size: text.vocabularySize,
        max_position_embeddings: text.maxPositions,
        eos_token_id: text.endTokenId === "highest" ? 2 : text.endTokenId,
        pad_token_id: text.padTokenId,
      },
    };
    return differenceOf(found, answer);
  },
});

// ---- readers -----------------------------------------------------------------------------------------------------------

const scaling = fc.oneof(
  fc.record({ type: pick("linear", "dynamic"), factor: pick(2, 2.5, 8) }),
  some({
    type: fc.constant("yarn"),
    factor: fc.constant(4),
    original_max_position_embeddings: pick(128, 32_768),
    attention_factor: pick(1.2),
    beta_fast: pick(16, 32),
    beta_slow: pick(1, 2),
    mscale: pick(0.7, 1),
    mscale_all_dim: pick(0.5, 1),
    truncate: fc.boolean(),
  }).map((each) => ({ ...each, type: "yarn", factor: each.factor ?? 4 })),
  fc.record({
    type: fc.constant("llama3"),
    factor: pick(8, 2),
    low_freq_factor: pick(1),
    high_freq_factor: pick(4, 8),
    original_max_position_embeddings: pick(256, 8192),
  }),
  fc.record({ type: pick("longrope", "proportional"), factor: fc.constant(2) }),
);
/** Rotary fields as they were written through the years. @param sections what stands beside them. */
const ropeFields = (sections: Readonly<Record<string, unknown>>) =>
  fc
    .record({
      scaling: fc.option(scaling, { freq: 2 }),
      key: pick("type", "rope_type", "both"),
      place: pick("rope_scaling", "rope_parameters"),
      theta: fc.option(pick(10_000, 1_000_000, 5e5)),
      thetaInside: fc.boolean(),
      plain: pick("mrope", "default", null),
    })
    .map(({ scaling: stretch, key, place, theta, thetaInside, plain }): Record<string, unknown> => {
      const { type, ...rest } = (stretch ?? { type: "mrope_section" in sections ? plain : "default" }) as JsonObject & {
        type: string | null;
      };
      const named = type === null ? {} : key === "both" ? { type, rope_type: type } : { [key]: type };
      const inside = { ...named, ...rest, ...sections };
      const isInside = thetaInside && place === "rope_parameters";
      return {
        [place]: { ...inside, ...(isInside && theta !== null ? { rope_theta: theta } : {}) },
        ...(!isInside && theta !== null ? { rope_theta: theta } : {}),
      };
    });

const decoder = {
  ...NOISE,
  vocab_size: pick(600, 152_064),
  intermediate_size: pick(96, 29_568),
  num_hidden_layers: pick(2, 80),
  num_key_value_heads: pick(2, 4),
  rms_norm_eps: pick(1e-5, 1e-6),
  max_position_embeddings: pick(512, 32_768),
  hidden_act: pick(...times(19, "silu"), "gelu"),
  eos_token_id: pick<unknown>(2, 7, [7, 9]),
  bos_token_id: pick(1, 5),
  pad_token_id: pick<unknown>(0, 3, null),
};
const sized = { hidden_size: fc.constant(64), num_attention_heads: fc.constant(4) };
const needed = { num_key_value_heads: fc.constantFrom(2, 4) };

function textOf(text: DecoderConfig): object {
  return {
    vocab_size: text.vocabSize,
    hidden_size: text.hiddenSize,
    intermediate_size: text.intermediateSize,
    num_hidden_layers: text.numLayers,
    num_attention_heads: text.numHeads,
    num_key_value_heads: text.numKeyValueHeads,
    rms_norm_eps: text.rmsNormEps,
    max_position_embeddings: text.maxPositions,
    hidden_act: "silu",
    pad_token_id: text.padTokenId,
    eos_token_id: text.otherEndTokenIds === undefined ? text.endTokenId : [text.endTokenId, ...text.otherEndTokenIds],
  };
}

const ropeOf = (text: DecoderConfig, tokens: number): object => ({
  frequencies: rotaryFrequencies(text, headWidth(text), tokens),
  scale: rotaryScale(text),
  head_dim: headWidth(text),
});

/** What transformers leaves empty, the library fills in: the first end token fills up prompts, if nothing else does. */
function withoutEmpty(answer: { readonly text: Readonly<Record<string, unknown>> }): object {
  const text = Object.fromEntries(Object.entries(answer.text).filter(([, value]) => value !== null));
  return { ...answer, text };
}

const qwenVision = some({
  ...NOISE,
  model_type: pick("qwen2_vl"),
  depth: pick(2, 32),
  embed_dim: pick(32, 1280),
  num_heads: pick(2, 4),
  mlp_ratio: pick(4, 2),
  in_chans: pick(3),
  in_channels: pick(3),
  patch_size: pick(14, 8),
  temporal_patch_size: pick(2, 1),
  spatial_merge_size: pick(2, 4),
  spatial_patch_size: pick(14),
  hidden_act: pick("quick_gelu"),
}).map((vision) => ({ ...vision, hidden_size: 64, ...(vision.patch_size === 8 ? { spatial_patch_size: 8 } : {}) }));

const qwenText = fc
  .tuple(
    some({ ...decoder, use_sliding_window: pick(...times(9, false), true), sliding_window: pick<unknown>(null, 4096) }),
    ropeFields({ mrope_section: [2, 3, 3] }),
    fc.record({ ...sized, ...needed }),
  )
  .map(([fields, rope, sizes]) => ({ ...fields, ...rope, ...sizes }));
const qwenTop = some({
  image_token_id: pick(11, 151_655),
  video_token_id: pick(12),
  vision_start_token_id: pick(13),
  vision_end_token_id: pick(14),
  vision_token_id: pick(15),
  tie_word_embeddings: fc.boolean(),
  architectures: pick(["Qwen2VLForConditionalGeneration"]),
});
const qwenConfig = fc.record({ text: qwenText, top: qwenTop, vision: qwenVision, nested: fc.boolean() }).map(
  ({ text, top, vision, nested }): JsonObject => ({
    model_type: "qwen2_vl",
    ...top,
    vision_config: vision,
    ...(nested ? { text_config: text } : text),
  }),
);

export const QWEN2_VL = formatOf<ConfigSpec, { text: Record<string, unknown>; sliding: boolean }>({
  name: "qwen2-vl",
  specs: withLength(qwenConfig),
  compare: ({ spec, answer }) => {
    const config = parseQwen2VlConfig(spec.config);
    const { vision, text } = config;
    const found = {
      image_token_id: config.imageTokenId,
      video_token_id: config.videoTokenId,
      vision_start_token_id: config.visionStartTokenId,
      vision_end_token_id: config.visionEndTokenId,
      tie_word_embeddings: config.tieWordEmbeddings,
      text: textOf(text),
      rope: ropeOf(text, spec.length),
      mrope_section: text.mropeSection,
      sliding: false,
      vision: {
        depth: vision.depth,
        embed_dim: vision.embedDim,
        num_heads: vision.numHeads,
        mlp_ratio: vision.mlpRatio,
        in_channels: vision.inChannels,
        patch_size: vision.patchSize,
        temporal_patch_size: vision.temporalPatchSize,
        spatial_merge_size: vision.spatialMergeSize,
        hidden_act: "quick_gelu",
        hidden_size: 64,
      },
    };
    return differenceOf(found, withoutEmpty(answer));
  },
});

const pixtralVision = some({
  ...NOISE,
  hidden_size: pick(32, 1024),
  intermediate_size: pick(48, 4096),
  num_hidden_layers: pick(2, 24),
  num_attention_heads: pick(2, 4),
  num_channels: pick(3),
  image_size: pick(64, 1024),
  patch_size: pick(8, 16),
  hidden_act: pick("gelu", "silu"),
  rope_theta: pick(10_000, 5_000),
  head_dim: pick(64),
}).map(({ head_dim: _checked, ...vision }) => ({ ...vision, model_type: "pixtral" }));
const pixtralText = fc
  .tuple(
    some({ ...decoder, head_dim: pick<unknown>(16, 32, null), ...sized }),
    ropeFields({}),
    pick<object>(...times(8, { sliding_window: null }), { sliding_window: 40_000 }, {}),
  )
  .map(([fields, rope, window]) => ({ ...fields, ...rope, ...window, model_type: "mistral" }));
const pixtralConfig = fc
  .tuple(
    some({
      image_token_index: pick(10),
      projector_hidden_act: pick("gelu", "silu"),
      multimodal_projector_bias: fc.boolean(),
      vision_feature_layer: pick<unknown>(...times(5, -1), ...times(4, -2), [-1, -2]),
      tie_word_embeddings: fc.boolean(),
      ignore_index: pick(-100),
      image_seq_length: pick(1),
      pad_token_id: pick(3),
    }),
    pixtralText,
    pixtralVision,
    pick(...times(9, "full"), "default"),
  )
  .map(
    ([top, text, vision, strategy]): JsonObject => ({
      ...top,
      model_type: "llava",
      vision_feature_select_strategy: strategy,
      text_config: text,
      vision_config: vision,
    }),
  );

export const PIXTRAL = formatOf<ConfigSpec, { text: Record<string, unknown>; vision_feature_layer: unknown }>({
  name: "pixtral",
  specs: withLength(pixtralConfig),
  compare: ({ spec, answer }) => {
    const config = parsePixtralConfig(spec.config);
    const { vision, text } = config;
    const stated = answer.vision_feature_layer;
    const layer = typeof stated === "number" && stated < 0 ? vision.numLayers + 1 + stated : stated;
    const window = answer.text["sliding_window"];
    const isWide = typeof window !== "number" || window >= text.maxPositions;
    const found = {
      image_token_id: config.imageTokenId,
      projector_hidden_act: config.projectorActivation,
      multimodal_projector_bias: config.projectorBias === "bias",
      vision_feature_layer: config.featureLayer,
      vision_feature_select_strategy: "full",
      tie_word_embeddings: config.tieWordEmbeddings,
      text: { ...textOf(text), sliding_window: isWide ? window : "none" },
      rope: ropeOf(text, spec.length),
      vision: {
        hidden_size: vision.hiddenSize,
        intermediate_size: vision.intermediateSize,
        num_hidden_layers: vision.numLayers,
        num_attention_heads: vision.numHeads,
        num_channels: vision.numChannels,
        image_size: vision.imageSize,
        patch_size: vision.patchSize,
        hidden_act: vision.activation,
        rope_theta: vision.ropeTheta,
      },
    };
    return differenceOf(found, withoutEmpty({ ...answer, vision_feature_layer: layer } as typeof answer));
  },
});

// ---- generation_config.json --------------------------------------------------------------------------------------------

const generationConfig = some({
  bos_token_id: pick(1),
  eos_token_id: pick<unknown>(2, 7, [7, 9], [2, 7]),
  pad_token_id: pick(0, 5),
  do_sample: fc.boolean(),
  temperature: pick(0.1, 1),
  top_p: pick(0.9),
  top_k: pick(50),
  max_new_tokens: pick(20),
  num_beams: pick(...times(9, 1), 4),
  repetition_penalty: pick(...times(9, 1), 1.05),
  no_repeat_ngram_size: pick(...times(9, 0), 3),
  min_length: pick(...times(9, 0), 5),
  min_new_tokens: pick<unknown>(0, null),
  bad_words_ids: pick<unknown>(...times(9, null), [[4]]),
  suppress_tokens: pick<unknown>(...times(9, null), [4]),
  forced_eos_token_id: pick<unknown>(...times(9, null), 2),
  guidance_scale: pick<unknown>(...times(5, 1), ...times(5, null), 1.5),
  length_penalty: pick(1),
  transformers_version: pick("4.45.0"),
  attn_implementation: pick("flash_attention_2"),
});
const NEUTRAL: Readonly<Record<string, unknown>> = {
  num_beams: 1,
  repetition_penalty: 1,
  no_repeat_ngram_size: 0,
  min_length: 0,
  min_new_tokens: 0,
  guidance_scale: 1,
  encoder_repetition_penalty: 1,
};

type TextTokens = Pick<DecoderConfig, "vocabSize" | "padTokenId" | "endTokenId" | "otherEndTokenIds">;
interface GenerationSpec {
  readonly config: JsonObject | null;
  readonly end: number;
  readonly pad: number;
}
interface Ends {
  readonly ends: readonly (number | null)[];
  readonly pad: number | null;
  readonly changing: Readonly<Record<string, unknown>>;
}

export const GENERATION = formatOf<GenerationSpec, Ends>({
  name: "generation",
  specs: fc.record({
    config: fc.option(generationConfig as fc.Arbitrary<JsonObject>, { freq: 8 }),
    end: pick(2, 7),
    pad: pick(0, 3),
  }),
  compare: ({ spec, answer }) => {
    const text: TextTokens = { vocabSize: 50, padTokenId: spec.pad, endTokenId: spec.end };
    const found = withFolderTokens(text, { pad: null } as TextTokenizer, spec.config);
    const changing = Object.entries(answer.changing).find(([name, value]) => value !== NEUTRAL[name]);
    if (changing !== undefined) return `${changing[0]} = ${JSON.stringify(changing[1])} is ignored`;
    const ends = new Set([found.endTokenId, ...(found.otherEndTokenIds ?? [])]);
    const expected = answer.ends.filter((id) => id !== null);
    // the end of config.json, which answers were trained with, ends one as well: docs/models.md
    const missing = expected.filter((id) => !ends.has(id!));
    if (missing.length > 0) return `${missing} do not end an answer`;
    const others = [...ends].filter((id) => !expected.includes(id) && id !== spec.end);
    if (others.length > 0) return `${others} end an answer`;
    return answer.pad === null || found.padTokenId === answer.pad ? null : `pad is ${found.padTokenId}`;
  },
});
