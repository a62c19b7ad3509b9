"""What every pruning criterion must do, whichever it is; and what it is given of a network."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from compression.catalog import Entry
from compression.errors import DataError, SpecError
from compression.pruning import PRUNING
from compression.pruning.layer_facts import MOST_IMAGES, Gradient, LayerFacts
from compression.spec import override, parse
from compression.steps import STEPS
from compression.steps.facts import layer_facts, score
from compression.steps.state import State
from tests.test_training import toy

FACTS = ("gradient", "input_norm", "norm_scale")
WEIGHT = torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=PRUNING.values(), ids=lambda entry: entry.name)
def entry(request: pytest.FixtureRequest) -> Entry:
    return request.param


def facts(needs: tuple[str, ...] = FACTS, weight: torch.Tensor = WEIGHT) -> LayerFacts:
    """Return made-up facts of a layer, those that depend on images differing with their number."""

    def draw(images: int, batch_size: int) -> torch.Tensor:
        return torch.randn(weight.shape, generator=torch.Generator().manual_seed(1000 * images + batch_size)).to(weight)

    there = {
        "gradient": lambda images, batch_size: Gradient(draw(images, batch_size), draw(images, batch_size + 7).square()),
        "input_norm": lambda images: draw(images, 0)[:1].abs(),
        "norm_scale": lambda: torch.linspace(0.1, 1, len(weight)),
    }
    return LayerFacts("layer", weight, **{need: there[need] for need in needs})


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3, groups=2), nn.ReLU(), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(4 * 16, 4))
    with torch.no_grad():
        model[1].weight.uniform_(0.5, 2)
        model[1].running_mean.uniform_(-1, 1)
    return model


def others(knob) -> list:
    if knob.kind in ("choice", "bool"):
        return [choice for choice in (knob.choices or (True, False)) if choice != knob.default]
    return [value for value in (knob.low, knob.high) if value != knob.default]


def test_it_asks_for_the_facts_that_it_declares_and_for_no_others(entry):
    needs = tuple(entry.traits.get("needs", ()))
    assert set(needs) <= set(FACTS)
    entry.function(facts(needs))
    for need in needs:
        with pytest.raises(LookupError):
            entry.function(facts(tuple(other for other in needs if other != need)))


@pytest.mark.parametrize("weight", [WEIGHT, WEIGHT[:, :, 0, 0], torch.zeros(3, 2), torch.ones(1, 1), WEIGHT.double()])
def test_scores_are_finite_shaped_like_the_weight_repeat_and_change_nothing(entry, weight):
    given = facts(weight=weight.clone())
    scores = entry.function(given)
    assert scores.shape == weight.shape
    assert scores.is_floating_point()
    assert torch.isfinite(scores).all()
    assert torch.equal(scores, entry.function(given))
    assert torch.equal(given.weight, weight)


def test_scores_tell_weights_apart(entry):
    different = WEIGHT.shape[0] if entry.traits.get("per_channel") else WEIGHT.numel()
    assert entry.function(facts()).unique().numel() > 0.9 * different


def test_every_knob_changes_the_scores_and_its_bounds_are_usable(entry):
    usual = entry.function(facts())
    for knob in entry.knobs.values():
        for value in others(knob):
            scores = entry.function(facts(), **{knob.name: value})
            assert torch.isfinite(scores).all(), (knob.name, value)
            assert not torch.equal(scores, usual), (knob.name, value)


def test_it_asks_for_no_more_images_than_previews_hold(entry):
    for knob in entry.knobs.values():
        assert knob.unit != "images" or knob.high <= MOST_IMAGES


def test_it_is_documented_with_a_source(entry):
    assert entry.source
    assert entry.title
    assert "higher" in entry.function.__doc__ or "highest" in entry.function.__doc__
    assert all(knob.help and knob.low is not None and knob.high is not None for knob in entry.knobs.values())


@pytest.mark.parametrize("bits", [None, 2])
def test_scoring_leaves_the_network_as_it_is(entry, bits):
    """Above all the statistics of its norms, which gradients in training mode would move; and rounded weights."""
    state = State(network(), data=toy())
    if bits:
        STEPS["quantize"].function(state, bits=bits)
    state.model.train()
    before = copy.deepcopy(state.model.state_dict())
    scores = score(state, entry.name)
    assert list(scores) == ["0.weight", "3.weight", "6.weight"]
    assert all(layer.shape == state.weights()[name].shape for name, layer in scores.items())
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.model.state_dict().items())
    assert all(module.training for module in state.model.modules())
    assert all(parameter.grad is None for parameter in state.model.parameters())
    assert all(not layer.requires_grad for layer in scores.values())


def test_scores_are_those_of_the_weights_before_rounding(entry):
    plain, rounded = State(network(), data=toy()), State(network(), data=toy())
    STEPS["quantize"].function(rounded, bits=2)
    scores = score(rounded, entry.name)
    assert all(torch.equal(layer, scores[name]) for name, layer in score(plain, entry.name).items())


def test_a_spec_takes_its_name_alone_or_with_settings(entry):
    def criterion(given):
        return parse({"kind": "compress", "steps": [{"name": "prune", "criterion": given}]}).steps[0]["criterion"]

    settings = {name: knob.default for name, knob in entry.knobs.items()}
    assert criterion(entry.name) == criterion({"name": entry.name}) == criterion({"name": entry.name, **settings})
    assert criterion(entry.name) == ({"name": entry.name, **settings} if settings else entry.name)
    for knob in entry.knobs.values():
        settings = [f"steps.0.criterion={entry.name}", f"steps.0.criterion.{knob.name}={knob.low}"]
        changed = override({"kind": "compress"}, settings)["steps"][0]
        assert changed["criterion"][knob.name] == knob.low
        with pytest.raises(SpecError, match=rf"criterion\.{knob.name}"):
            criterion({"name": entry.name, knob.name: knob.low - 1})


def test_an_unknown_criterion_is_refused_with_the_nearest():
    with pytest.raises(SpecError, match=r"steps\.0\.criterion.*did you mean taylor"):
        parse({"kind": "compress", "steps": [{"name": "prune", "criterion": "tailor"}]})
    with pytest.raises(SpecError, match=r"steps\.0\.criterion"):
        parse({"kind": "compress", "steps": [{"name": "prune", "criterion": None}]})


def test_a_spec_of_before_keeps_its_hash():
    assert parse({"kind": "compress"}).hash == "dec4ec93a645438bf338a5e7ac94a8111f1661df684a94d96903994d9ffac723"


def test_gradients_are_those_of_the_closed_form():
    """Of a linear layer under cross-entropy: (softmax(logits) - one hot) inputs' / images."""
    data = toy()
    state = State(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), data=data)
    found = layer_facts(state, ("gradient",))["1.weight"].gradient(48, 16)
    inputs = data.normalize(data.train.inputs[:48]).flatten(1).double()
    errors = state.model[1].double()(inputs).softmax(1).detach() - functional.one_hot(data.train.labels[:48], 4)
    batches = [errors[start : start + 16].T @ inputs[start : start + 16] / 16 for start in (0, 16, 32)]
    torch.testing.assert_close(found.mean.double(), sum(batches) / 3, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(found.mean_square.double(), sum(one.square() for one in batches) / 3, atol=1e-6, rtol=1e-4)


def test_gradients_are_taken_in_evaluation_mode_from_the_first_images_alone():
    data = toy()
    state = State(network(), data=data)
    found = layer_facts(state, ("gradient",))["0.weight"].gradient(32, 32)
    model = copy.deepcopy(state.model).eval()
    functional.cross_entropy(model(data.normalize(data.train.inputs[:32])), data.train.labels[:32]).backward()
    torch.testing.assert_close(found.mean, model[0].weight.grad)
    torch.testing.assert_close(found.mean_square, model[0].weight.grad.square())


def test_input_norms_and_scales_of_norms_are_those_of_hooks_written_out():
    data = toy()
    state = State(network(), data=data)
    given = layer_facts(state, ("input_norm", "norm_scale"))
    model = state.model.eval()
    seen = data.normalize(data.train.inputs[:40])
    middle = model[:3](seen)
    torch.testing.assert_close(given["0.weight"].input_norm(40), seen.norm().view(1, 1, 1, 1))
    norms = middle.transpose(0, 1).flatten(1).norm(dim=1).detach()
    # Two groups of three inputs and two outputs each.
    expected = torch.stack([norms[:3], norms[:3], norms[3:], norms[3:]]).view(4, 3, 1, 1)
    torch.testing.assert_close(given["3.weight"].input_norm(40), expected)
    torch.testing.assert_close(given["6.weight"].input_norm(40), model[:6](seen).norm(dim=0).view(1, 64).detach())
    assert torch.equal(given["0.weight"].norm_scale(), model[1].weight)
    assert torch.equal(given["6.weight"].norm_scale(), torch.ones(4))


def test_without_training_images_a_criterion_that_needs_them_says_so():
    with pytest.raises(DataError, match="training images"):
        score(State(network()), "taylor")


def test_magnitude_by_hand():
    weight = torch.tensor([-3.0, 0.5, 2.0])
    assert PRUNING["magnitude"].function(facts((), weight)).tolist() == [3.0, 0.5, 2.0]


def test_taylor_by_hand():
    first, second = torch.tensor([1.0, 0.5]), torch.tensor([-2.0, 0.0])
    gradient = Gradient((first + second) / 2, (first.square() + second.square()) / 2)
    given = LayerFacts("w", torch.tensor([2.0, -3.0]), gradient=lambda images, batch_size: gradient)
    assert PRUNING["taylor"].function(given).tolist() == [10.0, 1.125]


def test_taylor_predicts_what_the_loss_loses_without_a_weight():
    """On one batch: the square root of a score is to first order the change of the loss when the weight becomes zero."""
    data = toy()
    state = State(network(), data=data)
    with torch.no_grad():
        state.model[6].weight.mul_(0.05)
    scores = PRUNING["taylor"].bind({"images": 64, "batch_size": 64})(layer_facts(state, ("gradient",))["6.weight"])
    model, weight = copy.deepcopy(state.model).eval(), state.model[6].weight
    inputs, labels = data.normalize(data.train.inputs[:64]), data.train.labels[:64]
    with torch.no_grad():
        whole = functional.cross_entropy(model(inputs), labels)
        changes = torch.zeros_like(weight)
        for index in range(weight.numel()):
            model[6].weight.copy_(weight).view(-1)[index] = 0
            changes.view(-1)[index] = functional.cross_entropy(model(inputs), labels) - whole
    torch.testing.assert_close(scores.sqrt(), changes.abs(), atol=2e-4, rtol=0.2)


def test_random_draws_evenly_and_otherwise_for_each_layer():
    entry = PRUNING["random"]
    scores = entry.function(LayerFacts("a", torch.zeros(100, 100)))
    assert 0 <= scores.min() < 0.01
    assert 0.99 < scores.max() < 1
    assert float(scores.mean()) == pytest.approx(0.5, abs=0.02)
    assert not torch.equal(scores, entry.function(LayerFacts("b", torch.zeros(100, 100))))
