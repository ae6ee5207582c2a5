"""What transformers' classes make of configurations."""

import json

import numpy
import torch
from transformers import CLIPConfig, GenerationConfig, LlavaConfig, Qwen2VLConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS


def copied(value):
    return json.loads(json.dumps(value))


def fields(config, names):
    return {name: getattr(config, name) for name in names}


TOWER = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act", "layer_norm_eps"]


def clip(spec):
    config = CLIPConfig(**copied(spec["config"]))
    vision = fields(config.vision_config, [*TOWER, "image_size", "patch_size", "num_channels"])
    text = fields(config.text_config, [*TOWER, "vocab_size", "max_position_embeddings", "eos_token_id", "pad_token_id"])
    return fields(config, ["projection_dim", "logit_scale_init_value"]) | {"vision": vision, "text": text}


def rope(text, length):
    """Inverse frequencies and what cosines are multiplied by."""
    parameters = text.rope_parameters
    kind = parameters["rope_type"]
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    if kind in ("default", "mrope"):
        theta = torch.tensor(parameters["rope_theta"], dtype=torch.float32)
        values, factor = 1.0 / theta ** (torch.arange(0, width, 2, dtype=torch.int64).float() / width), 1.0
    else:
        values, factor = ROPE_INIT_FUNCTIONS[kind](text, None, seq_len=length)
    return {"frequencies": numpy.asarray(values, "f8").tolist(), "scale": float(factor), "head_dim": width}


TEXT = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "rms_norm_eps"]
TEXT += ["max_position_embeddings", "hidden_act"]


def qwen2_vl(spec):
    config = Qwen2VLConfig(**copied(spec["config"]))
    text, vision = config.text_config, config.vision_config
    ids = ["image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id", "tie_word_embeddings"]
    answer = fields(config, ids) | {"text": fields(text, [*TEXT, "eos_token_id", "pad_token_id"]), "rope": rope(text, spec["length"])}
    answer["mrope_section"] = text.rope_parameters.get("mrope_section")
    answer["sliding"] = bool(text.use_sliding_window) or "sliding_attention" in (text.layer_types or [])
    names = ["depth", "embed_dim", "num_heads", "mlp_ratio", "in_channels", "patch_size", "temporal_patch_size", "spatial_merge_size"]
    answer["vision"] = fields(vision, [*names, "hidden_act", "hidden_size"])
    return answer


def pixtral(spec):
    config = LlavaConfig(**copied(spec["config"]))
    text, vision = config.text_config, config.vision_config
    names = ["image_token_id", "projector_hidden_act", "multimodal_projector_bias", "vision_feature_layer", "vision_feature_select_strategy"]
    answer = fields(config, [*names, "tie_word_embeddings"]) | {"text": fields(text, [*TEXT, "eos_token_id", "pad_token_id"])}
    answer["text"]["sliding_window"] = text.sliding_window
    names = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_channels", "image_size", "patch_size", "hidden_act"]
    theta = vision.rope_parameters["rope_theta"]
    return answer | {"rope": rope(text, spec["length"]), "vision": fields(vision, names) | {"rope_theta": theta}}


def generation(spec):
    """Which tokens end an answer, and which one fills up, as generate() takes them."""
    config = GenerationConfig(**copied(spec["config"])) if spec["config"] is not None else GenerationConfig(eos_token_id=spec["end"], pad_token_id=spec["pad"])
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    changing = {name: getattr(config, name, None) for name in ("num_beams", "repetition_penalty", "no_repeat_ngram_size", "min_length", "min_new_tokens", "bad_words_ids", "suppress_tokens", "forced_eos_token_id", "guidance_scale", "sequence_bias", "encoder_repetition_penalty", "forced_bos_token_id", "begin_suppress_tokens")}
    return {"ends": ends, "pad": config.pad_token_id, "changing": {name: value for name, value in changing.items() if value is not None}}


def make(kind, spec):
    makers = {"clip": clip, "qwen2-vl": qwen2_vl, "pixtral": pixtral, "generation": generation}
    return {}, copied(makers[kind](spec))
