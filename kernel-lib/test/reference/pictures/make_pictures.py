"""Small picture files in the forms people have them, and what Pillow shows of them: upright, in RGB, white behind what is transparent.

python -m venv venv && venv/bin/pip install pillow numpy   (versions used: reference.json)
venv/bin/python make_pictures.py
"""

import json
from pathlib import Path

import numpy
import PIL
from PIL import Image, ImageOps

HERE = Path(__file__).parent
WIDTH, HEIGHT = 16, 12
random = numpy.random.default_rng(5)
facts = {"versions": {"pillow": PIL.__version__, "numpy": numpy.__version__}, "pictures": {}}


def colours():
    """A smooth picture, so that lossy files stay near it."""
    coarse = random.integers(0, 256, (4, 5, 3), dtype=numpy.uint8)
    return Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)


def shown(path):
    picture = ImageOps.exif_transpose(Image.open(path))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return numpy.array(picture.convert("RGB"))


def note(name, pixels):
    facts["pictures"][name] = {"width": pixels.shape[1], "height": pixels.shape[0], "values": pixels.reshape(-1).tolist()}


def save(name, picture, **options):
    picture.save(HERE / name, **options)
    note(name, shown(HERE / name))


def transparent():
    alpha = numpy.tile(numpy.arange(WIDTH) * 17, (HEIGHT, 1)).astype(numpy.uint8)
    picture = colours()
    picture.putalpha(Image.fromarray(alpha))
    save("alpha.png", picture)
    save("alpha.webp", picture, lossless=True)
    save("alpha.tif", picture)
    save("grey-alpha.png", picture.convert("LA"))
    writing = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    writing.paste((0, 0, 0, 255), (3, 4, 11, 6))
    save("black-on-nothing.png", writing)


def palettes():
    picture = colours().quantize(20)
    for ending in ("png", "gif", "tif"):
        save(f"palette.{ending}", picture)
    for ending in ("png", "gif"):
        save(f"palette-transparent.{ending}", picture, transparency=3)
    save("two-colours.png", colours().quantize(2))
    save("black-and-white.png", colours().convert("1"))
    save("black-and-white.tif", colours().convert("1"), compression="group4")


def inks():
    picture = colours().convert("CMYK")
    ink = numpy.array(picture)
    ink[..., 3] = numpy.arange(WIDTH) * 12
    picture = Image.fromarray(ink, "CMYK")
    save("cmyk.jpg", picture, quality=100, subsampling=0)
    save("cmyk.tif", picture)


def turned():
    picture = colours()
    exif = Image.Exif()
    for way in range(1, 9):
        exif[0x0112] = way
        save(f"way-{way}.jpg", picture, exif=exif, quality=100, subsampling=0)
    exif[0x0112] = 6
    save("way-6.png", picture, exif=exif)
    save("way-6.webp", picture, exif=exif, lossless=True)
    save("way-6.tif", picture, exif=exif)
    save("way-6-cmyk.jpg", picture.convert("CMYK"), exif=exif, quality=100, subsampling=0)


def deep():
    """16 bits a sample, of which `bits` are used. Pillow cuts such values off; what should be seen is written here from the numbers."""
    for bits in (8, 10, 12, 14, 16):
        values = (numpy.arange(WIDTH * HEIGHT) * (2**bits - 1) // (WIDTH * HEIGHT - 1)).astype(numpy.uint16).reshape(HEIGHT, WIDTH)
        grey = (values / (2**bits - 1) * 255).round().astype(numpy.uint8)
        for ending in ("png", "tif"):
            Image.fromarray(values).save(HERE / f"deep-{bits}.{ending}")
            note(f"deep-{bits}.{ending}", numpy.repeat(grey[..., None], 3, axis=2))


def unread():
    """Whole numbers of 32 bits and fractions: refused by name."""
    values = numpy.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
    Image.fromarray((values / 200).astype(numpy.float32)).save(HERE / "fractions.tif")
    Image.fromarray(values.astype(numpy.int32)).save(HERE / "whole-32.tif")
    colours().save(HERE / "windows.bmp")


for part in (transparent, palettes, inks, turned, deep, unread):
    part()
(HERE / "reference.json").write_text(json.dumps(facts) + "\n")
