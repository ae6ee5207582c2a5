"""Small grey DICOM files in every way of saying how they are shown, and in the ways archives and older programs leave files, with what pydicom shows of them.

python -m venv venv && venv/bin/pip install pydicom numpy   (versions used: display.json)
venv/bin/python make_display.py
"""

import io
import json
from pathlib import Path

import numpy
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

HERE = Path(__file__).parent
ROWS, COLUMNS = 6, 8
random = numpy.random.default_rng(23)
facts = {"versions": {"pydicom": pydicom.__version__, "numpy": numpy.__version__}, "rows": ROWS, "columns": COLUMNS, "shown": {}}


def ramp(bits, signed=False):
    top = 2**bits - 1
    values = (numpy.arange(ROWS * COLUMNS) * top / (ROWS * COLUMNS - 1)).round().astype(int) - (2 ** (bits - 1) if signed else 0)
    kind = (numpy.int16 if signed else numpy.uint16) if bits > 8 else (numpy.int8 if signed else numpy.uint8)
    return values.astype(kind).reshape(ROWS, COLUMNS)


def dataset(values, bits, photometric="MONOCHROME2", syntax=ExplicitVRLittleEndian, **fields):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.ImplementationClassUID = "1.2.3.4"
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PatientID = "DX", "phantom"
    data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = ROWS, COLUMNS, 1, photometric
    data.BitsAllocated = 8 if bits <= 8 else 16
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, int(numpy.issubdtype(values.dtype, numpy.signedinteger))
    for field, value in fields.items():
        setattr(data, field, value)
    kind = values.dtype.newbyteorder(">" if syntax == ExplicitVRBigEndian else "<")
    data.PixelData = values.astype(kind).tobytes()
    data["PixelData"].VR = "OW" if bits > 8 else "OB"
    return data


def table(first, entries, bits, kind="OW", order="<"):
    """One lookup table, its numbers as bytes (OW) or as numbers (US)."""
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 2**16, first, bits]
    item["LUTDescriptor"].VR = "SS" if first < 0 else "US"
    item.add_new(0x00283006, kind, numpy.asarray(entries, f"{order}u2").tobytes() if kind == "OW" else [int(entry) for entry in entries])
    return Sequence([item])


def curve(count, bits, power=2.0):
    return ((numpy.arange(count) / (count - 1)) ** power * (2**bits - 1)).round().astype(int)


def written(data):
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, data, enforce_file_format=True)
    return buffer.getvalue()


def edges(data):
    """The values that pydicom's windows and tables give for black and white; the range inside the picture where there is neither."""
    if "VOILUTSequence" in data:
        return 0, 2 ** data.VOILUTSequence[0].LUTDescriptor[2] - 1
    rescaled = apply_modality_lut(data.pixel_array, data)
    if "WindowWidth" not in data:
        limit = data.get("PixelPaddingRangeLimit", data.get("PixelPaddingValue"))
        low, high = sorted([data.get("PixelPaddingValue", 1), limit if limit is not None else 0])
        inside = (data.pixel_array < low) | (data.pixel_array > high) if "PixelPaddingValue" in data else rescaled == rescaled
        return rescaled[inside].min(), rescaled[inside].max()
    if "ModalityLUTSequence" in data:
        return 0, 2 ** data.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    lowest = -(2 ** (data.BitsStored - 1)) if data.PixelRepresentation else 0
    slope, intercept = float(data.get("RescaleSlope", 1)), float(data.get("RescaleIntercept", 0))
    return lowest * slope + intercept, (lowest + 2**data.BitsStored - 1) * slope + intercept


def shown(data):
    """Levels from 0 to 255, before they are rounded."""
    black, white = edges(data)
    values = apply_voi_lut(apply_modality_lut(data.pixel_array, data), data).astype(float)
    levels = ((values - black) / (white - black) * 255).clip(0, 255)
    return 255 - levels if data.PhotometricInterpretation == "MONOCHROME1" else levels


def save(name, content):
    """Writes a data set, or bytes as they stand, and notes what pydicom shows of the file."""
    path = HERE / f"{name}.dcm"
    path.write_bytes(content if isinstance(content, bytes) else written(content))
    data = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in data.file_meta:  # what pydicom found, which it asks its user to say again before it decodes
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if data.original_encoding[0] else ExplicitVRLittleEndian
    levels = shown(data)
    facts["shown"][name] = levels.round(3).reshape(-1).tolist()


def windows():
    for shape in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        for photometric in ("MONOCHROME1", "MONOCHROME2"):
            fields = {"WindowCenter": "1800.5", "WindowWidth": "900", "VOILUTFunction": shape}
            save(f"shown-{shape.lower().replace('_', '-')}-{photometric[-1]}", dataset(ramp(12), 12, photometric, **fields))
    rescaled = {"RescaleSlope": "1.5", "RescaleIntercept": "-1024"}
    save("shown-rescaled-sigmoid", dataset(ramp(12, signed=True), 12, **rescaled, WindowCenter="40", WindowWidth="400.5", VOILUTFunction="SIGMOID"))
    save("shown-falling", dataset(ramp(12), 12, RescaleSlope="-1", RescaleIntercept="4095", WindowCenter="2000", WindowWidth="3000"))
    save("shown-threshold", dataset(ramp(8), 8, WindowCenter="128", WindowWidth="1"))


def voi_tables():
    save("shown-voi-12bit", dataset(ramp(12), 12, VOILUTSequence=table(0, curve(4096, 12), 12)))
    save("shown-voi-before-window", dataset(ramp(12), 12, "MONOCHROME1", VOILUTSequence=table(500, curve(900, 16), 16), WindowCenter="9", WindowWidth="5"))
    save("shown-voi-short", dataset(ramp(12), 12, VOILUTSequence=table(1000, curve(1500, 10), 10, "US")))
    save("shown-voi-8bit", dataset(ramp(8), 8, VOILUTSequence=table(0, curve(256, 8, 0.5), 8, "US")))
    save("shown-voi-two", dataset(ramp(8), 8, VOILUTSequence=Sequence([*table(0, curve(256, 16), 16), *table(0, curve(256, 16)[::-1], 16)])))
    save("shown-voi-signed", dataset(ramp(12, signed=True), 12, VOILUTSequence=table(-1000, curve(2000, 14), 14)))
    rescaled = {"RescaleSlope": "0.5", "RescaleIntercept": "-100"}
    save("shown-voi-rescaled", dataset(ramp(12), 12, **rescaled, VOILUTSequence=table(-100, curve(900, 16), 16)))
    save("shown-voi-implicit", dataset(ramp(12), 12, syntax=ImplicitVRLittleEndian, VOILUTSequence=table(7, curve(800, 12), 12)))
    big = dataset(ramp(12), 12, syntax=ExplicitVRBigEndian, VOILUTSequence=table(700, curve(900, 12), 12, order=">"))
    save("shown-voi-big-endian", big)


def modality_tables():
    values = ramp(12)
    save("shown-modality", dataset(values, 12, ModalityLUTSequence=table(300, curve(700, 16), 16)))
    save("shown-modality-window", dataset(values, 12, "MONOCHROME1", ModalityLUTSequence=table(50, curve(800, 16), 16), WindowCenter="30000", WindowWidth="20000"))
    both = {"ModalityLUTSequence": table(1000, curve(900, 16), 16), "VOILUTSequence": table(2000, curve(700, 12, 0.5), 12)}
    save("shown-modality-voi", dataset(values, 12, **both))
    save("shown-modality-8bit", dataset(ramp(8), 8, ModalityLUTSequence=table(0, curve(256, 8), 8, "US")))
    save("shown-modality-signed", dataset(ramp(12, signed=True), 12, ModalityLUTSequence=table(-500, curve(900, 16), 16)))


def padding():
    values = ramp(12, signed=True)
    values[0, :3] = -2000
    save("shown-padding", dataset(values, 12, PixelPaddingValue=-2000, RescaleSlope="1", RescaleIntercept="-24"))
    values = ramp(12)
    save("shown-padding-range", dataset(values, 12, "MONOCHROME1", PixelPaddingValue=4095, PixelPaddingRangeLimit=3000))


def explicit_bytes(data, implicit=False, little=True):
    """The data set alone."""
    buffer = pydicom.filebase.DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, little
    plain = Dataset(data)
    pydicom.filewriter.write_dataset(buffer, plain)
    return buffer.getvalue()


def as_archives_leave_them():
    window = {"WindowCenter": "1800", "WindowWidth": "900"}
    data = dataset(ramp(12), 12, **window)
    for name, implicit in (("explicit", False), ("implicit", True)):
        save(f"bare-{name}", explicit_bytes(data, implicit))
    whole = written(data)
    save("bare-group-2", whole[132:])
    start = whole.index(b"\x08\x00\x16\x00")
    syntax = whole.index(b"\x02\x00\x10\x00")
    after = syntax + 8 + int.from_bytes(whole[syntax + 6 : syntax + 8], "little")
    unnamed = whole[:syntax] + whole[after:start]
    save("no-syntax-explicit", unnamed + explicit_bytes(data))
    save("no-syntax-implicit", unnamed + explicit_bytes(data, implicit=True))
    save("wrong-syntax", whole[:start] + explicit_bytes(data, implicit=True))
    padded = dataset(ramp(12), 12, **window)
    padded.PixelData = padded.PixelData + b"\0" * 64
    save("excess-padding", padded)
    odd = dataset(ramp(8), 8, WindowCenter="100", WindowWidth="90")
    odd.PixelData = odd.PixelData + b"\0" * 7
    save("excess-padding-8bit", written(odd))


for part in (windows, voi_tables, modality_tables, padding, as_archives_leave_them):
    part()
(HERE / "display.json").write_text(json.dumps(facts) + "\n")
