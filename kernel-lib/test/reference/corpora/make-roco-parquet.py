"""Writes roco-v2.parquet: three pairs in the columns of the Hugging Face release of ROCO v2. pyarrow 26.0.1.

python kernel-lib/test/reference/corpora/make-roco-parquet.py
"""

import struct
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def png(grey: int) -> bytes:
    """A PNG of 4 by 4 pixels of one grey."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([grey] * 4) for _ in range(4))
    header = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


table = pa.table(
    {
        "image": [{"bytes": png(10 * k), "path": f"ROCOv2_2023_test_{k:06}.jpg"} for k in (1, 2, 3)],
        "image_id": [f"ROCOv2_2023_test_{k:06}" for k in (1, 2, 3)],
        "caption": ["CT, axial", "chest “x-ray”", "MRI\nof the knee"],
    }
)
pq.write_table(table, Path(__file__).parent / "roco-v2.parquet", compression="snappy")
