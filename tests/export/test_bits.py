import numpy as np
import pytest

from compression.export import bits as packing


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 1000])
def test_packing_matches_the_binary_digits_written_out(bits, count):
    numbers = np.random.default_rng(bits * 1000 + count).integers(0, 1 << bits, count)
    digits = "".join(f"{number:0{bits}b}" for number in numbers)
    digits += "0" * (-len(digits) % 8)
    expected = int(digits, 2).to_bytes(len(digits) // 8, "big") if digits else b""
    packed = packing.pack(numbers, bits)
    assert packed == expected
    assert len(packed) == packing.packed_bytes(count, bits)
    assert packing.unpack(packed, count, bits).tolist() == numbers.tolist()


def test_packing_across_chunks(monkeypatch):
    numbers = np.random.default_rng(0).integers(0, 8, 100)
    whole = packing.pack(numbers, 3)
    monkeypatch.setattr(packing, "NUMBERS_A_CHUNK", 16)
    assert packing.pack(numbers, 3) == whole
    assert packing.unpack(whole, 100, 3).tolist() == numbers.tolist()


def test_gaps_by_hand():
    places = np.array([0, 1, 5, 20])
    unused = packing.gaps(places)
    assert unused.tolist() == [0, 0, 3, 14]
    # 2 bits: a 3 skips three places, so 3 = skip + 0 and 14 = four skips + 2.
    assert packing.pack_gaps(unused, 2).tolist() == [0, 0, 3, 0, 3, 3, 3, 3, 2]
    assert packing.unpack_gaps(np.array([0, 0, 3, 0, 3, 3, 3, 3, 2]), 2).tolist() == places.tolist()


@pytest.mark.parametrize("density", [0.0, 0.001, 0.05, 0.5, 1.0])
def test_gaps_lead_back_and_the_best_width_is_the_smallest_of_all(density):
    places = np.flatnonzero(np.random.default_rng(3).random(20_000) < density)
    unused = packing.gaps(places)
    best, count = packing.best_gap_bits(unused)
    lengths = {bits: len(packing.pack_gaps(unused, bits)) for bits in range(1, 17)}
    assert count == lengths[best]
    assert best * count == min(bits * length for bits, length in lengths.items())
    for bits in lengths:
        assert packing.unpack_gaps(packing.pack_gaps(unused, bits), bits).tolist() == places.tolist()
