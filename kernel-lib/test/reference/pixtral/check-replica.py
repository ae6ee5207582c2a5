"""Opens what write-replica.js wrote in transformers and PEFT and compares the answers.

python check-replica.py FOLDER prints one line per comparison and fails when one does not hold.
"""

import base64
import json
import sys
from pathlib import Path

import numpy
import torch
from peft import PeftModel
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

folder = Path(sys.argv[1])
answers = json.loads((folder / "answers.json").read_text())


def picture(packed):
    pixels = numpy.frombuffer(base64.b64decode(packed["data"]), dtype=numpy.uint8)
    return Image.fromarray(pixels.reshape(packed["height"], packed["width"], 3))


def compare(name, model, inputs):
    expected = answers[name]
    width = inputs["input_ids"].shape[1]
    assert inputs["input_ids"].flatten().tolist() == expected["inputIds"], "other token ids"
    with torch.no_grad():
        logits = model(**inputs).logits[:, -1]
        generated = model.generate(**inputs, max_new_tokens=6, do_sample=False)[:, width:].tolist()
    difference = (logits.flatten() - torch.tensor(expected["logits"])).abs().max().item()
    ends = {model.config.text_config.eos_token_id, model.config.text_config.pad_token_id}
    cut = [ids[: next((i for i, token in enumerate(ids) if token in ends), len(ids))] for ids in generated]
    print(f"{name}: logits differ by {difference:.2e}, generated {cut}")
    assert difference < 1e-4, "other logits"
    assert cut == expected["generated"], f"other tokens: {expected['generated']}"


chats = [
    [{"role": "user", "content": [*({"type": "image", "image": picture(p)} for p in row), {"type": "text", "text": answers["question"]}]}]
    for row in answers["pictures"]
]
for name in ("plain", "merged"):
    processor = AutoProcessor.from_pretrained(folder / name)
    model = AutoModelForImageTextToText.from_pretrained(folder / name, dtype=torch.float32).eval()
    inputs = processor.apply_chat_template(chats, tokenize=True, return_dict=True, add_generation_prompt=True, processor_kwargs=dict(padding=True, padding_side="left", return_tensors="pt"))
    compare(name, model, inputs)
    if name == "plain":
        compare("adapted", PeftModel.from_pretrained(model, folder / "adapter").eval(), inputs)
