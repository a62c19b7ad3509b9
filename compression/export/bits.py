"""Unsigned numbers packed at exactly as many bits as they need, and the positions of the numbers that are not zero."""

from typing import Any

import numpy as np

NUMBERS_A_CHUNK = 1 << 18  # a multiple of 8, so that every chunk but the last ends on a byte
WIDEST_GAP_BITS = 16

Numbers = np.ndarray[Any, np.dtype[np.integer]]


def packed_bytes(count: int, bits: int) -> int:
    """Return how many bytes a row of numbers takes."""
    return (count * bits + 7) // 8


def pack(numbers: Numbers, bits: int) -> bytes:
    """Return numbers from 0 to 2^bits - 1 as a row of bits, the highest bit first, filled up with zeros to a whole byte."""
    shifts = np.arange(bits - 1, -1, -1, dtype=np.uint32)
    chunks = []
    for start in range(0, len(numbers), NUMBERS_A_CHUNK):
        chunk = numbers[start : start + NUMBERS_A_CHUNK].astype(np.uint32)
        chunks.append(np.packbits(((chunk[:, None] >> shifts) & 1).astype(np.uint8)).tobytes())
    return b"".join(chunks)


def unpack(packed: bytes, count: int, bits: int) -> Numbers:
    """Return the numbers (count,) of a row of bits, as uint32; the row has at least `packed_bytes(count, bits)` bytes."""
    weights = (1 << np.arange(bits - 1, -1, -1, dtype=np.uint32)).astype(np.uint32)
    numbers = np.empty(count, dtype=np.uint32)
    step = packed_bytes(NUMBERS_A_CHUNK, bits)
    for index, start in enumerate(range(0, count, NUMBERS_A_CHUNK)):
        size = min(NUMBERS_A_CHUNK, count - start)
        raw = np.frombuffer(packed[index * step : (index + 1) * step], dtype=np.uint8)
        numbers[start : start + size] = np.unpackbits(raw, count=size * bits).reshape(size, bits) @ weights
    return numbers


def gaps(positions: Numbers) -> Numbers:
    """Return how many positions lie unused before each of these ascending ones."""
    return np.diff(positions, prepend=-1) - 1


def best_gap_bits(unused: Numbers) -> tuple[int, int]:
    """Return at how many bits the gaps take least room, and how many numbers they then are; see `pack_gaps`."""
    counts = np.bincount(unused)
    sizes = np.flatnonzero(counts)
    widths = range(1, WIDEST_GAP_BITS + 1)
    numbers = [len(unused) + int(counts[sizes] @ (sizes // ((1 << bits) - 1))) for bits in widths]
    best = min(widths, key=lambda bits: bits * numbers[bits - 1])
    return best, numbers[best - 1]


def pack_gaps(unused: Numbers, bits: int) -> Numbers:
    """Return gaps as numbers of so many bits; the largest number skips as many positions and marks none.

    Source: Han, Mao & Dally 2016, arXiv:1510.00149, figure 2.
    """
    most = (1 << bits) - 1
    skips, rest = np.divmod(unused, most)
    numbers = np.full(len(unused) + int(skips.sum()), most, dtype=np.int64)
    numbers[np.cumsum(skips + 1) - 1] = rest
    return numbers


def unpack_gaps(numbers: Numbers, bits: int) -> Numbers:
    """Return the ascending positions that gaps lead to."""
    marks = numbers != (1 << bits) - 1
    return (np.cumsum(numbers.astype(np.int64) + marks) - 1)[marks]
