"""DICOM files, and what pydicom shows of them: apply_modality_lut, then apply_voi_lut, black to white as 0 to 255."""

import io

import numpy
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.pixels.processing import apply_color_lut
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "bigEndian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
}


def pixels(spec, random):
    bits, size = spec["bits"], spec["rows"] * spec["columns"] * (3 if spec["colour"] in ("RGB", "YBR_FULL") else 1)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if spec["signed"] else (0, 2**bits - 1)
    if spec["spread"] == "narrow":  # a few values near the lowest, as dark films have
        high = low + max(1, (high - low) // 7)
    values = random.integers(low, high + 1, size)
    allocated = 8 if bits <= 8 and not spec["wide"] else 16
    kind = f"{'i' if spec['signed'] else 'u'}{allocated // 8}"
    return values.astype(kind), allocated


def table(spec, random, order):
    """One lookup table; the curve rises, falls, or jumps."""
    count, bits = spec["count"], spec["bits"]
    entries = (numpy.linspace(0, 1, count) ** spec["power"] * (2**bits - 1)).round().astype(int)
    if spec["shape"] == "falling":
        entries = entries[::-1]
    if spec["shape"] == "jumping":
        entries = random.integers(0, 2**bits, count)
    first = spec["first"]
    item = Dataset()
    item.LUTDescriptor = [count % 2**16, first, bits]
    item["LUTDescriptor"].VR = "SS" if first < 0 else "US"
    if spec["kind"] == "OW":
        item.add_new(0x00283006, "OW", entries.astype(f"{order}u2").tobytes())
    else:
        item.add_new(0x00283006, "US", [int(entry) for entry in entries])
    if spec["explained"]:
        item.LUTExplanation = "drawn"
    return item


def grey_fields(data, spec, random, order):
    if spec["rescale"] is not None:
        data.RescaleSlope, data.RescaleIntercept = spec["rescale"]
        data.RescaleType = "US"
    if spec["modalityTable"] is not None:
        data.ModalityLUTSequence = Sequence([table(spec["modalityTable"], random, order)])
    if spec["voiTables"]:
        data.VOILUTSequence = Sequence([table(each, random, order) for each in spec["voiTables"]])
    if spec["windows"]:
        data.WindowCenter = [window[0] for window in spec["windows"]]
        data.WindowWidth = [window[1] for window in spec["windows"]]
    if spec["function"] is not None:
        data.VOILUTFunction = spec["function"]
    if spec["padding"] is not None:
        value, limit = (each if each is None else min(each, 2 ** (spec["bits"] - int(spec["signed"])) - 1) for each in spec["padding"])
        kind = "SS" if spec["signed"] else "US"
        data.add_new(0x00280120, kind, value)
        if limit is not None:
            data.add_new(0x00280121, kind, limit)


def palette_fields(data, random, order):
    bits = int(random.choice([8, 16]))
    for name in ("Red", "Green", "Blue"):
        setattr(data, f"{name}PaletteColorLookupTableDescriptor", [256, 0, bits])
        data[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        entries = random.integers(0, 2**bits, 256)
        # of 8 bits an entry takes a byte
        kind = "u1" if bits == 8 else f"{order}u2"
        setattr(data, f"{name}PaletteColorLookupTableData", entries.astype(kind).tobytes())


def dataset(spec):
    random = numpy.random.default_rng(spec["seed"])
    syntax = SYNTAXES[spec["syntax"]]
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.ImplementationClassUID = "1.2.3.4"
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PatientID = "DX", "drawn"
    values, allocated = pixels(spec, random)
    colour = spec["colour"]
    data.PhotometricInterpretation = colour or ("MONOCHROME1" if spec["inverted"] else "MONOCHROME2")
    data.SamplesPerPixel = 3 if colour in ("RGB", "YBR_FULL") else 1
    data.Rows, data.Columns = spec["rows"], spec["columns"]
    if data.SamplesPerPixel == 3:
        data.PlanarConfiguration = int(spec["planar"])
    data.BitsAllocated, data.BitsStored, data.HighBit = allocated, spec["bits"], spec["bits"] - 1
    data.PixelRepresentation = int(spec["signed"])
    if spec["frames"] is not None:
        data.NumberOfFrames = spec["frames"]
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    if colour is None:
        grey_fields(data, spec, random, order)
    elif colour == "PALETTE COLOR":
        palette_fields(data, random, order)
    content = values.astype(values.dtype.newbyteorder(order)).tobytes()
    data.PixelData = content + b"\0" * (len(content) % 2)
    data["PixelData"].VR = "OW" if allocated == 16 or spec["syntax"] == "implicit" else "OB"
    if syntax == RLELossless:
        data.compress(RLELossless)
    return data


def edges(data):
    """The values that pydicom's windows and tables give for black and white; the range inside the picture where there is neither."""
    if data.get("VOILUTSequence"):
        return 0, 2 ** data.VOILUTSequence[0].LUTDescriptor[2] - 1
    rescaled = apply_modality_lut(data.pixel_array, data)
    if data.get("WindowWidth") is None:
        if "PixelPaddingValue" not in data:
            return rescaled.min(), rescaled.max()
        value = data.PixelPaddingValue
        low, high = sorted([value, data.get("PixelPaddingRangeLimit", value)])
        inside = (data.pixel_array < low) | (data.pixel_array > high)
        return (rescaled[inside].min(), rescaled[inside].max()) if inside.any() else (0, 0)
    if data.get("ModalityLUTSequence"):
        return 0, 2 ** data.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    lowest = -(2 ** (data.BitsStored - 1)) if data.PixelRepresentation else 0
    slope, intercept = float(data.get("RescaleSlope", 1)), float(data.get("RescaleIntercept", 0))
    return lowest * slope + intercept, (lowest + 2**data.BitsStored - 1) * slope + intercept


def shown(data):
    photometric = data.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        colours = apply_color_lut(data.pixel_array, data)
        return (colours >> 8 if colours.dtype == numpy.uint16 else colours).astype(float)
    if photometric in ("YBR_FULL", "RGB"):  # pydicom has made it RGB
        return data.pixel_array.astype(float)
    black, white = edges(data)
    if data.get("VOILUTSequence"):
        _, first, bits = data.VOILUTSequence[0].LUTDescriptor
        if apply_modality_lut(data.pixel_array, data).max() - first >= 2 ** (8 if bits == 8 else 16):
            raise ValueError("pydicom counts places in a table with as many bits as an entry has: they begin anew here")
    values = apply_voi_lut(apply_modality_lut(data.pixel_array, data), data).astype(float)
    levels = (values > black) * 255.0 if white == black else ((values - black) / (white - black) * 255).clip(0, 255)
    return 255 - levels if photometric == "MONOCHROME1" else levels


def make(_, spec):
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset(spec), enforce_file_format=True)
    content = buffer.getvalue()
    if spec["excess"]:
        content += b"\0" * spec["excess"] if spec["syntax"] != "rle" else b""
    front = spec["front"]
    if front == "group2" or (front == "bare" and spec["syntax"] in ("explicit", "implicit")):
        content = content[132:]
        if front == "bare":
            content = content[content.index(b"\x08\x00\x16\x00") :]
    data = pydicom.dcmread(io.BytesIO(content), force=True)
    if "TransferSyntaxUID" not in data.file_meta:
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if data.original_encoding[0] else ExplicitVRLittleEndian
    levels = shown(data)
    return {"a.dcm": content}, {"shape": list(levels.shape), "levels": levels.round(3).reshape(-1).tolist()}
