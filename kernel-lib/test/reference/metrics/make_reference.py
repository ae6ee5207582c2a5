"""Writes reference.json: accuracy and macro-F1 by scikit-learn, calibration error and quantiles by NumPy.

Run with: python make_reference.py   (scikit-learn 1.9.1, numpy 2.4.6)
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.metrics import accuracy_score, f1_score

UNPARSED = -1


def make_case(rng, num_rows, num_labels, used_labels, unparsed_share):
    truth = rng.integers(0, used_labels, num_rows)
    answers = np.where(rng.random(num_rows) < 0.5, truth, rng.integers(0, used_labels, num_rows))
    answers = np.where(rng.random(num_rows) < unparsed_share, UNPARSED, answers)
    macro = f1_score(truth, answers, labels=list(range(num_labels)), average="macro", zero_division=0)
    return {
        "numLabels": num_labels,
        "truth": truth.tolist(),
        "answers": [None if a == UNPARSED else a for a in answers.tolist()],
        "accuracy": accuracy_score(truth, answers),
        "macroF1": macro,
    }


def make_calibration(rng, num_rows, num_labels, num_bins):
    probabilities = np.round(rng.dirichlet(np.full(num_labels, 0.7), num_rows), 6)
    truth = np.array([rng.choice(num_labels, p=row / row.sum()) for row in probabilities])
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    edges = np.linspace(0, 1, num_bins + 1)
    error = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return {"numBins": num_bins, "probabilities": probabilities.tolist(), "truth": truth.tolist(), "error": error}


rng = np.random.default_rng(7)
values = np.round(rng.normal(size=11), 6)
reference = {
    "versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
    "answers": [
        make_case(rng, 40, 2, 2, 0.0),
        make_case(rng, 60, 5, 5, 0.1),
        make_case(rng, 30, 7, 4, 0.2),
        make_case(rng, 12, 2, 1, 0.5),
    ],
    "calibration": [make_calibration(rng, 50, 2, 15), make_calibration(rng, 40, 5, 10)],
    "quantiles": {
        "sorted": np.sort(values).tolist(),
        "shares": [0, 0.025, 0.3, 0.5, 0.975, 1],
        "values": np.quantile(values, [0, 0.025, 0.3, 0.5, 0.975, 1]).tolist(),
    },
}
Path(__file__).with_name("reference.json").write_text(json.dumps(reference) + "\n")
