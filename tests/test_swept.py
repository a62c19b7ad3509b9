"""Which settings can be swept and which values are worth trying."""

import itertools

import pytest

from compression.spec import override, parse
from compression.sweep import parse_sweep
from compression.swept import sweepable, worth_trying


@pytest.mark.parametrize("kind", ["distill", "compress"])
def test_every_setting_offered_runs_at_every_value_suggested(kind: str) -> None:
    spec = parse({"kind": kind}).to_json()
    offered = sweepable(spec)
    assert offered
    for path, knob in offered.items():
        field, *rest = path.split(".")
        value = spec[field]
        for key in rest:
            value = value[int(key)] if isinstance(value, list) else value.get(key)
        tried = worth_trying(knob, value)
        assert len(tried) >= 2, path
        assert value in tried or value is None or isinstance(value, dict), path
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
