"""Images decoded from an allow-list of formats, cropped to their centre square and resized to one size."""

import io
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy
from PIL import Image, ImageOps, UnidentifiedImageError

from compression.data.own import limits
from compression.data.own.sources import File, Skipped
from compression.texts import mark

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
GREY_MODES = {"1", "L", "LA", "I;16", "I;16B", "I;16L", "I;16N", "I"}
NO_IMAGE = mark("no image in a format that is read: PNG, JPEG, WebP, BMP, GIF")
BROKEN, TOO_MANY_PIXELS = mark("a broken or incomplete image"), mark("an image of more than 25 megapixels")
SIXTEEN_TO_EIGHT_BITS = 256
TELL_EVERY = 100

# An image that may be a decompression bomb raises, in every thread.
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Look:
    """How images come: side of the square and channels that they are brought to, and their own sizes, least and greatest."""

    side: int
    channels: int
    smallest: tuple[int, int] = (0, 0)
    largest: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Header:
    """What an image says of itself: width and height, and whether it is grey."""

    size: tuple[int, int]
    grey: bool


class _SkippedError(Exception):
    """A file is left out, for the reason in its text."""


@contextmanager
def _image(file: File) -> Iterator[Image.Image]:
    """Open an image and check what its header says.

    Raises:
        _SkippedError: it is none, or too large, or broken: a decoder meets what nobody thought of with any exception.
    """
    try:
        content = file.read()
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise _SkippedError(BROKEN) from error
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > limits.MOST_PIXELS_AN_IMAGE:
                raise _SkippedError(TOO_MANY_PIXELS)
            yield image
    except UnidentifiedImageError as error:
        raise _SkippedError(NO_IMAGE) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _SkippedError(TOO_MANY_PIXELS) from error
    except (_SkippedError, limits.LimitError):
        raise
    except Exception as error:
        raise _SkippedError(BROKEN) from error


def headers(files: list[File], skipped: Skipped) -> dict[File, Header]:
    """Return what the files that are images say of themselves, from their headers alone.

    Raises:
        LimitError: all images together have too many pixels.
    """
    found, pixels = {}, 0
    for file in files:
        try:
            with _image(file) as image:
                found[file] = Header(image.size, image.mode in GREY_MODES)
                pixels += image.width * image.height
        except _SkippedError as error:
            skipped.add(str(error), file.name)
        limits.at_most(pixels, limits.MOST_PIXELS, limits.ALL_PIXELS)
    return found


def chosen_look(found: Iterable[Header], *, side: int | None, colour: str) -> Look:
    """Return what images are brought to.

    Args:
        side: of the square in pixels; None for that of the images where all are one square that networks take, else the usual.
        colour: "grey", "colour", or "auto" for colour where any image has it.
    """
    found = list(found)
    sizes, grey = {header.size for header in found}, all(header.grey for header in found)
    if side is None:
        width, height = next(iter(sizes), (0, 0))
        alike = len(sizes) == 1 and width == height and limits.SMALLEST_SIDE <= width <= limits.LARGEST_SIDE
        side = width if alike else limits.USUAL_SIDE
    channels = 1 if colour == "grey" or (colour == "auto" and grey) else 3
    by_area = sorted(sizes, key=lambda size: size[0] * size[1])
    return Look(side, channels, by_area[0] if by_area else (0, 0), by_area[-1] if by_area else (0, 0))


def decode(
    files: list[File], look: Look, skipped: Skipped, tell: Callable[[int, int], None] | None = None
) -> tuple[numpy.ndarray, list[bool]]:
    """Return images uint8 (N, C, side, side) of the files that can be decoded, and which these are.

    Args:
        tell: called now and then with how many are done, and of how many.

    Raises:
        LimitError: there are too many for one array.
    """
    limits.check_stored(len(files), look.channels, look.side)
    found = numpy.empty((len(files), look.channels, look.side, look.side), numpy.uint8)
    usable: list[bool] = []
    count = 0
    for place, file in enumerate(files):
        if tell and place % TELL_EVERY == 0:
            tell(place, len(files))
        try:
            with _image(file) as image:
                found[count] = fit(image, look)
            count += 1
            usable.append(True)
        except _SkippedError as error:
            skipped.add(str(error), file.name)
            usable.append(False)
    return found[:count], usable


def fit(image: Image.Image, look: Look) -> numpy.ndarray:
    """Return an image as uint8 (C, side, side): upright as its camera noted, on white if transparent, its centre square."""
    image.draft("RGB" if look.channels == 3 else "L", (look.side, look.side))
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits a pixel
        image = Image.fromarray(
            (numpy.asarray(image).astype(numpy.int64) // SIXTEEN_TO_EIGHT_BITS).clip(0, 255).astype(numpy.uint8)
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    image = image.convert("L" if look.channels == 1 else "RGB")
    if image.size != (look.side, look.side):
        image = ImageOps.fit(image, (look.side, look.side), Image.Resampling.BILINEAR)
    pixels = numpy.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
