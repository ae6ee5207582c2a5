"""Parquet files, and the rows that pyarrow reads in them."""

import base64
import datetime
import decimal
import io

import numpy
import pyarrow
import pyarrow.parquet

WORDS = ["", "a", "yes", "néphrite", "two\nlines", "«quoted»", "日本語", "a" * 300, "0", "-1.5", "NaN", "\u2028"]


def strings(random, count):
    return [WORDS[k] + ("" if k % 3 else str(k)) for k in random.integers(0, len(WORDS), count)]


def blobs(random, count):
    return [random.bytes(int(random.integers(0, 40))) for _ in range(count)]


KINDS = {
    "string": lambda r, n: pyarrow.array(strings(r, n), pyarrow.string()),
    "large_string": lambda r, n: pyarrow.array(strings(r, n), pyarrow.large_string()),
    "string_view": lambda r, n: pyarrow.array(strings(r, n), pyarrow.string_view()),
    "dictionary": lambda r, n: pyarrow.array(strings(r, n)).dictionary_encode(),
    "binary": lambda r, n: pyarrow.array(blobs(r, n), pyarrow.binary()),
    "fixed": lambda r, n: pyarrow.array([r.bytes(5) for _ in range(n)], pyarrow.binary(5)),
    "bool": lambda r, n: pyarrow.array(r.integers(0, 2, n).astype(bool)),
    "float32": lambda r, n: pyarrow.array(r.normal(size=n).astype("f4")),
    "float64": lambda r, n: pyarrow.array(r.normal(size=n)),
    "float16": lambda r, n: pyarrow.array(r.normal(size=n).astype("f2")),
    "date": lambda r, n: pyarrow.array([datetime.date(2020, 1, 1) + datetime.timedelta(int(k)) for k in r.integers(0, 900, n)]),
    "timestamp": lambda r, n: pyarrow.array([datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=int(k)) for k in r.integers(0, 9**9, n)]),
    "decimal": lambda r, n: pyarrow.array([decimal.Decimal(int(k)) / 100 for k in r.integers(-(10**6), 10**6, n)], pyarrow.decimal128(12, 2)),
    "list": lambda r, n: pyarrow.array([[str(k)] * int(k % 3) for k in r.integers(0, 9, n)]),
    "image": lambda r, n: pyarrow.array([{"bytes": b, "path": None if len(b) % 2 else f"{len(b)}.png"} for b in blobs(r, n)], pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])),
}
for width in (8, 16, 32, 64):
    KINDS[f"int{width}"] = lambda r, n, w=width: pyarrow.array(r.integers(-(2 ** (w - 1)), 2 ** (w - 1), n, dtype=f"i{w // 8}"))
    KINDS[f"uint{width}"] = lambda r, n, w=width: pyarrow.array(r.integers(0, 2**w, n, dtype=f"u{w // 8}"))


def with_nulls(column, share, random):
    if share == 0:
        return column
    mask = random.random(len(column)) < share
    values = column.to_pylist()
    return pyarrow.array([None if gone else value for gone, value in zip(mask, values)], column.type)


def plain(value):
    """As JSON: whole numbers as text, since JavaScript's reach 2^53 only; bytes as base64 behind a mark."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, int):
        return {"whole": str(value)}
    if isinstance(value, (float, numpy.floating)):
        return {"real": repr(float(value))}
    if isinstance(value, dict):
        return {"fields": {name: plain(each) for name, each in value.items()}}
    return {"other": str(value)}


def make(_, spec):
    random = numpy.random.default_rng(spec["seed"])
    rows = spec["rows"]
    columns = {f"c{i}": with_nulls(KINDS[each["kind"]](random, rows), each["nulls"], random) for i, each in enumerate(spec["columns"])}
    table = pyarrow.table(columns)
    fields = [field.with_nullable(spec["nullable"] or table[field.name].null_count > 0) for field in table.schema]
    table = table.cast(pyarrow.schema(fields))
    options = {"compression": spec["codec"], "data_page_version": spec["pages"], "write_page_checksum": spec["checksums"]}
    options["write_page_index"] = spec["checksums"]
    if spec["encoding"] is None:
        options["use_dictionary"] = spec["dictionary"]
    else:
        options |= {"use_dictionary": False, "column_encoding": {name: spec["encoding"] for name in columns}}
    if spec["pageSize"] is not None:
        options["data_page_size"] = spec["pageSize"]
    if spec["bloom"]:
        options["store_schema"] = False
    buffer = io.BytesIO()
    with pyarrow.parquet.ParquetWriter(buffer, table.schema, version=spec["version"], **options) as writer:
        for start in range(0, rows, spec["group"]):
            writer.write_table(table.slice(start, spec["group"]), row_group_size=spec["group"])
            if spec["emptyGroup"]:
                writer.write_table(table.slice(0, 0))
    content = buffer.getvalue()
    read = pyarrow.parquet.read_table(io.BytesIO(content))
    kinds = {f"c{i}": each["kind"] for i, each in enumerate(spec["columns"])}
    found = [{name: plain(value) for name, value in row.items()} for row in read.to_pylist()]
    return {"a.parquet": content}, {"kinds": kinds, "rows": found}
