"""Whole channels go with their bias and the norm that follows: what is removed emits exactly zero."""

import copy

import pytest
import torch
from torch import fx, nn
from torch.nn import functional

from compression.errors import DataError
from compression.export import compact
from compression.models import MODELS
from compression.steps import STEPS
from compression.steps.channels import NORMS, channel_parameters, trace
from compression.steps.state import State, compressible
from tests.models.zoo import DIFFERENT

SHAPE = (3, 32, 32)
prune, quantize, finetune = (STEPS[name].function for name in ("prune", "quantize", "finetune"))


def network(name: str) -> nn.Module:
    """Return a network whose norms and biases are all away from zero, as after training."""
    torch.manual_seed(0)
    knobs = MODELS[name].knobs
    model = MODELS[name].function(
        SHAPE, 10, **({"depth": 8} if "depth" in knobs else {}), **({"width": 1} if "width" in knobs else {})
    )
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, NORMS):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(0.5, 1.5)
                module.running_mean.normal_()
    return model


def outputs(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return what each compressible layer emits, after the norm that follows it if there is one."""
    found: dict[str, torch.Tensor] = {}
    last: dict[int, str] = {}

    def watch(name: str):
        def hook(module: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            if isinstance(module, NORMS) and id(given[0]) in last:
                name_of_layer = last[id(given[0])]
            elif hasattr(module, "weight") and not isinstance(module, NORMS):
                name_of_layer = f"{name}.weight"
                last[id(output)] = name_of_layer
                alive.append(output)
            else:
                return
            found[name_of_layer] = output.detach().clone()

        return hook

    alive: list[torch.Tensor] = []
    hooks = [module.register_forward_hook(watch(name)) for name, module in model.named_modules()]
    model(torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(1)))
    for hook in hooks:
        hook.remove()
    return found


def assert_removed_channels_are_silent(state: State) -> None:
    emitted = outputs(state.model)
    removed = 0
    for name in compressible(state.model):
        if name not in state.masks:
            continue
        gone = ~state.masks[name].flatten(1).any(1)
        removed += int(gone.sum())
        assert (emitted[name][:, gone] == 0).all(), name
        assert emitted[name][:, ~gone].any(), name
    assert removed


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", DIFFERENT)
def test_removed_channels_emit_exactly_zero_in_every_network(name: str, training: bool) -> None:
    state = State(network(name))
    prune(state, sparsity=0.4, granularity="channel", scope="layer")
    assert_removed_channels_are_silent(State(state.model.train(training), masks=state.masks))


@pytest.mark.parametrize("bits", [None, 4])
@pytest.mark.parametrize("name", ["cnn", "resnet", "mlp"])
def test_they_stay_silent_in_fine_tuning_and_when_the_file_is_compressed_on(name: str, bits: int | None, tmp_path) -> None:
    state = State(network(name))
    prune(state, sparsity=0.4, granularity="channel", scope="layer")
    if bits:
        quantize(state, bits=bits)
    nonzero = {key: int(parameter.count_nonzero()) for key, parameter in state.model.named_parameters()}
    for again in (False, True):
        if again:
            compact.write(tmp_path / "file", state.contents(), {})
            _header, contents = compact.read_contents(tmp_path / "file")
            model = network(name)
            model.load_state_dict(compact.dense(contents))
            state = State.from_contents(model, contents)
        state.train = lambda _changes, state=state, **_more: descend(state.model)
        list(finetune(state))
        assert_removed_channels_are_silent(State(state.model.eval(), masks=state.masks))
        for key, parameter in state.model.named_parameters():
            if key in state.quantized:
                continue  # a weight that was rounded to zero may leave it
            assert int(parameter.count_nonzero()) <= nonzero[key], key


def descend(model: nn.Module):
    """Train a few large steps with momentum and weight decay."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    batch, labels = torch.randn(8, *SHAPE), torch.randint(0, 10, (8,))
    for step in range(3):
        optimizer.zero_grad()
        functional.cross_entropy(model(batch), labels).backward()
        optimizer.step()
        yield step


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_is_that_of_torch(name: str) -> None:
    model = network(name)
    before = dict(vars(model))
    found, expected = trace(model), fx.Tracer().trace(model)
    assert [(node.op, str(node.target)) for node in found.nodes][1:] == [(n.op, str(n.target)) for n in expected.nodes][1:]
    users = [[str(user.target) for user in node.users] for node in found.nodes]
    assert users == [[str(user.target) for user in node.users] for node in expected.nodes]
    assert dict(vars(model)) == before
    assert not any("forward" in vars(module) for module in model.modules())


def test_networks_that_other_threads_run_are_not_touched_meanwhile() -> None:
    """`torch.fx.Tracer.trace` replaces the call of every module of the process."""
    seen = []

    class Looks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            seen.append((nn.Module.__call__, nn.Module.__getattr__))
            return self.layer(inputs)

    usual = nn.Module.__call__, nn.Module.__getattr__
    assert [node.op for node in trace(Looks()).nodes] == ["placeholder", "call_module", "output"]
    assert seen == [usual]


def test_single_weights_leave_biases_and_norms_alone() -> None:
    state = State(network("cnn"))
    before = copy.deepcopy(state.model.state_dict())
    prune(state, sparsity=0.9)
    for name, tensor in state.model.state_dict().items():
        assert name in state.masks or torch.equal(tensor, before[name])


def test_a_norm_that_two_layers_feed_is_not_theirs_and_a_trace_is_needed() -> None:
    class Sum(nn.Module):
        def __init__(self, branches: bool = False) -> None:
            super().__init__()
            self.one, self.two, self.norm, self.branches = nn.Linear(4, 4), nn.Linear(4, 4), nn.BatchNorm1d(4), branches

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            if self.branches and inputs.sum() > 0:
                return inputs
            return self.norm(self.one(inputs) + self.two(inputs))

    assert channel_parameters(Sum()) == {"one.weight": ["one.bias"], "two.weight": ["two.bias"]}
    with pytest.raises(DataError, match="single weights"):
        channel_parameters(Sum(branches=True))
