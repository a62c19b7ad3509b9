"""The compact file: a compressed network at its real size, which loads back to the same weights bit by bit.

Layout: `COMPLAB1`; the CRC-32 of all that follows it; the header's length (both 4 bytes, little-endian); the header, JSON
packed by zlib: `metadata` and one record a tensor (see `layouts`); the payload. Nothing in it is executable.
"""

import json
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from compression.errors import DataError, NotFoundError
from compression.export.layouts import Record, check, decode, encode, parts, plan
from compression.quantization.quantized import Quantized
from compression.texts import gettext as _

MAGIC = b"COMPLAB1"
PREFIX = struct.Struct("<8sII")
MOST_HEADER_BYTES = 4 << 20
MOST_UNPACKED_BYTES = 1 << 30
MOST_TENSORS = 10_000
SUFFIX = ".compact"

Contents = Mapping[str, Tensor | Quantized]


def write(path: Path, contents: Contents, metadata: Mapping[str, Any]) -> int:
    """Write the file, whole or not at all, and return its size in bytes.

    Args:
        contents: the network's tensors by name, quantized ones as levels (`State.contents()`).
        metadata: JSON-safe; what it takes to build the network again.
    """
    records = plan_all(contents)
    header = _header(records, metadata)
    payload = b"".join(encode(record, contents[record["name"]]) for record in records if "same" not in record)
    checked = struct.pack("<I", len(header)) + header + payload
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(MAGIC + struct.pack("<I", zlib.crc32(checked)) + checked)
    partial.replace(path)
    return path.stat().st_size


def size(contents: Contents, metadata: Mapping[str, Any]) -> int:
    """Return exactly how many bytes `write` would write."""
    records = plan_all(contents)
    return PREFIX.size + len(_header(records, metadata)) + sum(payload_bytes(record) for record in records)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header (`metadata`, `tensors`) and the network's tensors by name.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is not a compact file, or an incomplete, corrupt or far too large one.
    """
    header, contents = read_contents(path)
    return header, dense(contents)


def dense(contents: Contents) -> dict[str, Tensor]:
    """Return a file's tensors by name, with weights in place of levels; names that share levels share weights."""
    weights: dict[int, Tensor] = {}
    for content in contents.values():
        if isinstance(content, Quantized) and id(content) not in weights:
            weights[id(content)] = content.dequantize()
    return {name: weights[id(one)] if isinstance(one, Quantized) else one for name, one in contents.items()}


def read_contents(path: Path) -> tuple[dict[str, Any], dict[str, Tensor | Quantized]]:
    """Return the header and what was written: the network's tensors by name, quantized ones as levels.

    `State.from_contents` goes on compressing from there.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is not a compact file, or an incomplete, corrupt or far too large one.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        raise NotFoundError(_("There is no file {name}.").format(name=path.name)) from None
    except (
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
        OSError,
        struct.error,
        zlib.error,
    ) as error:
        sentence = _("{name} is not a compact file of this lab, or it is incomplete or corrupt.")
        raise DataError(sentence.format(name=path.name)) from error


def plan_all(contents: Contents) -> list[Record]:
    """Return the record of every tensor; one that shares its memory with an earlier one is only named (`same`)."""
    records, seen = [], {}
    for name, content in contents.items():
        tensor = content.levels if isinstance(content, Quantized) else content
        key = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride())
        if tensor.numel() and key in seen:
            records.append({"name": name, "same": seen[key]})
        else:
            seen[key] = name
            records.append(plan(name, content))
    return records


def payload_bytes(record: Record) -> int:
    """Return how many bytes of the payload a tensor takes."""
    return 0 if "same" in record else sum(parts(record).values())


def _header(records: list[Record], metadata: Mapping[str, Any]) -> bytes:
    text = json.dumps({"metadata": metadata, "tensors": records}, separators=(",", ":"), allow_nan=False, sort_keys=True)
    return zlib.compress(text.encode(), 9)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor | Quantized]]:
    if path.stat().st_size > MOST_UNPACKED_BYTES:
        raise ValueError("too large")
    raw = path.read_bytes()
    magic, crc, header_length = PREFIX.unpack_from(raw)
    if magic != MAGIC or crc != zlib.crc32(raw[len(MAGIC) + 4 :]):
        raise ValueError("not the file that was written")
    header = _read_header(raw[PREFIX.size : PREFIX.size + header_length])
    records = header["tensors"]
    unpacked = sum(check(record) for record in records if "same" not in record)
    if unpacked > MOST_UNPACKED_BYTES or len(records) > MOST_TENSORS:
        raise ValueError("too large")
    start = PREFIX.size + header_length
    if start + sum(payload_bytes(record) for record in records) != len(raw):
        raise ValueError("not as long as its header says")
    contents: dict[str, Tensor | Quantized] = {}
    for record in records:
        if record["name"] in contents:
            raise ValueError("a name that comes twice")
        end = start + payload_bytes(record)
        contents[record["name"]] = contents[record["same"]] if "same" in record else decode(record, raw[start:end])
        start = end
    return header, contents


def _read_header(packed: bytes) -> dict[str, Any]:
    stream = zlib.decompressobj()
    text = stream.decompress(packed, MOST_HEADER_BYTES)
    if not stream.eof or stream.unconsumed_tail or stream.unused_data:
        raise ValueError("no complete header")
    return json.loads(text)
