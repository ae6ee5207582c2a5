"""Makes the tiny Qwen2-VL checkpoints and the numbers that kernel-lib is compared with.

Needs torch, transformers 5.23 and peft. Run it in this folder: python make-reference.py
For each case: <case>/config.json and model.safetensors as save_pretrained writes them, and reference.json with inputs,
logits, the loss of some answers, and gradients of a LoRA adapter (lora/ holds the adapter as PEFT writes it).
"""

import json
import shutil
from pathlib import Path

import peft
import torch
import transformers
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

HERE = Path(__file__).parent
IMAGE, PAD, END = 5, 0, 1
CASES = {
    # grids of the images of each prompt, counted in patches; text tokens before, between and after
    "tied": dict(tie=True, hidden=32, embed=12, heads=4, kv=2, mlp_ratio=2, merge=2, side="left", grids=[[(4, 4), (4, 6)], [(4, 4)]]),
    "untied": dict(tie=False, hidden=16, embed=12, heads=2, kv=1, mlp_ratio=3, merge=2, side="right", grids=[[(2, 4)], [(4, 4), (4, 4)]]),
}


def build(case):
    hidden, heads = case["hidden"], case["heads"]
    half = hidden // heads // 2
    config = Qwen2VLConfig(
        text_config=dict(
            vocab_size=48, hidden_size=hidden, intermediate_size=24, num_hidden_layers=2, num_attention_heads=heads,
            num_key_value_heads=case["kv"], max_position_embeddings=512, pad_token_id=PAD, bos_token_id=None,
            eos_token_id=END, rms_norm_eps=1e-6,
            rope_parameters=dict(rope_theta=10000.0, rope_type="default", mrope_section=[half - 2 * (half // 3), half // 3, half // 3]),
        ),
        vision_config=dict(depth=2, embed_dim=case["embed"], hidden_size=hidden, num_heads=3, patch_size=2, spatial_merge_size=case["merge"], mlp_ratio=case["mlp_ratio"]),
        image_token_id=IMAGE, video_token_id=6, vision_start_token_id=3, vision_end_token_id=4, tie_word_embeddings=case["tie"],
    )
    model = Qwen2VLForConditionalGeneration(config).eval()
    for name, parameter in model.named_parameters():  # far from the initial values, so that every weight matters
        scale = 0.3 if parameter.ndim > 1 else 0.2
        shift = 1.0 if "norm" in name and name.endswith("weight") or name.endswith("ln_q.weight") else 0.0
        parameter.data = shift + scale * torch.randn_like(parameter)
    return model


def make_inputs(case):
    rows, patches, grids = [], [], []
    for images in case["grids"]:
        ids = torch.randint(10, 48, (3,)).tolist()
        for height, width in images:
            ids += [3] + [IMAGE] * (height * width // case["merge"] ** 2) + [4] + torch.randint(10, 48, (2,)).tolist()
            patches.append(torch.randn(height * width, 3 * 2 * 2 * 2))
            grids.append([1, height, width])
        rows.append(ids + torch.randint(10, 48, (3,)).tolist())
    length = max(map(len, rows))
    pads = [[PAD] * (length - len(ids)) for ids in rows]
    joined = [pad + ids if case["side"] == "left" else ids + pad for pad, ids in zip(pads, rows)]
    input_ids = torch.tensor(joined)
    mask = torch.tensor([[0] * len(pad) + [1] * len(ids) if case["side"] == "left" else [1] * len(ids) + [0] * len(pad) for pad, ids in zip(pads, rows)])
    return dict(input_ids=input_ids, attention_mask=mask, pixel_values=torch.cat(patches), image_grid_thw=torch.tensor(grids), mm_token_type_ids=(input_ids == IMAGE).int())


def digits(tensor, count=7):
    return [float(f"{value:.{count}g}") for value in tensor.flatten().tolist()]


def last_loss(model, inputs):
    """Cross-entropy of token 20 after the last two real tokens of each row, averaged."""
    logits = model(**inputs).logits
    picked = [logits[row, column - back] for row, column in enumerate(last_columns(inputs)) for back in (1, 0)]
    return torch.nn.functional.cross_entropy(torch.stack(picked), torch.full((len(picked),), 20))


def last_columns(inputs):
    mask = inputs["attention_mask"]
    return [int(row.nonzero().max()) for row in mask]


def attach_adapter(model):
    config = peft.LoraConfig(r=3, lora_alpha=5, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data = 0.1 * torch.randn_like(parameter)
    return adapted


def make(name, case):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(len(name))
    model, inputs = build(case), make_inputs(case)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    reference = {"versions": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}}
    reference |= {key: value.tolist() for key, value in inputs.items() if key != "pixel_values"}
    reference["pixel_values"] = digits(inputs["pixel_values"])
    with torch.no_grad():
        reference["logits"] = digits(model(**inputs).logits)
        reference["image_tokens"] = digits(torch.cat(model.model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output))
        generated = model.generate(**inputs, max_new_tokens=6, do_sample=False) if case["side"] == "left" else None
        reference["generated"] = None if generated is None else generated[:, inputs["input_ids"].shape[1]:].tolist()
    loss = last_loss(model, inputs)
    loss.backward()
    reference["full"] = {"loss": loss.item(), "gradients": {n: float(f"{p.grad.norm().item():.7g}") for n, p in model.named_parameters()}}
    model.zero_grad()
    adapted = attach_adapter(model)
    adapted.save_pretrained(folder / "lora")
    (folder / "lora" / "README.md").unlink(missing_ok=True)
    loss = last_loss(adapted, inputs)
    loss.backward()
    reference["lora"] = {
        "loss": loss.item(),
        "logits": digits(adapted(**inputs).logits[:, -1]),
        "gradients": {n.removeprefix("base_model.model.").replace(".default", ""): digits(p.grad, 5) for n, p in adapted.named_parameters() if p.requires_grad and (".1." in n or "merger" in n)},
    }
    (folder / "reference.json").write_text(json.dumps(reference))


if __name__ == "__main__":
    for name, case in CASES.items():
        make(name, case)
