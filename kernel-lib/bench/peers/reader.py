"""The replica Qwen2-VL in transformers and PEFT: training steps, scoring, generation."""

import peft
import torch
from safetensors.torch import load_file
from transformers import Qwen2VLForConditionalGeneration


def load_reader(checkpoints):
    return Qwen2VLForConditionalGeneration.from_pretrained(checkpoints / "qwen2-vl", dtype=torch.float32)


def prompt_inputs(tensors, image_token):
    names = ("input_ids", "attention_mask", "image_grid_thw")
    inputs = {name: tensors[name].long() for name in names} | {"pixel_values": tensors["pixel_values"]}
    return inputs | {"mm_token_type_ids": (inputs["input_ids"] == image_token).int()}


def open_training(request, folder, checkpoints):
    name = request["case"]
    tensors, model = load_file(folder / f"{name}.safetensors"), load_reader(checkpoints)
    inputs = prompt_inputs(tensors, model.config.image_token_id)
    if name == "lora":
        model = peft.get_peft_model(model, peft.LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.01)
    rows, columns, targets = (tensors[key].long() for key in ("rows", "columns", "targets"))
    last = int(columns.min())

    def step():
        optimiser.zero_grad()
        logits = model(**inputs, logits_to_keep=inputs["input_ids"].shape[1] - last, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[rows, columns - last], targets, reduction="sum") / len(inputs["input_ids"])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        return loss.item()

    return step


def open_scoring(_request, folder, checkpoints):
    model = load_reader(checkpoints).eval()
    inputs = prompt_inputs(load_file(folder / "score.safetensors"), model.config.image_token_id)

    @torch.inference_mode()
    def score():
        return model(**inputs, logits_to_keep=1, use_cache=False).logits[0, 0, 0].item()

    return score


def open_generation(request, folder, checkpoints):
    model = load_reader(checkpoints).eval()
    inputs = prompt_inputs(load_file(folder / "generate.safetensors"), model.config.image_token_id)
    model.generation_config.eos_token_id = None
    tokens = request["tokens"]
    before = inputs["input_ids"].shape[1]

    @torch.inference_mode()
    def write():
        found = model.generate(**inputs, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, pad_token_id=request["pad"])
        return found[:, before:].numel()

    return write
