"""Parquet files in forms that are easily read wrong: decimals, and groups whose dictionary holds words that none of their rows has.

python -m venv venv && venv/bin/pip install pyarrow
venv/bin/python make_forms.py
"""

import decimal
from pathlib import Path

import pyarrow
import pyarrow.parquet

HERE = Path(__file__).parent

prices = [decimal.Decimal(text) for text in ("7404.98", "-8147.07", "0.10")]
decimals = pyarrow.table({"c0": pyarrow.array(prices, pyarrow.decimal128(12, 2))})
pyarrow.parquet.write_table(decimals, HERE / "decimals.parquet", compression="none")

# each group is written with the whole table's dictionary
words = pyarrow.table({"c0": pyarrow.array(["a", "b", "c", "a"]).dictionary_encode()})
pyarrow.parquet.write_table(words, HERE / "words-of-others.parquet", compression="none", row_group_size=1, store_schema=False)
