"""Writes cases.json: 1,000 random cases of the metrics by scikit-learn and scipy.

Run with: python make_cases.py   (scikit-learn 1.9.1, scipy, numpy)
Rows are strings of base-36 digits: one digit per label, "-" for an unparsed answer, and for label sets one bit mask per row,
"-" again unparsed. Probabilities are thousandths.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
warnings.simplefilter("ignore")


def base36(number):
    text = ""
    while True:
        number, digit = divmod(int(number), 36)
        text = DIGITS[digit] + text
        if number == 0:
            return text


def number(value):
    return None if np.isnan(value) else float(f"{value:.13g}")


def f1s(truth, answers, labels):
    """macro with absent labels as 0, as 1, and left out."""
    with_all = [f1_score(truth, answers, labels=labels, average="macro", zero_division=z) for z in (0, 1, np.nan)]
    return [number(value) for value in with_all]


def single(rng):
    count, rows = int(rng.integers(2, 9)), int(rng.integers(1, 25))
    used = int(rng.integers(1, count + 1))
    truth = rng.integers(0, used, rows)
    answers = np.where(rng.random(rows) < 0.5, truth, rng.integers(0, count, rows))
    answers = np.where(rng.random(rows) < rng.choice([0, 0.2]), -1, answers)
    return [
        count,
        "".join(DIGITS[t] for t in truth),
        "".join("-" if a < 0 else DIGITS[a] for a in answers),
        number(accuracy_score(truth, answers)),
        *f1s(truth, answers, list(range(count))),
    ]


def several(rng):
    count, rows = int(rng.integers(2, 8)), int(rng.integers(1, 16))
    truth = rng.random((rows, count)) < 0.3
    answers = np.where(rng.random((rows, count)) < 0.7, truth, rng.random((rows, count)) < 0.3)
    unparsed = rng.random(rows) < 0.1
    counted = np.where(unparsed[:, None], False, answers)
    mask = lambda row: base36(sum(1 << c for c in range(count) if row[c]))
    right = (counted == truth).all(1) & ~unparsed
    f1 = f1_score(truth, counted, average=None, zero_division=0)
    return [
        count,
        " ".join(mask(row) for row in truth),
        " ".join("-" if u else mask(row) for row, u in zip(answers, unparsed)),
        number(right.mean()),
        [number(value) for value in f1],
        *f1s(truth.astype(int), counted.astype(int), list(range(count))),
    ]


def calibrated(rng):
    count, rows = int(rng.integers(2, 6)), int(rng.integers(1, 12))
    shares = rng.dirichlet(np.full(count, 0.7), rows)
    parts = np.floor(shares * 1000).astype(int)
    parts[:, 0] += 1000 - parts.sum(1)
    truth = rng.integers(0, count, rows)
    p = parts / 1000
    brier = brier_score_loss(np.eye(count)[truth].argmax(1), p, labels=list(range(count)), scale_by_half=False)
    return [count, "".join(map(str, truth)), parts.flatten().tolist(), number(brier)]


def seeds(rng):
    values = np.round(rng.normal(0.8, 0.05, int(rng.integers(2, 12))), 4)
    level = float(rng.choice([0.5, 0.9, 0.95, 0.999]))
    low, high = stats.t.interval(level, len(values) - 1, values.mean(), stats.sem(values))
    return [level, values.tolist(), *(number(value) for value in (values.mean(), values.std(ddof=1), low, high))]


rng = np.random.default_rng(36)
cases = {
    "versions": {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
    "single": [single(rng) for _ in range(500)],
    "several": [several(rng) for _ in range(300)],
    "calibrated": [calibrated(rng) for _ in range(150)],
    "seeds": [seeds(rng) for _ in range(50)],
}
Path(__file__).with_name("cases.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
