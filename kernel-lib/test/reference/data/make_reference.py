"""Small files made by other writers, and what is in them: parquet by PyArrow, DICOM by pydicom.

python -m venv venv && venv/bin/pip install pyarrow pydicom pillow numpy   (versions used: reference.json)
venv/bin/python make_reference.py
"""

import io
import json
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

HERE = Path(__file__).parent
random = numpy.random.default_rng(7)


def png(size, mode):
    pixels = random.integers(0, 256, size=(*size, 3) if mode == "RGB" else size, dtype=numpy.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue(), pixels


def write_parquet(facts):
    pictures = [png((6, 8), "RGB"), png((5, 5), "L")]
    table = pyarrow.table(
        {
            "image": pyarrow.array(
                [{"bytes": pictures[i % 2][0], "path": f"{i}.png"} for i in range(4)],
                type=pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())]),
            ),
            "question": ["is it clear ?", "wo liegt die Läsion ?", "what is shown ?", "is it clear ?"],
            "answer": ["yes", "links", "a mass", "no"],
            "number": pyarrow.array([1, 2, None, 4], type=pyarrow.int64()),
        }
    )
    for codec in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
        for version in ["1.0", "2.0"]:
            name = f"{codec}-v{version[0]}.parquet"
            pyarrow.parquet.write_table(
                table, HERE / name, compression=codec, data_page_version=version, row_group_size=3, write_page_checksum=codec == "none"
            )
    facts["parquet"] = {
        "questions": table["question"].to_pylist(),
        "answers": table["answer"].to_pylist(),
        "numbers": table["number"].to_pylist(),
        "pictures": [pixels.reshape(-1).tolist() for _, pixels in pictures],
    }


def write_mixed(facts):
    """Columns as data sets of pictures have them: lists and groups of lists beside what is read, texts repeated and large, both encodings."""
    pictures = [png((6, 8), "RGB")[0], png((5, 5), "L")[0]]
    rows = 40
    columns = {
        "image": pyarrow.array(
            [{"bytes": pictures[i % 2], "path": f"{i}.png"} for i in range(rows)],
            type=pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())]),
        ),
        "image_id": pyarrow.array([f"ROCOv2_{i:06}" for i in range(rows)], type=pyarrow.large_string()),
        "caption": [["Chest x-ray, “a”", "", "MRI\nof the knee", "CT"][i % 4] for i in range(rows)],
        "cui": pyarrow.array([[f"C{k}" for k in range(i % 4)] for i in range(rows)], type=pyarrow.list_(pyarrow.string())),
        "boxes": pyarrow.array(
            [[{"x": i, "y": [float(i)]}] for i in range(rows)],
            type=pyarrow.list_(pyarrow.struct([("x", pyarrow.int32()), ("y", pyarrow.list_(pyarrow.float64()))])),
        ),
        "kind": pyarrow.array([["CT", "MR"][i % 2] for i in range(rows)]).dictionary_encode(),
        "seen": pyarrow.array([None if i % 5 == 0 else i * 1000 for i in range(rows)], type=pyarrow.timestamp("ms")),
    }
    table = pyarrow.table(columns)
    for codec, dictionary in (("zstd", True), ("snappy", False)):
        name = f"mixed-{codec}.parquet"
        pyarrow.parquet.write_table(
            table, HERE / name, compression=codec, use_dictionary=dictionary, row_group_size=16, data_page_size=256
        )
    facts["mixed"] = {name: table[name].to_pylist() for name in ("image_id", "caption", "kind")}


def dataset(pixels, syntax, bits, photometric, signed=0, **extra):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.ImplementationClassUID = "1.2.3.4"
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PatientID = "CR", "phantom"
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    if pixels.ndim == 3:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = photometric
    data.BitsAllocated = 8 * pixels.dtype.itemsize
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, signed
    for name, value in extra.items():
        setattr(data, name, value)
    return data


def save(data, name):
    data.save_as(HERE / name, enforce_file_format=True)


def write_dicom(facts):
    ramp = numpy.arange(6 * 7, dtype=numpy.uint16).reshape(6, 7)
    deep = ramp * 97
    cases = {
        "explicit-12bit": (deep, ExplicitVRLittleEndian, 12, "MONOCHROME2", 0, {"WindowCenter": 2048, "WindowWidth": 3000}),
        "implicit-12bit-inverted": (deep, ImplicitVRLittleEndian, 12, "MONOCHROME1", 0, {}),
        "deflated-16bit": (deep * 16, DeflatedExplicitVRLittleEndian, 16, "MONOCHROME2", 0, {}),
        "signed-rescaled": (
            (deep.astype(numpy.int16) - 1024),
            ExplicitVRLittleEndian,
            16,
            "MONOCHROME2",
            1,
            {"RescaleSlope": "2", "RescaleIntercept": "-100", "WindowCenter": ["40", "400"], "WindowWidth": ["1500", "80"]},
        ),
        "explicit-8bit": ((ramp * 6).astype(numpy.uint8), ExplicitVRLittleEndian, 8, "MONOCHROME2", 0, {}),
        "rgb": (numpy.stack([ramp * 6, ramp * 3, 255 - ramp * 5], axis=2).astype(numpy.uint8), ExplicitVRLittleEndian, 8, "RGB", 0, {}),
    }
    facts["dicom"] = {}
    for name, (pixels, syntax, bits, photometric, signed, extra) in cases.items():
        data = dataset(pixels, syntax, bits, photometric, signed, **extra)
        data.PixelData = pixels.tobytes()
        save(data, f"{name}.dcm")
        facts["dicom"][name] = pixels.reshape(-1).tolist()
    for bits, pixels in [(8, (ramp * 6).astype(numpy.uint8)), (12, deep)]:
        data = dataset(pixels, ExplicitVRLittleEndian, bits, "MONOCHROME2")
        data.PixelData = pixels.tobytes()
        data.compress(RLELossless, generate_instance_uid=False)
        save(data, f"rle-{bits}bit.dcm")
        facts["dicom"][f"rle-{bits}bit"] = pixels.reshape(-1).tolist()
    grey = (ramp * 6).astype(numpy.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, format="JPEG", quality=95)
    data = dataset(grey, JPEGBaseline8Bit, 8, "MONOCHROME2")
    data.PixelData = encapsulate([buffer.getvalue()])
    save(data, "jpeg-baseline.dcm")
    facts["dicom"]["jpeg-baseline"] = numpy.array(Image.open(buffer)).reshape(-1).tolist()
    data = dataset(grey, JPEG2000Lossless, 8, "MONOCHROME2")
    data.PixelData = encapsulate([b"\xff\x4f\xff\x51" + b"\0" * 40])
    save(data, "jpeg-2000.dcm")


facts = {"versions": {"pyarrow": pyarrow.__version__, "pydicom": pydicom.__version__, "numpy": numpy.__version__}}
write_parquet(facts)
write_dicom(facts)
write_mixed(facts)
(HERE / "reference.json").write_text(json.dumps(facts) + "\n")
