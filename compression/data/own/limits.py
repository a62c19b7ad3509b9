"""What own data may be at most: each limit once, with the sentence for passing it."""

from compression.errors import DataError, LimitError
from compression.texts import gettext as _
from compression.texts import mark

MEGABYTE = 1_000_000
MOST_PACKED_BYTES = 500 * MEGABYTE
MOST_UNPACKED_BYTES = 1_000 * MEGABYTE
MOST_DIRECTORY_BYTES = 16 * MEGABYTE  # of a zip's list of files
MOST_COMPRESSION_RATIO = 100  # unpacked bytes to packed ones
RATIO_COUNTS_FROM_BYTES = MEGABYTE  # unpacked; less is harmless
MOST_FILES = 100_000
MOST_FILE_BYTES = 50 * MEGABYTE  # one image
MOST_PATH_CHARACTERS = 500
MOST_CLASSES = 200
MOST_PIXELS_AN_IMAGE = 25_000_000
MOST_PIXELS = 4_000_000_000  # all images as they come
MOST_ARRAY_BYTES = 320 * MEGABYTE  # all images as they are stored
MOST_STORED_BYTES = 4_000 * MEGABYTE  # all own datasets of a lab
FEWEST_CLASSES = 2
FEWEST_IMAGES_A_CLASS = 4
SMALLEST_SIDE, LARGEST_SIDE, USUAL_SIDE = 8, 64, 32  # pixels, as networks take them
ALL_PIXELS = mark("All images together have {given} pixels; {most} are allowed.")


def megabytes(size: float) -> str:
    """Return a size in bytes in words."""
    return _("{size:,.0f} MB").format(size=size / MEGABYTE)


def at_most(given: float, most: float, sentence: str, show: str = "{:,}") -> None:
    """Make sure that a limit holds.

    Args:
        sentence: with `{given}` and `{most}`.
        show: how both are written; `MB` for bytes.

    Raises:
        LimitError: it does not.
    """
    if given > most:
        numbers = [megabytes(number) if show == "MB" else show.format(number) for number in (given, most)]
        raise LimitError(sentence.format(given=numbers[0], most=numbers[1]))


def check_files(count: int) -> None:
    """Make sure that there are not too many files.

    Raises:
        LimitError: there are.
    """
    at_most(count, MOST_FILES, _("There are {given} files or more; {most} are allowed."))


def check_unpacked(size: int) -> None:
    """Make sure that all files together are not too large.

    Raises:
        LimitError: they are.
    """
    at_most(size, MOST_UNPACKED_BYTES, _("The files take {given} unpacked; {most} are allowed."), "MB")


def check_packed(size: int) -> None:
    """Make sure that a file is not too large to be looked at.

    Raises:
        LimitError: it is.
    """
    at_most(size, MOST_PACKED_BYTES, _("The file has {given}; {most} are allowed."), "MB")


def check_stored(count: int, channels: int, side: int) -> None:
    """Make sure that images of one size fit into memory.

    Raises:
        LimitError: they do not.
    """
    sentence = _("{count:,} images of {side} × {side} pixels take {{given}}; {{most}} are allowed: choose a smaller size.")
    at_most(count * channels * side * side, MOST_ARRAY_BYTES, sentence.format(count=count, side=side), "MB")


def check_classes(names: list[str]) -> None:
    """Make sure that there is something to tell apart, and not too much.

    Raises:
        DataError: one class or none.
        LimitError: too many.
    """
    if not names:
        raise DataError(_("There is no image in a class folder: each class needs a folder of its own with its images."))
    if len(names) < FEWEST_CLASSES:
        sentence = _("There is one class alone, {name}: a network needs at least {fewest} to tell apart.")
        raise DataError(sentence.format(name=names[0], fewest=FEWEST_CLASSES))
    at_most(len(names), MOST_CLASSES, _("There are {given} classes; {most} are allowed."))
