"""Writes reference.json: every loss of the retriever stage, value and gradient by torch autograd in float64.

Run with: python make_reference.py   (torch 2.15.0)
The losses are written here from their papers, with torch's own kl_div, logsumexp and cross_entropy.
"""

import json
from pathlib import Path

import torch
from torch.nn import functional as F

SHAPES = [(3, 5, 4), (1, 1, 2), (2, 12, 7)]
LABELS = {1: [[0]], 2: [[3], [0]], 3: [[1], [3], [0]]}
MULTIPLE = {1: [[1]], 2: [[0, 5], [2, 3, 6]], 3: [[0, 2], [3], [1, 2, 3]]}
SETTINGS = [
    {"temperature": 1.0, "reduction": "batchMean"},
    {"temperature": 0.3, "reduction": "dividedByK"},
]


def kl(scores, target, setting):
    log_p = F.log_softmax(scores / setting["temperature"], -1)
    reduction = "batchmean" if setting["reduction"] == "batchMean" else "mean"
    return F.kl_div(log_p, target.detach(), reduction=reduction)


def reduce_rows(rows, scores, setting):
    return rows.sum() / (scores.numel() if setting["reduction"] == "dividedByK" else len(scores))


def gold_of(logits, labels, softmax):
    """logits [B, K, C] -> [B, K]."""
    rows = []
    for row, wanted in zip(logits, labels):
        others = [c for c in range(logits.shape[-1]) if c not in wanted]
        each = []
        for label in wanted:
            inside = row[:, [label, *others]]
            if softmax == "twice":
                inside = inside.softmax(-1)
            each.append(-F.cross_entropy(inside, torch.zeros(len(row), dtype=torch.long), reduction="none"))
        rows.append(torch.stack(each).mean(0))
    return torch.stack(rows)


def without_each(likelihood, weight):
    """log of the weighted mean of the others' likelihoods, [B, K] -> [B, K]."""
    count = likelihood.shape[-1]
    if count == 1:
        return torch.zeros_like(likelihood)
    columns = []
    for k in range(count):
        rest = [j for j in range(count) if j != k]
        columns.append(torch.logsumexp(likelihood[:, rest] + weight[:, rest].log_softmax(-1), -1))
    return torch.stack(columns, -1)


def losses(scores, x, setting):
    tau = setting["temperature"]
    log_p = F.log_softmax(scores / tau, -1)
    fixed = log_p.detach()
    once, twice = (gold_of(x["logits"], x["labels"], name) for name in ("once", "twice"))
    several = gold_of(x["logits"], x["multiple"], "once")
    likelihood = x["likelihood"]
    yield "contrastive", {}, kl(scores, (once.log_softmax(-1) + fixed).softmax(-1), setting)
    yield "contrastive", {"prior": "off"}, kl(scores, once.softmax(-1), setting)
    yield "contrastive", {"softmax": "twice"}, kl(scores, (twice.log_softmax(-1) + fixed).softmax(-1), setting)
    yield "contrastive", {"several": True}, kl(scores, (several.log_softmax(-1) + fixed).softmax(-1), setting)
    yield "contrastive", {"targetTemperature": 2.0}, kl(scores, ((once / 2).log_softmax(-1) + fixed).softmax(-1), setting)
    yield "perplexityDistillation", {}, kl(scores, likelihood.softmax(-1), setting)
    yield "perplexityDistillation", {"targetTemperature": 0.5}, kl(scores, (likelihood / 0.5).softmax(-1), setting)
    yield "emdr2", {}, reduce_rows(-torch.logsumexp(log_p + likelihood, -1), scores, setting)
    reliance = (x["logits"].log_softmax(-1).exp() * (x["logits"].log_softmax(-1) - x["alone"].log_softmax(-1)[:, None])).sum(-1)
    yield "attentionDistillation", {}, kl(scores, reliance.softmax(-1), setting)
    equal = without_each(likelihood, torch.zeros_like(likelihood))
    yield "leaveOneOut", {}, kl(scores, (-equal).softmax(-1), setting)
    gated = without_each(likelihood, fixed)
    yield "leaveOneOut", {"leftWeights": "retriever"}, kl(scores, (-gated).softmax(-1), setting)
    fused = torch.einsum("bk,bkc->bc", log_p.exp(), x["logits"])[:, None]
    yield "reveal", {}, reduce_rows(-gold_of(fused, x["labels"], "once").squeeze(-1), scores, setting)
    yield "reveal", {"several": True}, reduce_rows(-gold_of(fused, x["multiple"], "once").squeeze(-1), scores, setting)
    yield "reveal", {"gate": "probabilities"}, reduce_rows(-torch.logsumexp(log_p + once, -1), scores, setting)


def make_case(generator, shape, scale):
    rows, cols, num_labels = shape
    draw = lambda *size: torch.randn(*size, generator=generator).mul(1000).round().div(1000)
    scores = (draw(rows, cols) * scale).float()
    x = {
        "logits": (draw(rows, cols, num_labels) * 3).float().double(),
        "alone": (draw(rows, num_labels) * 2).float().double(),
        "likelihood": (-draw(rows, cols).abs() * 4).float().double(),
        "labels": LABELS[rows],
        "multiple": MULTIPLE[rows],
    }
    results = []
    for setting in SETTINGS:
        names = [(name, options) for name, options, _ in losses(scores.double(), x, setting)]
        for place, (name, options) in enumerate(names):
            variable = scores.double().requires_grad_()
            *_, value = list(losses(variable, x, setting))[place]
            (gradient,) = torch.autograd.grad(value, variable, allow_unused=True)
            gradient = torch.zeros_like(variable) if gradient is None else gradient
            found = {"value": value.item(), "gradient": gradient.flatten().tolist()}
            results.append({"loss": name, "options": {**setting, **options}, **found})
    flat = {name: value.flatten().tolist() if torch.is_tensor(value) else value for name, value in x.items()}
    return {"shape": shape, "scores": scores.flatten().tolist(), **flat, "results": results}


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, (list, tuple)) else value


generator = torch.Generator().manual_seed(7)
cases = [make_case(generator, shape, scale) for shape in SHAPES for scale in (1.0, 1e4, 0.0)]
reference = {"torch": torch.__version__.split("+")[0], "cases": rounded(cases)}
Path(__file__).with_name("reference.json").write_text(json.dumps(reference, separators=(",", ":")) + "\n")
