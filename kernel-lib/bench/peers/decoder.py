"""The small causal transformer in PyTorch's plain modules, and the matrix product that bounds it."""

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        before = self.norm1(x)
        q, k, v = (part(before).view(batch, length, self.heads, -1).transpose(1, 2) for part in (self.q, self.k, self.v))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        wide = self.up(self.norm2(x))
        return x + self.down(wide * torch.sigmoid(1.702 * wide))


class Decoder(nn.Module):
    def __init__(self, width, layers, heads, vocabulary, length):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids):
        x = self.words(ids) + self.places.weight
        for layer in self.layers:
            x = layer(x)
        return functional.linear(self.norm(x), self.words.weight)


def open_decoder(request, folder, _checkpoints):
    shape = request["shape"]
    tensors = load_file(folder / f"{request.get('inputs', 'decoder')}.safetensors")
    model = Decoder(*(shape[key] for key in ("width", "layers", "heads", "vocabulary", "length")))
    prefix = "weight:"
    model.load_state_dict({name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)})
    ids, targets = tensors["ids"].long(), tensors["targets"].long()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)

    def step():
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(ids).flatten(0, 1), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return loss.item()

    return step


def open_matmul(_request, _folder, _checkpoints):
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)

    @torch.inference_mode()
    def multiply():
        return [a @ b for _ in range(4)][-1].numel()

    return multiply
