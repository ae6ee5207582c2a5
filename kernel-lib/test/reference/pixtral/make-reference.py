"""Makes the tiny Pixtral checkpoints and the numbers that kernel-lib is compared with.

Needs torch, torchvision, transformers 5.23 and peft. Run it in this folder: python make-reference.py
For each case: a folder as transformers' save_pretrained writes it (model and processor; "published" is rewritten into the
names and the config.json of the published checkpoints), reference.json with pictures, token ids, logits, generations, the
loss of some answers and gradients of a LoRA adapter, and lora/, that adapter as PEFT writes it.
"""

import base64
import json
import shutil
from pathlib import Path

import numpy
import peft
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    LlavaConfig, LlavaForConditionalGeneration, MistralConfig, PixtralImageProcessor, PixtralProcessor,
    PixtralVisionConfig, PreTrainedTokenizerFast,
)

HERE = Path(__file__).parent
SPECIAL = ["<unk>", "<s>", "</s>", "<pad>", "[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]"]
TEMPLATE = (
    "{{- bos_token }}{%- for message in messages %}{%- if message['role'] == 'user' %}{{- '[INST]' }}"
    "{%- for block in message['content'] %}{%- if block['type'] == 'text' %}{{- block['text'] }}"
    "{%- else %}{{- '[IMG]' }}{%- endif %}{%- endfor %}{{- '[/INST]' }}"
    "{%- else %}{{- message['content'][0]['text'] + eos_token }}{%- endif %}{%- endfor %}"
)
LIST = ["q_proj", "linear_1", "down_proj"]
CASES = {
    # heads of the text model as (heads, key-value heads, width); pictures of each prompt as (height, width)
    "tied": dict(tie=True, hidden=24, heads=(4, 2, 10), vision=(16, 2), act="gelu", layer=-1, bias=True, side="left",
                 pictures=[[(8, 8), (8, 12)], [(12, 8)]], lora=dict(target_modules="all-linear")),
    "regex": dict(tie=False, hidden=16, heads=(2, 1, 8), vision=(24, 3), act="silu", layer=-2, bias=False, side="right",
                  pictures=[[(4, 12)], [(8, 8), (8, 8), (12, 4)]],
                  lora=dict(target_modules=r".*(vision_tower|language_model).*\.(q_proj|v_proj|up_proj)", use_rslora=True)),
    "published": dict(tie=False, hidden=16, heads=(6, 3, 4), vision=(8, 1), act="silu", layer=-1, bias=True, side="left",
                      pictures=[[(8, 8)], [(16, 12), (4, 4), (8, 16)], [(4, 8), (4, 8)]],
                      lora=dict(target_modules=LIST, lora_dropout=0.1)),
}
# sizes that need resizing, compared by their pixel values only
RESIZED = [(10, 13), (30, 21), (5, 40)]


def build_processor(case):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(token, special=True, normalized=False) for token in SPECIAL]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(["background: a round shadow\n\n what is it? yes no spiky tall"] * 4, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>", padding_side="left")
    images = PixtralImageProcessor(patch_size={"height": 4, "width": 4}, size={"longest_edge": 16}, image_mean=[0.48, 0.46, 0.41], image_std=[0.27, 0.26, 0.28])
    return PixtralProcessor(image_processor=images, tokenizer=fast, patch_size=4, chat_template=TEMPLATE)


def build_model(case, vocabulary):
    (heads, groups, width), (vision_width, vision_heads) = case["heads"], case["vision"]
    config = LlavaConfig(
        text_config=MistralConfig(
            vocab_size=vocabulary, hidden_size=case["hidden"], intermediate_size=20, num_hidden_layers=2, num_attention_heads=heads,
            num_key_value_heads=groups, head_dim=width, max_position_embeddings=512, sliding_window=None, pad_token_id=3,
            tie_word_embeddings=case["tie"], rope_parameters=dict(rope_theta=1e6, rope_type="default"), rms_norm_eps=1e-5,
        ),
        vision_config=PixtralVisionConfig(
            hidden_size=vision_width, intermediate_size=20, num_hidden_layers=2, num_attention_heads=vision_heads, image_size=16,
            patch_size=4, hidden_act=case["act"], rope_parameters=dict(rope_theta=10000.0, rope_type="axial"),
        ),
        image_token_index=SPECIAL.index("[IMG]"), vision_feature_layer=case["layer"], vision_feature_select_strategy="full",
        multimodal_projector_bias=case["bias"], tie_word_embeddings=case["tie"],
    )
    model = LlavaForConditionalGeneration(config).eval()
    for name, parameter in model.named_parameters():  # far from the initial values, so that every weight matters
        shift = 1.0 if "norm" in name or "ln_pre" in name else 0.0
        parameter.data = shift + 0.3 * torch.randn_like(parameter)
    return model


def noise(height, width):
    return numpy.random.randint(0, 256, (height, width, 3), dtype=numpy.uint8)


def conversations(case):
    """Messages and pictures: every picture is followed by a piece of text."""
    words = ["background: round\n\n", "what is it?", " yes, tall"]
    pictures = [[noise(*size) for size in row] for row in case["pictures"]]
    rows = [[part for i in range(len(row)) for part in ({"type": "image"}, {"type": "text", "text": words[i]})] for row in pictures]
    return [[{"role": "user", "content": row}] for row in rows], pictures


def with_images(chats, pictures):
    filled = json.loads(json.dumps(chats))
    for chat, row in zip(filled, pictures):
        places = [part for part in chat[0]["content"] if part["type"] == "image"]
        for part, pixels in zip(places, row):
            part["image"] = Image.fromarray(pixels)
    return filled


def digits(tensor, count=7):
    return [float(f"{value:.{count}g}") for value in tensor.detach().flatten().tolist()]


def packed(pixels):
    height, width, _ = pixels.shape
    return {"height": height, "width": width, "data": base64.b64encode(pixels.tobytes()).decode()}


def last_loss(model, inputs):
    """Cross-entropy of token 20 after the last two real tokens of each row, averaged."""
    logits = model(**inputs).logits
    picked = [logits[row, column - back] for row, column in enumerate(last_columns(inputs)) for back in (1, 0)]
    return torch.nn.functional.cross_entropy(torch.stack(picked), torch.full((len(picked),), 20))


def last_columns(inputs):
    return [int(row.nonzero().max()) for row in inputs["attention_mask"]]


def attach_adapter(model, options):
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, lora_alpha=5, task_type="CAUSAL_LM", **options)).eval()
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data = 0.1 * torch.randn_like(parameter)
    return adapted


def publish(folder):
    """Rewrites a folder into the names and the config.json of the published checkpoints."""
    renamed = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        for new, old in (("language_model.model.", "model.language_model."), ("language_model.lm_head", "lm_head"), ("", "model.")):
            if name.startswith(old):
                name = new + name.removeprefix(old)
                break
        renamed[name] = tensor.half() if "norm" not in name else tensor
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    for part in ("text_config", "vision_config"):
        config[part]["rope_theta"] = config[part].pop("rope_parameters")["rope_theta"]
        for field in ("attention_dropout", "initializer_range", "use_cache", "dtype", "hidden_act" if part == "text_config" else "num_channels"):
            config[part].pop(field, None)
    for field in ("dtype", "tie_word_embeddings", "multimodal_projector_bias", "image_seq_length"):
        config.pop(field, None)
    config["torch_dtype"] = "float16"
    (folder / "config.json").write_text(json.dumps(config, indent=2))


def make(name, case):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(len(name))
    numpy.random.seed(len(name))
    processor = build_processor(case)
    model = build_model(case, len(processor.tokenizer))
    if name == "published":  # what half precision keeps
        for key, parameter in model.named_parameters():
            if "norm" not in key:
                parameter.data = parameter.data.half().float()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if name == "published":
        publish(folder)
    chats, pictures = conversations(case)
    texts = [processor.apply_chat_template(chat, tokenize=False) for chat in chats]
    encode = lambda side: processor.apply_chat_template(
        with_images(chats, pictures), tokenize=True, return_dict=True,
        processor_kwargs=dict(padding=True, padding_side=side, return_tensors="pt"),
    )
    inputs = encode(case["side"])
    reference = {"versions": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}}
    reference |= {"chats": chats, "texts": texts, "pictures": [[packed(p) for p in row] for row in pictures], "side": case["side"]}
    reference |= {key: inputs[key].tolist() for key in ("input_ids", "attention_mask", "image_sizes")}
    reference["pixel_values"] = [digits(inputs["pixel_values"][i, :, :h, :w], 6) for i, (h, w) in enumerate(inputs["image_sizes"].tolist())]
    with torch.no_grad():
        logits = model(**inputs).logits
        reference["some_logits"] = digits(logits[:, :, ::16])
        reference["last_logits"] = digits(torch.stack([logits[row, column] for row, column in enumerate(last_columns(inputs))]))
        left = encode("left")
        reference["generated"] = model.generate(**left, max_new_tokens=6, do_sample=False)[:, left["input_ids"].shape[1]:].tolist()
    loss = last_loss(model, inputs)
    loss.backward()
    reference["full"] = {"loss": loss.item(), "gradients": {n: float(f"{p.grad.norm().item():.7g}") for n, p in model.named_parameters() if p.grad is not None}}
    model.zero_grad()
    reference["lora"] = make_adapter(model, case, inputs, folder)
    reference["resized"] = []
    for size in RESIZED:
        pixels = noise(*size)
        made = processor.image_processor(Image.fromarray(pixels), return_tensors="pt")
        reference["resized"].append(packed(pixels) | {"size": made["image_sizes"][0].tolist(), "pixel_values": digits(made["pixel_values"][0], 5)})
    (folder / "reference.json").write_text(json.dumps(reference))


def make_adapter(model, case, inputs, folder):
    adapted = attach_adapter(model, case["lora"])
    adapted.save_pretrained(folder / "lora")
    (folder / "lora" / "README.md").unlink(missing_ok=True)
    loss = last_loss(adapted, inputs)
    loss.backward()
    clean = lambda n: n.removeprefix("base_model.model.").replace(".default", "")
    gradients = {clean(n): digits(p.grad, 5) for n, p in adapted.named_parameters() if p.requires_grad and p.grad is not None}
    last_logits = digits(torch.stack([adapted(**inputs).logits[row, column] for row, column in enumerate(last_columns(inputs))]))
    merged = adapted.merge_and_unload().state_dict()
    return {
        "loss": loss.item(),
        "last_logits": last_logits,
        "gradients": gradients,
        # every third value of each weight that the adapter changes
        "merged": {name: digits(merged[f"{name}.weight"].flatten()[::3]) for name in sorted({key.rsplit(".lora_", 1)[0] for key in gradients})},
    }


if __name__ == "__main__":
    for name, case in CASES.items():
        make(name, case)
