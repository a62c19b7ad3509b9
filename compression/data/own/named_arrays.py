"""Own images as an npz with named arrays; no pickle is ever read, and no header believed before it is checked."""

import io
import math
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.lib import format as npy
from PIL import Image

from compression.data.own import limits
from compression.data.own.names import in_natural_order
from compression.data.own.pictures import Header, Look, chosen_look, fit
from compression.errors import DataError
from compression.texts import gettext as _

SUFFIX = ".npy"
PARTS = {
    "train": (
        ("x_train", "train_images", "train_x", "images", "x", "data"),
        ("y_train", "train_labels", "train_y", "labels", "y", "targets"),
    ),
    "validation": (("x_val", "val_images"), ("y_val", "val_labels")),
    "test": (("x_test", "test_images", "test_x"), ("y_test", "test_labels", "test_y")),
}
CLASS_NAMES = ("class_names", "classes", "label_names")
MOST_HEADER_CHARACTERS = 2_000
KINDS_OF_IMAGES, KINDS_OF_LABELS = "buif", "buifU"
BRIGHTEST = 255
IMAGES_AT_ONCE = 1_000


@dataclass(frozen=True)
class Part:
    """One part of a dataset: images uint8 (N, H, W, C) and labels (N,), whole numbers or text."""

    images: numpy.ndarray
    labels: numpy.ndarray


def is_npz(archive: zipfile.ZipFile) -> bool:
    """Tell whether a zip is one that numpy writes."""
    names = archive.namelist()
    return bool(names) and all(name.endswith(SUFFIX) and "/" not in name for name in names)


def read(archive: zipfile.ZipFile) -> tuple[list[str], dict[str, Part], list[str]]:
    """Return class names, the parts by name with labels from 0 on, and the names of arrays that are not used.

    Raises:
        DataError: arrays are missing, damaged, not those of images and labels, or of lengths that do not match.
        LimitError: there are too many images, or too large ones.
    """
    names = {entry.filename.removesuffix(SUFFIX): entry for entry in archive.infolist()}
    if len(names) < len(archive.infolist()):
        raise DataError(_("Two arrays of the npz have one name."))
    used: set[str] = set()

    def array(name: str, kinds: str) -> numpy.ndarray:
        used.add(name)
        return _array(archive, names[name], name, kinds)

    parts = {}
    for part, aliases in PARTS.items():
        images, labels = (next((name for name in known if name in names), None) for known in aliases)
        if images and labels:
            found = Part(_pixels(array(images, KINDS_OF_IMAGES), images), _labels(array(labels, KINDS_OF_LABELS), labels))
            if len(found.images) != len(found.labels):
                sentence = _("The array {images} has {count:,} images, and {labels} has {others:,} labels.")
                raise DataError(sentence.format(images=images, count=len(found.images), labels=labels, others=len(found.labels)))
            parts[part] = found
    if "train" not in parts:
        allowed = _("such as x_train and y_train, train_images and train_labels, or images and labels")
        raise DataError(_("The npz has no images and labels for training, {names}.").format(names=allowed))
    titles = next((array(name, "U") for name in CLASS_NAMES if name in names), None)
    classes, parts = _numbered(parts, titles)
    return classes, parts, sorted(names.keys() - used)


def bring_to_one_size(
    parts: dict[str, Part], *, side: int | None, colour: str, tell: Callable[[int, int], None] | None = None
) -> tuple[dict[str, numpy.ndarray], Look]:
    """Return the images of each part as uint8 (N, C, side, side), and what they were brought to.

    Raises:
        LimitError: there are too many pixels.
    """
    found_as = [Header((part.images.shape[2], part.images.shape[1]), part.images.shape[3] == 1) for part in parts.values()]
    limits.at_most(sum(math.prod(part.images.shape[:3]) for part in parts.values()), limits.MOST_PIXELS, limits.ALL_PIXELS)
    look = chosen_look(found_as, side=side, colour=colour)
    limits.check_stored(sum(len(part.images) for part in parts.values()), look.channels, look.side)
    found = {}
    for name, part in parts.items():
        count, height, width, channels = part.images.shape
        if (height, width, channels) == (look.side, look.side, look.channels):
            found[name] = numpy.ascontiguousarray(part.images.transpose(0, 3, 1, 2))
            continue
        found[name] = numpy.empty((count, look.channels, look.side, look.side), numpy.uint8)
        for place, image in enumerate(part.images):
            found[name][place] = fit(Image.fromarray(image[..., 0] if channels == 1 else image), look)
            if tell and place % IMAGES_AT_ONCE == 0:
                tell(place, count)
    return found, look


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, kinds: str) -> numpy.ndarray:
    """Return one array whose header says no more than what follows it.

    Raises:
        DataError: it is damaged or not of the kinds (numpy's letters) allowed.
    """
    try:
        content = io.BytesIO(archive.read(entry))
        version = npy.read_magic(content)
        header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, by_columns, kind = header(content, max_header_size=MOST_HEADER_CHARACTERS)
    except (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        OSError,
        ValueError,
        KeyError,
        EOFError,
        SyntaxError,
        TypeError,
    ) as error:
        raise DataError(_("The array {name} is damaged, or no array of numpy.").format(name=name)) from error
    if kind.hasobject or kind.kind not in kinds or kind.names:
        raise DataError(
            _("The array {name} is of the type {kind}; allowed are numbers, and text for labels; objects are never read.").format(
                name=name, kind=str(kind)[:20]
            )
        )
    data = content.getbuffer()[content.tell() :]
    if math.prod(shape) * kind.itemsize != len(data):
        raise DataError(_("The array {name} does not hold what its header says.").format(name=name))
    found = numpy.frombuffer(data, kind).reshape(shape, order="F" if by_columns else "C")
    limits.at_most(len(found) if found.ndim else 0, limits.MOST_FILES, _("There are {given} images; {most} are allowed."))
    return found


def _pixels(array: numpy.ndarray, name: str) -> numpy.ndarray:
    """Return images as uint8 (N, H, W, C): numbers up to 255 as they are, fractions from 0 to 1 as shares of 255."""
    if array.ndim == 3:
        array = array[..., None]
    elif array.ndim == 4 and array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape:
        sentence = _("The array {name} has the shape {shape}; allowed is (images, height, width) or with 1 or 3 channels.")
        raise DataError(sentence.format(name=name, shape=" × ".join(map(str, array.shape)) or _("of one number")))
    pixels = array.shape[1] * array.shape[2]
    limits.at_most(pixels, limits.MOST_PIXELS_AN_IMAGE, _("An image has {given} pixels; {most} are allowed."))
    if array.dtype == numpy.uint8:
        return array
    low, high = array.min(), array.max()
    if not (numpy.isfinite(low) and numpy.isfinite(high) and low >= 0 and high <= BRIGHTEST):
        raise DataError(_("The array {name} has values that are no brightness from 0 to 255, or from 0 to 1.").format(name=name))
    factor = BRIGHTEST if array.dtype.kind in "bf" and high <= 1 else 1.0
    found = numpy.empty(array.shape, numpy.uint8)
    for start in range(0, len(array), IMAGES_AT_ONCE):
        found[start : start + IMAGES_AT_ONCE] = (array[start : start + IMAGES_AT_ONCE] * factor).round()
    return found


def _labels(array: numpy.ndarray, name: str) -> numpy.ndarray:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or (array.dtype.kind == "f" and not (numpy.isfinite(array).all() and (array == array.round()).all())):
        raise DataError(_("The array {name} is no list of labels, one whole number or word an image.").format(name=name))
    return array if array.dtype.kind == "U" else array.astype(numpy.int64)


def _numbered(parts: dict[str, Part], titles: Any) -> tuple[list[str], dict[str, Part]]:
    """Return class names, and the parts with labels that count them; what is in the test alone is no class."""
    values = sorted(set(parts["train"].labels.tolist()), key=lambda value: in_natural_order(str(value)))
    for part in parts.values():
        if unknown := set(part.labels.tolist()) - set(values):
            sentence = _("The label {label} has no training image.")
            raise DataError(sentence.format(label=str(min(map(str, unknown)))[:20]))
    names = [str(value) for value in values]
    if titles is not None and titles.ndim == 1 and all(isinstance(one, int) and 0 <= one < len(titles) for one in values):
        names = [str(titles[one]) for one in values]
    limits.check_classes(names)
    number = {value: place for place, value in enumerate(values)}
    counted = {
        name: Part(part.images, numpy.array([number[label] for label in part.labels.tolist()], numpy.int64))
        for name, part in parts.items()
    }
    return names, counted
