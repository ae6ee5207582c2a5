"""Writes reference.json: Pillow's bicubic resizing and transformers' Qwen2-VL patches of small seeded images.

Run with Pillow 11.3.0, NumPy and transformers 5.23.0:  python make-reference.py
"""

import json
import pathlib

import numpy as np
import PIL
import transformers
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize

SIZES = [(9, 7, 12, 5), (28, 28, 8, 8), (5, 6, 16, 16), (4, 9, 9, 4)]  # width, height -> width, height


def draw(random, width, height, channels):
    noise = random.integers(0, 256, (height, width, channels))
    return np.where(random.random(noise.shape) < 0.3, 255 * (noise > 127), noise).astype(np.uint8)


def resized(random):
    for width, height, to_width, to_height in SIZES:
        pixels = draw(random, width, height, 3)
        result = np.asarray(Image.fromarray(pixels).resize((to_width, to_height), Image.Resampling.BICUBIC))
        yield {
            "from": [width, height],
            "to": [to_width, to_height],
            "data": pixels.reshape(-1).tolist(),
            "result": result.reshape(-1).tolist(),
        }


def patches(random):
    config = {
        "image_mean": [0.48, 0.45, 0.4],
        "image_std": [0.26, 0.27, 0.28],
        "patch_size": 2,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "size": {"shortest_edge": 64, "longest_edge": 128},
    }
    pixels = draw(random, 10, 7, 3)
    output = Qwen2VLImageProcessorPil(**config)(images=Image.fromarray(pixels), return_tensors="np")
    return {
        "config": config,
        "from": [10, 7],
        "data": pixels.reshape(-1).tolist(),
        "grid": output["image_grid_thw"][0].tolist(),
        "patches": [round(float(value), 6) for value in np.asarray(output["pixel_values"]).reshape(-1)],
    }


def sizes(random):
    for _ in range(60):
        height, width = (int(side) for side in random.integers(8, 400, 2))
        factor, low, high = [(8, 1024, 1024), (28, 3136, 12544), (8, 1024, 100352)][int(random.integers(3))]
        result = smart_resize(height, width, factor, low, high)
        yield [height, width, factor, low, high, *map(int, result)]


random = np.random.default_rng(7)
reference = {
    "versions": {"pillow": PIL.__version__, "numpy": np.__version__, "transformers": transformers.__version__},
    "resized": list(resized(random)),
    "patches": patches(random),
    "sizes": list(sizes(random)),
}
pathlib.Path(__file__).with_name("reference.json").write_text(json.dumps(reference))
