"""Parquet files with row groups of no rows, as writers of data sets and record batches leave them, and what PyArrow reads of them.

python -m venv venv && venv/bin/pip install pyarrow   (versions used: row-groups.json)
venv/bin/python make_row_groups.py
"""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet

HERE = Path(__file__).parent
TABLE = pyarrow.table(
    {
        "question": [f"question {i} ?" for i in range(6)],
        "answer": ["yes", "no", "left lung", "yes", "no", "two"],
        "number": pyarrow.array([1, None, 3, 4, 5, 6], type=pyarrow.int64()),
    }
)
PARTS = {
    "empty-first": [0, 3, 3],
    "empty-middle": [3, 0, 0, 3],
    "empty-last": [6, 0],
    "empty-only": [0],
    "no-groups": [],
}

facts = {"versions": {"pyarrow": pyarrow.__version__}, "files": {}}
for name, counts in PARTS.items():
    for codec, dictionary in (("none", False), ("snappy", True)):
        path = HERE / f"groups-{name}-{codec}.parquet"
        with pyarrow.parquet.ParquetWriter(path, TABLE.schema, compression=codec, use_dictionary=dictionary) as writer:
            start = 0
            for count in counts:
                writer.write_table(TABLE.slice(start, count))
                start += count
        groups = pyarrow.parquet.ParquetFile(path).metadata
        read = pyarrow.parquet.read_table(path)
        sizes = [groups.row_group(i).num_rows for i in range(groups.num_row_groups)]
        facts["files"][path.name] = {"groups": sizes, "rows": read.to_pylist()}
(HERE / "row-groups.json").write_text(json.dumps(facts) + "\n")
