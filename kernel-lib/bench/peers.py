"""The other side of `npm run bench -- --with-peers`: the same work with PyTorch, transformers, PEFT and hnswlib.

Arguments: the folder with the checkpoints, the folder with one safetensors file of inputs per case.
Reads names of cases, one a line, does each once and answers with a line of JSON: seconds and a number of the result.
"""

import json
import sys
import time
from pathlib import Path

import hnswlib
import peft
import torch
import transformers
from safetensors.torch import load_file
from transformers import CLIPModel, Qwen2VLForConditionalGeneration

CHECKPOINTS, INPUTS = Path(sys.argv[1]), Path(sys.argv[2])


def load_reader():
    return Qwen2VLForConditionalGeneration.from_pretrained(CHECKPOINTS / "qwen2-vl", dtype=torch.float32)


def prompt_inputs(tensors, image_token):
    names = ("input_ids", "attention_mask", "image_grid_thw")
    inputs = {name: tensors[name].long() for name in names} | {"pixel_values": tensors["pixel_values"]}
    return inputs | {"mm_token_type_ids": (inputs["input_ids"] == image_token).int()}


def training(name):
    tensors, model = load_file(INPUTS / f"{name}.safetensors"), load_reader()
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


def scoring():
    model = load_reader().eval()
    inputs = prompt_inputs(load_file(INPUTS / "score.safetensors"), model.config.image_token_id)

    @torch.inference_mode()
    def score():
        return model(**inputs, logits_to_keep=1, use_cache=False).logits[0, 0, 0].item()

    return score


def clip():
    model = CLIPModel.from_pretrained(CHECKPOINTS / "clip", dtype=torch.float32).eval()
    pixels = load_file(INPUTS / "clip.safetensors")["pixels"].permute(0, 3, 1, 2).contiguous()

    @torch.inference_mode()
    def embed():
        found = model.get_image_features(pixel_values=pixels)
        found = getattr(found, "pooler_output", found)
        return (found / found.norm(dim=-1, keepdim=True))[0, 0].item()

    return embed


def hnsw():
    tensors = load_file(INPUTS / "hnsw_build.safetensors")
    data = tensors["data"].numpy()
    points, m, construction, ef = (int(value) for value in tensors["settings"])
    made = {}

    def build():
        index = made["index"] = hnswlib.Index("cosine", data.shape[1])
        index.init_index(points, M=m, ef_construction=construction, random_seed=7)
        index.add_items(data[:points], num_threads=1)
        index.set_ef(ef)
        return points

    def search():
        labels, _ = made["index"].knn_query(data[points:], k=10, num_threads=1)
        return int(labels.size)

    return build, search


def open_cases(names):
    cases = {name: training(name) for name in ("lora", "full") if name in names}
    if "score" in names:
        cases["score"] = scoring()
    if "clip" in names:
        cases["clip"] = clip()
    if "hnsw_build" in names:
        cases["hnsw_build"], cases["hnsw_search"] = hnsw()
    return cases


def main():
    cases = open_cases({file.stem for file in INPUTS.glob("*.safetensors")})
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
    print(json.dumps({"versions": versions, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        result = cases[line.strip()]()
        print(json.dumps({"seconds": time.perf_counter() - start, "result": result}), flush=True)


if __name__ == "__main__":
    main()
