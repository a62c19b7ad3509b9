"""Which layers a loss sees: for every network of the zoo and every pair of them, and nothing remains of the looking."""

import copy
import itertools

import pytest
import torch
from torch import nn

from compression.data import DATASETS
from compression.features import Layout, Stage, View, layout, layout_of, match, paired, stages_text
from compression.models import MODELS
from tests.models.zoo import DIFFERENT

SHAPES = [(1, 8, 8), (3, 32, 32)]
NAMES = DIFFERENT
FLAT = {"mlp", "lenet300"}
STAGES = {
    "cnn": [(16, 8), (32, 8), (64, 8)],
    "lenet5": [(20, 12), (50, 4)],
    "resnet": [(16, 8), (32, 4), (64, 2)],
    "resnet18": [(64, 8), (128, 4), (256, 2)],
    "resnet18_imagenet": [(64, 2)],
}
BOTH = ("features", "embedding")


def build(name: str, shape: tuple[int, int, int]) -> nn.Module:
    torch.manual_seed(0)
    return MODELS[name].function(shape, 10).eval()


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@pytest.mark.parametrize("name", list(STAGES))
def test_the_stages_that_papers_draw(name):
    assert [(stage.channels, stage.height) for stage in layout(build(name, (1, 8, 8)), (1, 8, 8)).stages] == STAGES[name]


def test_a_block_that_makes_maps_smaller_begins_a_stage_and_pooling_does_not():
    narrow = layout_of({"name": "mobilenet_v2", "width": 0.25}, "digits").stages
    assert [(stage.channels, stage.height) for stage in narrow] == [(8, 8), (8, 4), (8, 2)]
    pooled = layout_of({"name": "cnn", "width": 4}, "mnist").stages
    assert [(stage.channels, stage.height) for stage in pooled] == [(4, 14), (8, 7), (16, 7)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_seen_of_every_network_is_what_its_layers_compute(name, shape):
    model = build(name, shape)
    found = layout(model, shape)
    assert bool(found.stages) == (name not in FLAT)
    inputs = torch.randn(3, *shape)
    view = View(model, found)
    seen = view(inputs)
    assert torch.equal(seen.logits, model(inputs))
    assert [tuple(maps.shape[1:]) for maps in seen.features] == [(s.channels, s.height, s.width) for s in found.stages]
    classifier = model.get_submodule(found.classifier)
    assert seen.embedding.shape == (3, found.embedding)
    assert torch.allclose(classifier(seen.embedding), seen.logits, atol=1e-6)
    for stage, maps in zip(found.stages, seen.features, strict=True):
        kept: list[torch.Tensor] = []
        handle = model.get_submodule(stage.layer).register_forward_hook(lambda *given, kept=kept: kept.append(given[2].clone()))
        model(inputs)
        handle.remove()
        assert torch.equal(kept[0], maps), f"{stage.layer} is changed in place afterwards"
    assert hooks(model) == 0


@pytest.mark.parametrize(("student", "teacher"), itertools.product(NAMES, NAMES))
def test_every_pair_of_networks_has_stages_that_belong_together_or_none(student, teacher):
    shape = DATASETS["digits"].traits["shape"]
    layouts = [layout_of(MODELS.check({"name": name}, ""), "digits") for name in (student, teacher)]
    ours, theirs = paired(*layouts, BOTH)
    if {student, teacher} & FLAT:
        assert not ours.stages
        assert not theirs.stages
    else:
        assert len(ours.stages) == len(theirs.stages) == min(len(found.stages) for found in layouts) > 1
    for name, look in ((student, ours), (teacher, theirs)):
        assert [stage for stage in layout_of(MODELS.check({"name": name}, ""), "digits").stages if stage in look.stages] == [
            *look.stages
        ]
        seen, probe = View(build(name, shape), look)(torch.zeros(1, *shape)), look.probe(10)
        assert [maps.shape for maps in seen.features] == [maps.shape for maps in probe.features]
        assert seen.embedding.shape == probe.embedding.shape


def test_stages_that_are_nearest_in_size_belong_together_and_of_these_the_nearest_in_depth():
    small = [Stage("a", 1, 16, 16), Stage("b", 2, 8, 8)]
    large = [
        Stage("1", 1, 32, 32),
        Stage("2", 2, 16, 16),
        Stage("3", 3, 16, 16),
        Stage("4", 4, 8, 8),
        Stage("5", 5, 4, 4),
        Stage("6", 6, 2, 2),
    ]
    assert [(own.layer, other.layer) for own, other in match(small, large)] == [("a", "3"), ("b", "4")]
    assert [(own.layer, other.layer) for own, other in match(large, small)] == [("3", "a"), ("4", "b")]


def test_a_layout_is_the_same_whether_a_network_is_built_or_only_described():
    assert layout_of({"name": "resnet", "depth": 8, "width": 4}, "digits") == layout(
        MODELS["resnet"].function((1, 8, 8), 10, depth=8, width=4), (1, 8, 8)
    )


def test_looking_leaves_a_network_as_it_was_also_where_it_fails():
    model = build("cnn", (1, 8, 8)).train()
    before = copy.deepcopy(model.state_dict())
    found = layout(model, (1, 8, 8))
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    with pytest.raises(RuntimeError):
        View(model, found)(torch.zeros(1, 2, 8, 8))
    assert hooks(model) == 0
    assert View(model, Layout())(torch.zeros(2, 1, 8, 8)).features == ()


def test_a_network_without_a_linear_layer_has_no_embedding():
    assert layout(nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), (1, 8, 8)).classifier is None


def test_embeddings_alone_are_told_without_maps():
    layouts = [layout_of({"name": "cnn", "width": width}, "digits") for width in (4, 32)]
    assert stages_text(*paired(*layouts, ("embedding",))) == "Numbers in an embedding, student and teacher: 16 and 128."
