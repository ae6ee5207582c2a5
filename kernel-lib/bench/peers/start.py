"""Fresh Python processes: how long until the packages are there, and how much memory they and the replica models take."""

import json
import subprocess
import sys

LIBRARY = """
import json, os, sys
from pathlib import Path
import torch, transformers, peft
from transformers import CLIPModel, Qwen2VLForConditionalGeneration
product = (torch.tensor([[1.0, 2.0]]) @ torch.tensor([[3.0], [4.0]])).item()
"""
MODELS = """
clip = CLIPModel.from_pretrained(sys.argv[1] + "/clip", dtype=torch.float32).eval()
reader = Qwen2VLForConditionalGeneration.from_pretrained(sys.argv[1] + "/qwen2-vl", dtype=torch.float32)
with torch.inference_mode():
    clip.get_image_features(pixel_values=torch.zeros(64, 3, 32, 32))
"""
TELL = """
pages = int(Path("/proc/self/statm").read_text().split()[1])
print(json.dumps({"product": product, "residentMiB": pages * os.sysconf("SC_PAGE_SIZE") / 2**20}))
"""


def _run(program, *parameters):
    output = subprocess.run([sys.executable, "-c", program, *parameters], check=True, capture_output=True, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def open_start(_request, _folder, _checkpoints):
    return lambda: _run(LIBRARY + TELL)["product"]


def open_memory(_request, _folder, checkpoints):
    return lambda: {
        "library": _run(LIBRARY + TELL)["residentMiB"],
        "models": _run(LIBRARY + MODELS + TELL, str(checkpoints))["residentMiB"],
    }
