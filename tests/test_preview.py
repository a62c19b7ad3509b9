import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from compression import networks
from compression.data.arrays import Dataset, Split
from compression.errors import SpecError
from compression.evaluation import predict
from compression.export import compact
from compression.models import MODELS
from compression.networks import Network
from compression.preview import preview
from compression.steps import STEPS
from compression.steps.state import State

PRUNE = {"name": "prune", "criterion": "magnitude", "sparsity": 0.8, "granularity": "weight", "scope": "global"}
QUANTIZE = {"name": "quantize", "method": "uniform", "bits": 4, "scheme": "symmetric", "group": "channel"}
FINETUNE = {"name": "finetune", "epochs": 5, "lr": 0.01, "loss": None}


@pytest.fixture(scope="module")
def dataset():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (60,), generator=generator)
    mean = torch.full((1, 1, 1, 1), 128.0)
    untouched = Split(torch.empty(0), torch.empty(0))
    return Dataset("made up", "classification", 10, (1, 8, 8), untouched, Split(inputs, labels), untouched, mean, mean / 2)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return MODELS["cnn"].function((1, 8, 8), 10, width=4).eval()


def rows(model, dataset, steps, sweep, values, **more):
    network = Network(model, {"a": 1}, dataset, Path("a.safetensors"))
    return list(preview(network, steps, sweep=sweep, values=values, **more))


@pytest.mark.parametrize(
    "steps",
    [
        [PRUNE, QUANTIZE, FINETUNE],
        [QUANTIZE, PRUNE],
        [{**PRUNE, "granularity": "channel", "scope": "layer", "sparsity": 0.3}, QUANTIZE],
        [{**PRUNE, "sparsity": 0.4}, PRUNE, {**QUANTIZE, "scheme": "asymmetric", "group": "tensor"}],
    ],
)
@pytest.mark.parametrize(("sweep", "values"), [("sparsity", [0.0, 0.5, 0.95, 0.5]), ("bits", [1, 2, 5, 16])])
def test_each_row_is_what_the_steps_give_one_by_one(model, dataset, tmp_path, steps, sweep, values):
    found = rows(model, dataset, steps, sweep, values)
    last = max(index for index, step in enumerate(steps) if sweep in step)
    for value, row in zip(values, found, strict=True):
        state = State(copy.deepcopy(model))
        applied = [{**step, sweep: value} if index == last else step for index, step in enumerate(steps)]
        at_once = [step for step in applied if step["name"] != "finetune"]
        for knobs in at_once:
            STEPS[knobs["name"]].function(state, **{key: knob for key, knob in knobs.items() if key != "name"})
        logits = predict(state.model, dataset, dataset.validation.inputs)
        assert row == {
            "value": value,
            "accuracy": pytest.approx(float((logits.argmax(1) == dataset.validation.labels).float().mean())),
            "size_bytes": compact.write(
                tmp_path / "m", state.contents(), {"a": 1, "steps": [step for step in applied if step["name"] != "finetune"]}
            ),
            "nonzero": sum(int((parameter != 0).sum()) for parameter in state.model.parameters()),
        }
    assert len({row["size_bytes"] for row in found}) >= 3


def test_the_network_is_not_touched(model, dataset):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rows(model, dataset, [PRUNE, QUANTIZE], "bits", [1, 2])
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_only_the_first_images_are_looked_at(model, dataset):
    whole = rows(model, dataset, [PRUNE], "sparsity", [0.0])[0]["accuracy"]
    labels = dataset.validation.labels[:7]
    right = predict(model, dataset, dataset.validation.inputs)[:7].argmax(1) == labels
    few = rows(model, dataset, [PRUNE], "sparsity", [0.0], most_images=7)[0]["accuracy"]
    assert few == pytest.approx(float(right.float().mean()))
    assert few != whole


def test_a_knob_that_no_step_has_and_a_value_out_of_range_are_refused(model, dataset):
    with pytest.raises(SpecError, match="bits"):
        rows(model, dataset, [PRUNE], "bits", [2])
    with pytest.raises(SpecError, match="bits"):
        rows(model, dataset, [QUANTIZE], "bits", [17])
    with pytest.raises(SpecError, match="sparsity"):
        rows(model, dataset, [PRUNE], "sparsity", [1.5])


def test_the_size_is_that_of_a_runs_file(model, dataset, tmp_path):
    facts = networks.facts_of({"name": "cnn", "width": 4}, dataset)
    network = Network(model, facts, dataset, Path("a.safetensors"))
    (row,) = preview(network, [PRUNE, QUANTIZE], sweep="bits", values=[4])
    state = State(copy.deepcopy(model))
    for step in (PRUNE, QUANTIZE):
        STEPS[step["name"]].function(state, **{key: value for key, value in step.items() if key != "name"})
    path = tmp_path / "compressed-seed0.compact"
    facts = {**facts, "steps": [PRUNE, QUANTIZE]}
    assert compact.write(path, state.contents(), facts) == row["size_bytes"]
    loaded = networks.read(path, dataset)
    assert loaded.facts == facts
    inputs = dataset.validation.inputs
    assert torch.equal(predict(loaded.model, loaded.data, inputs), predict(state.model, dataset, inputs))


class PreActivation(nn.Module):
    """A block that needs its input twice: activated, and as it is."""

    def __init__(self):
        super().__init__()
        self.flatten, self.relu, self.linear = nn.Flatten(), nn.ReLU(), nn.Linear(64, 64)

    def forward(self, inputs):
        inputs = self.flatten(inputs)
        return inputs + self.linear(self.relu(inputs))


def test_a_network_that_adds_its_input_before_the_activation_is_previewed_as_it_is(dataset):
    torch.manual_seed(3)
    model = PreActivation().eval()
    labels = predict(model, dataset, dataset.validation.inputs).argmax(1)
    own = replace(dataset, classes=64, validation=replace(dataset.validation, labels=labels))
    (row,) = rows(model, own, [PRUNE], "sparsity", [0.0])
    assert row["accuracy"] == 1.0
