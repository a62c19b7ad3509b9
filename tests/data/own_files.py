"""Small files of own images for tests: whole ones, and what they are made of."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy
from PIL import Image

SIDE, A_CLASS = 8, 40
CLASSES = ("cat", "dog")


@cache
def picture(number: int, kind: str = "PNG", mode: str = "L", size: tuple[int, int] = (SIDE, SIDE)) -> bytes:
    """An image unlike those of other numbers."""
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    pixels = numpy.random.default_rng(number).integers(0, 256, (size[1], size[0], channels), numpy.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(held, kind)
    return held.getvalue()


@cache
def good(classes: tuple[str, ...] = CLASSES) -> Mapping[str, bytes]:
    """Enough images of some classes in class folders."""
    return {
        f"{name}/{place}.png": picture(number * A_CLASS + place)
        for number, name in enumerate(classes)
        for place in range(A_CLASS)
    }


def zipped(files: Mapping[str, bytes] | Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of files, whose names are written as they are."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, content in files.items() if isinstance(files, Mapping) else files:
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, method
            archive.writestr(info, content)
    return held.getvalue()


def with_mode(name: str, mode: int, content: bytes = b"/etc/passwd") -> bytes:
    """A zip of good images and one entry of another kind, such as a link."""
    held = io.BytesIO(zipped(good()))
    with zipfile.ZipFile(held, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (mode | 0o777) << 16
        archive.writestr(info, content)
    return held.getvalue()


LINK, PIPE, SOCKET, CHARACTERS, BLOCKS = stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK


def patched(content: bytes, signature: bytes, offset: int, form: str, value: int) -> bytes:
    """A zip in which one number of the first record with a signature is another."""
    place = content.index(signature)
    changed = bytearray(content)
    struct.pack_into(form, changed, place + offset, value)
    return bytes(changed)


def overlapping() -> bytes:
    """A zip whose two entries are one and the same bytes."""
    content = zipped({"cat/1.png": picture(0), "dog/1.png": picture(1)})
    second = content.rindex(b"PK\1\2")
    changed = bytearray(content)
    struct.pack_into("<L", changed, second + 42, 0)
    return bytes(changed)


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG whose header is right and says that it is large."""
    content = picture(0)
    header = b"IHDR" + struct.pack(">LL", width, height) + content[24:29]
    return content[:12] + header + struct.pack(">L", zlib.crc32(header)) + content[33:]


def bmp_that_claims(width: int, height: int) -> bytes:
    """A BMP that says that it is large."""
    content = bytearray(picture(0, "BMP"))
    struct.pack_into("<ll", content, 18, width, height)
    return bytes(content)


def gif_that_claims(width: int, height: int) -> bytes:
    """A GIF that says that it is large."""
    content = bytearray(picture(0, "GIF"))
    struct.pack_into("<HH", content, 6, width, height)
    return bytes(content)


def jpeg_that_claims(width: int, height: int) -> bytes:
    """A JPEG that says that it is large."""
    content = bytearray(picture(0, "JPEG"))
    struct.pack_into(">HH", content, content.index(b"\xff\xc0") + 5, height, width)
    return bytes(content)


def npy(array: Any, **options: Any) -> bytes:
    """An array as numpy writes it."""
    held = io.BytesIO()
    numpy.lib.format.write_array(held, numpy.asarray(array), **options)
    return held.getvalue()


def npy_that_says(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An array whose header is any text."""
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version[0] == 1 else "<L", len(text)) + text + data


def npz(**arrays: Any) -> bytes:
    """An npz; what is bytes already is written as it is."""
    return zipped({f"{name}.npy": one if isinstance(one, bytes) else npy(one) for name, one in arrays.items()})


def images(count: int = 2 * A_CLASS, *shape: int) -> numpy.ndarray:
    """Images uint8 of a shape, 8 x 8 by default."""
    return numpy.random.default_rng(0).integers(0, 256, (count, *(shape or (SIDE, SIDE))), numpy.uint8)


def labels(count: int = 2 * A_CLASS, classes: int = 2) -> numpy.ndarray:
    """Labels of classes in turn."""
    return numpy.arange(count) % classes
