"""Find a dataset where it lies, or download it where everybody can see that it happens."""

import contextlib
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import filelock

from compression.catalog import Entry, Knob
from compression.data import DATASETS
from compression.data.arrays import VALIDATION_MOST, VALIDATION_SHARE, Arrays, Dataset, held_out, split
from compression.errors import DataError
from compression.texts import gettext as _

POLL_SECONDS = 0.2
MEGABYTE = 1_000_000
FEWEST_IMAGES = 50


def most_train_images(entry: Entry) -> int:
    """Return how many training images a dataset has once its validation part is taken away."""
    return entry.traits["images"] - validation_images(entry)


def validation_images(entry: Entry) -> int:
    """Return how many of a dataset's training images are held out for validation."""
    if counts := entry.traits.get("class_images"):
        return held_out(counts)
    return round(min(VALIDATION_SHARE * entry.traits["images"], VALIDATION_MOST))


def train_images_knob(entry: Entry) -> Knob:
    """Return the bounds of a dataset's subset size."""
    return Knob(
        _("How many images to train on; empty means all"),
        low=FEWEST_IMAGES,
        high=most_train_images(entry),
        step=FEWEST_IMAGES,
        unit=_("images"),
        name="train_images",
        kind="int",
    )


def load(choice: dict[str, Any], root: Path) -> Generator[str, None, Dataset]:
    """Yield a sentence now and then while the data is downloaded, and return the `Dataset`.

    Args:
        choice: `name`, `train_images`, `split_seed`.
        root: the folder that torchvision's datasets take.

    Raises:
        DataError: the files are incomplete or corrupt, or absent and not to be downloaded.
    """
    entry = DATASETS[choice["name"]]
    try:
        arrays = _read(entry, root, download=False)
    except _AbsentError:
        arrays = yield from _download(entry, root)
    return split(entry.name, dict(entry.traits), arrays, train_images=choice["train_images"], split_seed=choice["split_seed"])


def load_present(choice: dict[str, Any], root: Path) -> Dataset:
    """Return the dataset if it is already there.

    Raises:
        DataError: it is not, or its files are incomplete or corrupt.
    """
    entry = DATASETS[choice["name"]]
    try:
        arrays = _read(entry, root, download=False)
    except _AbsentError:
        raise DataError(
            _("{title} is not downloaded yet: the first run on it downloads {size} MB.").format(
                title=_(entry.title), size=entry.traits["megabytes"]
            )
        ) from None
    return split(entry.name, dict(entry.traits), arrays, train_images=choice["train_images"], split_seed=choice["split_seed"])


class _AbsentError(Exception):
    """The data does not lie under the root."""


def _read(entry: Entry, root: Path, *, download: bool) -> Arrays:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            arrays = entry.function(root, download)
    except DataError:
        raise
    except RuntimeError as error:
        if "not found" in str(error):
            raise _AbsentError from error
        if download:
            raise
        raise _corrupt(entry, root) from error
    except OSError:
        if download:
            raise
        raise _corrupt(entry, root) from None
    except Exception as error:  # truncated files surface as assertions, value errors or unpickling errors alike
        raise _corrupt(entry, root) from error
    if not _as_published(entry, arrays):
        raise _corrupt(entry, root)
    return arrays


def _as_published(entry: Entry, arrays: Arrays) -> bool:
    """Tell whether there are as many images as the dataset has, of its shape, each with the label of one of its classes."""
    parts = ((arrays.train_inputs, arrays.train_labels), (arrays.test_inputs, arrays.test_labels))
    return len(arrays.train_labels) == entry.traits["images"] and all(
        len(inputs) == len(labels) > 0
        and tuple(inputs.shape[1:]) == tuple(entry.traits["shape"])
        and 0 <= int(labels.min()) <= int(labels.max()) < entry.traits["classes"]
        for inputs, labels in parts
    )


def _corrupt(entry: Entry, root: Path) -> DataError:
    return DataError(
        _(
            "The files of {title} in {folder} are incomplete or corrupt: delete that folder, and the next run downloads it again."
        ).format(title=_(entry.title), folder=root / entry.traits["folder"])
    )


def _download(entry: Entry, root: Path) -> Generator[str, None, Arrays]:
    outcome: dict[str, Any] = {}
    root.mkdir(parents=True, exist_ok=True)

    def fetch() -> None:
        try:
            with filelock.FileLock(root / f".{entry.name}.lock"):
                outcome["arrays"] = _read(entry, root, download=True)
        except Exception as error:
            outcome["error"] = error

    before, began_before = _bytes_under(root), _bytes_under(root / entry.traits["folder"]) > 0
    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    while True:
        yield _("Downloading {title}: {done} of {all} MB").format(
            title=_(entry.title), done=max(0, _bytes_under(root) - before) // MEGABYTE, all=entry.traits["megabytes"]
        )
        thread.join(POLL_SECONDS)
        if not thread.is_alive():
            break
    if "error" in outcome:
        raise _explain(entry, root, outcome["error"], began_before)
    return outcome["arrays"]


def _explain(entry: Entry, root: Path, error: Exception, began_before: bool) -> DataError:
    if isinstance(error, OSError) and error.errno == 28:
        return DataError(_("The disk is full: {title} needs room under {root}.").format(title=_(entry.title), root=root))
    if isinstance(error, DataError) or began_before:
        return _corrupt(entry, root)
    sentence = _(
        "{title} is not in {root} and could not be downloaded: connect to the network, or copy its files there, or choose Digits,"
        " which needs no download."
    )
    return DataError(sentence.format(title=_(entry.title), root=root))


def _bytes_under(root: Path) -> int:
    total = 0
    for path in root.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
