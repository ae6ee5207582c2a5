"""DICOM files in every packing, depth and colour form that readDicom reads, and what is in them: pydicom, pixels coded by imagecodecs and Pillow.

python -m venv venv && venv/bin/pip install pydicom numpy imagecodecs pillow   (versions used: reference.json)
venv/bin/python make_reference.py
"""

import io
import json
from pathlib import Path

import imagecodecs
import numpy
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

HERE = Path(__file__).parent
ROWS, COLUMNS = 21, 18
random = numpy.random.default_rng(11)


def grey(bits, signed=False):
    """A slope with noise over the whole range of `bits`."""
    y, x = numpy.mgrid[0:ROWS, 0:COLUMNS]
    top = 2**bits - 1
    values = (x / COLUMNS + y / ROWS) / 2 * top + random.normal(0, top / 40, (ROWS, COLUMNS))
    values = values.round().clip(0, top)
    values[0, 0], values[-1, -1] = 0, top
    if signed:
        values -= 2 ** (bits - 1)
    return values.astype((numpy.int16 if signed else numpy.uint16) if bits > 8 else numpy.uint8)


def colour():
    return numpy.stack([grey(8), grey(8).T.reshape(ROWS, COLUMNS), 255 - grey(8)], axis=2)


def save(name, values, coded, syntax, bits, photometric, **extra):
    """Writes `coded` (bytes as they stand, or one packed frame) under a header of these values. @returns what should be read."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.ImplementationClassUID = "1.2.3.4"
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PatientID = "CR", "phantom"
    data.Rows, data.Columns = ROWS, COLUMNS
    data.SamplesPerPixel = 3 if values.ndim == 3 and photometric != "PALETTE COLOR" else 1
    if data.SamplesPerPixel == 3:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = photometric
    data.BitsAllocated = 8 if bits <= 8 and not extra.pop("wide", False) else 16
    data.BitsStored, data.HighBit = bits, bits - 1
    data.PixelRepresentation = int(values.dtype == numpy.int16)
    for field, value in extra.items():
        setattr(data, field, value)
    packed = syntax not in (ExplicitVRLittleEndian, ExplicitVRBigEndian)
    data.PixelData = encapsulate([bytes(coded)]) if packed else bytes(coded)
    if packed:
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
    elif data.BitsAllocated == 8 and syntax == ExplicitVRBigEndian:
        data["PixelData"].VR = "OW"
    order = {"implicit_vr": False, "little_endian": syntax != ExplicitVRBigEndian}
    pydicom.dcmwrite(HERE / f"{name}.dcm", data, enforce_file_format=True, **(order if not packed else {}))
    facts["pictures"][name] = {"samples": 3 if values.ndim == 3 else 1, "values": values.reshape(-1).tolist()}


def plain():
    for bits in (1, 10, 14):
        values = grey(bits).astype(numpy.uint16)
        save(f"plain-{bits}bit", values, values.tobytes(), ExplicitVRLittleEndian, bits, "MONOCHROME2", wide=True)
    values = grey(10)
    noise = random.integers(0, 64, values.shape, dtype=numpy.uint16)
    save("high-bit-15", values, ((values << 6) | noise).tobytes(), ExplicitVRLittleEndian, 10, "MONOCHROME1", HighBit=15)
    values = grey(12, signed=True)
    masked = (values.astype(numpy.uint16) & 0x0FFF) | (random.integers(0, 16, values.shape, dtype=numpy.uint16) << 12)
    save("signed-12bit-overlay", values, masked.tobytes(), ExplicitVRLittleEndian, 12, "MONOCHROME2")
    values = grey(12)
    save("big-endian-12bit", values, values.astype(">u2").tobytes(), ExplicitVRBigEndian, 12, "MONOCHROME2")
    values = grey(8)
    swapped = numpy.frombuffer(values.tobytes(), numpy.uint16).byteswap().tobytes()
    save("big-endian-8bit", values, swapped, ExplicitVRBigEndian, 8, "MONOCHROME2")
    save("two-frames", grey(8), grey(8).tobytes() * 2, ExplicitVRLittleEndian, 8, "MONOCHROME2", NumberOfFrames=2)


def ybr(values):
    """pydicom's own conversion of the values as they are to be read."""
    return pydicom.pixels.processing.convert_color_space(values, "YBR_FULL", "RGB")


def colours():
    values = colour()
    planes = values.transpose(2, 0, 1)
    save("rgb-planes", values, planes.tobytes(), ExplicitVRLittleEndian, 8, "RGB", PlanarConfiguration=1)
    stored = colour()
    save("ybr-full", ybr(stored), stored.tobytes(), ExplicitVRLittleEndian, 8, "YBR_FULL")
    stored = colour()
    stored[:, 1::2, 1:] = stored[:, ::2, 1:]
    pairs = numpy.stack([stored[:, ::2, 0], stored[:, 1::2, 0], stored[:, ::2, 1], stored[:, ::2, 2]], axis=2)
    save("ybr-full-422", ybr(stored), pairs.tobytes(), ExplicitVRLittleEndian, 8, "YBR_FULL_422")
    for bits, kind in ((8, numpy.uint8), (16, numpy.uint16)):
        numbers = random.integers(0, 40, (ROWS, COLUMNS), dtype=numpy.uint8)
        tables = random.integers(0, 2**bits, (3, 32)).astype(kind)
        shown = (tables >> (bits - 8))[:, numpy.clip(numbers.astype(int) - 3, 0, 31)].transpose(1, 2, 0).astype(numpy.uint8)
        fields = {}
        for name, table in zip(("Red", "Green", "Blue"), tables):
            fields[f"{name}PaletteColorLookupTableDescriptor"] = [32, 3, bits]
            fields[f"{name}PaletteColorLookupTableData"] = table.tobytes()
        save(f"palette-{bits}bit", shown, numbers.tobytes(), ExplicitVRLittleEndian, 8, "PALETTE COLOR", **fields)


def lossless_jpeg():
    for predictor in range(1, 8):
        values = grey(12)
        coded = imagecodecs.jpeg8_encode(values, lossless=True, predictor=predictor, bitspersample=12)
        syntax = JPEGLosslessSV1 if predictor == 1 else JPEGLossless
        save(f"jpeg-lossless-{predictor}", values, coded, syntax, 12, "MONOCHROME2")
    for bits in (8, 16):
        values = grey(bits)
        coded = imagecodecs.jpeg8_encode(values, lossless=True, predictor=1, bitspersample=bits)
        save(f"jpeg-lossless-{bits}bit", values, coded, JPEGLosslessSV1, bits, "MONOCHROME2")
    values = grey(16, signed=True)
    coded = imagecodecs.jpeg8_encode(values.view(numpy.uint16), lossless=True, predictor=4, bitspersample=16)
    save("jpeg-lossless-signed", values, coded, JPEGLossless, 16, "MONOCHROME2")
    values = colour()
    coded = imagecodecs.jpeg8_encode(values, lossless=True, predictor=1, colorspace="RGB", outcolorspace="RGB")
    save("jpeg-lossless-rgb", values, coded, JPEGLosslessSV1, 8, "RGB")


def lossy_jpeg():
    coded = imagecodecs.jpeg8_encode(grey(12), level=92, bitspersample=12)
    save("jpeg-12bit", imagecodecs.jpeg8_decode(coded), coded, JPEGExtended12Bit, 12, "MONOCHROME2")
    coded = imagecodecs.jpeg8_encode(grey(8), level=92)
    save("jpeg-extended-8bit", imagecodecs.jpeg8_decode(coded), coded, JPEGExtended12Bit, 8, "MONOCHROME2")
    values = colour()
    coded = imagecodecs.jpeg8_encode(values, level=95, colorspace="RGB", outcolorspace="RGB")
    shown = imagecodecs.jpeg8_decode(coded, colorspace="RGB", outcolorspace="RGB")
    save("jpeg-rgb-unmarked", shown, without_adobe(coded), JPEGBaseline8Bit, 8, "RGB")
    coded = imagecodecs.jpeg8_encode(values, level=95, subsampling="444")
    save("jpeg-ybr", imagecodecs.jpeg8_decode(coded), without_jfif(coded), JPEGBaseline8Bit, 8, "YBR_FULL")


def without_segment(coded, marker):
    at = coded.find(bytes([0xFF, marker]))
    if at < 0:
        return coded
    return coded[:at] + coded[at + 2 + int.from_bytes(coded[at + 2 : at + 4], "big") :]


def without_adobe(coded):
    """Says nothing about its colours, and numbers its components as if they were brightness and colour differences."""
    plain = bytearray(without_segment(bytes(coded), 0xEE))
    for marker, first in ((0xC0, 10), (0xDA, 5)):
        at = plain.find(bytes([0xFF, marker])) + first
        step = 3 if marker == 0xC0 else 2
        for k in range(3):
            plain[at + step * k] = k + 1
    return bytes(plain)


def without_jfif(coded):
    return without_segment(bytes(coded), 0xE0)


def jpeg_ls():
    for bits in (8, 12, 16):
        values = grey(bits)
        save(f"jpeg-ls-{bits}bit", values, imagecodecs.jpegls_encode(values), JPEGLSLossless, bits, "MONOCHROME2")
    values = grey(16, signed=True)
    coded = imagecodecs.jpegls_encode(values.view(numpy.uint16))
    save("jpeg-ls-signed", values, coded, JPEGLSLossless, 16, "MONOCHROME2")
    coded = imagecodecs.jpegls_encode(grey(8), level=3)
    save("jpeg-ls-near", imagecodecs.jpegls_decode(coded), coded, JPEGLSNearLossless, 8, "MONOCHROME2")
    values = colour()
    save("jpeg-ls-rgb", values, imagecodecs.jpegls_encode(values), JPEGLSLossless, 8, "RGB")


def jpeg_2000():
    lossless = {"level": 0, "codecformat": "j2k", "reversible": True}
    for bits in (8, 12, 16):
        values = grey(bits)
        coded = imagecodecs.jpeg2k_encode(values, bitspersample=bits, **lossless)
        save(f"jpeg-2000-{bits}bit", values, coded, JPEG2000Lossless, bits, "MONOCHROME2")
    values = grey(16, signed=True)
    save("jpeg-2000-signed", values, imagecodecs.jpeg2k_encode(values, **lossless), JPEG2000Lossless, 16, "MONOCHROME2")
    values = colour()
    coded = imagecodecs.jpeg2k_encode(values, mct=True, **lossless)
    save("jpeg-2000-rct", values, coded, JPEG2000Lossless, 8, "YBR_RCT")
    coded = imagecodecs.jpeg2k_encode(grey(12), level=40, codecformat="j2k", reversible=False, bitspersample=12)
    save("jpeg-2000-lossy", imagecodecs.jpeg2k_decode(coded), coded, JPEG2000, 12, "MONOCHROME2")
    values = grey(8)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="JPEG2000", no_jp2=True, tile_size=(8, 8), num_resolutions=2)
    save("jpeg-2000-tiles", values, buffer.getvalue(), JPEG2000Lossless, 8, "MONOCHROME2")


def run_length():
    """RLE of pydicom, two bytes a sample with the stored bits at the top."""
    values = grey(12)
    shifted = (values << 4).astype(numpy.uint16)
    data = pydicom.dataset.Dataset()
    data.Rows, data.Columns, data.SamplesPerPixel, data.BitsAllocated = ROWS, COLUMNS, 1, 16
    planes = [(shifted >> 8).astype(numpy.uint8), (shifted & 255).astype(numpy.uint8)]
    segments = [imagecodecs.packbits_encode(plane) for plane in planes]
    segments = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    head = [2, 64, 64 + len(segments[0])] + [0] * 13
    coded = numpy.array(head, "<u4").tobytes() + b"".join(segments)
    save("rle-high-bit-15", values, coded, RLELossless, 12, "MONOCHROME2", HighBit=15)


def bombs():
    """A few bytes that unfold to 256 million samples."""
    zeros = numpy.zeros((16_000, 16_000), numpy.uint8)
    (HERE / "bomb.j2k").write_bytes(imagecodecs.jpeg2k_encode(zeros, level=0, codecformat="j2k", reversible=True))
    (HERE / "bomb.jls").write_bytes(imagecodecs.jpegls_encode(zeros))


facts = {
    "versions": {"pydicom": pydicom.__version__, "numpy": numpy.__version__, "imagecodecs": imagecodecs.__version__},
    "rows": ROWS,
    "columns": COLUMNS,
    "pictures": {},
}
for part in (plain, colours, lossless_jpeg, lossy_jpeg, jpeg_ls, jpeg_2000, run_length, bombs):
    part()
(HERE / "reference.json").write_text(json.dumps(facts) + "\n")
