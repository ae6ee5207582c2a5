"""Writes reference.json: what transformers' classes make of configuration files.

- defaults: the fields of a configuration that says nothing, or only which models it is made of;
- rope: inverse frequencies and attention factor of rope fields in their published forms;
- pixels: a picture as the image processors make it, with steps switched off and sizes in their published forms.

Run with transformers 5.23.0, PyTorch, Pillow 11.3.0 and NumPy:  python make-reference.py
"""

import json
import pathlib

import numpy as np
import transformers
from transformers import CLIPConfig, LlavaConfig, MistralConfig, Qwen2VLConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

HERE = pathlib.Path(__file__).parent
PARTS = {"text_config": {"model_type": "mistral"}, "vision_config": {"model_type": "pixtral"}}
SMALL = {"hidden_size": 64, "num_attention_heads": 2, "max_position_embeddings": 512}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}

ROPE = [  # rope fields, length of the text
    ({"rope_theta": 1e6}, None),
    ({"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}}, None),
    ({"rope_theta": 1e6, "rope_scaling": {"type": "linear", "factor": 2.5}}, None),
    ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, 300),
    ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, 1300),
    ({"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}}, None),
    ({"rope_scaling": {"rope_type": "yarn", "factor": 40.0, "mscale": 0.707, "mscale_all_dim": 1.0}}, None),
    ({"rope_parameters": {"rope_type": "yarn", "factor": 8.0, "beta_fast": 16, "beta_slow": 2, "truncate": False}}, None),
    ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "attention_factor": 1.5}}, None),
    ({"rope_theta": 5e5, "rope_scaling": {**LLAMA3, "original_max_position_embeddings": 256}}, None),
]


def rope(fields, length):
    config = MistralConfig(**SMALL, **json.loads(json.dumps(fields)))
    kind = config.rope_parameters["rope_type"]
    if kind == "default":
        theta = config.rope_parameters["rope_theta"]
        values = 1.0 / np.float32(theta) ** (np.arange(0, 32, 2, dtype=np.float32) / np.float32(32))
        factor = 1.0
    else:
        values, factor = ROPE_INIT_FUNCTIONS[kind](config, None, seq_len=length)
    return {"fields": fields, "length": length, "frequencies": np.asarray(values).tolist(), "attention_factor": factor}


def picture(width, height):
    return np.random.default_rng(width).integers(0, 256, (height, width, 3)).astype(np.uint8)


def pixels(name, cls, size, fields):
    made = cls(**json.loads(json.dumps(fields)))(picture(*size), return_tensors="np")["pixel_values"]
    return {
        "processor": name,
        "fields": fields,
        "size": size,
        "picture": picture(*size).reshape(-1).tolist(),
        "values": [round(float(value), 6) for value in np.asarray(made).reshape(-1)],
    }


def all_pixels():
    clip = {"size": {"shortest_edge": 4}, "crop_size": {"height": 4, "width": 4}}
    yield pixels("clip", CLIPImageProcessorPil, [8, 8], clip)
    yield pixels("clip", CLIPImageProcessorPil, [8, 8], {**clip, "do_normalize": False})
    yield pixels("clip", CLIPImageProcessorPil, [8, 8], {**clip, "do_rescale": False})
    yield pixels("clip", CLIPImageProcessorPil, [8, 8], {**clip, "do_rescale": False, "do_normalize": False})
    yield pixels("clip", CLIPImageProcessorPil, [6, 6], {"size": 4, "crop_size": 4, "rescale_factor": 0.01})
    yield pixels("clip", CLIPImageProcessorPil, [9, 6], {"size": {"height": 4, "width": 4}, "crop_size": 4})
    yield pixels(
        "clip", CLIPImageProcessorPil, [6, 6], {"size": {"height": 4, "width": 4}, "do_center_crop": False, "image_mean": 0.5}
    )
    qwen = {"patch_size": 2, "merge_size": 2, "temporal_patch_size": 1}
    yield pixels("qwen2-vl", Qwen2VLImageProcessorPil, [8, 8], {**qwen, "min_pixels": 16, "max_pixels": 16})
    yield pixels(
        "qwen2-vl",
        Qwen2VLImageProcessorPil,
        [8, 8],
        {**qwen, "min_pixels": 16, "max_pixels": 16, "size": {"shortest_edge": 64, "longest_edge": 64}},
    )
    yield pixels(
        "qwen2-vl",
        Qwen2VLImageProcessorPil,
        [8, 8],
        {**qwen, "size": {"shortest_edge": 16, "longest_edge": 16}, "do_normalize": False},
    )
    pixtral = {"patch_size": 2}
    yield pixels("pixtral", PixtralImageProcessorPil, [8, 8], {**pixtral, "size": {"longest_edge": 4}})
    yield pixels("pixtral", PixtralImageProcessorPil, [8, 8], {**pixtral, "size": {"height": 4, "width": 4}})
    yield pixels("pixtral", PixtralImageProcessorPil, [8, 8], {**pixtral, "size": 4, "do_rescale": False})


def main():
    reference = {
        "made_with": {"transformers": transformers.__version__, "numpy": np.__version__},
        "defaults": {
            "clip": CLIPConfig().to_dict(),
            "qwen2-vl": Qwen2VLConfig().to_dict(),
            "pixtral": LlavaConfig(**PARTS).to_dict(),
        },
        "rope": [rope(fields, length) for fields, length in ROPE],
        "pixels": list(all_pixels()),
    }
    (HERE / "reference.json").write_text(json.dumps(reference, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
