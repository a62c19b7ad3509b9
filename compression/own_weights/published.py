"""Weights that torchvision publishes for networks of the zoo, learned on ImageNet: downloaded once, when somebody asks."""

import errno
import hashlib
import http.client
import io
import json
import pickle
import re
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import filelock
import safetensors.torch
import torch
from torch import Tensor

from compression.errors import DataError, LabError, LimitError
from compression.models import MODELS, WEIGHTS_ID
from compression.own_weights.header import LENGTH_BYTES, MOST_BYTES
from compression.own_weights.storage import find, store
from compression.texts import gettext as _
from compression.texts import mark

TRAIT = "imagenet"
LARGEST_PIXEL = 255
SIDE = 224  # pixels of the images that these networks learned
MEGABYTE = 1_000_000
PATIENCE_S = 30.0
CHUNK_BYTES = 2**20
HASH = re.compile(r"-([0-9a-f]{8,64})\.pth$")  # the beginning of the SHA-256, as torch.hub reads it from a file's name
TERMS = mark(
    "torchvision publishes it under the BSD 3-clause licence; the terms of ImageNet, whose images are for non-commercial"
    " research, may hold for it too."
)


@dataclass(frozen=True)
class Source:
    """A published file.

    Attributes:
        url: where it lies; its name ends with the beginning of its SHA-256.
        metadata: what the stored file will say of the network; see `told.Told`.
    """

    url: str
    metadata: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the name of the file."""
        return self.url.rpartition("/")[2]


def names() -> list[str]:
    """Return the networks of the zoo for which there are published weights; their trait says how many megabytes these have."""
    return [entry.name for entry in MODELS.values() if TRAIT in entry.traits]


def source_of(name: str) -> Source:
    """Return the published file of a network of the zoo, as torchvision lists it; nothing is downloaded.

    Raises:
        DataError: there is none.
    """
    if TRAIT not in MODELS.find(name, "network").traits:
        sentence = _("No ImageNet weights are published for {name}; there are some for {names}.")
        raise DataError(sentence.format(name=name, names=", ".join(names())))
    import torchvision

    weights = torchvision.models.get_weight(MODELS[name].traits[TRAIT]["weights"])
    scale = weights.transforms()
    said = {
        "architecture": MODELS.check({"name": name}, "network"),
        "dataset": "imagenet-1k",
        "class_names": list(weights.meta["categories"]),
        "mean": [LARGEST_PIXEL * number for number in scale.mean],
        "std": [LARGEST_PIXEL * number for number in scale.std],
        "source": weights.url,
    }
    return Source(weights.url, said)


def find_stored(name: str, folder: Path) -> str | None:
    """Return the id of a network's published weights if they are here.

    Args:
        folder: of the files of weights.
    """
    try:
        held = _note(source_of(name), folder).read_text(encoding="ascii").strip()
        find(held, folder)
    except (OSError, ValueError, LabError):
        return None
    return held if WEIGHTS_ID.fullmatch(held) else None


def download(name: str, folder: Path) -> Generator[str, None, str]:
    """Yield a sentence now and then, and return the id of a network's published weights, which are downloaded unless here.

    The file is compared with the hash in its name, read by `torch.load(weights_only=True)` and stored as safetensors with
    the mean and deviation that its network's inputs are normalized with.

    Raises:
        DataError: none are published, the source cannot be reached, the file is not the one published, or the disk is full.
        LimitError: the file, or what the lab holds, is larger than is allowed.
    """
    source = source_of(name)
    try:
        note = _note(source, folder)
        note.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(note.with_suffix(".lock")):
            if (held := find_stored(name, folder)) is not None:
                return held
            content = yield from _fetch(source)
            held = store(_as_safetensors(_tensors(content, source), source.metadata), folder)
            note.write_text(held, encoding="ascii")
            return held
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DataError(
                _("The disk is full: {file} needs room under {folder}.").format(file=source.name, folder=folder)
            ) from None
        reason = error.strerror or type(error).__name__
        raise DataError(_("{file} cannot be stored: {reason}.").format(file=source.name, reason=reason)) from error


def _note(source: Source, folder: Path) -> Path:
    """Return the file that says under which id a published file is stored."""
    return folder / "published" / f"{source.name.removesuffix('.pth')}.id"


def _fetch(source: Source) -> Generator[str, None, bytes]:
    """Return a published file whose hash is the one in its name."""
    host, content = urlsplit(source.url).hostname or "", bytearray()
    try:
        with urllib.request.urlopen(source.url, timeout=PATIENCE_S) as answer:
            told = int(answer.headers.get("Content-Length") or 0)
            while chunk := answer.read(CHUNK_BYTES):
                content += chunk
                if max(told, len(content)) > MOST_BYTES:
                    sentence = _("{file} is larger than the {most} MB that are allowed.")
                    raise LimitError(sentence.format(file=source.name, most=MOST_BYTES // 2**20))
                done = _("Downloading {file} from {host}: {done:.0f} of {all:.0f} MB")
                yield done.format(
                    file=source.name, host=host, done=len(content) / MEGABYTE, all=max(told, len(content)) / MEGABYTE
                )
            if len(content) < told:
                raise http.client.IncompleteRead(b"", told - len(content))
    except urllib.error.HTTPError as error:
        sentence = _("{file} could not be downloaded: {host} answers {code} {reason}.")
        raise DataError(sentence.format(file=source.name, host=host, code=error.code, reason=error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        sentence = _("{file} could not be downloaded from {host}: connect this machine to the network and try again.")
        raise DataError(sentence.format(file=source.name, host=host)) from error
    expected = HASH.search(source.name)
    if expected is None or not hashlib.sha256(content).hexdigest().startswith(expected[1]):
        sentence = _(
            "What {host} sent is not {file}: its SHA-256 does not begin as its name says, so nothing was stored; try again."
        )
        raise DataError(sentence.format(file=source.name, host=host))
    return bytes(content)


def _tensors(content: bytes, source: Source) -> dict[str, Tensor]:
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError, AttributeError, TypeError):
        state = None
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()) or not state:
        raise DataError(_("{file} does not hold the tensors of a network alone.").format(file=source.name))
    return {str(name): tensor.detach().contiguous().clone() for name, tensor in state.items()}


def _as_safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> bytes:
    """Return a safetensors file whose bytes depend on nothing else: the library writes metadata in an order of chance."""
    content = safetensors.torch.save(dict(tensors), {key: json.dumps(value) for key, value in metadata.items()})
    end = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little")
    header = json.loads(content[LENGTH_BYTES:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)
    return len(text).to_bytes(LENGTH_BYTES, "little") + text + content[end:]
