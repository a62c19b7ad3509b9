import json
import struct
import tracemalloc
import zlib

import pytest
import torch
from safetensors.torch import save
from torch import nn

from compression.errors import DataError, NotFoundError
from compression.export import compact
from compression.export.layouts import decode
from compression.quantization.uniform import uniform
from compression.steps import STEPS
from compression.steps.state import State

METADATA = {"architecture": {"name": "cnn", "width": 16}, "dataset": "digits"}


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 64, 24),
        nn.ReLU(),
        nn.Linear(24, 10),
    )


def compressed(sparsity=0.8, bits=4, scheme="symmetric", group="channel", granularity="weight"):
    state = State(network())
    STEPS["prune"].function(state, sparsity=sparsity, granularity=granularity)
    if bits:
        STEPS["quantize"].function(state, bits=bits, scheme=scheme, group=group)
    return state


def assert_same(tensors, model):
    expected = model.state_dict()
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        assert tensors[name].dtype == tensor.dtype
        assert tensors[name].shape == tensor.shape
        assert torch.equal(tensors[name], tensor), name


@pytest.mark.parametrize("group", ["channel", "tensor"])
@pytest.mark.parametrize("scheme", ["symmetric", "asymmetric"])
@pytest.mark.parametrize("bits", [0, 1, 2, 3, 4, 7, 8, 11, 16])
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.8, 0.99])
def test_reads_back_bit_by_bit_at_exactly_the_size_foretold(tmp_path, sparsity, bits, scheme, group):
    state = compressed(sparsity, bits, scheme, group)
    path = tmp_path / "model.compact"
    written = compact.write(path, state.contents(), METADATA)
    assert written == path.stat().st_size == compact.size(state.contents(), METADATA)
    header, tensors = compact.read(path)
    assert header["metadata"] == METADATA
    assert_same(tensors, state.model)
    inputs = torch.randn(5, 1, 8, 8)
    state.model.eval()
    copy = network(1).eval()
    copy.load_state_dict(tensors)
    assert torch.equal(copy(inputs), state.model(inputs))


def test_channel_pruning_reads_back(tmp_path):
    state = compressed(0.5, 3, granularity="channel")
    compact.write(tmp_path / "m", state.contents(), {})
    assert_same(compact.read(tmp_path / "m")[1], state.model)


def test_a_small_network_at_80_percent_and_4_bits_takes_under_a_third_of_its_full_file(tmp_path):
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(1, 8, 3),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 16, 3),
        nn.BatchNorm2d(16),
        nn.Conv2d(16, 24, 3),
        nn.BatchNorm2d(24),
    ]
    state = State(nn.Sequential(*layers, nn.Flatten(), nn.Linear(24, 10)))
    assert 5_000 <= sum(parameter.numel() for parameter in state.model.parameters()) < 5_500
    full = len(save(state.model.state_dict(), {key: str(value) for key, value in METADATA.items()}))
    STEPS["prune"].function(state, sparsity=0.8)
    STEPS["quantize"].function(state, bits=4)
    assert compact.write(tmp_path / "m", state.contents(), METADATA) < full / 3


def test_payload_by_hand(tmp_path):
    """2-bit levels (1, 0, -1, 1), stored from -1 up: 10 01 00 10, then the scale."""
    held = uniform(torch.tensor([[2.0, 0.5, -2.0, 2.0]]), bits=2)
    path = tmp_path / "m"
    compact.write(path, {"w": held}, {})
    raw = path.read_bytes()
    assert raw[-5:] == bytes([0b10010010]) + struct.pack("<f", 2.0)
    assert raw[:8] == b"COMPLAB1"
    assert struct.unpack("<I", raw[8:12])[0] == zlib.crc32(raw[12:])


@pytest.mark.parametrize(
    ("kept", "layout"),
    [(1000, "dense"), (970, "dense"), (960, "gaps"), (20, "gaps"), (0, "gaps")],
)
def test_the_smallest_layout_is_chosen(tmp_path, kept, layout):
    weight = torch.zeros(1000)
    weight[torch.randperm(1000, generator=torch.Generator().manual_seed(0))[:kept]] = 1.0
    weight = weight.reshape(10, 100)
    compact.write(tmp_path / "m", {"w": weight}, {})
    header, tensors = compact.read(tmp_path / "m")
    assert header["tensors"][0]["layout"] == layout
    assert torch.equal(tensors["w"], weight)


def test_awkward_tensors_keep_every_bit(tmp_path):
    contents = {
        "negative zero": torch.tensor([[-0.0, 0.0, 0.0, 0.0]] * 50),
        "not finite": torch.tensor([[float("inf"), float("nan"), 0.0, -1e-45]] * 9),
        "scalar": torch.tensor(3, dtype=torch.int64),
        "empty": torch.zeros(0, 4),
        "bool": torch.tensor([True, False]),
        "half": torch.tensor([[1.5, 0.0]], dtype=torch.float16),
    }
    written = compact.write(tmp_path / "m", contents, {})
    assert written == compact.size(contents, {})
    tensors = compact.read(tmp_path / "m")[1]
    for name, tensor in contents.items():
        assert tensors[name].dtype == tensor.dtype
        assert tensors[name].numpy().tobytes() == tensor.numpy().tobytes(), name


def test_shared_weights_are_stored_once(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(40, 40), nn.Linear(40, 40)
            self.second.weight = self.first.weight

    state = State(Tied())
    STEPS["quantize"].function(state, bits=4)
    size = compact.write(tmp_path / "m", state.contents(), {})
    assert size < 1600 / 2 + 80 * 4 + 160 + 250
    assert_same(compact.read(tmp_path / "m")[1], state.model)


class TestBrokenFiles:
    @pytest.fixture
    def path(self, tmp_path):
        compact.write(tmp_path / "m.compact", compressed().contents(), METADATA)
        return tmp_path / "m.compact"

    @staticmethod
    def assert_refused(path):
        with pytest.raises(DataError) as caught:
            compact.read(path)
        assert "m.compact" in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_cut_anywhere(self, path):
        whole = path.read_bytes()
        for length in [0, 1, 7, 8, 15, 16, 17, 100, len(whole) // 2, len(whole) - 1]:
            path.write_bytes(whole[:length])
            self.assert_refused(path)
        path.write_bytes(whole + b"\0")
        self.assert_refused(path)

    def test_any_changed_byte(self, path):
        whole = bytearray(path.read_bytes())
        for place in range(0, len(whole), 37):
            changed = bytearray(whole)
            changed[place] ^= 0x10
            path.write_bytes(changed)
            self.assert_refused(path)

    def test_no_file(self, tmp_path):
        with pytest.raises(NotFoundError):
            compact.read(tmp_path / "m.compact")
        self.assert_refused_folder(tmp_path)

    @staticmethod
    def assert_refused_folder(folder):
        (folder / "folder").mkdir()
        with pytest.raises(DataError):
            compact.read(folder / "folder")

    @staticmethod
    def forge(path, change, payload=None):
        """Rewrite the header with a right checksum, as someone would who means harm."""
        raw = path.read_bytes()
        length = struct.unpack("<I", raw[12:16])[0]
        header = json.loads(zlib.decompress(raw[16 : 16 + length]))
        changed = change(header)
        header = header if changed is None else changed
        packed = zlib.compress(json.dumps(header).encode())
        checked = struct.pack("<I", len(packed)) + packed + (raw[16 + length :] if payload is None else payload)
        path.write_bytes(raw[:8] + struct.pack("<I", zlib.crc32(checked)) + checked)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("bits", 0), ("bits", 17), ("bits", True), ("bits", "4"), ("bits", 4.0), ("low", -6), ("scales", 0), ("scales", 7),
            ("type", "float64"), ("type", "object"), ("shape", [8, 1, 3, 3, -1]), ("shape", "8"), ("shape", [2**40, 2**40]),
            ("shape", [2**29]), ("shape", [1] * 9), ("name", 3), ("layout", "other"), ("layout", "dense"), ("kept", -1),
            ("kept", 10**9), ("gap_bits", 0), ("gap_bits", 40), ("gap_numbers", -5), ("gap_numbers", 10**12),
        ],
    )  # fmt: skip
    def test_a_record_that_lies(self, path, field, value):
        def lie(header):
            record = next(record for record in header["tensors"] if record.get("layout") == "gaps")
            assert field in record
            record[field] = value

        self.forge(path, lie)
        self.assert_refused(path)

    @pytest.mark.parametrize(
        "header", [[], 3, "text", {}, {"tensors": 3}, {"tensors": [3]}, {"tensors": ["same"]}, {"tensors": [{}]}]
    )
    def test_a_header_of_another_shape(self, path, header):
        self.forge(path, lambda _old: header)
        self.assert_refused(path)

    def test_a_name_that_comes_twice_or_leads_nowhere(self, path):
        whole = path.read_bytes()
        self.forge(path, lambda header: header["tensors"].append({"name": "0.weight", "same": "0.bias"}))
        self.assert_refused(path)
        path.write_bytes(whole)
        self.forge(path, lambda header: header["tensors"].append({"name": "x", "same": "nowhere"}))
        self.assert_refused(path)
        path.write_bytes(whole)
        self.forge(path, lambda header: None)
        compact.read(path)

    def test_places_beyond_the_tensor_and_a_level_above_the_highest(self, tmp_path):
        path = tmp_path / "m.compact"
        record = {"name": "w", "shape": [1, 8], "type": "float32", "bits": 4, "low": -7, "scales": 1}
        scale = struct.pack("<f", 1.0)
        gaps = {"layout": "gaps", "kept": 2, "gap_bits": 4, "gap_numbers": 2}
        compact.write(path, {}, {})
        self.forge(path, lambda _: {"tensors": [record | gaps]}, bytes([0x07, 0x77]) + scale)
        self.assert_refused(path)  # the second place would be 8
        self.forge(path, lambda _: {"tensors": [record | gaps]}, bytes([0x06, 0x77]) + scale)
        assert compact.read(path)[1]["w"].tolist() == [[0] * 8]
        self.forge(path, lambda _: {"tensors": [record | gaps]}, bytes([0x06, 0x7F]) + scale)
        self.assert_refused(path)  # level 15 - 7 = 8
        self.forge(path, lambda _: {"tensors": [record | gaps | {"kept": 1}]}, bytes([0x06, 0x77]) + scale)
        self.assert_refused(path)  # two places, one value

    def test_a_header_that_unpacks_without_end(self, path):
        bomb = zlib.compress(b'{"tensors":[]}' + b" " * (5 << 20))
        self.write_header(path, bomb)
        self.assert_refused(path)
        self.write_header(path, zlib.compress(b'{"tensors":[]}') + b"more")
        self.assert_refused(path)
        self.write_header(path, zlib.compress(b'{"tensors":[]}'))
        assert compact.read(path)[1] == {}

    @staticmethod
    def write_header(path, packed):
        raw = path.read_bytes()
        checked = struct.pack("<I", len(packed)) + packed
        path.write_bytes(raw[:8] + struct.pack("<I", zlib.crc32(checked)) + checked)


@pytest.mark.parametrize("levels", [False, True])
def test_a_few_bytes_that_stand_for_millions_of_zeros_need_little_more_than_these(levels):
    count = 1 << 20
    record = {"name": "a", "shape": [1, count], "type": "float32", "layout": "gaps", "kept": 0, "gap_bits": 16, "gap_numbers": 0}
    payload = b""
    if levels:
        record |= {"bits": 4, "low": -7, "scales": 1}
        payload = struct.pack("<f", 0.5)
    unpacked = 4 * count
    tracemalloc.start()
    try:
        found = decode(record, payload)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not (found.levels if levels else found).any()
    assert peak < 1.2 * unpacked
