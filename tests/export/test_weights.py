import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from compression.errors import DataError, NotFoundError
from compression.export import weights

METADATA = {"architecture": {"name": "cnn", "width": 2}, "dataset": "digits"}


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(4)


def test_saves_what_safetensors_itself_reads(tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    path = tmp_path / "m.safetensors"
    assert weights.save(path, model, METADATA) == path.stat().st_size == weights.size(model, METADATA)
    read = load_file(path)
    assert read.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(read[name], tensor)
    tensors, metadata = weights.load(path)
    assert metadata == METADATA
    assert all(torch.equal(tensors[name], tensor) for name, tensor in read.items())
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]


def test_shared_weights_come_back_shared(tmp_path):
    path = tmp_path / "m"
    model = Tied()
    assert weights.save(path, model, {}) < 600 + 4 * (16 + 8 + 16)
    other = Tied()
    weights.fill(other, weights.load(path)[0], "m")
    for name, tensor in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)
    assert other.first.weight is other.second.weight


def test_weights_of_another_network_are_refused():
    model = nn.Linear(3, 2)
    whole = {name: torch.ones_like(tensor) for name, tensor in model.state_dict().items()}
    before = model.weight.clone()
    for tensors in ({}, {"weight": whole["weight"]}, whole | {"more": torch.zeros(1)}, whole | {"bias": torch.zeros(3)}):
        with pytest.raises(DataError, match=r"m\.safetensors"):
            weights.fill(model, tensors, "m.safetensors")
    assert torch.equal(model.weight, before)
    weights.fill(model, whole, "m")
    assert torch.equal(model.weight, whole["weight"])


def test_broken_files_are_refused_in_a_sentence(tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(NotFoundError):
        weights.load(path)
    weights.save(path, nn.Linear(3, 2), METADATA)
    whole = path.read_bytes()
    for broken in (b"", whole[:5], whole[:60], whole[:-1], b"\xff" * 40):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"m\.safetensors"):
            weights.load(path)
