"""Networks at full precision, as safetensors files."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor, nn

from compression.errors import DataError, NotFoundError
from compression.texts import gettext as _

SUFFIX = ".safetensors"


def to_bytes(model: nn.Module, metadata: Mapping[str, Any]) -> bytes:
    """Return a network's file: its tensors, each once, and the metadata, whose values are written as JSON."""
    tensors: dict[str, Tensor] = {}
    seen = set()
    for name, tensor in model.state_dict().items():
        key = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride())
        if tensor.numel() == 0 or key not in seen:
            tensors[name] = tensor.detach().cpu().contiguous()
        seen.add(key)
    text = {key: json.dumps(value, allow_nan=False, sort_keys=True) for key, value in metadata.items()}
    return safetensors.torch.save(tensors, text)


def size(model: nn.Module, metadata: Mapping[str, Any]) -> int:
    """Return how many bytes the network's file has."""
    return len(to_bytes(model, metadata))


def save(path: Path, model: nn.Module, metadata: Mapping[str, Any]) -> int:
    """Write a network's file, whole or not at all, and return its size in bytes."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(to_bytes(model, metadata))
    partial.replace(path)
    return path.stat().st_size


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return a file's tensors by name and its metadata.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is not a safetensors file of this lab, or an incomplete or corrupt one.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError:
        raise NotFoundError(_("There is no file {name}.").format(name=path.name)) from None
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        sentence = _("{name} is not a safetensors file of this lab, or it is incomplete or corrupt.")
        raise DataError(sentence.format(name=path.name)) from error


def fill(model: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Set all of a network's tensors.

    Args:
        name: the file that they come from, for the message.

    Raises:
        DataError: they belong to another network.
    """
    own = model.state_dict()
    shared = {tensor.data_ptr(): tensors[key] for key, tensor in own.items() if key in tensors and tensor.numel()}
    complete = {key: tensors.get(key, shared.get(tensor.data_ptr())) for key, tensor in own.items()}
    fits = tensors.keys() <= own.keys() and all(
        complete[key] is not None and complete[key].shape == tensor.shape for key, tensor in own.items()
    )
    if not fits:
        raise DataError(_("The weights in {name} belong to another network.").format(name=name))
    model.load_state_dict(complete)
