"""Which settings can be swept and which values are worth trying."""

import itertools

import pytest

from compression.spec import override, parse
from compression.sweep import parse_sweep
from compression.swept import suggested, sweepable, worth_trying
from ui.run.differences import leaves

LISTED = {"kind": "distill", "loss": [{"name": "kd"}, {"name": "fitnets", "weight": 0.5}]}


@pytest.mark.parametrize("raw", [{"kind": "distill"}, {"kind": "compress"}, LISTED])
def test_every_setting_offered_runs_at_every_value_suggested(raw: dict) -> None:
    spec = parse(raw).to_json()
    offered = sweepable(spec)
    assert offered
    for path, knob in offered.items():
        tried, value = suggested(spec, path, knob), leaves(spec).get(path)
        assert len(tried) >= 2, path
        assert value in tried or value is None, path
        for one in tried:
            override(spec, [f"{path}={one!r}".replace("'", '"').replace("True", "true").replace("False", "false")])


def test_the_settings_that_people_turn_most_come_first() -> None:
    assert next(iter(sweepable(parse({"kind": "distill"}).to_json()))) == "loss.name"
    assert next(iter(sweepable(parse({"kind": "compress"}).to_json()))).startswith("steps.0.")


def test_wide_settings_are_tried_at_equal_ratios() -> None:
    knob = sweepable(parse({"kind": "distill"}).to_json())["loss.temperature"]
    tried = worth_trying(knob, 4.0)
    ratios = [high / low for low, high in itertools.pairwise(tried)]
    assert 4.0 in tried
    assert max(ratios) / min(ratios) < 1.5
    alpha = sweepable(parse({"kind": "distill"}).to_json())["loss.alpha"]
    assert worth_trying(alpha, 0.9) == [0.0, 0.25, 0.5, 0.75, 0.9, 1.0]


def test_a_suggestion_is_a_sweep() -> None:
    spec = parse({"kind": "compress"}).to_json()
    knobs = sweepable(spec)
    over = {path: worth_trying(knobs[path], None) for path in ("steps.0.sparsity", "steps.1.bits")}
    assert len(parse_sweep({"kind": "sweep", "base": spec, "over": over}).cells()) == 25


def test_what_a_spec_does_not_allow_is_not_suggested() -> None:
    spec = parse(LISTED).to_json()
    knob = sweepable(spec)["loss.1.stage"]
    assert (suggested(spec, "loss.1.stage", knob), knob.high) == ([1, 2, 3], 8)


def test_another_loss_of_a_list_keeps_its_weight() -> None:
    spec = parse(LISTED).to_json()
    (changed,) = [override(spec, ["loss.1.name=logit_difference"])["loss"][1]]
    assert changed == {"name": "logit_difference", "alpha": 0.9, "weight": 0.5}


def test_a_weight_is_tried_around_what_it_is() -> None:
    tried = worth_trying(sweepable(parse(LISTED).to_json())["loss.1.weight"], 0.5)
    assert (tried[0], tried[-1]) == (0.1, 4.0)


def test_activation_bits_and_observers_are_swept() -> None:
    steps = [{"name": "quantize"}, {"name": "quantize_activations"}]
    found = sweepable(parse({"kind": "compress", "steps": steps}).to_json())
    assert (found["steps.1.activation_bits"].low, found["steps.1.activation_bits"].high) == (2, 16)
    assert worth_trying(found["steps.1.observer"], "minmax") == ["minmax", "moving_average"]
