"""Writes two tiny models in the layout of open_clip's published folders (BiomedCLIP's among them), and what open_clip makes of them.

Run with open_clip_torch 3.3.0, timm 1.0.31, torch 2.15.0 and transformers 5.23.0:  python make-reference.py

The weights are no files: both sides compute them from their names (`value_of`), so that only configuration, tokenizer and open_clip's
own numbers are stored: tokens, pixels, embeddings, loss, gradients. Both towers are in double precision.
"""

import json
import math
import pathlib
import re
import tempfile
import zlib

import numpy as np
import open_clip
import timm
import torch
from open_clip.model import CustomTextCLIP
from open_clip.tokenizer import HFTokenizer
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from timm.models import register_model
from timm.models.vision_transformer import VisionTransformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch.nn import functional as F
from transformers import BertConfig

HERE = pathlib.Path(__file__).parent
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["chest", "film", "nod", "##ule", "##s", "a", "the", "of", ",", ".", "no"]
TEXTS = ["a chest film", "", "The FILM of nodules, größer", "no nodule of the chest , a film with many more words than the model reads"]
NUM_SAMPLES = 12

# heads of both towers are 64 wide, as in every model of these families
CASES = {
    "biomed-clip": dict(pooler="cls_last_hidden_state_pooler", proj="mlp", context=12, embed=24),
    "mean": dict(pooler="mean_pooler", proj="linear", context=10, embed=16),
}


@register_model
def vit_tiny_patch8_32(pretrained=False, **kwargs):
    kwargs.pop("pretrained_cfg", None), kwargs.pop("pretrained_cfg_overlay", None), kwargs.pop("cache_dir", None)
    model = VisionTransformer(img_size=32, patch_size=8, embed_dim=128, depth=2, num_heads=2, mlp_ratio=2, **kwargs)
    model.default_cfg = {}
    return model


def value_of(name, size, scale, shift):
    start = zlib.crc32(name.encode()) % 1000
    return torch.tensor([shift + scale * math.sin(start + 0.61803 * i + 0.37 * (i * i % 10007)) for i in range(size)], dtype=torch.float64)


def set_weights(model):
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name == "logit_scale":
                weight.fill_(2.0)
                continue
            norm = weight.ndim == 1 and name.endswith(".weight")
            scale = 0.2 if weight.ndim < 2 or re.search("pos_embed|cls_token", name) else 2.5 / math.sqrt(weight[0].numel())
            scale = 1.0 if "_embeddings" in name and weight.ndim == 2 else scale
            value = value_of(name, weight.numel(), scale, 1.0 if norm else 0.0)
            weight.copy_(value.float().double().reshape(weight.shape))


def make_tokenizer():
    vocabulary = {word: i for i, word in enumerate(SPECIAL + WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def number(value):
    return float(f"{value:.7g}")


def sample(tensor):
    flat = tensor.detach().reshape(-1)
    step = max(1, flat.numel() // NUM_SAMPLES)
    return {"largest": number(flat.abs().max().item()), "step": step, "values": [number(v) for v in flat[::step].tolist()]}


def pictures():
    draw = np.random.default_rng(5)
    sizes = [(32, 32), (41, 33), (20, 27), (36, 40)]
    return [(draw.integers(0, 200, (1, 1, 3)) + draw.integers(0, 56, (h, w, 3))).astype(np.uint8) for h, w in sizes]


def config_of(case):
    return {
        "model_cfg": {
            "embed_dim": case["embed"],
            "vision_cfg": {
                "timm_model_name": "vit_tiny_patch8_32", "timm_model_pretrained": False, "timm_pool": "",
                "timm_proj": "linear", "image_size": 32,
            },
            "text_cfg": {
                "hf_model_name": "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract",
                "hf_tokenizer_name": "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract",
                "hf_proj_type": case["proj"], "hf_pooler_type": case["pooler"], "context_length": case["context"],
            },
        },
        "preprocess_cfg": {"mean": MEAN, "std": STD},
    }


def build(config, bert_folder):
    model_cfg = json.loads(json.dumps(config["model_cfg"]))
    model_cfg["text_cfg"].update(hf_model_name=bert_folder, hf_model_pretrained=False)
    model = CustomTextCLIP(**model_cfg).double().eval()
    set_weights(model)
    return model


def write_case(name, case):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    config = config_of(case)
    tokenizer = make_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    words = {"tokenizer_class": "BertTokenizer", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]",
             "unk_token": "[UNK]", "mask_token": "[MASK]", "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(words, indent=1) + "\n")
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=1) + "\n")
    with tempfile.TemporaryDirectory() as bert:
        BertConfig(vocab_size=len(SPECIAL + WORDS), hidden_size=128, num_hidden_layers=2, num_attention_heads=2,
                   intermediate_size=192, max_position_embeddings=20).save_pretrained(bert)
        tokenizer.save(f"{bert}/tokenizer.json")
        pathlib.Path(bert, "tokenizer_config.json").write_text(json.dumps({**words, "tokenizer_class": "PreTrainedTokenizerFast"}))
        model = build(config, bert)
        ids = HFTokenizer(bert, context_length=case["context"])(TEXTS)
    images = pictures()
    transform = image_transform_v2(PreprocessCfg(size=32, mean=MEAN, std=STD), is_train=False)
    pixels = torch.stack([transform(Image.fromarray(image)) for image in images]).double()
    rows, texts = model.encode_image(pixels, normalize=True), model.encode_text(ids, normalize=True)
    logits = model.logit_scale.exp() * rows @ texts.T
    own = torch.arange(len(TEXTS))
    loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    loss.backward()
    parameters = dict(model.named_parameters())
    reference = {
        "versions": {"open_clip_torch": open_clip.__version__, "timm": timm.__version__, "torch": torch.__version__.split("+")[0]},
        "texts": TEXTS,
        "ids": ids.tolist(),
        "images": [{"height": i.shape[0], "width": i.shape[1], "data": i.reshape(-1).tolist()} for i in images],
        "pixels": sample(pixels.permute(0, 2, 3, 1)),
        "imageEmbeddings": [number(v) for v in rows.reshape(-1).tolist()],
        "textEmbeddings": [number(v) for v in texts.reshape(-1).tolist()],
        "loss": number(loss.item()),
        "shapes": {key: list(value.shape) for key, value in parameters.items()},
        "gradients": {key: sample(value.grad) for key, value in parameters.items() if value.grad is not None},
    }
    (folder / "reference.json").write_text(json.dumps(reference) + "\n")


for case_name, each in CASES.items():
    write_case(case_name, each)
