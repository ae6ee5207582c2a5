"""Writes three tiny random Jina-CLIP models in the published format, and reference.json of each: outputs and gradients.

Run with torch 2.15.0, torchvision, safetensors 0.8, pillow 11.3 and tokenizers 0.23:  python make-reference.py

transformers has no Jina-CLIP, so the model is written out here, from its papers (EVA-02, arXiv 2303.11331; ALiBi, 2108.12409;
Jina CLIP, 2405.20204) and the names of the published weights. Both towers are in double precision. Run once on these weights,
the published image tower and timm's Eva gave the same image embeddings within 3e-7, candle's JinaBERT the same text embeddings
within 2e-7. The names of the text tower's weights could not be compared with a published file.
"""

import json
import math
import pathlib
import re

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch.nn import functional as F
from torchvision.transforms import functional as TF

HERE = pathlib.Path(__file__).parent
BACKBONE = "jinaai/jina-bert-flash-implementation"
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["circle", "round", "##er", "##ness", "shadow", "a", "the", "and", ",", "."]
TEXTS = ["a circle", "", "The ROUNDER shadow, größer and rounder", "one [MASK] text that has many more letters than the model reads"]
NUM_SAMPLES = 24

# small: weights so near to 0 that the epsilon of the norm behind them shows
CASES = {
    # as published, sizes aside: sub-layer norms, SwiGLU, positions scaled to a 16 x 16 grid, no map behind a tower
    "published": dict(
        projections=None, embed=24, pixels=12, buffers=True, small="patch_embed|cls_token|pos_embed",
        vision=dict(width=24, head_width=8, patch_size=4, layers=2, mlp_ratio=2.6667, qkv_bias=True, subln=True,
                    naive_swiglu=True, rope_embeddings=True, pt_hw_seq_len=16, intp_freq=True, proj_type=None),
        text=dict(hidden_size=24, num_attention_heads=6, num_hidden_layers=2, intermediate_size=32,
                  max_position_embeddings=24, layer_norm_eps=1e-12),
        proj_type=None, proj_bias=False,
    ),
    # a joint map of q, k and v, a two-layer MLP, positions of the grid itself, maps behind both towers
    "plain": dict(
        projections=12, embed=20, pixels=16, buffers=False, small="_embeddings",
        vision=dict(width=16, head_width=4, patch_size=4, layers=2, mlp_ratio=2.0, qkv_bias=True, subln=False,
                    naive_swiglu=False, rope_embeddings=True, pt_hw_seq_len=4, intp_freq=False, proj_type="linear"),
        text=dict(hidden_size=16, num_attention_heads=4, num_hidden_layers=2, intermediate_size=24,
                  max_position_embeddings=16, layer_norm_eps=1e-5),
        proj_type="linear", proj_bias=True,
    ),
    # sub-layer norms around a two-layer MLP, no biases, no rotary positions; 12 heads are no power of two
    "mixed": dict(
        projections=None, embed=16, pixels=8, buffers=False, small="mlp.fc1",
        vision=dict(width=16, head_width=8, patch_size=4, layers=1, mlp_ratio=1.5, qkv_bias=False, subln=True,
                    naive_swiglu=False, rope_embeddings=False, pt_hw_seq_len=16, intp_freq=False, proj_type=None),
        text=dict(hidden_size=24, num_attention_heads=12, num_hidden_layers=1, intermediate_size=20,
                  max_position_embeddings=20, layer_norm_eps=1e-12),
        proj_type=None, proj_bias=False,
    ),
}


def config_of(case, vocabulary):
    return {
        "add_projections": case["projections"] is not None,
        "architectures": ["JinaCLIPModel"],
        "auto_map": {
            "AutoConfig": "jinaai/jina-clip-implementation--configuration_clip.JinaCLIPConfig",
            "AutoModel": "jinaai/jina-clip-implementation--modeling_clip.JinaCLIPModel",
        },
        "initializer_factor": 1.0,
        "logit_scale_init_value": 2.6592,
        "model_type": "jina_clip",
        "projection_dim": case["projections"] or case["embed"],
        "text_config": {
            "embed_dim": case["embed"],
            "hf_model_config_kwargs": {"use_flash_attn": False, "vocab_size": vocabulary, **case["text"]},
            "hf_model_name_or_path": BACKBONE,
            "model_type": "jina_clip_text",
            "pooler_type": "mean_pooler",
            "proj_bias": case["proj_bias"],
            "proj_type": case["proj_type"],
        },
        "torch_dtype": "float32",
        "vision_config": {
            "embed_dim": case["embed"],
            "fused_layer_norm": False,
            "image_size": case["pixels"],
            "ls_init_value": None,
            "model_type": "jina_clip_vision",
            "patch_dropout": 0.1,
            "post_norm": False,
            "x_attention": True,
            **case["vision"],
        },
    }


class Weights:
    """Draws each weight at the first use of its name, so that the model's own code says which there are."""

    def __init__(self, small):
        self.all, self.small = {}, small

    def __call__(self, name, *shape):
        if name not in self.all:
            value = torch.randn(shape, dtype=torch.float64) * (0.003 if re.search(self.small, name) else 0.3)
            if name.endswith(".weight") and len(shape) == 1:
                value = value + 1
            self.all[name] = value.float().double().requires_grad_()
        assert tuple(self.all[name].shape) == shape, name
        return self.all[name]

    def linear(self, name, x, size, bias=True):
        weight = self(f"{name}.weight", size, x.shape[-1])
        return F.linear(x, weight, self(f"{name}.bias", size) if bias else None)

    def norm(self, name, x, eps):
        size = x.shape[-1]
        return F.layer_norm(x, (size,), self(f"{name}.weight", size), self(f"{name}.bias", size), eps)


def heads_of(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)  # [B, heads, L, d]


def attend(q, k, v, bias=0.0):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + bias
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)  # [B, L, heads * d]


def patch_angles(vision, side):
    """[side * side, head_width / 2]: the angle of each pair of neighbouring values of a head."""
    quarter = vision["head_width"] // 4
    frequencies = 10000.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    places = torch.arange(side, dtype=torch.float64)
    if vision["intp_freq"]:
        places = places / side * vision["pt_hw_seq_len"]
    along = places[:, None] * frequencies  # [side, quarter]
    rows = along[:, None].expand(side, side, quarter)
    columns = along[None].expand(side, side, quarter)
    return torch.cat([rows, columns], -1).reshape(side * side, 2 * quarter)


def turn(x, angles):
    """Turns pairs of neighbours of all tokens but the class token. x [B, heads, 1 + patches, d]"""
    pairs = torch.view_as_complex(x[:, :, 1:].unflatten(-1, (-1, 2)).contiguous())
    turned = torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)
    return torch.cat([x[:, :, :1], turned], 2)


def image_tower(w, vision, pixels, embed):
    width, patch, heads = vision["width"], vision["patch_size"], vision["width"] // vision["head_width"]
    side = pixels.shape[-1] // patch
    kernel, shift = w("vision_model.patch_embed.proj.weight", width, 3, patch, patch), w("vision_model.patch_embed.proj.bias", width)
    patches = F.conv2d(pixels, kernel, shift, stride=patch).flatten(2).transpose(1, 2)
    first = w("vision_model.cls_token", 1, 1, width).expand(len(pixels), 1, width)
    x = torch.cat([first, patches], 1) + w("vision_model.pos_embed", 1, side * side + 1, width)
    angles = patch_angles(vision, side)
    for layer in range(vision["layers"]):
        block = f"vision_model.blocks.{layer}"
        seen = w.norm(f"{block}.norm1", x, 1e-6)
        if vision["subln"]:
            q, k, v = (w.linear(f"{block}.attn.{part}_proj", seen, width, bias=False) for part in "qkv")
        else:
            q, k, v = w.linear(f"{block}.attn.qkv", seen, 3 * width, bias=False).split(width, -1)
        if vision["qkv_bias"]:
            q, v = q + w(f"{block}.attn.q_bias", width), v + w(f"{block}.attn.v_bias", width)
        q, k, v = (heads_of(part, heads) for part in (q, k, v))
        if vision["rope_embeddings"]:
            q, k = turn(q, angles), turn(k, angles)
        mixed = attend(q, k, v)
        if vision["subln"]:
            mixed = w.norm(f"{block}.attn.inner_attn_ln", mixed, 1e-6)
        x = x + w.linear(f"{block}.attn.proj", mixed, width)
        seen, inner = w.norm(f"{block}.norm2", x, 1e-6), int(width * vision["mlp_ratio"])
        if vision["naive_swiglu"]:
            wide = F.silu(w.linear(f"{block}.mlp.w1", seen, inner)) * w.linear(f"{block}.mlp.w2", seen, inner)
        else:
            wide = F.gelu(w.linear(f"{block}.mlp.fc1", seen, inner))
        if vision["subln"]:  # the published code gives its two-layer MLP torch's default here
            wide = w.norm(f"{block}.mlp.ffn_ln", wide, 1e-6 if vision["naive_swiglu"] else 1e-5)
        x = x + w.linear(f"{block}.mlp.{'w3' if vision['naive_swiglu'] else 'fc2'}", wide, width)
    pooled = w.norm("vision_model.norm", x[:, 0], 1e-6)
    return w.linear("vision_model.head", pooled, embed, bias=vision["qkv_bias"]) if vision["proj_type"] == "linear" else pooled


def slopes_of(heads):
    """ALiBi: a geometric row for a power of two; otherwise the rest comes from every second slope of twice as many heads."""
    floor = 2 ** int(math.log2(heads))
    row = [2 ** (-8 * (i + 1) / floor) for i in range(floor)]
    return row if floor == heads else row + slopes_of(2 * floor)[0::2][: heads - floor]


def text_tower(w, config, ids):
    sizes = config["hf_model_config_kwargs"]
    size, heads, eps = sizes["hidden_size"], sizes["num_attention_heads"], sizes["layer_norm_eps"]
    start, length = "text_model.transformer", ids.shape[1]
    words = w(f"{start}.embeddings.word_embeddings.weight", sizes["vocab_size"], size)[ids]
    kinds = w(f"{start}.embeddings.token_type_embeddings.weight", 2, size)[0]
    x = w.norm(f"{start}.emb_ln", words + kinds, eps)
    places = torch.arange(length)
    distance = (places[:, None] - places).abs()
    bias = -torch.tensor(slopes_of(heads), dtype=torch.float64)[:, None, None] * distance
    mask = ids != 0
    bias = bias[None].masked_fill(~mask[:, None, None], -math.inf)
    for layer in range(sizes["num_hidden_layers"]):
        name = f"{start}.encoder.layers.{layer}"
        q, k, v = (heads_of(part, heads) for part in w.linear(f"{name}.mixer.Wqkv", x, 3 * size).split(size, -1))
        x = w.norm(f"{name}.norm1", x + w.linear(f"{name}.mixer.out_proj", attend(q, k, v, bias), size), eps)
        gate, up = w.linear(f"{name}.mlp.gated_layers", x, 2 * sizes["intermediate_size"], bias=False).chunk(2, -1)
        x = w.norm(f"{name}.norm2", x + w.linear(f"{name}.mlp.wo", F.gelu(gate) * up, size), eps)
    mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    if config["proj_type"] == "linear" or size != config["embed_dim"]:
        mean = w.linear("text_model.proj", mean, config["embed_dim"], bias=config["proj_bias"])
    return mean


def embeddings(w, config, pixels, ids):
    sides = {
        "visual": image_tower(w, config["vision_config"], pixels, config["vision_config"]["embed_dim"]),
        "text": text_tower(w, config["text_config"], ids),
    }
    if config["add_projections"]:
        sides = {name: w.linear(f"{name}_projection", x, config["projection_dim"], bias=False) for name, x in sides.items()}
    return [F.normalize(x, dim=1) for x in sides.values()]


def make_tokenizer():
    letters = "abcdefghijklmnopqrstuvwxyzß"
    vocabulary = [*SPECIAL, *WORDS, *letters.replace("a", ""), *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(models.WordPiece({token: i for i, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def prepare(image, size):
    """The shorter edge to `size`, the centre cut out, colours to numbers."""
    resized = TF.resize(Image.fromarray(image), size, TF.InterpolationMode.BICUBIC)
    return TF.normalize(TF.to_tensor(TF.center_crop(resized, size)), MEAN, STD).double()


def number(value):
    return float(f"{value:.7g}")


def sample(tensor):
    flat = tensor.detach().reshape(-1)
    step = max(1, flat.numel() // NUM_SAMPLES)
    return {"largest": number(flat.abs().max().item()), "step": step, "values": [number(v) for v in flat[::step].tolist()]}


def write_case(name, case):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    tokenizer = make_tokenizer()
    config = config_of(case, tokenizer.get_vocab_size() + 3)  # published vocabularies are padded, too
    size = case["pixels"]
    random = np.random.default_rng(size)
    # 15, 13 and 17 of 12 leave an odd margin: the cut rounds half to even
    shapes = [(size, size, 3), (20, 17, 3), (size, size + 3, 3), (size + 5, size, 3), (size, size + 1, 3), (7, 9, 3)][: 2 + len(TEXTS)]
    images = [random.integers(0, 256, shape).astype(np.uint8) for shape in shapes]
    pixels = torch.stack([prepare(image, size) for image in images])
    tokenizer.enable_truncation(case["text"]["max_position_embeddings"])
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    ids = torch.tensor([encoding.ids for encoding in tokenizer.encode_batch(TEXTS)])
    torch.manual_seed(size)
    weights = Weights(case["small"])
    image_rows, text_rows = embeddings(weights, config, pixels, ids)
    scale = torch.tensor(2.6592, dtype=torch.float64, requires_grad=True)
    logits = image_rows[: len(TEXTS)] @ text_rows.T * scale.exp()
    own = torch.arange(len(TEXTS))
    loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    loss.backward()
    stored = {name: value.detach().float().contiguous() for name, value in weights.all.items()}
    if case["buffers"]:  # older published files hold the tables of the rotary positions
        angles = patch_angles(case["vision"], size // case["vision"]["patch_size"]).repeat_interleave(2, -1)
        stored |= {"vision_model.rope.freqs_cos": angles.cos().float(), "vision_model.rope.freqs_sin": angles.sin().float()}
    save_file(stored | {"logit_scale": scale.detach().float()}, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    preprocessor = {
        "fill_color": 0, "image_processor_type": "JinaCLIPImageProcessor", "interpolation": "bicubic", "mean": MEAN,
        "processor_class": "JinaCLIPProcessor", "resize_mode": "shortest", "size": size if name != "mixed" else [size, size], "std": STD,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=1) + "\n")
    plain = make_tokenizer()
    plain.save(str(folder / "tokenizer.json"), pretty=False)
    reference = {
        "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__},
        "texts": TEXTS,
        "ids": ids.tolist(),
        "images": [{"height": i.shape[0], "width": i.shape[1], "data": i.reshape(-1).tolist()} for i in images],
        "pixels": sample(pixels.permute(0, 2, 3, 1).contiguous()),
        "imageEmbeddings": [number(v) for v in image_rows.reshape(-1).tolist()],
        "textEmbeddings": [number(v) for v in text_rows.reshape(-1).tolist()],
        "loss": loss.item(),
        "gradients": {name: sample(value.grad) for name, value in [*weights.all.items(), ("logit_scale", scale)]},
    }
    (folder / "reference.json").write_text(json.dumps(reference))


if __name__ == "__main__":
    for name, case in CASES.items():
        write_case(name, case)
