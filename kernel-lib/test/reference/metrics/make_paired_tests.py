"""Writes paired-tests.json: exact McNemar tests by statsmodels, Holm's correction by statsmodels, Student's t by scipy.

Run with: python make_paired_tests.py   (statsmodels 0.15.0, scipy 1.17.1, numpy 2.4.6)
"""

import json
from pathlib import Path

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(18)
counts = [(0, 0), (1, 0), (5, 0), (6, 0), (8, 1), (3, 3), (117, 21), (400, 471), (9000, 9400)]
counts += [tuple(int(c) for c in rng.integers(0, 60, 2)) for _ in range(30)]
families = [[0.01, 0.04, 0.03], [0.5], [0.02, 0.02, 0.9, 1.0], [0.0, 0.049, 0.049]]
families += [np.round(rng.beta(0.4, 2, int(rng.integers(2, 12))), 6).tolist() for _ in range(12)]
ts = [(0.3, 1), (2.0, 2), (2.7764, 4), (1.0, 19), (8.0, 4), (12.0, 200)]
reference = {
    "versions": {"statsmodels": statsmodels.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
    "mcnemar": [[b, c, float(mcnemar([[0, b], [c, 0]], exact=True).pvalue) if b + c else 1.0] for b, c in counts],
    "holm": [{"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()} for p in families],
    "studentTail": [[t, df, float(2 * stats.t.sf(t, df))] for t, df in ts],
}
Path(__file__).with_name("paired-tests.json").write_text(json.dumps(reference) + "\n")
