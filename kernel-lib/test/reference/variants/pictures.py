"""Picture files, and what Pillow shows of them: upright, in RGB, white behind what is transparent. What Pillow cuts off, 16 bits a
sample, is written here byte by byte, so that what should be seen is known from the numbers."""

import io
import struct
import zlib

import numpy
from PIL import Image, ImageCms, ImageOps


def colours(spec, random, channels):
    """A smooth picture, so that lossy files stay near it."""
    coarse = random.integers(0, 256, (3, 4, channels), dtype=numpy.uint8)
    planes = [Image.fromarray(coarse[..., c]).resize((spec["width"], spec["height"]), Image.Resampling.BILINEAR) for c in range(channels)]
    return planes[0] if channels == 1 else Image.merge({2: "LA", 3: "RGB", 4: "RGBA"}[channels], planes)


def of_mode(spec, random):
    mode = spec["mode"]
    if mode == "CMYK":
        ink = numpy.array(colours(spec, random, 4))
        return Image.fromarray(ink, "CMYK")
    if mode == "P":
        return colours(spec, random, 3).quantize(spec["colours"])
    if mode == "1":
        return colours(spec, random, 1).convert("1")
    return colours(spec, random, {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode])


def shown(content):
    picture = Image.open(io.BytesIO(content))
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return numpy.array(picture.convert("RGB"))


def by_pillow(spec, random):
    picture = of_mode(spec, random)
    options = dict(spec["options"])
    if spec["way"] is not None:
        exif = Image.Exif()
        exif[0x0112] = spec["way"]
        options["exif"] = exif
    if spec["transparent"] is not None and spec["mode"] in ("P", "L", "RGB") and spec["format"] in ("PNG", "GIF"):
        first = picture.getpixel((0, 0))
        kinds = {"P": bytes([0, 128, 255, 90]) if spec["format"] == "PNG" and spec["transparent"] % 2 else 1, "L": first, "RGB": first}
        options["transparency"] = kinds[spec["mode"]]
    if spec["profile"] and spec["mode"] in ("RGB", "RGBA"):
        options["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    picture.save(buffer, spec["format"], **options)
    return buffer.getvalue(), shown(buffer.getvalue())


def samples(spec, random):
    """Whole numbers that use `bits` of the `depth` bits of a sample."""
    channels = {"grey": 1, "grey-alpha": 2, "colour": 3, "colour-alpha": 4}[spec["samples"]]
    values = random.integers(0, 2 ** spec["bits"], (spec["height"], spec["width"], channels))
    values[0, 0, :] = 2 ** spec["bits"] - 1  # so that all of them are used
    if channels in (2, 4):
        values[..., -1] = random.integers(0, 2 ** spec["depth"], values.shape[:2])
    return values


def seen(values, spec):
    used = max(8, spec["bits"]) if spec["depth"] == 16 else spec["depth"]
    levels = values / (2**used - 1) * 255
    if values.shape[2] in (2, 4):
        alpha = values[..., -1:] / (2 ** spec["depth"] - 1)
        levels = (levels * alpha + 255 * (1 - alpha))[..., :-1]
    return numpy.repeat(levels, 3, axis=2) if levels.shape[2] == 1 else levels


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def packed_rows(values, depth):
    flat = values.reshape(values.shape[0], -1)
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in flat]
    if depth == 8:
        return [row.astype("u1").tobytes() for row in flat]
    bits = ((flat[..., None] >> numpy.arange(depth - 1, -1, -1)) & 1).astype("u1").reshape(flat.shape[0], -1)
    return [numpy.packbits(row).tobytes() for row in bits]


def png(spec, random):
    values = samples(spec, random)
    kind = {"grey": 0, "colour": 2, "grey-alpha": 4, "colour-alpha": 6}[spec["samples"]]
    head = struct.pack(">IIBBBBB", spec["width"], spec["height"], spec["depth"], kind, 0, 0, 0)
    rows = b"".join(b"\0" + row for row in packed_rows(values, spec["depth"]))
    extra = chunk(b"gAMA", struct.pack(">I", 45455)) if spec["extra"] else b""
    if spec["extra"]:
        extra += chunk(b"tEXt", b"Comment\0drawn") + chunk(b"pHYs", struct.pack(">IIB", 100, 100, 1))
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return content, seen(values, spec)


def tiff(spec, random):
    """One strip, either byte order, black or white as zero."""
    values = samples(spec, random)
    order = ">" if spec["extra"] else "<"
    stored = values if not spec["whiteIsZero"] or values.shape[2] > 1 else 2 ** spec["depth"] - 1 - values
    content = stored.astype(f"{order}u{spec['depth'] // 8}").tobytes()
    count = values.shape[2]
    photometric = 2 if count > 2 else 0 if spec["whiteIsZero"] and count == 1 else 1
    entries = [(256, 4, [spec["width"]]), (257, 4, [spec["height"]]), (258, 3, [spec["depth"]] * count), (259, 3, [1])]
    entries += [(262, 3, [photometric]), (273, 4, [8]), (277, 3, [count]), (278, 4, [spec["height"]]), (279, 4, [len(content)])]
    if count in (2, 4):
        entries.append((338, 3, [2]))
    start = 8 + len(content) + len(content) % 2
    body = b""
    where = start + 2 + 12 * len(entries) + 4
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, numbers in entries:
        form = {3: "H", 4: "I"}[kind]
        packed = struct.pack(f"{order}{len(numbers)}{form}", *numbers)
        if len(packed) > 4:
            directory += struct.pack(f"{order}HHII", tag, kind, len(numbers), where + len(body))
            body += packed + b"\0" * (len(packed) % 2)
        else:
            directory += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}I", start)
    return head + content + b"\0" * (len(content) % 2) + directory + b"\0\0\0\0" + body, seen(values, spec)


def make(_, spec):
    random = numpy.random.default_rng(spec["seed"])
    content, pixels = {"pillow": by_pillow, "png": png, "tiff": tiff}[spec["kind"]](spec, random)
    lossy = spec["kind"] == "pillow" and (spec["format"] in ("JPEG", "WEBP") or spec["options"].get("compression") == "jpeg")
    return {"picture": content}, {
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "lossy": lossy,
        "levels": numpy.asarray(pixels, float).round(2).reshape(-1).tolist(),
    }
