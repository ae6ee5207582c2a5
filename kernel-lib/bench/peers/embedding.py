"""The replica CLIP in transformers."""

import torch
from safetensors.torch import load_file
from transformers import CLIPModel


def open_clip(_request, folder, checkpoints):
    model = CLIPModel.from_pretrained(checkpoints / "clip", dtype=torch.float32).eval()
    pixels = load_file(folder / "clip.safetensors")["pixels"].permute(0, 3, 1, 2).contiguous()

    @torch.inference_mode()
    def embed():
        found = model.get_image_features(pixel_values=pixels)
        found = getattr(found, "pooler_output", found)
        return (found / found.norm(dim=-1, keepdim=True))[0, 0].item()

    return embed
