"""Early exits: what they learn, that their networks answer as they did in training, and that the student stays the plain one."""

import copy

import pytest
import torch
from torch.nn import functional

from compression.data import DATASETS
from compression.distillation import Batch, Seen
from compression.errors import SpecError
from compression.exits import add_exits, network_of
from compression.features import View, layout
from compression.measure.macs import macs
from compression.networks import construct
from compression.schemes.early_exits import ExitsLoss
from compression.spec import parse
from tests.models.zoo import DIFFERENT

SHAPE, CLASSES = (3, 32, 32), 10
DEEP = [name for name in DIFFERENT if name not in ("mlp", "lenet300")]
LABELS = torch.tensor([1, 3, 0])
BATCH = Batch(torch.zeros(3), LABELS, LABELS, 0)


def begun(name, most=8, shape=SHAPE):
    torch.manual_seed(3)
    model = construct({"name": name}, shape, CLASSES)
    return model, add_exits(model, shape, CLASSES, most=most, seed=0)


@pytest.mark.parametrize("name", DEEP)
def test_the_network_of_an_exit_answers_as_its_head_did_and_costs_less(name):
    model, exits = begun(name, most=3)
    model.eval()
    inputs, found = torch.randn(2, *SHAPE), layout(model, SHAPE)
    seen, costs = View(model, found)(inputs), []
    for early in exits:
        early.head.eval()
        ended = network_of(model, early).eval()
        assert torch.equal(ended(inputs), early.head.both(seen.features[early.stage])[1])
        costs.append(macs(ended, SHAPE))
    assert costs == sorted(costs)
    assert costs[-1] < macs(model, SHAPE)


def test_what_exits_add_is_the_papers_sum():
    model, exits = begun("cnn")
    seen = View(model, layout(model, SHAPE))(torch.randn(3, *SHAPE))
    terms = ExitsLoss(exits, temperature=3.0, alpha=0.25, feature_weight=2.0)(seen, None, BATCH)
    expected = dict.fromkeys(terms, 0.0)
    for early in exits:
        embedding, logits = copy.deepcopy(early.head).train().both(seen.features[early.stage])
        soft = [(each / 3.0).softmax(1) for each in (seen.logits, logits)]
        expected["exits_hard"] += 0.75 * functional.cross_entropy(logits, LABELS)
        expected["exits"] += 0.25 * 9 * (soft[0] * (soft[0] / soft[1]).log()).sum(1).mean()
        expected["exits_features"] += 2.0 * (embedding - seen.embedding).square().mean()
    assert {name: float(term.detach()) for name, term in terms.items()} == pytest.approx(
        {name: float(term.detach()) for name, term in expected.items()}, rel=1e-4
    )


def test_the_last_exit_hears_of_the_early_ones_by_the_stages_below_alone():
    model, exits = begun("cnn", most=1)
    found = layout(model, SHAPE)
    seen: Seen = View(model, found)(torch.randn(3, *SHAPE))
    sum(ExitsLoss(exits, 3.0, 0.5, 1.0)(seen, None, BATCH).values()).backward()
    above = model[int(found.stages[exits[0].stage].layer) + 1 :]  # the embedding comes from there, too
    assert len([*above.parameters()]) > len([*model.get_submodule(found.classifier).parameters()])
    assert all(parameter.grad is None for parameter in above.parameters())
    assert float(model[0].weight.grad.abs().sum()) > 0
    assert all(float(parameter.grad.abs().sum()) > 0 for parameter in exits[0].head.parameters())


def test_each_seed_of_a_network_has_heads_of_its_own():
    model = construct({"name": "cnn"}, SHAPE, CLASSES)
    first, again, other = (add_exits(model, SHAPE, CLASSES, most=1, seed=seed)[0].head.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_so_many_exits_as_asked_for_are_spread_over_the_stages():
    stages = {most: [early.stage for early in begun("mobilenet_v2", most)[1]] for most in (1, 2, 8)}
    count = len(layout(begun("mobilenet_v2")[0], SHAPE).stages)
    assert len(stages[1]) == 1
    assert stages[2][0] < stages[1][0] < stages[2][1]
    assert len(stages[8]) == min(8, count - 1)
    assert all(found == sorted(set(found)) and found[-1] < count - 1 for found in stages.values())


@pytest.mark.parametrize("changes", [{"student": {"name": "mlp"}}, {"teacher": {"name": "cnn"}}, {"loss": {"name": "kd"}}])
def test_what_means_nothing_with_it_is_refused(changes):
    with pytest.raises(SpecError) as refused:
        parse({"kind": "distill", "scheme": "early_exits", **changes})
    assert "\n" not in str(refused.value)


def test_a_dataset_of_any_shape_has_its_exits():
    for dataset in ("digits", "mnist", "cifar10"):
        model, exits = begun("lenet5", shape=DATASETS[dataset].traits["shape"])
        inputs = torch.randn(2, *DATASETS[dataset].traits["shape"])
        assert network_of(model, exits[0])(inputs).shape == (2, CLASSES)
