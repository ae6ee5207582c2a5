"""Writes model/ (a tiny random CLIP as transformers saves it) and reference.json (its outputs and gradients).

Run with torch 2.15.0, transformers 5.23.0 and tokenizers 0.23:  python make-reference.py
"""

import json
import pathlib

import numpy as np
import tokenizers
import torch
import transformers
from PIL import Image
from tokenizers import decoders, pre_tokenizers, processors
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

HERE = pathlib.Path(__file__).parent
TEXTS = ["circle", "", "größer als ein Kreis", "a text that is far too long for the eleven positions"]
GRADIENTS = [
    "logit_scale",
    "visual_projection.weight",
    "vision_model.embeddings.class_embedding",
    "vision_model.embeddings.patch_embedding.weight",
    "vision_model.encoder.layers.0.self_attn.k_proj.weight",
    "vision_model.encoder.layers.1.mlp.fc1.bias",
    "text_model.embeddings.position_embedding.weight",
    "text_model.encoder.layers.0.layer_norm1.weight",
]


def make_tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: i for i, character in enumerate(alphabet)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|startoftext|>", "<|endoftext|>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>",
        special_tokens=[("<|startoftext|>", 256), ("<|endoftext|>", 257)],
    )
    return tokenizer


def make_model():
    tower = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(
        projection_dim=16,
        text_config=tower
        | {"vocab_size": 258, "max_position_embeddings": 11, "projection_dim": 16}
        | {"bos_token_id": 256, "eos_token_id": 257, "pad_token_id": 257},
        vision_config=tower | {"image_size": 12, "patch_size": 4, "projection_dim": 16},
    )
    torch.manual_seed(7)
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name != "logit_scale":
                parameter.add_(torch.randn(parameter.shape) * 0.15)
    return model


tokenizer, model = make_tokenizer(), make_model()
processor = CLIPImageProcessorPil(
    size={"shortest_edge": 12}, crop_size={"height": 12, "width": 12}, resample=Image.Resampling.BICUBIC
)
model.save_pretrained(HERE / "model")
tokenizer.save(str(HERE / "model" / "tokenizer.json"))
processor.save_pretrained(HERE / "model")

random = np.random.default_rng(7)
images = [random.integers(0, 256, shape).astype(np.uint8) for shape in [(12, 12, 3), (20, 17, 3), (9, 9, 3), (12, 30, 3)]]
pixels = torch.tensor(np.asarray(processor(images=[Image.fromarray(image) for image in images])["pixel_values"]))

tokenizer.enable_truncation(11)
tokenizer.enable_padding(pad_id=257, pad_token="<|endoftext|>")
ids = torch.tensor([encoding.ids for encoding in tokenizer.encode_batch(TEXTS)])
output = model(input_ids=ids, pixel_values=pixels, return_loss=True)
output.loss.backward()
parameters = dict(model.named_parameters())


def rounded(tensor):
    return [float(f"{value:.7g}") for value in tensor.detach().reshape(-1).tolist()]


reference = {
    "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    "texts": TEXTS,
    "ids": ids.tolist(),
    "images": [{"height": i.shape[0], "width": i.shape[1], "data": i.reshape(-1).tolist()} for i in images],
    "imageEmbeddings": rounded(output.image_embeds),
    "textEmbeddings": rounded(output.text_embeds),
    "loss": output.loss.item(),
    "gradients": {name: rounded(parameters[name].grad) for name in GRADIENTS},
}
(HERE / "reference.json").write_text(json.dumps(reference))
