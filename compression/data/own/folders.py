"""Which part and which class the path of an image says that it belongs to."""

from collections.abc import Iterable
from dataclasses import dataclass

from compression.data.own import limits
from compression.data.own.names import in_natural_order
from compression.data.own.sources import File, Skipped
from compression.errors import DataError
from compression.texts import gettext as _
from compression.texts import mark

TRAIN, TEST, VALIDATION = {"train", "training"}, {"test", "testing"}, {"val", "valid", "validation"}
NO_CLASS = mark("in no class folder")
NO_PART = mark("outside the folders train and test")
UNKNOWN_CLASS = mark("of a class that has no training image")
VALIDATION_JOINED = "validation_joined"


@dataclass(frozen=True)
class Sorted:
    """Files by class (an index into `classes`), for training and, where there is such a folder, for the test.

    Attributes:
        notes: codes of what is to be said of them.
    """

    classes: list[str]
    notes: list[str]
    train: list[tuple[File, int]]
    test: list[tuple[File, int]]


def sort(files: Iterable[File], skipped: Skipped) -> Sorted:
    """Return the files sorted into parts and classes; folders below a class folder belong to the class.

    A folder for validation counts as training images, of which every run draws its own validation images.

    Raises:
        DataError: there are not at least two classes, or a folder test without train.
        LimitError: there are too many.
    """
    placed = _without_outer_folders([(file.parts, file) for file in files])
    first = {parts[0].lower() for parts, _file in placed if len(parts) > 2}
    if not first & TRAIN and first & TEST:
        raise DataError(_("There is a folder test, but no folder train beside it."))
    train: list[tuple[File, str]] = []
    test: list[tuple[File, str]] = []
    for parts, file in placed:
        in_parts = bool(first & TRAIN)
        part, rest = (parts[0].lower(), parts[1:]) if in_parts else ("train", parts)
        if in_parts and part not in TRAIN | TEST | VALIDATION:
            skipped.add(NO_PART, file.name)
        elif len(rest) < 2:
            skipped.add(NO_CLASS, file.name)
        else:
            (test if part in TEST else train).append((file, rest[0]))
    classes = sorted({name for _file, name in train}, key=in_natural_order)
    limits.check_classes(classes)
    number = {name: place for place, name in enumerate(classes)}
    for file, name in test:
        if name not in number:
            skipped.add(UNKNOWN_CLASS, file.name)
    known = [(file, number[name]) for file, name in test if name in number]
    notes = [VALIDATION_JOINED] if first & TRAIN and first & VALIDATION else []
    return Sorted(classes, notes, [(file, number[name]) for file, name in train], known)


def _without_outer_folders(placed: list[tuple[tuple[str, ...], File]]) -> list[tuple[tuple[str, ...], File]]:
    """Return the files without folders around all that lies in a folder of its own."""
    deep = [parts for parts, _file in placed if len(parts) > 1]
    while deep and len({parts[0] for parts in deep}) == 1 and min(map(len, deep)) > 2:
        placed = [(parts[1:] if len(parts) > 1 else parts, file) for parts, file in placed]
        deep = [parts[1:] for parts in deep]
    return placed
