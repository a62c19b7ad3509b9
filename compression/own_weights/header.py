"""What a safetensors file from outside holds, read from its header alone and checked before any of its numbers is read."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compression.errors import DataError, LimitError
from compression.texts import gettext as _

MOST_BYTES = 200 * 2**20  # the largest network of the zoo at its usual settings has 45 MB
MOST_HEADER_BYTES = 2 * 2**20
MOST_TENSORS = 4096
MOST_DIMENSIONS = 8
MOST_NAME_CHARACTERS = 200
LENGTH_BYTES = 8
NAME = re.compile(r"[A-Za-z0-9_.\-]+")
FLOAT_BYTES = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}
WHOLE_BYTES = {"I64": 8, "I32": 4}
DTYPE_BYTES = {**FLOAT_BYTES, **WHOLE_BYTES}
ENTRY = ("dtype", "shape", "data_offsets")
PICKLE, ZIP = b"\x80", b"PK\x03\x04"


@dataclass(frozen=True)
class Found:
    """One tensor of a file, not read: `dtype` is one of `DTYPE_BYTES`."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Return how many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """The tensors of a file by name, in the order of their bytes, and its metadata, a text by name."""

    tensors: Mapping[str, Found]
    metadata: Mapping[str, str]


def read_header(content: bytes) -> Header:
    """Return what a file holds.

    Raises:
        LimitError: it is larger, or has more tensors, than is allowed.
        DataError: it is no safetensors file, or an incomplete or corrupt one, or one with tensors that no network here has.
    """
    if len(content) > MOST_BYTES:
        raise LimitError(_("The file is larger than the {most} MB that are allowed.").format(most=MOST_BYTES // 2**20))
    if content.startswith((PICKLE, ZIP)):
        sentence = _(
            "The file was written by torch.save; only safetensors files are read, as safetensors.torch.save_file writes."
        )
        raise DataError(sentence)
    length = int.from_bytes(content[:LENGTH_BYTES], "little")
    if len(content) <= LENGTH_BYTES or length > len(content) - LENGTH_BYTES:
        raise DataError(_("The file is no safetensors file, or it is incomplete: its header does not lie within it."))
    if length > MOST_HEADER_BYTES:
        raise LimitError(_("The file's header is larger than the {most} MB allowed.").format(most=MOST_HEADER_BYTES // 2**20))
    entries = _parsed(content[LENGTH_BYTES : LENGTH_BYTES + length])
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise _corrupt(_("its metadata is no object of texts"))
    if not 1 <= len(entries) <= MOST_TENSORS:
        raise LimitError(
            _("The file has {count} tensors; allowed are 1 to {most}.").format(count=len(entries), most=MOST_TENSORS)
        )
    return Header(_placed(entries, len(content) - LENGTH_BYTES - length), metadata)


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        entries = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_refuse)
    except (ValueError, RecursionError):
        raise _corrupt(_("its header is no JSON, or names something twice")) from None
    if not isinstance(entries, dict):
        raise _corrupt(_("its header is no JSON object"))
    return entries


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


def _refuse(_text: str) -> None:
    raise ValueError


def _placed(entries: Mapping[str, Any], there: int) -> dict[str, Found]:
    """Return tensors in the order of their bytes, which they must fill without gaps, overlaps or a rest.

    Args:
        there: how many bytes follow the header.
    """
    found = {name: (_found(name, entry), *_whole(name, entry["data_offsets"], 2)) for name, entry in entries.items()}
    reached, ordered = 0, sorted(found.items(), key=lambda item: item[1][1:])
    for name, (tensor, begin, end) in ordered:
        if begin != reached or end - begin != tensor.size * DTYPE_BYTES[tensor.dtype]:
            raise _corrupt(_("the bytes of {name} are not where and as many as its header says").format(name=name))
        reached = end
    if reached != there:
        raise _corrupt(_("its header tells of {told} bytes of numbers, and {there} are there").format(told=reached, there=there))
    return {name: tensor for name, (tensor, _begin, _end) in ordered}


def _found(name: str, entry: Any) -> Found:
    if len(name) > MOST_NAME_CHARACTERS or not NAME.fullmatch(name):
        sentence = _("a tensor is named {name}, where 1 to {most} letters, digits, dots, - and _ are allowed")
        raise _corrupt(sentence.format(name=ascii(name[:40]), most=MOST_NAME_CHARACTERS))
    if not isinstance(entry, dict) or sorted(entry) != sorted(ENTRY):
        raise _corrupt(_("its header does not say of {name} what it is and where").format(name=name))
    dtype = entry["dtype"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        sentence = _("{name} has numbers of the type {dtype}; allowed is one of {allowed}")
        raise _corrupt(sentence.format(name=name, dtype=ascii(dtype)[:40], allowed=", ".join(DTYPE_BYTES)))
    return Found(dtype, _whole(name, entry["shape"]))


def _whole(name: str, numbers: Any, count: int | None = None) -> tuple[int, ...]:
    """Return whole numbers from 0 to what a file may have, exactly `count` or at most as many as a tensor has dimensions."""
    right = isinstance(numbers, list) and (len(numbers) == count if count else len(numbers) <= MOST_DIMENSIONS)
    if not right or not all(type(number) is int and 0 <= number <= MOST_BYTES for number in numbers):
        raise _corrupt(_("{name} has a shape or a place that is none").format(name=name))
    return tuple(numbers)


def _corrupt(why: str) -> DataError:
    return DataError(_("The file is no safetensors file of a network, or it is incomplete or corrupt: {why}.").format(why=why))
