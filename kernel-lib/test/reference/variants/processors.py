"""Pictures as transformers' image processors make them."""

import json

import numpy
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

CLASSES = {"clip": CLIPImageProcessorPil, "qwen2-vl": Qwen2VLImageProcessorPil, "pixtral": PixtralImageProcessorPil}


def make(_, spec):
    width, height = spec["size"]
    picture = numpy.random.default_rng(spec["seed"]).integers(0, 256, (height, width, 3)).astype(numpy.uint8)
    made = CLASSES[spec["model"]](**json.loads(json.dumps(spec["fields"])))(picture, return_tensors="np")
    values = numpy.asarray(made["pixel_values"], float)
    answer = {"shape": list(values.shape), "values": [float(f"{value:.7g}") for value in values.reshape(-1)]}
    if "image_grid_thw" in made:
        answer["grid"] = numpy.asarray(made["image_grid_thw"]).reshape(-1).tolist()
    if "image_sizes" in made:
        answer["size"] = numpy.asarray(made["image_sizes"]).reshape(-1).tolist()
    return {"picture": picture.tobytes()}, answer
