"""Writes direct-preference.json: the DPO loss (loss_type "sigmoid" of TRL, with label smoothing), value and gradient.

Run with: python make_preference.py   (numpy 2.4.6)
The loss is written here from arXiv 2305.18290 with numpy's logaddexp in float64; gradients are complex-step derivatives, no formula.
"""

import json
from pathlib import Path

import numpy as np

STEP = 1e-200


def log_sigmoid(x):
    return -np.log1p(np.exp(-x)) if np.iscomplexobj(x) else -np.logaddexp(0, -x)


def dpo(policy, reference, beta, smoothing):
    chosen, rejected = policy
    logits = (chosen - rejected) - (reference[0] - reference[1])
    losses = -log_sigmoid(beta * logits) * (1 - smoothing) - log_sigmoid(-beta * logits) * smoothing
    return losses.mean()


def gradient(policy, reference, beta, smoothing):
    rows = []
    for side in range(2):
        row = []
        for i in range(policy.shape[1]):
            moved = policy.astype(complex)
            moved[side, i] += 1j * STEP
            row.append(float(dpo(moved, reference, beta, smoothing).imag / STEP))
        rows.append(row)
    return rows


random = np.random.default_rng(17)
cases = []
for count, scale in [(1, 1.0), (4, 3.0), (7, 20.0)]:
    policy = -np.abs(random.normal(0, scale, (2, count)))
    reference = -np.abs(random.normal(0, scale, (2, count)))
    for beta, smoothing in [(0.1, 0.0), (1.0, 0.0), (0.5, 0.1)]:
        cases.append(
            {
                "beta": beta,
                "labelSmoothing": smoothing,
                "policy": policy.tolist(),
                "reference": reference.tolist(),
                "value": float(dpo(policy, reference, beta, smoothing)),
                "gradient": gradient(policy, reference, beta, smoothing),
            }
        )
Path(__file__).with_name("direct-preference.json").write_text(json.dumps({"cases": cases}) + "\n")
