import pytest
import torch
from torch import nn
from torch.nn import functional

from compression.errors import DataError
from compression.quantization.uniform import uniform
from compression.steps import STEPS
from compression.steps.in_force import in_force
from compression.steps.state import State, compressible
from tests.test_training import toy

prune, quantize, finetune, remove = (STEPS[name].function for name in ("prune", "quantize", "finetune", "remove"))


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 16), nn.Linear(16, 4))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.second.weight = self.first.weight

    def forward(self, inputs):
        return self.second(functional.relu(self.first(inputs)))


def shares(state):
    weights = state.weights()
    return {name: float((weight == 0).float().mean()) for name, weight in weights.items()}


def trained(state, inputs, steps=8, lr=0.5):
    """Give the state a training that moves every weight far."""
    seen = []

    def train(changes, **_more):
        optimizer = torch.optim.SGD(state.model.parameters(), lr=changes["lr"], momentum=0.5)
        targets = torch.randint(0, state.model(inputs).shape[1], (len(inputs),))
        for step in range(steps):
            optimizer.zero_grad()
            functional.cross_entropy(state.model(inputs), targets).backward()
            optimizer.step()
            seen.append({name: effective.detach().clone() for name, effective in effective_weights(state.model).items()})
            yield step

    state.train = train
    assert list(finetune(state, epochs=1, lr=lr, loss=None)) == list(range(steps))
    return seen


def effective_weights(model):
    return {
        f"{name}.weight": module.weight for name, module in model.named_modules() if isinstance(module, (nn.Linear, nn.Conv2d))
    }


def inputs(count=32):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_only_weights_of_convolutions_and_linear_layers_are_compressed():
    state = State(network())
    before = {name: tensor.clone() for name, tensor in state.model.state_dict().items()}
    prune(state, sparsity=0.7)
    quantize(state, bits=2)
    for name, tensor in state.model.state_dict().items():
        assert torch.equal(tensor, before[name]) == (name not in {"0.weight", "4.weight", "5.weight"}), name
    assert list(state.weights()) == ["0.weight", "4.weight", "5.weight"]


def test_prune_removes_its_share():
    state = State(network())
    prune(state, sparsity=0.7)
    total = sum(weight.numel() for weight in state.weights().values())
    assert sum(int((weight == 0).sum()) for weight in state.weights().values()) == round(0.7 * total)
    layered = State(network())
    prune(layered, sparsity=0.5, scope="layer")
    assert all(share == 0.5 for share in shares(layered).values())


def test_quantized_weights_are_those_of_the_quantizer():
    state = State(network())
    original = {name: weight.clone() for name, weight in state.weights().items()}
    quantize(state, bits=3, scheme="asymmetric", group="tensor")
    for name, weight in state.weights().items():
        expected = uniform(original[name], bits=3, scheme="asymmetric", group="tensor")
        assert torch.equal(weight, expected.dequantize())
        assert torch.equal(state.quantized[name].levels, expected.levels)
        assert torch.equal(state.latent[name], original[name])


@pytest.mark.parametrize("scheme", ["symmetric", "asymmetric"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_quantizing_keeps_zeros_and_pruning_keeps_the_grid(bits, scheme):
    state = State(network())
    prune(state, sparsity=0.5)
    gone = {name: weight == 0 for name, weight in state.weights().items()}
    quantize(state, bits=bits, scheme=scheme)
    assert all((state.weights()[name][zeros] == 0).all() for name, zeros in gone.items())
    before = {name: weight.clone() for name, weight in state.weights().items()}
    grids = dict(state.quantized)
    prune(state, sparsity=0.9)
    total = sum(weight.numel() for weight in before.values())
    assert sum(int((weight == 0).sum()) for weight in state.weights().values()) >= round(0.9 * total)
    for name, weight in state.weights().items():
        assert torch.equal(weight, before[name].masked_fill(~state.masks[name], 0))
        assert torch.equal(state.quantized[name].scale, grids[name].scale)
        assert torch.equal(state.quantized[name].dequantize(), weight)
        assert (state.latent[name][~state.masks[name]] == 0).all()


def test_pruning_again_raises_the_sparsity_and_never_lowers_it():
    state = State(network())
    for sparsity, expected in ((0.3, 0.3), (0.6, 0.6), (0.2, 0.6)):
        prune(state, sparsity=sparsity)
        weights = state.weights().values()
        assert sum(int((weight == 0).sum()) for weight in weights) == round(expected * sum(weight.numel() for weight in weights))


@pytest.mark.parametrize("order", ["prune first", "quantize first"])
@pytest.mark.parametrize(("bits", "scheme"), [(1, "symmetric"), (2, "symmetric"), (4, "asymmetric"), (8, "symmetric")])
def test_masks_and_grids_hold_at_every_step_of_fine_tuning_and_after(bits, scheme, order):
    state = State(network())
    steps = [lambda: prune(state, sparsity=0.6), lambda: quantize(state, bits=bits, scheme=scheme)]
    for step in steps if order == "prune first" else reversed(steps):
        step()
    start = {name: weight.clone() for name, weight in state.weights().items()}
    keys = list(state.model.state_dict())
    grids = {name: held.scale.clone() for name, held in state.quantized.items()}
    seen = trained(state, inputs())
    for name, weight in state.weights().items():
        for effective in (*(step[name] for step in seen), weight):
            assert (effective[~state.masks[name]] == 0).all()
            assert torch.equal(state.quantized[name].nearest(effective).dequantize(), effective)
        assert torch.equal(weight, seen[-1][name])
        assert torch.equal(state.quantized[name].scale, grids[name])
        assert torch.equal(state.quantized[name].dequantize(), weight)
        assert not (weight[~state.masks[name]]).signbit().any()
    assert any(not torch.equal(start[name], weight) for name, weight in state.weights().items())
    assert list(state.model.state_dict()) == keys


def test_fine_tuning_alone_is_plain_training():
    """Without masks and grids the step is the training itself; with a mask, gradient descent projected on the mask."""
    plain, stepped = network(), State(network())
    batch, targets = inputs(), torch.randint(0, 4, (32,), generator=torch.Generator().manual_seed(2))

    def descend(model, masks):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _step in range(5):
            optimizer.zero_grad()
            functional.cross_entropy(model(batch), targets).backward()
            optimizer.step()
            with torch.no_grad():
                for name, mask in masks.items():
                    plain.get_parameter(name).mul_(mask)

    prune(stepped, sparsity=0.5)
    with torch.no_grad():
        for name, mask in stepped.masks.items():
            plain.get_parameter(name).mul_(mask)
    descend(plain, stepped.masks)

    def train(_changes, **_more):
        descend(stepped.model, {})
        yield

    stepped.train = train
    list(finetune(stepped))
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(stepped.model.state_dict()[name], tensor)


def test_the_gradient_passes_the_rounding_and_stops_beyond_the_ends():
    layer = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-6.0, 2.0, 0.9]]))
    state = State(layer)
    quantize(state, bits=3)  # scale 2, ends at -6 and 6
    with in_force(state):
        latent = dict(state.model.named_parameters())["parametrizations.weight.original"]
        assert latent.tolist() == [[-6.0, 2.0, pytest.approx(0.9)]]
        with torch.no_grad():
            latent.copy_(torch.tensor([[-7.5, 2.0, 0.9]]))
        output = state.model(torch.tensor([[1.0, 10.0, 100.0]]))
        assert output.item() == -6 + 20
        output.sum().backward()
        assert latent.grad.tolist() == [[0.0, 10.0, 100.0]]
    assert layer.weight.tolist() == [[-6.0, 2.0, 0.0]]


def test_shared_weights_stay_shared():
    state = State(Tied())
    assert list(compressible(state.model)) == ["first.weight"]
    prune(state, sparsity=0.5)
    quantize(state, bits=4)
    seen = trained(state, torch.randn(16, 8))
    assert state.model.first.weight is state.model.second.weight
    assert isinstance(state.model.first.weight, nn.Parameter)
    assert all(torch.equal(step["first.weight"], step["second.weight"]) for step in seen)
    assert torch.equal(state.model.second.weight, state.quantized["first.weight"].dequantize())
    assert (state.model.second.weight[~state.masks["first.weight"]] == 0).all()
    contents = state.contents()
    assert contents["first.weight"] is contents["second.weight"]


def test_stopping_early_leaves_a_network_in_force():
    state = State(network())
    prune(state, sparsity=0.5)
    quantize(state, bits=2)
    keys = list(state.model.state_dict())

    def train(_changes, **_more):
        with torch.no_grad():
            for parameter in state.model.parameters():
                parameter.add_(0.3)
        yield 1
        raise AssertionError("closed generators do not go on")

    state.train = train
    events = finetune(state)
    next(events)
    events.close()
    assert list(state.model.state_dict()) == keys
    for name, weight in state.weights().items():
        assert torch.equal(weight, state.quantized[name].dequantize())
        assert (weight[~state.masks[name]] == 0).all()


def test_a_copy_goes_its_own_way():
    state = State(network())
    prune(state, sparsity=0.5)
    other = state.copy()
    prune(other, sparsity=0.9)
    quantize(other, bits=2)
    assert not state.quantized
    assert sum(shares(state).values()) < sum(shares(other).values())
    again = state.copy()
    assert all(torch.equal(again.weights()[name], weight) for name, weight in state.weights().items())
    prune(again, sparsity=0.5, granularity="channel")
    remove(again)
    assert again.edits
    assert not state.edits
    assert state.weights()["4.weight"].shape == (16, 6 * 36)


@pytest.mark.parametrize("step", [prune, quantize])
def test_weights_that_are_no_numbers_are_refused(step):
    model = network()
    with torch.no_grad():
        model[4].weight[0, 0] = float("nan")
    with pytest.raises(DataError):
        step(State(model))


@pytest.mark.parametrize("name", STEPS)
def test_every_step_is_documented(name):
    entry = STEPS[name]
    assert entry.source
    assert entry.title
    assert entry.knobs or name == "remove"
    assert all(knob.help for knob in entry.knobs.values())


@pytest.mark.parametrize("name", ["prune", "quantize"])
def test_every_knob_of_a_step_changes_the_weights(name):
    entry = STEPS[name]
    usual = State(network(), data=toy())
    entry.function(usual)
    for knob in [knob for knob in entry.knobs.values() if len(knob.choices) != 1]:
        others = [choice for choice in knob.choices if choice != knob.default] or [knob.low, knob.high]
        for other in others:
            state = State(network(), data=toy())
            entry.function(state, **{knob.name: other})
            assert any(not torch.equal(weight, usual.weights()[key]) for key, weight in state.weights().items()), knob.name


def test_the_knobs_of_fine_tuning_reach_the_training():
    state = State(network())
    given = []
    state.train = lambda changes, **more: iter([given.append((changes, more))])
    list(finetune(state, epochs=7, lr=0.3, loss={"name": "kd"}))
    assert given == [({"epochs": 7, "lr": 0.3}, {"objective": {"name": "kd"}})]


@pytest.mark.parametrize("granularity", ["weight", "channel"])
@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize(("bits", "scheme"), [(1, "symmetric"), (2, "asymmetric"), (4, "symmetric"), (8, "asymmetric")])
def test_pruning_ranks_what_weights_were_before_rounding(bits, scheme, scope, granularity):
    first, second = State(network()), State(network())
    prune(first, sparsity=0.6, scope=scope, granularity=granularity)
    quantize(first, bits=bits, scheme=scheme)
    quantize(second, bits=bits, scheme=scheme)
    prune(second, sparsity=0.6, scope=scope, granularity=granularity)
    assert first.masks.keys() == second.masks.keys()
    for name, mask in first.masks.items():
        assert torch.equal(mask, second.masks[name]), name


def test_quantizing_again_rounds_what_weights_were():
    once, twice = State(network()), State(network())
    quantize(once, bits=4)
    quantize(twice, bits=2)
    quantize(twice, bits=4)
    assert all(torch.equal(weight, twice.weights()[name]) for name, weight in once.weights().items())
