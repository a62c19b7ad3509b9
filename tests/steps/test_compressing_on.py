"""A compressed network that is read from its file goes on being compressed: masks and grids come back with it."""

import json
import struct
import zlib

import pytest
import torch
from torch import nn
from torch.nn import functional

from compression.export import compact
from compression.export.compact import MAGIC
from compression.quantization.even_grid import EvenGrid
from compression.steps import STEPS
from compression.steps.state import State

prune, quantize, finetune = (STEPS[name].function for name in ("prune", "quantize", "finetune"))


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 16), nn.Linear(16, 4))


def read(path) -> State:
    _header, contents = compact.read_contents(path)
    model = network(1)
    model.load_state_dict(compact.dense(contents))
    return State.from_contents(model, contents)


def trained(state: State) -> State:
    batch, labels = torch.randn(32, 1, 8, 8), torch.randint(0, 4, (32,))

    def train(_changes, **_more):
        optimizer = torch.optim.SGD(state.model.parameters(), lr=0.5, momentum=0.5)
        for step in range(4):
            optimizer.zero_grad()
            functional.cross_entropy(state.model(batch), labels).backward()
            optimizer.step()
            yield step

    state.train = train
    list(finetune(state))
    return state


STEPS_BEFORE = {
    "pruned": [(prune, {"sparsity": 0.8})],
    "quantized": [(quantize, {"bits": 3})],
    "both": [(prune, {"sparsity": 0.8}), (quantize, {"bits": 2, "scheme": "asymmetric"})],
    "one bit": [(prune, {"sparsity": 0.5}), (quantize, {"bits": 1, "group": "tensor"})],
    "other order": [(quantize, {"bits": 4}), (prune, {"sparsity": 0.7, "scope": "layer"})],
}


@pytest.mark.parametrize("kind", STEPS_BEFORE)
def test_fine_tuning_a_file_keeps_its_sparsity_and_its_levels(kind: str, tmp_path) -> None:
    state = State(network())
    for step, knobs in STEPS_BEFORE[kind]:
        step(state, **knobs)
    size = compact.write(tmp_path / "before", state.contents(), {})
    on = read(tmp_path / "before")
    assert on.masks.keys() == state.masks.keys()
    assert on.quantized.keys() == state.quantized.keys()
    for name, weight in state.weights().items():
        assert torch.equal(on.weights()[name], weight)
    trained(on)
    moved = False
    for name, weight in on.weights().items():
        before = state.weights()[name]
        moved |= not torch.equal(weight, before)
        if name in state.masks:
            assert (weight[before == 0] == 0).all()
        if name in state.quantized:
            grid = state.quantized[name]
            assert torch.equal(grid.nearest(weight).dequantize(), weight)
            assert torch.equal(on.quantized[name].scale, grid.scale)
    assert moved
    after = compact.write(tmp_path / "after", on.contents(), {})
    assert after <= 1.1 * size


def test_a_quantized_network_that_was_never_pruned_may_leave_zero(tmp_path) -> None:
    state = State(network())
    quantize(state, bits=2)
    compact.write(tmp_path / "file", state.contents(), {})
    on = trained(read(tmp_path / "file"))
    assert any((weight[state.weights()[name] == 0] != 0).any() for name, weight in on.weights().items())


def test_a_network_at_full_precision_has_a_plain_state() -> None:
    model = network()
    state = State.from_contents(model, model.state_dict())
    assert (state.masks, state.quantized, state.latent) == ({}, {}, {})


def test_a_file_from_before_says_nothing_of_pruning_and_its_zeros_stay(tmp_path) -> None:
    state = State(network())
    prune(state, sparsity=0.8)
    quantize(state, bits=4)
    path = tmp_path / "file"
    compact.write(path, state.contents(), {"dataset": "digits"})
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<I", raw, 12)
    header = json.loads(zlib.decompress(raw[16 : 16 + length]))
    assert {record.pop("pruned") for record in header["tensors"] if "bits" in record} == {True}
    packed = zlib.compress(json.dumps(header).encode())
    checked = struct.pack("<I", len(packed)) + packed + raw[16 + length :]
    path.write_bytes(MAGIC + struct.pack("<I", zlib.crc32(checked)) + checked)
    on = read(path)
    assert all(torch.equal(on.weights()[name], weight) for name, weight in state.weights().items())
    assert all(torch.equal(on.masks[name], weight != 0) for name, weight in state.weights().items())


def test_names_that_share_levels_share_weights() -> None:
    levels = EvenGrid(torch.ones(2, 2, dtype=torch.int32), torch.ones(1), torch.zeros(1, dtype=torch.int32), 4, -7, 7)
    tensors = compact.dense({"one": levels, "two": levels, "three": torch.zeros(2)})
    assert tensors["one"] is tensors["two"]
