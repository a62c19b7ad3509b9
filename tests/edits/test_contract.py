"""What every edit must do, whichever it is: it loads again from the facts of a file, and refuses what does not fit."""

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from compression.edits import EDITS
from compression.edits.replay import MOST_EDITS, apply, replay
from compression.errors import DataError
from compression.export import compact, weights
from compression.models import MODELS
from compression.networks import construct
from compression.steps.state import State

SHAPE, CLASSES = (1, 8, 8), 10
CNN = {"name": "cnn", "width": 3}
# For each edit one that fits the network, and values that fit none.
EXAMPLES = {
    "exit_early": {"layer": "5", "width": 12},
    "project": {"layer": "11", "between": 4, "features": 7},
    "remove_channels": {"layer": "3", "removed": [0, 4]},
}
WRONG = {
    "exit_early": [
        {"layer": "11"}, {"layer": "10"}, {"layer": ""}, {"layer": "50"}, {"layer": 5}, {"layer": None}, {"layer": "5" * 10_000},
        {"width": 0}, {"width": -1}, {"width": 4097}, {"width": 2**70}, {"width": 4.0}, {"width": True}, {"width": "4"},
        {"more": 1},
    ],
    "project": [
        {"layer": ""}, {"layer": "3"}, {"layer": "110"}, {"layer": None}, {"layer": "11.classifier"}, {"layer": "x" * 10_000},
        {"between": 0}, {"between": 4097}, {"between": -1}, {"between": 4.0}, {"between": True}, {"between": None},
        {"features": 0}, {"features": 2**70}, {"features": "7"}, {"features": [7]}, {"more": 1},
    ],
    "remove_channels": [
        {"layer": "30"}, {"layer": ""}, {"layer": "1"}, {"layer": "11"}, {"layer": 3}, {"layer": None}, {"layer": "3" * 10_000},
        {"removed": []}, {"removed": [6]}, {"removed": [-1]}, {"removed": [4, 0]}, {"removed": [0, 0]}, {"removed": [0.0]},
        {"removed": [True]}, {"removed": "04"}, {"removed": {"0": 1}}, {"removed": [[0]]}, {"removed": [*range(6)]},
        {"removed": [2**70]}, {"more": 1}, {"removed": None},
    ]
}  # fmt: skip


@pytest.fixture(params=EDITS)
def edit(request):
    return {"name": request.param, **EXAMPLES[request.param]}


def trained():
    """Return a network none of whose tensors is what a fresh one has."""
    torch.manual_seed(1)
    model = construct(CNN, SHAPE, CLASSES)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.copy_(torch.rand(tensor.shape) + 0.5)
    return model.eval()


def answers(model):
    return model.eval()(torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(2)))


def test_an_edited_network_loads_again_from_either_file(edit, tmp_path):
    state = State(trained())
    apply(state, edit)
    assert list(state.edits) == [edit]
    facts = {"architecture": CNN, "shape": SHAPE, "classes": CLASSES, "edits": [*state.edits]}
    weights.save(tmp_path / "full.safetensors", state.model, facts)
    compact.write(tmp_path / "small.compact", state.contents(), facts)
    full, told = weights.load(tmp_path / "full.safetensors")
    header, small = compact.read(tmp_path / "small.compact")
    for tensors, found in ((full, told), (small, header["metadata"])):
        model = construct(found["architecture"], found["shape"], found["classes"], found["edits"])
        weights.fill(model, tensors, "file")
        assert torch.equal(answers(model), answers(state.model))
        assert repr(model) == repr(state.model)


def test_it_changes_the_structure_keeps_the_names_and_trains_on(edit):
    state, before = State(trained()), trained().state_dict()
    apply(state, edit)
    after = state.model.state_dict()
    assert [name for name in after if name in before] == [name for name in before if name in after]
    assert sum(tensor.numel() for tensor in after.values()) != sum(tensor.numel() for tensor in before.values())
    assert all(parameter.requires_grad for parameter in state.model.parameters())
    answers(state.model).sum().backward()
    assert all(parameter.grad is not None for parameter in state.model.parameters())


def test_it_is_repeated_without_memory(edit):
    with torch.device("meta"):
        model = construct(CNN, SHAPE, CLASSES, [edit])
    shapes = {name: tensor.shape for name, tensor in construct(CNN, SHAPE, CLASSES, [edit]).state_dict().items()}
    assert {name: tensor.shape for name, tensor in model.state_dict().items()} == shapes
    assert all(tensor.is_meta for tensor in model.state_dict().values())


def test_what_it_cannot_do_is_one_sentence_and_changes_nothing(edit):
    state = State(trained())
    before = copy.deepcopy(state.model)
    for wrong in WRONG[edit["name"]]:
        with pytest.raises(DataError) as caught:
            apply(state, {**edit, **wrong})
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300
        with pytest.raises(DataError, match="number 2 cannot be repeated"):
            replay(trained(), [edit, {**edit, **wrong}])
    assert repr(state.model) == repr(before)
    assert not state.edits
    assert torch.equal(answers(state.model), answers(before))


@pytest.mark.parametrize(
    "edits",
    [
        3, "remove_channels", {"name": "remove_channels"}, [3], [None], [[]], [{}], [{"name": 3}],
        [{"name": "no such edit"}], [{"name": "x" * 10_000}], [{"name": "remove_channels"}], None,
        [{"name": ["remove_channels"]}],
    ],
)  # fmt: skip
def test_a_list_of_edits_from_a_stranger_is_refused_in_one_sentence(edits):
    with pytest.raises(DataError) as caught:
        construct(CNN, SHAPE, CLASSES, edits)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_there_are_no_more_edits_than_the_limit():
    model = nn.Sequential(nn.Linear(2, MOST_EDITS + 2), nn.Linear(MOST_EDITS + 2, 2))
    one = {"name": "remove_channels", "layer": "0", "removed": [0]}
    with pytest.raises(DataError, match=str(MOST_EDITS)):
        replay(model, [one] * (MOST_EDITS + 1))
    assert len(model[0].weight) == MOST_EDITS + 2


def test_every_edit_is_documented_and_tried_here():
    assert EXAMPLES.keys() == WRONG.keys() == set(EDITS)
    for entry in EDITS.values():
        assert entry.title
        assert entry.source
        assert entry.caption
        assert not entry.knobs  # what an edit takes stands in files, and is positional


@pytest.mark.parametrize("name", MODELS)
def test_a_network_without_edits_is_built_as_before(name):
    shape = (3, 32, 32)
    torch.manual_seed(0)
    plain = MODELS[name].function(shape, CLASSES)
    torch.manual_seed(0)
    model = construct({"name": name}, shape, CLASSES)
    assert repr(model) == repr(plain)
    assert all(
        torch.equal(one, other) for one, other in zip(model.state_dict().values(), plain.state_dict().values(), strict=True)
    )


def test_the_order_of_edits_counts():
    """Channels are counted as they are when it is their turn."""
    state = State(trained())
    first, second = ({"name": "remove_channels", "layer": "0", "removed": removed} for removed in ([0], [1]))
    kept = state.model[0].weight[1].detach().clone()
    apply(state, first)
    apply(state, second)
    assert torch.equal(state.model[0].weight[0], kept)
    assert json.loads(json.dumps([*state.edits])) == [first, second]
    other = State(trained())
    apply(other, second)
    apply(other, first)
    assert not torch.equal(other.model[0].weight[0], kept)


def test_the_reader_of_files_taken_home_knows_it(edit):
    assert f'"{edit["name"]}"' in (Path(__file__).parents[2] / "docs" / "take-a-network-home.md").read_text(encoding="utf-8")
