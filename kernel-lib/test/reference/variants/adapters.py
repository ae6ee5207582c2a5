"""LoRA adapters that PEFT writes for a small Qwen2-VL, and what PEFT reads in them again: rank, scaling and update of every module."""

import json
import pathlib
import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Qwen2VLForConditionalGeneration

MODELS = pathlib.Path(__file__).parent.parent / "qwen2-vl"


def base(name):
    return Qwen2VLForConditionalGeneration.from_pretrained(MODELS / name, dtype=torch.float32)


def updates(model):
    """By module: rank, scaling, and sums over scaling · B · A that tell any two of them apart."""
    found = {}
    for name, module in model.named_modules():
        if not getattr(module, "lora_A", None) or "default" not in module.lora_A:
            continue
        a, b = module.lora_A["default"].weight.double(), module.lora_B["default"].weight.double()
        delta = module.scaling["default"] * (b @ a)
        rows = torch.arange(1, delta.shape[0] + 1, dtype=torch.float64)
        sums = [delta.sum(), (delta * rows[:, None]).sum(), delta.abs().sum()]
        found[name.removeprefix("base_model.model.")] = {
            "rank": a.shape[0],
            "scaling": module.scaling["default"],
            "sums": [float(f"{each.item():.9g}") for each in sums],
        }
    return found


def make(_, spec):
    torch.manual_seed(spec["seed"])
    config = LoraConfig(**json.loads(json.dumps(spec["options"])), task_type="CAUSAL_LM")
    model = get_peft_model(base(spec["model"]), config)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, save_embedding_layers=spec["embeddings"])
        place = pathlib.Path(folder)
        settings = json.loads((place / "adapter_config.json").read_text())
        for field in spec["leftOut"]:
            settings.pop(field, None)
        (place / "adapter_config.json").write_text(json.dumps(settings))
        files = {each.name: each.read_bytes() for each in place.iterdir() if each.name.startswith("adapter_")}
        again = PeftModel.from_pretrained(base(spec["model"]), folder)
    return files, {"modules": updates(again)}
