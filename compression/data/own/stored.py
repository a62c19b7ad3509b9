"""Own datasets as they are stored: one safetensors file each, named by what is in it, and found by that name."""

import functools
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from compression import settings
from compression.catalog import Entry
from compression.data.arrays import Arrays, held_out
from compression.data.own import limits
from compression.errors import DataError, LimitError, SpecError
from compression.texts import gettext as _

NAME = re.compile(r"own-[0-9a-f]{24}")
FROM_COMMAND_LINE = "folder"
SUFFIX = ".safetensors"
PARTS = ("train_inputs", "train_labels", "test_inputs", "test_labels")
SIGHTS, FEWEST_EPOCHS, MOST_EPOCHS = 200_000, 10, 60  # of images, in a teacher's training
LARGE, LARGE_BATCH, SMALL_BATCH = 4_000, 128, 32


@dataclass(frozen=True)
class Own:
    """What is known of an own dataset, without its images.

    Attributes:
        facts: `title`, `shape`, `class_names`, `train` and `test` (images of each class), `skipped` (reason, count and the
            first file's name), `smallest` and `largest` (width and height of the images as they came), `notes` (codes).
    """

    name: str
    facts: Mapping[str, Any]


def folder() -> Path:
    """Return the folder of own datasets."""
    return settings.home() / "datasets"


def path_of(name: str) -> Path:
    """Return the file of an own dataset."""
    return folder() / f"{name}{SUFFIX}"


def own_datasets() -> list[Own]:
    """Return the own datasets of this lab by title."""
    names = [path.stem for path in folder().glob(f"own-*{SUFFIX}") if NAME.fullmatch(path.stem)]
    found = [own for own in map(look_up, names) if own is not None]
    return sorted(found, key=lambda own: (str(own.facts["title"]).lower(), own.name))


def look_up(name: str) -> Own | None:
    """Return what is known of an own dataset; None where the lab does not have it, or its file is damaged."""
    path = path_of(name)
    try:
        return _look_up(path, path.stat().st_mtime_ns)
    except (OSError, safetensors.SafetensorError, ValueError, KeyError):
        return None


@functools.lru_cache(maxsize=128)
def _look_up(path: Path, changed: int) -> Own:
    with safetensors.safe_open(path, framework="pt") as file:
        return Own(path.stem, json.loads(file.metadata()["facts"]))


def called(name: str) -> str:
    """Return what a dataset is called in a table: an own one by its title, with a part of its name that tells it from others."""
    own = look_up(name) if NAME.fullmatch(name) else None
    return f"{own.facts['title']} ({name[4:8]})" if own else name


def find(name: str, where: str) -> Entry | None:
    """Return the entry of an own dataset with the traits of its images; None for any other name.

    Raises:
        SpecError: it has the name of an own dataset, but the lab does not have it; or it is a path that nobody brought in.
    """
    if name == FROM_COMMAND_LINE:
        allowed = _("a path is read on the command line alone; on a page, choose own images and upload them")
        raise SpecError(where, name, allowed)
    if not NAME.fullmatch(name):
        return None
    own = look_up(name)
    if own is None:
        allowed = _("this lab does not have these images (any more): upload them, or name their file on the command line")
        raise SpecError(where, name, allowed)
    return entry_of(own)


def entry_of(own: Own) -> Entry:
    """Return an own dataset as a registry would hold it."""
    facts = own.facts
    train, test = sum(facts["train"]), sum(facts["test"])
    usable = train - held_out(facts["train"])
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(SIGHTS / usable)))
    recipe = {"epochs": epochs, "batch_size": LARGE_BATCH if usable >= LARGE else SMALL_BATCH, "lr": 0.1, "augment": "shift"}
    traits = {
        "task": "classification",
        "shape": tuple(facts["shape"]),
        "classes": len(facts["class_names"]),
        "images": train,
        "test_images": test,
        "class_images": tuple(facts["train"]),
        "transfer_images": None,
        "class_names": tuple(facts["class_names"]),
        "folder": "",
        "megabytes": 0,
        "recipe": recipe,
        "own": own,
    }
    caption = _("{train:,} own images and {test:,} for the test.").format(train=train, test=test)
    return Entry(own.name, functools.partial(read, own.name), facts["title"], _("own images"), caption, {}, traits)


def read(name: str, root: Path, download: bool = False) -> Arrays:
    """Return the images and labels of an own dataset, compared with what was stored.

    Raises:
        DataError: the file is absent or damaged.
    """
    try:
        with safetensors.safe_open(path_of(name), framework="pt") as file:
            metadata, tensors = file.metadata(), [file.get_tensor(part) for part in PARTS]
    except (OSError, safetensors.SafetensorError) as error:
        raise DataError(_damaged(name)) from error
    if metadata.get("digest") != _digest(tensors):
        raise DataError(_damaged(name))
    return Arrays(*tensors)


def used_again(name: str) -> Own | None:
    """Return an own dataset that is stored undamaged, which counts as new from now on; None where it is not."""
    try:
        read(name, Path())
        path_of(name).touch()
    except (DataError, OSError):
        return None
    return look_up(name)


def save(name: str, arrays: Arrays, facts: Mapping[str, Any]) -> Own:
    """Store an own dataset, whole or not at all.

    Raises:
        LimitError: the own datasets of this lab take too much, or the disk is full.
    """
    tensors = {part: getattr(arrays, part).contiguous() for part in PARTS}
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    sentence = _("The own images of this lab would take {given} together; {most} are allowed: delete some.")
    limits.at_most(size + stored_bytes(), limits.MOST_STORED_BYTES, sentence, "MB")
    target = path_of(name)
    partial = target.with_name(f"{name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"facts": json.dumps(facts), "digest": _digest([*tensors.values()])}
        safetensors.torch.save_file(tensors, partial, metadata)
        partial.replace(target)
    except OSError as error:
        sentence = _("The images could not be stored in {folder}: {reason}.")
        raise LimitError(sentence.format(folder=target.parent, reason=error.strerror or error)) from error
    finally:
        partial.unlink(missing_ok=True)
    return Own(name, facts)


def stored_bytes() -> int:
    """Return how many bytes own datasets take."""
    return sum(path.stat().st_size for path in folder().glob(f"own-*{SUFFIX}"))


def _digest(tensors: list[Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(json.dumps([str(tensor.dtype), *tensor.shape]).encode())
        digest.update(tensor.contiguous().numpy())
    return digest.hexdigest()


def _damaged(name: str) -> str:
    own = look_up(name)
    title = own.facts["title"] if own else name
    return _(
        "The stored images of {title} are gone or damaged: upload them again, or name their file on the command line."
    ).format(title=title)
