"""Layers' inputs are rounded wherever a compressed network answers, on grids that calibration images choose once."""

import copy
import io
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from compression import networks
from compression.data.arrays import Split
from compression.errors import DataError
from compression.export import compact, weights
from compression.measure.layers import layer_table
from compression.measure.runners import eager, torchscript
from compression.models import MODELS
from compression.observers.fake_quantize import activation_grids, set_activation_grids
from compression.pruning import PRUNING
from compression.steps import STEPS, snapshot
from compression.steps.facts import score
from compression.steps.quantize_activations import BATCH
from compression.steps.state import State
from tests.test_training import toy

quantize_activations, prune, quantize, finetune = (
    STEPS[name].function for name in ("quantize_activations", "prune", "quantize", "finetune")
)
LAYERS = ("0", "4", "5")


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 16), nn.Linear(16, 4))


def quantized(bits=4, **knobs):
    state = State(network(), data=toy())
    quantize_activations(state, activation_bits=bits, **knobs)
    return state


def answers(model):
    data = toy()
    with torch.no_grad():
        return model.eval()(data.normalize(data.validation.inputs))


def by_hand(model, data, inputs, images, bits):
    """Return the network's answers with inputs rounded, and the extremes of calibration, layer by layer."""
    plain = copy.deepcopy(model).eval()
    set_activation_grids(plain, {})
    plain.requires_grad_(False)
    seen, rounded, grids = data.normalize(data.train.inputs[:images]), inputs, {}
    for name, layer in plain.named_children():
        if name in LAYERS:
            low, high = min(0.0, float(seen.min())), max(0.0, float(seen.max()))
            scale = torch.tensor((high - low) / (2**bits - 1))
            zero = int(torch.round(-low / scale))
            rounded = torch.fake_quantize_per_tensor_affine(rounded, float(scale), zero, 0, 2**bits - 1)
            grids[name] = (float(scale), zero)
        seen, rounded = layer(seen), layer(rounded)
    return rounded.detach(), grids


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_network_answers_with_every_input_rounded(bits):
    data = toy()
    state = quantized(bits, calibration_images=64)
    inputs = data.normalize(data.validation.inputs)
    expected, grids = by_hand(state.model, data, inputs, 64, bits)
    found = activation_grids(state.model)
    assert {name: (pytest.approx(grid.scale, rel=1e-5), grid.zero_point) for name, grid in found.items()} == grids
    torch.testing.assert_close(answers(state.model), expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(answers(state.model), answers(network()), rtol=1e-4, atol=1e-4)


def test_calibration_sees_the_first_training_images_in_evaluation_mode_and_leaves_the_network():
    data, seen = toy(), []
    state = State(network().train(), data=data)
    state.model[1].eval()
    state.model[0].register_forward_hook(lambda layer, given, _answer: seen.append((layer.training, given[0].clone())))
    before = copy.deepcopy(state.model.state_dict())
    quantize_activations(state, calibration_images=64)
    assert [(training, len(batch)) for training, batch in seen] == [(False, BATCH)] * 2
    assert torch.equal(torch.cat([batch for _training, batch in seen]), data.normalize(data.train.inputs[:64]))
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.model.state_dict().items())
    assert [module.training for module in state.model] == [True, False, True, True, True, True]
    assert all(parameter.grad is None for parameter in state.model.parameters())


def test_fewer_training_images_than_wanted_are_all_taken_and_none_is_an_error():
    data = toy()
    few = quantized(calibration_images=1024)
    assert activation_grids(few.model) == activation_grids(quantized(calibration_images=len(data.train)).model)
    nothing = replace(data, train=Split(data.train.inputs[:0], data.train.labels[:0]))
    for none in (State(network()), State(network(), data=nothing)):
        with pytest.raises(DataError, match="training images"):
            quantize_activations(none)


def test_inputs_that_are_no_numbers_are_refused():
    state = State(network(), data=toy())
    with torch.no_grad():
        state.model[0].bias[0] = torch.nan
    with pytest.raises(DataError, match=r"inputs of 4 are not all finite"):
        quantize_activations(state)
    assert answers(state.model).isnan().any()  # nobody watches any more


def test_calibrating_anew_starts_from_inputs_that_are_not_rounded():
    state = quantized(2)
    quantize_activations(state, activation_bits=8)
    assert activation_grids(state.model) == activation_grids(quantized(8).model)


def test_fine_tuning_rounds_on_fixed_grids_and_the_gradient_stops_where_an_input_is_clipped():
    state = quantized(3)
    grids, inputs = activation_grids(state.model), torch.randn(16, 1, 8, 8)

    def train(_changes, **_more):
        optimizer = torch.optim.SGD(state.model.parameters(), lr=0.1)
        for step in range(3):
            inputs.requires_grad_(True)
            answer = state.model(inputs)
            assert activation_grids(state.model) == grids
            functional.cross_entropy(answer, torch.arange(16) % 4).backward()
            optimizer.step()
            yield step

    state.train = train
    quantize(state, bits=4)
    start = state.model[0].weight.clone()
    list(finetune(state, epochs=1, lr=0.1, loss=None))
    assert not torch.equal(state.model[0].weight, start)
    assert activation_grids(state.model) == grids
    clipped = (inputs < grids["0"].low - 0.5 * grids["0"].scale) | (inputs > grids["0"].high + 0.5 * grids["0"].scale)
    assert clipped.any()
    assert not inputs.grad[clipped].any()
    assert inputs.grad[~clipped].any()


@pytest.mark.parametrize("criterion", list(PRUNING))
def test_pruning_ranks_as_if_inputs_were_not_rounded(criterion):
    plain, rounded = State(network(), data=toy()), quantized(2)
    expected = score(plain, criterion)
    assert all(torch.equal(layer, expected[name]) for name, layer in score(rounded, criterion).items())
    assert activation_grids(rounded.model)


def test_a_copy_of_a_state_rounds_as_the_state_does():
    state = quantized(4)
    copied, grids = state.copy(), activation_grids(state.model)
    assert activation_grids(copied.model) == grids
    assert torch.equal(answers(copied.model), answers(state.model))
    quantize_activations(copied, activation_bits=2)
    assert activation_grids(state.model) == grids != activation_grids(copied.model)


def test_a_checkpoint_between_steps_gives_back_the_grids():
    state, other = quantized(4), State(network(1))
    file = io.BytesIO()
    torch.save(snapshot.to_content(state), file)
    file.seek(0)
    content = torch.load(file, weights_only=True)
    snapshot.from_content(other, content)
    assert torch.equal(answers(other.model), answers(state.model))
    del content["rounding"]
    before = State(network(1))
    snapshot.from_content(before, content)
    assert activation_grids(before.model) == {}


@pytest.mark.parametrize("suffix", [compact.SUFFIX, weights.SUFFIX])
def test_a_file_gives_back_the_same_answers(suffix, tmp_path):
    data = toy()
    architecture = {"name": "cnn", "width": 2}
    state = State(networks.build(architecture, data, seed=0), data=data)
    prune(state, sparsity=0.5)
    quantize(state, bits=4)
    facts, path = networks.facts_of(architecture, data), tmp_path / f"network{suffix}"
    without = compact.size(state.contents(), networks.compressed_facts(facts, [], state))
    quantize_activations(state, activation_bits=3)
    facts = networks.compressed_facts(facts, [], state)
    if suffix == compact.SUFFIX:
        assert without < compact.write(path, state.contents(), facts) == compact.size(state.contents(), facts)
    else:
        weights.save(path, state.model, facts)
    network = networks.read(path, data)
    assert torch.equal(answers(network.model), answers(state.model))
    again = networks.state_of(network)
    assert activation_grids(again.model) == activation_grids(state.model) != {}
    set_activation_grids(again.model, {})
    assert not torch.equal(answers(again.model), answers(network.model))


def test_a_file_whose_grids_make_no_sense_is_refused(tmp_path):
    data, architecture = toy(), {"name": "cnn", "width": 2}
    model = networks.build(architecture, data, seed=0)
    path = tmp_path / "network.safetensors"
    weights.save(path, model, networks.facts_of(architecture, data, activations={"0": {"bits": 99}}))
    with pytest.raises(DataError, match=r"network\.safetensors"):
        networks.read(path, data)


def test_a_state_without_rounding_says_nothing_of_it():
    plain, original = State(network()), {"activations": {"0": {}}, "name": 1}
    assert networks.compressed_facts(original, [], plain) == {"name": 1, "steps": []}


@pytest.mark.parametrize("make", [eager, lambda name, model: torchscript(name, model, (1, 8, 8))])
def test_what_is_timed_is_the_network_without_the_rounding(make):
    state = quantized(2)
    before = answers(state.model)
    data = toy()
    with torch.inference_mode():
        timed = make("it", state.model).call(data.normalize(data.validation.inputs))
    torch.testing.assert_close(timed, answers(network()), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(timed, before, rtol=1e-2, atol=1e-2)
    assert torch.equal(answers(state.model), before)


def test_the_layer_table_says_bits_and_ranges_of_activations():
    state = quantized(4)
    rows = {row["layer"]: row for row in layer_table(state.model, (1, 8, 8))}
    for name, grid in activation_grids(state.model).items():
        told = (rows[name]["activation_bits"], rows[name]["activation_low"], rows[name]["activation_high"])
        assert told == (4, grid.low, grid.high)
    assert "activation_bits" not in rows["1"]
    assert not any("activation_bits" in row for row in layer_table(network(), (1, 8, 8)))


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_takes_it(name):
    """Every convolution and linear layer that computes has a grid, and macs are counted as before."""
    model = MODELS[name].function((1, 8, 8), 4)
    quantize_activations(State(model, data=toy()), calibration_images=32)
    layers = {row["layer"] for row in layer_table(model, (1, 8, 8)) if row["macs"]}
    assert activation_grids(model).keys() == layers
