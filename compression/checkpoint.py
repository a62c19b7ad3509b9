"""Checkpoints: what an interrupted run goes on from, written whole or not at all."""

import io
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from compression.texts import gettext as _

_log = logging.getLogger(__name__)

Restored = TypeVar("Restored")


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint of tensors and plain values."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())  # else a power cut can leave the new name with no content
    partial.replace(path)


def restore_checkpoint(path: Path, device: torch.device | str, use: Callable[[dict[str, Any]], Restored]) -> Restored | None:
    """Return what `use` makes of a checkpoint, or None where there is none.

    A checkpoint that cannot be read or used is put aside under another name, with a warning in the log.
    """
    if not path.exists():
        return None
    content = path.read_bytes()
    try:
        return use(torch.load(io.BytesIO(content), weights_only=True, map_location=device))
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a damaged file raises almost anything
        damaged = path.with_name(f"{path.name}.damaged")
        path.replace(damaged)
        sentence = _("The checkpoint {name} cannot be read ({reason}); it is now {damaged}, and its work is done again.")
        _log.warning(sentence.format(name=path.name, reason=type(error).__name__, damaged=damaged.name))
        return None
