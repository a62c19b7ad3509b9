"""Channels that are really removed, against networks that are built and filled by hand."""

import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional

from compression.edits.chains import find_chain
from compression.errors import DataError
from compression.export import compact
from compression.measure.layers import layer_table, parameters
from compression.measure.macs import macs
from compression.networks import construct
from compression.observers.fake_quantize import activation_grids, set_activation_grids
from compression.observers.observer import ActivationGrid
from compression.quantization import QUANTIZATION
from compression.steps import STEPS, snapshot
from compression.steps.remove import removable
from compression.steps.state import State

prune, remove, quantize, finetune = (STEPS[name].function for name in ("prune", "remove", "quantize", "finetune"))
SHAPE = (2, 8, 8)
IMAGES = torch.randn(6, *SHAPE, generator=torch.Generator().manual_seed(5))
GONE = {"0": [1, 4], "4": [0, 2, 6], "9": [3]}  # of 5, 7 and 6 channels


def random(model):
    """Give every tensor of a network other values than a fresh one has."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.2 if tensor.dim() < 2 else torch.randn(tensor.shape))
    return model.eval()


def chain(first=5, second=7, third=6):
    """A convolution with a norm, one without bias, flattened maps of 4 pixels, and two linear layers."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, first, 3, padding=1), nn.BatchNorm2d(first), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(first, second, 3, padding=1, bias=False), nn.BatchNorm2d(second), nn.Hardswish(), nn.MaxPool2d(2)]
    return random(nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * second, third), nn.ReLU(), nn.Linear(third, 3)))


def pruned(gone=GONE, model=None):
    """Return a state in which whole channels are masked, as channel pruning leaves them."""
    state = State(model or chain())
    parameters = dict(state.model.named_parameters())
    norms = {"0": ["0.bias", "1.weight", "1.bias"], "4": ["5.weight", "5.bias"], "9": ["9.bias"]}
    for layer, channels in gone.items():
        for name in (f"{layer}.weight", *norms[layer]):
            state.masks[name] = torch.ones_like(parameters[name], dtype=torch.bool)
            state.masks[name][channels] = False
            state.write({name: parameters[name].masked_fill(~state.masks[name], 0)})
    return state


def by_hand(model):
    """Return the network without the channels that are gone, each tensor written out."""
    first, second, third = [0, 2, 3], [1, 3, 4, 5], [0, 1, 2, 4, 5]
    pixels = [channel * 4 + pixel for channel in second for pixel in range(4)]
    small, of = chain(3, 4, 5), model.state_dict()
    norm = ("weight", "bias", "running_mean", "running_var")
    small.load_state_dict(
        OrderedDict(
            {
                "0.weight": of["0.weight"][first],
                "0.bias": of["0.bias"][first],
                **{f"1.{name}": of[f"1.{name}"][first] for name in norm},
                "1.num_batches_tracked": of["1.num_batches_tracked"],
                "4.weight": of["4.weight"][second][:, first],
                **{f"5.{name}": of[f"5.{name}"][second] for name in norm},
                "5.num_batches_tracked": of["5.num_batches_tracked"],
                "9.weight": of["9.weight"][third][:, pixels],
                "9.bias": of["9.bias"][third],
                "11.weight": of["11.weight"][:, third],
                "11.bias": of["11.bias"],
            }
        )
    )
    return small


def test_the_network_is_the_one_built_by_hand_and_answers_as_before():
    state = pruned()
    masked = copy.deepcopy(state.model)
    remove(state)
    expected = by_hand(masked)
    assert repr(state.model) == repr(expected)
    for (name, tensor), (other, wanted) in zip(state.model.state_dict().items(), expected.state_dict().items(), strict=True):
        assert name == other
        assert torch.equal(tensor, wanted), name
    torch.testing.assert_close(state.model(IMAGES), masked(IMAGES), rtol=1e-5, atol=1e-5)
    assert [(edit["layer"], edit["removed"]) for edit in state.edits] == list(GONE.items())


@pytest.mark.parametrize("training", [False, True])
def test_it_goes_on_training_as_the_masked_one_does(training):
    """Also with statistics of the batch; the gradients of what stays are the same."""
    state = pruned()
    masked = copy.deepcopy(state.model)
    remove(state)
    for model in (state.model, masked):
        model.train(training)
        model.zero_grad()
        functional.cross_entropy(model(IMAGES), torch.tensor([0, 1, 2, 0, 1, 2])).backward()
    torch.testing.assert_close(state.model[4].weight.grad, masked[4].weight.grad[[1, 3, 4, 5]][:, [0, 2, 3]])
    torch.testing.assert_close(state.model[1].running_mean, masked[1].running_mean[[0, 2, 3]])


def test_what_it_costs_is_counted_from_the_smaller_network(tmp_path):
    state = pruned()
    before = compact.size(state.contents(), {})
    remove(state)
    assert parameters(state.model) == sum(tensor.numel() for tensor in by_hand(chain()).parameters())
    assert macs(state.model, SHAPE) == 64 * 3 * 2 * 9 + 16 * 4 * 3 * 9 + 5 * 16 + 3 * 5
    written = compact.write(tmp_path / "m", state.contents(), {})
    assert written < before
    rows = {row["layer"]: row for row in layer_table(state.model, SHAPE, compact.read(tmp_path / "m")[0]["tensors"])}
    assert rows["4"]["shape"] == [4, 3, 3, 3]
    assert rows["4"]["macs"] == 16 * 4 * 3 * 9
    assert rows["9"]["parameters"] == 5 * 16 + 5


def test_masks_of_single_weights_follow_and_stay_in_force():
    state = pruned()
    prune(state, sparsity=0.6)
    masked, masks = copy.deepcopy(state.model), {name: mask.clone() for name, mask in state.masks.items()}
    remove(state)
    torch.testing.assert_close(state.model(IMAGES), masked(IMAGES), rtol=1e-5, atol=1e-5)
    stay = [channel for channel in range(5) if masks["0.weight"][channel].any()]
    assert torch.equal(state.masks["0.weight"], masks["0.weight"][stay])
    assert all(state.masks[name].shape == weight.shape for name, weight in state.weights().items())
    zeros = {name: ~mask for name, mask in state.masks.items()}
    state.train = lambda _changes, **_more: descend(state.model)
    list(finetune(state))
    assert all(not weight[zeros[name]].any() for name, weight in state.weights().items() if name in zeros)


def descend(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.01)
    for step in range(3):
        optimizer.zero_grad()
        functional.cross_entropy(model.train()(IMAGES), torch.tensor([0, 1, 2, 0, 1, 2])).backward()
        optimizer.step()
        yield step


LEVELS = [
    ("uniform", {"bits": 3}), ("uniform", {"bits": 3, "group": "tensor"}), ("uniform", {"bits": 4, "scheme": "asymmetric"}),
    ("uniform", {"bits": 1}), ("kmeans", {"bits": 3}), ("kmeans", {"bits": 2, "codebook": "channel"}),
    ("ternary", {"bits": 2}), ("ternary", {"bits": 2, "group": "tensor"}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "knobs"), LEVELS)
def test_levels_and_what_was_rounded_follow(method, knobs, tmp_path):
    """Pruned, quantized, removed: as the network without these channels, quantized on the same grids."""
    assert {name for name, _knobs in LEVELS} == set(QUANTIZATION)
    state = pruned()
    quantize(state, method=method, **knobs)
    masked, latent = copy.deepcopy(state.model), {name: one.clone() for name, one in state.latent.items()}
    remove(state)
    torch.testing.assert_close(state.model(IMAGES), masked(IMAGES), rtol=1e-5, atol=1e-5)
    assert torch.equal(state.latent["4.weight"], latent["4.weight"][[1, 3, 4, 5]][:, [0, 2, 3]])
    for name, weight in state.weights().items():
        assert torch.equal(state.quantized[name].dequantize(), weight), name
    written = compact.write(tmp_path / "m", state.contents(), {})
    assert written == compact.size(state.contents(), {})
    tensors = compact.read(tmp_path / "m")[1]
    assert all(torch.equal(tensors[name], tensor) for name, tensor in state.model.state_dict().items())
    state.train = lambda _changes, **_more: descend(state.model)
    list(finetune(state))
    for name, weight in state.weights().items():
        assert torch.equal(state.quantized[name].nearest(weight).dequantize(), weight), name


def test_runs_of_weights_that_share_a_scale_cannot_be_cut_and_nothing_is_changed():
    state = pruned()
    quantize(state, bits=4, group=32)
    before = copy.deepcopy(state.model.state_dict())
    with pytest.raises(DataError, match="in groups across their inputs: remove first"):
        remove(state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.model.state_dict().items())
    assert not state.edits


def test_grids_of_inputs_stay_on_their_layers():
    """Rounded inputs, pruned, removed: zero stays exactly zero on every grid."""
    state = pruned()
    set_activation_grids(state.model, {name: ActivationGrid(4, 0.3, 5) for name in ("0", "4", "9", "11")})
    masked = copy.deepcopy(state.model)
    remove(state)
    assert [edit["layer"] for edit in state.edits] == list(GONE)
    assert activation_grids(state.model) == activation_grids(masked)
    torch.testing.assert_close(state.model(IMAGES), masked(IMAGES), rtol=1e-5, atol=1e-5)


def test_a_channel_that_still_adds_a_constant_stays():
    """All of its weights were pruned one by one; its norm goes on shifting it."""
    state = pruned({"0": [1]})
    state.masks["4.weight"] = torch.ones_like(state.model[4].weight, dtype=torch.bool)
    state.masks["4.weight"][2] = False
    state.write({"4.weight": state.model[4].weight.masked_fill(~state.masks["4.weight"], 0)})
    masked = copy.deepcopy(state.model)
    remove(state)
    assert [edit["layer"] for edit in state.edits] == ["0"]
    assert not state.masks["4.weight"][2].any()
    torch.testing.assert_close(state.model(IMAGES), masked(IMAGES), rtol=1e-5, atol=1e-5)


def test_a_layer_keeps_one_channel_whatever_was_pruned():
    state = pruned({"0": [*range(5)], "9": [*range(6)]})
    masked = copy.deepcopy(state.model)
    remove(state)
    assert (len(state.model[0].weight), len(state.model[9].weight)) == (1, 1)
    torch.testing.assert_close(state.model(IMAGES), masked(IMAGES), rtol=1e-5, atol=1e-5)


def test_nothing_pruned_nothing_removed():
    for state in (State(chain()), pruned({})):
        before = repr(state.model)
        prune(state, sparsity=0, granularity="channel")
        remove(state)
        assert repr(state.model) == before
        assert not state.edits


def test_a_snapshot_between_two_steps_has_the_smaller_network():
    state = pruned()
    remove(state)
    prune(state, sparsity=0.5, granularity="channel", scope="layer")
    remove(state)
    quantize(state, bits=3)
    assert len({edit["layer"] for edit in state.edits}) < len(state.edits)
    again = State(chain())
    snapshot.from_content(again, copy.deepcopy(snapshot.to_content(state)))
    assert torch.equal(again.model(IMAGES), state.model(IMAGES))
    assert [*again.edits] == [*state.edits]
    assert again.quantized.keys() == state.quantized.keys()
    onward = pruned()
    remove(onward)  # as one that went on from a file of before, with the first edits done
    snapshot.from_content(onward, copy.deepcopy(snapshot.to_content(state)))
    assert torch.equal(onward.model(IMAGES), state.model(IMAGES))
    assert [*onward.edits] == [*state.edits]


NETWORKS = [
    ({"name": "cnn", "width": 5}, (1, 28, 28)), ({"name": "cnn", "width": 4}, (1, 8, 8)), ({"name": "lenet5"}, (1, 28, 28)),
    ({"name": "lenet300"}, (1, 8, 8)), ({"name": "mlp", "hidden": [20, 10]}, (3, 4, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("architecture", "shape"), NETWORKS, ids=lambda one: one["name"] if isinstance(one, dict) else "")
def test_chains_of_the_zoo_answer_as_masked_and_cost_less(architecture, shape):
    model = random(construct(architecture, shape, 10))
    removable(model)
    state = State(model)
    prune(state, sparsity=0.5, granularity="channel", scope="layer")
    masked, images = copy.deepcopy(state.model), torch.randn(4, *shape)
    whole = (parameters(masked), macs(masked, shape), compact.size(state.contents(), {}))
    remove(state)
    assert len(state.edits) == len(state.weights()) - 1
    expected = masked(images).detach()
    torch.testing.assert_close(state.model(images), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    now = (parameters(state.model), macs(state.model, shape), compact.size(state.contents(), {}))
    assert all(after < before for after, before in zip(now, whole, strict=True))


@pytest.mark.parametrize("architecture", [{"name": "resnet", "depth": 8}, {"name": "mobilenet_v2", "width": 0.25}])
def test_channels_that_go_elsewhere_are_refused_in_a_sentence(architecture):
    with torch.device("meta"):
        model = construct(architecture, (3, 32, 32), 10)
    with pytest.raises(DataError, match="cannot be followed"):
        removable(model)
    state = State(random(construct(architecture, (3, 32, 32), 10)))
    prune(state, sparsity=0.5, granularity="channel", scope="layer")
    with pytest.raises(DataError, match=r"^Channels cannot be removed: [^\n]*\.$"):
        remove(state)


class Other(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind, self.first, self.last = kind, nn.Linear(4, 4), nn.Linear(4, 4)
        self.middle = {"layernorm": nn.LayerNorm(4), "sigmoid": nn.Sigmoid(), "fixed": nn.BatchNorm1d(4, affine=False)}.get(kind)
        if kind == "tied":
            self.last.weight = self.first.weight

    def forward(self, inputs):
        hidden = self.first(inputs)
        if self.middle is not None:
            hidden = self.middle(hidden)
        if self.kind == "twice":
            return self.last(self.last(hidden))
        if self.kind == "answer":
            return self.last(hidden) + hidden
        return self.last(hidden)


@pytest.mark.parametrize("kind", ["layernorm", "sigmoid", "fixed", "tied", "twice", "answer"])
def test_what_would_not_stay_the_same_is_refused(kind):
    """Norms over channels, functions that make something of zero, shared weights, layers used twice, other ways."""
    with pytest.raises(DataError):
        find_chain(Other(kind), "first")
    assert [cut.name for cut in find_chain(Other("plain"), "first").cuts] == ["first.weight", "first.bias", "last.weight"]
