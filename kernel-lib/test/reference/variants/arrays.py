"""Archives of NumPy's arrays and safetensors files, and what numpy.load and safetensors read in them."""

import io
import json
import struct

import numpy
import safetensors.torch
import torch

TYPES = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F64": torch.float64,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
}


def number(value):
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else repr(float(value)) if isinstance(value, float) else value


def drawn(kind, shape, order, random):
    size = int(numpy.prod(shape))
    if kind in ("f2", "f4", "f8"):
        values = random.normal(size=size)
    elif kind == "b1":
        values = random.integers(0, 2, size)
    else:
        info = numpy.iinfo(numpy.dtype(kind))
        values = random.integers(info.min, info.max, size, dtype=kind, endpoint=True)
    return numpy.asarray(values).astype(kind).reshape(shape, order=order)


def npz(spec):
    random = numpy.random.default_rng(spec["seed"])
    arrays = {}
    for i, each in enumerate(spec["arrays"]):
        array = drawn(each["kind"], each["shape"], "C", random)
        array = array.astype(array.dtype.newbyteorder(">")) if each["big"] else array
        arrays[each["name"] or f"arr_{i}"] = numpy.asfortranarray(array) if each["fortran"] else array
    buffer = io.BytesIO()
    (numpy.savez_compressed if spec["packed"] else numpy.savez)(buffer, **arrays)
    read = numpy.load(io.BytesIO(buffer.getvalue()))
    answer = {name: {"shape": list(read[name].shape), "values": [number(v) for v in read[name].reshape(-1).tolist()]} for name in read.files}
    return {"a.npz": buffer.getvalue()}, answer


def tensors(spec):
    generator = torch.Generator().manual_seed(spec["seed"])
    made = {}
    for i, each in enumerate(spec["tensors"]):
        values = torch.randn(each["shape"], generator=generator) * 4
        made[f"t{i}.{'ä' if each['odd'] else 'weight'}"] = values.to(TYPES[each["kind"]]).contiguous()
    content = safetensors.torch.save(made, {"format": "pt", "note": "«drawn»"} if spec["metadata"] else None)
    if spec["unpadded"]:  # other writers do not fill the header up to a multiple of eight
        size = struct.unpack("<Q", content[:8])[0]
        head = json.dumps(json.loads(content[8 : 8 + size]), ensure_ascii=False).encode()
        content = struct.pack("<Q", len(head)) + head + content[8 + size :]
    answer = {}
    for name, tensor in safetensors.torch.load(content).items():
        kind = next(key for key, value in TYPES.items() if value == tensor.dtype)
        wide = tensor.double() if tensor.is_floating_point() else tensor
        answer[name] = {"dtype": kind, "shape": list(tensor.shape), "values": [number(v) for v in wide.reshape(-1).tolist()]}
    return {"a.safetensors": content}, answer


def make(kind, spec):
    return npz(spec) if kind == "npz" else tensors(spec)
