"""Where files of weights lie once people brought them: in a folder of the lab, each named by what it holds."""

import hashlib
import os
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from compression.errors import DataError, LimitError, NotFoundError
from compression.export.weights import SUFFIX
from compression.models import WEIGHTS_ID
from compression.own_weights.header import MOST_BYTES, read_header
from compression.texts import gettext as _

MOST_BYTES_STORED = 4 * 2**30


def store(content: bytes, folder: Path) -> str:
    """Check a file and store it; return its id, the beginning of the SHA-256 of its bytes.

    Raises:
        LimitError: it is larger than is allowed, or the folder is full.
        DataError: it is no safetensors file of finite numbers.
    """
    read_tensors(content)
    name = hashlib.sha256(content).hexdigest()[:32]
    target = folder / f"{name}{SUFFIX}"
    if target.exists():
        return name
    folder.mkdir(parents=True, exist_ok=True)
    if sum(path.stat().st_size for path in folder.glob(f"*{SUFFIX}")) + len(content) > MOST_BYTES_STORED:
        sentence = _("This lab holds {most} GB of weights, which is the most: `python -m compression runs tidy` frees some.")
        raise LimitError(sentence.format(most=MOST_BYTES_STORED // 2**30))
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return name


def store_file(path: Path, folder: Path) -> str:
    """Check and store a file of this machine; return its id.

    Raises:
        NotFoundError: there is no such file.
        LimitError, DataError: as `store`.
    """
    try:
        if not path.is_file():
            raise NotFoundError(_("There is no file {name}.").format(name=path))
        if path.stat().st_size > MOST_BYTES:
            raise LimitError(_("{name} is larger than the {most} MB allowed.").format(name=path, most=MOST_BYTES // 2**20))
        return store(path.read_bytes(), folder)
    except OSError as error:
        raise DataError(_("{name} cannot be read: {reason}.").format(name=path, reason=error.strerror)) from error


def find(name: str, folder: Path) -> Path:
    """Return the file of an id.

    Raises:
        NotFoundError: it is not there (any more).
    """
    path = folder / f"{name}{SUFFIX}"
    if not WEIGHTS_ID.fullmatch(name) or not path.is_file():
        raise NotFoundError(_("This lab has no file of weights {name} (any more); bring it again.").format(name=name[:32]))
    return path


def read_tensors(content: bytes) -> dict[str, Tensor]:
    """Return the tensors of a file by name; those of floats as float32.

    Raises:
        LimitError, DataError: as `read_header`, or a number is not finite, or too large for float32.
    """
    read_header(content)
    try:
        tensors = safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError) as error:
        raise DataError(_("The file is no safetensors file of a network, or it is incomplete or corrupt.")) from error
    floats = {name: tensor.to(torch.float32) for name, tensor in tensors.items() if tensor.is_floating_point()}
    for name, tensor in floats.items():
        if not tensor.isfinite().all():
            raise DataError(_("{name} has numbers that are NaN, infinite or too large for float32.").format(name=name))
    return {**tensors, **floats}
