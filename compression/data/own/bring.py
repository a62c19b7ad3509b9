"""Bring in own images: read a folder, a zip or an npz within limits, and store what the lab trains on."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import filelock
import numpy
import torch

from compression.catalog import Entry, Knob, read_knobs
from compression.data.arrays import Arrays, held_out
from compression.data.own import folders, limits, named_arrays, pictures, stored
from compression.data.own.names import made_unlike, shown
from compression.data.own.pictures import Look
from compression.data.own.sources import File, Skipped, digest_of_file, digest_of_folder, in_folder, in_zip, opened
from compression.data.own.stored import Own
from compression.errors import DataError, LabError
from compression.texts import gettext as _
from compression.texts import mark

READER = 1  # raised where the same files would give other images
TEST_SHARE, TEST_MOST = 0.2, 5_000
FEWEST_TRAINING_IMAGES = 50  # beside those for validation
NO_TEST, LEAKED, UNUSED = "no_test", "leaked", "unused"
Tell = Callable[[int, int], None]
Parts = dict[str, tuple[numpy.ndarray, numpy.ndarray]]


def folder(
    *,
    size: Annotated[
        Literal["auto", 8, 16, 24, 28, 32, 48, 64],
        Knob(_("Side of the square that each image is brought to; auto: its own where all are one square of 8 to 64, else 32")),
    ] = "auto",
    colour: Annotated[Literal["auto", "grey", "colour"], Knob(_("Grey or colour; auto: colour where any image has it"))] = "auto",
) -> dict[str, Any]:
    """Return the settings with which own images are read."""
    return {"size": size, "colour": colour}


READING = Entry(stored.FROM_COMMAND_LINE, folder, mark("Own images"), "", folder.__doc__ or "", read_knobs(folder))


def bring(
    source: Path | BinaryIO, title: str, *, size: int | str = "auto", colour: str = "auto", tell: Tell | None = None
) -> Own:
    """Return own images as the lab stores them; the same files with the same settings are decoded once.

    Args:
        source: a folder, or a zip or npz, as its path or its bytes.
        title: as people call it; what is no letter or digit is left out of it.
        tell: called now and then with how many images are decoded, and of how many.

    Raises:
        DataError: there is nothing of use in it, or something harmful.
        LimitError: there is too much in it.
        SpecError: a setting is not allowed.
    """
    chosen = READING.bind(READING.check({"size": size, "colour": colour}, "dataset"))()
    try:
        with ExitStack() as stack:
            return _bring(_open(source, stack), shown(title, _("Own images")), chosen, tell)
    except LabError:
        raise
    except OSError as error:
        raise DataError(
            _("{title} cannot be read: {reason}.").format(title=shown(title), reason=error.strerror or error)
        ) from error
    except Exception as error:  # a file made to harm may raise whatever it likes
        raise DataError(_("{title} is damaged, or not what it says that it is.").format(title=shown(title))) from error


def _open(source: Path | BinaryIO, stack: ExitStack) -> Path | BinaryIO:
    if not isinstance(source, Path) or source.is_dir():
        return source
    if not source.is_file():
        raise DataError(_("There is no folder, zip or npz at {path}.").format(path=source))
    return stack.enter_context(source.open("rb"))


def _bring(source: Path | BinaryIO, title: str, chosen: Mapping[str, Any], tell: Tell | None) -> Own:
    skipped, side = Skipped(), None if chosen["size"] == "auto" else chosen["size"]
    look = {"side": side, "colour": chosen["colour"]}
    files = in_folder(source, skipped) if isinstance(source, Path) else []
    digest = digest_of_folder(files) if isinstance(source, Path) else digest_of_file(source)
    name = _name(digest, chosen)
    if (known := stored.used_again(name)) is not None:
        return known
    stored.folder().mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(stored.folder() / ".lock"), ExitStack() as stack:  # one at a time: each may take much memory
        if isinstance(source, Path):
            found = _from_files(files, skipped, look, tell)
        else:
            archive = stack.enter_context(opened(source))
            npz = named_arrays.is_npz(archive)
            found = _from_arrays(archive, look, tell) if npz else _from_files(in_zip(archive, skipped), skipped, look, tell)
        return stored.save(name, *_described(title, skipped, *found))


def _described(
    title: str, skipped: Skipped, parts: Parts, names: list[str], look: Look, notes: list[str]
) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays and what is known of them; see `Own`."""
    arrays, more = _as_arrays(parts, names)
    counts = [torch.bincount(labels, minlength=len(names)).tolist() for labels in (arrays.train_labels, arrays.test_labels)]
    sizes = {"shape": [look.channels, look.side, look.side], "smallest": [*look.smallest], "largest": [*look.largest]}
    told = {"class_names": made_unlike(names), "train": counts[0], "test": counts[1], "skipped": skipped.to_json()}
    return arrays, {"title": title, **sizes, **told, "notes": [*notes, *more]}


def _name(digest: str, chosen: Mapping[str, Any]) -> str:
    facts = json.dumps({"content": digest, "reader": READER, **chosen}, sort_keys=True)
    return f"own-{hashlib.sha256(facts.encode()).hexdigest()[:24]}"


def _from_files(
    files: list[File], skipped: Skipped, look: Mapping[str, Any], tell: Tell | None
) -> tuple[Parts, list[str], Look, list[str]]:
    """Return images and labels of the parts, class names, what the images were brought to, and codes of what is to be said."""
    found = pictures.headers(files, skipped)
    placed = folders.sort(found, skipped)
    both = [*placed.train, *placed.test]
    chosen = pictures.chosen_look([found[file] for file, _label in both], **look)
    images, usable = pictures.decode([file for file, _label in both], chosen, skipped, tell)
    labels = numpy.array([label for (_file, label), good in zip(both, usable, strict=True) if good], numpy.int64)
    train = sum(usable[: len(placed.train)])
    parts = {"train": (images[:train], labels[:train])}
    if train < len(labels):
        parts["test"] = images[train:], labels[train:]
    return parts, placed.classes, chosen, placed.notes


def _from_arrays(
    archive: zipfile.ZipFile, look: Mapping[str, Any], tell: Tell | None
) -> tuple[Parts, list[str], Look, list[str]]:
    """Return what `_from_files` does, of an npz."""
    names, read, unused = named_arrays.read(archive)
    images, chosen = named_arrays.bring_to_one_size(read, **look, tell=tell)
    parts = {part: (images[part], read[part].labels) for part in read}
    notes = [UNUSED] if unused else []
    if "validation" in parts:
        more = parts.pop("validation")
        joined = zip(parts["train"], more, strict=True)
        parts["train"] = tuple(numpy.concatenate(pair) for pair in joined)
        notes.append(folders.VALIDATION_JOINED)
    return parts, names, chosen, notes


def _as_arrays(parts: Parts, names: list[str]) -> tuple[Arrays, list[str]]:
    """Return the arrays, a fifth of each class for the test where there is no such part, and codes of what is to be said.

    Raises:
        DataError: a class, or all of them together, has too few images.
    """
    notes, (images, labels) = [], parts["train"]
    counts = numpy.bincount(labels, minlength=len(names))
    if counts[fewest := int(counts.argmin())] < limits.FEWEST_IMAGES_A_CLASS:
        sentence = _("The class {name} has {count} usable training images; {fewest} are the fewest.")
        numbers = {"count": int(counts[fewest]), "fewest": limits.FEWEST_IMAGES_A_CLASS}
        raise DataError(sentence.format(name=made_unlike(names)[fewest], **numbers))
    if "test" not in parts:
        notes.append(NO_TEST)
        parts = _split_off_test(images, labels)
    (images, labels), (test_images, test_labels) = parts["train"], parts["test"]
    counts = numpy.bincount(labels, minlength=len(names)).tolist()
    if (usable := sum(counts) - held_out(counts)) < FEWEST_TRAINING_IMAGES:
        sentence = _("{count} images are left for training beside those for validation and test; {fewest} are the fewest.")
        raise DataError(sentence.format(count=usable, fewest=FEWEST_TRAINING_IMAGES))
    seen = {image.tobytes() for image in images}
    if any(image.tobytes() in seen for image in test_images):
        notes.append(LEAKED)
    return Arrays(*map(torch.from_numpy, (images, labels, test_images, test_labels))), notes


def _split_off_test(images: numpy.ndarray, labels: numpy.ndarray) -> Parts:
    """Return the parts train and test: of each class the same share, drawn with a seed of its own."""
    order = numpy.random.default_rng(0).permutation(len(labels))
    share = min(TEST_SHARE, TEST_MOST / len(labels))
    held_out = numpy.zeros(len(labels), bool)
    for label in numpy.unique(labels):
        members = order[labels[order] == label]
        held_out[members[: max(1, round(len(members) * share))]] = True
    train, test = order[~held_out[order]], order[held_out[order]]
    return {"train": (images[train], labels[train]), "test": (images[test], labels[test])}
