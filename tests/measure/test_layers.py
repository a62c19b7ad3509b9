import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from compression.export import compact, weights
from compression.measure.layers import layer_table, nonzero, parameters
from compression.measure.macs import macs, macs_by_layer
from compression.models import MODELS
from compression.steps import STEPS
from compression.steps.state import State
from tests.models.zoo import DIFFERENT

MNIST = (1, 28, 28)


@pytest.mark.parametrize(
    ("name", "shape", "expected_parameters", "expected_macs"),
    [
        # Han et al. 2016: 784-300-100-10, and 20-50-500-10 filters and units.
        ("lenet300", MNIST, 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10, 784 * 300 + 300 * 100 + 100 * 10),
        ("lenet5", MNIST, 431_080, 24 * 24 * 20 * 25 + 8 * 8 * 50 * 20 * 25 + 800 * 500 + 500 * 10),
    ],
)
def test_closed_forms(name, shape, expected_parameters, expected_macs):
    model = MODELS[name].function(shape, 10)
    assert parameters(model) == expected_parameters
    assert macs(model, shape) == expected_macs


@pytest.mark.parametrize("name", MODELS)
def test_macs_match_torchs_own_counter(name):
    shape = (3, 32, 32)
    model = MODELS[name].function(shape, 10).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, *shape))
    assert 2 * macs(model, shape) == counter.get_total_flops() > 0


def test_grouped_convolutions_and_layers_called_twice():
    assert macs(nn.Conv2d(8, 8, 3, padding=1, groups=8), (8, 5, 5)) == 8 * 9 * 25
    shared = nn.Linear(6, 6)
    assert macs_by_layer(nn.Sequential(shared, nn.ReLU(), shared), (6,)) == {"0": 72}


def test_counting_leaves_no_trace():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)).train()
    model[2].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    macs(model, (1, 8, 8))
    assert model[1].training
    assert not model[2].training
    assert not model[0]._forward_hooks
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_parameters_and_nonzero_count_shared_weights_once():
    first, second = nn.Linear(3, 3), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    with torch.no_grad():
        first.weight.fill_(1)
        first.weight[0] = 0
        first.weight[1, 1] = -0.0
        first.bias.fill_(2)
    assert parameters(model) == 12
    assert nonzero(model) == 5 + 3
    rows = layer_table(model, (3,))
    assert [(row["parameters"], row["nonzero"], row["bytes"], row["macs"]) for row in rows] == [(12, 8, 48, 9), (0, 0, 0, 9)]


def test_the_table_of_a_full_network_by_hand():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 10))
    names = ("layer", "kind", "shape", "parameters", "nonzero", "bits", "bytes", "macs")
    # The norm: weight, bias, mean and variance of four channels, and the count of batches; its biases start at zero.
    assert [tuple(row[name] for name in names) for row in layer_table(model, (1, 8, 8))] == [
        ("0", "Conv2d", [4, 1, 3, 3], 40, 40, 32, 160, 1296),
        ("1", "BatchNorm2d", [4], 8, 4, 32, 72, 0),
        ("4", "Linear", [10, 144], 1450, 1450, 32, 5800, 1440),
    ]


@pytest.mark.parametrize("name", DIFFERENT)
def test_rows_add_up_to_the_network_and_to_its_files(name, tmp_path):
    shape = (3, 32, 32)
    knobs = MODELS[name].knobs
    model = MODELS[name].function(shape, 10, **({"width": 4 * knobs["width"].low} if "width" in knobs else {}))
    rows = layer_table(model, shape)
    assert sum(row["parameters"] for row in rows) == parameters(model)
    assert sum(row["macs"] for row in rows) == macs(model, shape)
    written = weights.save(tmp_path / "full", model, {})
    header = int.from_bytes((tmp_path / "full").read_bytes()[:8], "little")
    assert sum(row["bytes"] for row in rows) == written - 8 - header
    state = State(model)
    STEPS["prune"].function(state, sparsity=0.8)
    STEPS["quantize"].function(state, bits=4)
    written = compact.write(tmp_path / "small", state.contents(), {})
    header = int.from_bytes((tmp_path / "small").read_bytes()[12:16], "little")
    rows = layer_table(model, shape, compact.read(tmp_path / "small")[0]["tensors"])
    assert sum(row["bytes"] for row in rows) == written - 16 - header
    assert sum(row["nonzero"] for row in rows) == nonzero(model)
    assert {row["bits"] for row in rows if row["macs"]} == {4}
    assert {row["bits"] for row in rows if not row["macs"]} <= {32}


class Attention(nn.Module):
    """Self-attention over the rows of an image, by PyTorch's layer or by its function."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.layer = nn.MultiheadAttention(16, 4, batch_first=True) if kind == "layer" else nn.Linear(16, 48)

    def forward(self, image):
        rows = image[:, 0]
        if self.kind == "layer":
            return self.layer(rows, rows, rows)[0]
        heads = self.layer(rows).view(-1, 10, 3, 4, 4).permute(2, 0, 3, 1, 4)
        return nn.functional.scaled_dot_product_attention(*heads)


def test_attention_multiplies_too():
    layer, function = Attention("layer"), Attention("function")
    projections, scores, mixing, output = 10 * 16 * 48, 4 * 10 * 10 * 4, 4 * 10 * 10 * 4, 10 * 16 * 16
    before = torch.backends.mha.get_fastpath_enabled()
    assert macs(layer.eval(), (1, 10, 16)) == projections + scores + mixing + output
    assert macs(function, (1, 10, 16)) == projections + scores + mixing
    assert torch.backends.mha.get_fastpath_enabled() == before
    assert macs_by_layer(function, (1, 10, 16)) == {"layer": projections, "": scores + mixing}
    for model in (layer, function):
        assert sum(row["macs"] for row in layer_table(model, (1, 10, 16))) == macs(model, (1, 10, 16))
    assert layer_table(function, (1, 10, 16))[0]["shape"] == []
