"""How one tensor lies in the compact file: which of two layouts is smaller, its bytes, and the way back.

A record, one a tensor, says all that is needed to cut the payload: `name`, `shape`, `type`, `layout` ("dense": every value;
"gaps": the positions of the values that are not zero, then these), `kept` (how many these are), `gap_bits` and `gap_numbers`
(gaps of one bit are a bitmap); for levels also `bits`, `pruned` (whether zeros stay zero in further training; files without
it say nothing of that, and zeros then stay) and what their kind says (`Quantized.record`). An even grid says `low` (the lowest
level), `scales` (how many) and, where so many weights of a channel share one, `group`; it has no `kind`. A codebook says `kind`,
`books` and `codes` (how many each book has); levels by thresholds say
`kind`, `low` and `scales`. In the payload follow for each tensor: positions, values, and tables: the scales and, where the lowest
level is 0, the zero points; or the codebooks; or scales and thresholds.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from compression.export.bits import (
    WIDEST_GAP_BITS,
    Numbers,
    best_gap_bits,
    gaps,
    pack,
    pack_gaps,
    packed_bytes,
    unpack,
    unpack_gaps,
)
from compression.quantization.kinds import KINDS
from compression.quantization.quantized import FLOAT_BITS, Quantized

Record = dict[str, Any]

TYPES = {
    torch.float32: "<f4",
    torch.float64: "<f8",
    torch.float16: "<f2",
    torch.int64: "<i8",
    torch.int32: "<i4",
    torch.uint8: "|u1",
    torch.bool: "|b1",
}
TYPE_NAMES = {str(kind).removeprefix("torch."): (kind, code) for kind, code in TYPES.items()}
MOST_DIMENSIONS = 8
MOST_BITS = 16


def plan(name: str, content: Tensor | Quantized) -> Record:
    """Return the record of a tensor in its smallest layout."""
    values = content.levels if isinstance(content, Quantized) else content
    record: Record = {"name": name, "shape": list(values.shape), "type": "float32"}
    if isinstance(content, Quantized):
        record |= {**content.record(), "pruned": content.pruned}
    else:
        record["type"] = str(content.dtype).removeprefix("torch.")
    return record | _layout(record, content)


def _layout(record: Record, content: Tensor | Quantized) -> Record:
    count = math.prod(record["shape"])
    width = _value_bits(record)
    if not isinstance(content, Quantized) and len(record["shape"]) < 2:
        return {"layout": "dense"}
    positions = _positions(content)
    gap_bits, gap_numbers = best_gap_bits(gaps(positions))
    needs_positions = isinstance(content, Quantized) and bool(content.unnumbered.any())
    if not needs_positions and count * width <= gap_bits * gap_numbers + len(positions) * width:
        return {"layout": "dense"}
    return {"layout": "gaps", "kept": len(positions), "gap_bits": gap_bits, "gap_numbers": gap_numbers}


def _positions(content: Tensor | Quantized) -> Numbers:
    """Return the positions of the values that are not zero, bit by bit: the negative zero is not zero."""
    if isinstance(content, Quantized):
        return np.flatnonzero(~_array(content.zero))
    return np.flatnonzero(_array(content).view(f"u{content.element_size()}"))


def _array(tensor: Tensor) -> Numbers:
    return tensor.detach().cpu().contiguous().numpy().reshape(-1)


def _value_bits(record: Record) -> int:
    return record.get("bits") or 8 * np.dtype(TYPE_NAMES[record["type"]][1]).itemsize


def parts(record: Record) -> dict[str, int]:
    """Return how many bytes positions, values and tables take in the payload."""
    count = math.prod(record["shape"])
    tables = _kind(record).table_sizes(record) if "bits" in record else {}
    return {
        "positions": packed_bytes(record.get("gap_numbers", 0), record.get("gap_bits", 0)),
        "values": packed_bytes(record.get("kept", count), _value_bits(record)),
        **{name: packed_bytes(*size) for name, size in tables.items()},
    }


def _kind(record: Record) -> type[Quantized]:
    """Return what the levels of a record are; records of before codebooks say nothing of it."""
    return KINDS[record.get("kind", "even")]


def encode(record: Record, content: Tensor | Quantized) -> bytes:
    """Return a tensor's part of the payload, as its record says."""
    positions = slice(None) if record["layout"] == "dense" else _positions(content)
    encoded = b""
    if record["layout"] == "gaps":
        encoded = pack(pack_gaps(gaps(positions), record["gap_bits"]), record["gap_bits"])
    if not isinstance(content, Quantized):
        return encoded + _array(content)[positions].astype(TYPES[content.dtype]).tobytes()
    encoded += pack(_array(content.numbers)[positions].astype(np.int64), content.bits)
    sizes = content.table_sizes(record)
    return encoded + b"".join(_encode_table(table, sizes[name][1]) for name, table in content.tables().items())


def _encode_table(table: Tensor, bits: int) -> bytes:
    return _array(table).astype("<f4").tobytes() if bits == FLOAT_BITS else pack(_array(table), bits)


def decode(record: Record, payload: bytes) -> Tensor | Quantized:
    """Return the tensor, or the levels, that a part of the payload stands for.

    Raises:
        ValueError: positions or levels that the record does not allow.
    """
    cut = {}
    start = 0
    for part, size in parts(record).items():
        cut[part] = payload[start : start + size]
        start += size
    count = math.prod(record["shape"])
    positions = _decode_positions(record, cut["positions"], count)
    kind, code = TYPE_NAMES[record["type"]]
    if "bits" in record:
        return _decode_levels(record, cut, positions)
    values = np.zeros(count, dtype=code)
    values[positions] = np.frombuffer(cut["values"], dtype=code)
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(native).to(kind).reshape(record["shape"])


def _decode_positions(record: Record, packed: bytes, count: int) -> Numbers | slice:
    if record["layout"] == "dense":
        return slice(None)
    positions = unpack_gaps(unpack(packed, record["gap_numbers"], record["gap_bits"]), record["gap_bits"])
    if len(positions) != record["kept"] or (len(positions) and positions[-1] >= count):
        raise ValueError("positions outside the tensor")
    return positions


def _decode_levels(record: Record, cut: dict[str, bytes], positions: Numbers | slice) -> Quantized:
    count, kind = math.prod(record["shape"]), _kind(record)
    numbers = unpack(cut["values"], record.get("kept", count), record["bits"]).view(np.int32)
    tables = {name: _decode_table(cut[name], *size) for name, size in kind.table_sizes(record).items()}
    levels = kind.from_file(record, positions, torch.from_numpy(numbers), tables)
    return replace(levels, pruned=record.get("pruned", True))


def _decode_table(packed: bytes, count: int, bits: int) -> Tensor:
    if bits == FLOAT_BITS:
        return torch.from_numpy(np.frombuffer(packed, dtype="<f4").astype(np.float32))
    return torch.from_numpy(unpack(packed, count, bits).astype(np.int32))


def check(record: Record) -> int:
    """Return how many bytes the tensor has unpacked, and see that its record makes sense.

    Raises:
        ValueError: it does not.
        KeyError: a field is missing.
    """
    count = math.prod(_whole(side, 0, 2**40) for side in record["shape"])
    if len(record["shape"]) > MOST_DIMENSIONS or not isinstance(record["name"], str) or record["type"] not in TYPE_NAMES:
        raise ValueError("no such tensor")
    if record["layout"] == "gaps":
        _whole(record["gap_bits"], 1, WIDEST_GAP_BITS)
        _whole(record["gap_numbers"], _whole(record["kept"], 0, count), count)
    elif record["layout"] != "dense" or record.keys() & {"kept", "gap_bits", "gap_numbers"}:
        raise ValueError("no such layout")
    if "bits" in record:
        _whole(record["bits"], 1, MOST_BITS)
        if record["type"] != "float32" or not count:
            raise ValueError("levels that do not go with the tensor")
        _kind(record).check(record)
        if type(record.get("pruned", True)) is not bool:
            raise ValueError("neither pruned nor not")
    return count * _value_bits({"type": record["type"]}) // 8


def _whole(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError("a number out of range")
    return value
