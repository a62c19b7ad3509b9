"""What a sweep asks for."""

import json
from typing import Any

import pytest

from compression.errors import SpecError
from compression.spec import parse
from compression.sweep import MOST_CELLS, is_sweep, parse_sweep

BASE = {"kind": "distill", "seeds": [0]}


def sweep(over: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "sweep", "base": BASE, "over": over, **more}


def test_every_value_of_one_setting_meets_every_value_of_the_other() -> None:
    found = parse_sweep(sweep({"loss.temperature": [1, 4], "student.width": [2, 8]}))
    assert [tuple(cell.at.values()) for cell in found.cells()] == [(1, 2), (1, 8), (4, 2), (4, 8)]
    for cell in found.cells():
        assert cell.spec.loss["temperature"] == cell.at["loss.temperature"]
        assert cell.spec.student == {"name": "cnn", "width": cell.at["student.width"]}
        rest = {"loss": None, "student": None}
        assert {**cell.spec.to_json(), **rest} == {**parse(BASE).to_json(), **rest}
    assert parse_sweep(json.loads(json.dumps(found.to_json()))) == found


def test_a_choice_and_a_step_can_be_swept() -> None:
    losses = [{"name": "kd"}, {"name": "logit_difference"}]
    assert [cell.spec.loss["name"] for cell in parse_sweep(sweep({"loss": losses})).cells()] == ["kd", "logit_difference"]
    over = {"steps.0.sparsity": [0.5, 0.9]}
    cells = parse_sweep({"kind": "sweep", "base": {"kind": "compress"}, "over": over}).cells()
    assert [cell.spec.steps[0]["sparsity"] for cell in cells] == [0.5, 0.9]


def test_only_a_request_for_a_sweep_is_one() -> None:
    assert is_sweep(sweep({}))
    assert not any(map(is_sweep, (BASE, [], None, "sweep")))


@pytest.mark.parametrize(
    ("over", "told"),
    [
        (None, "over: None is not allowed; allowed are the values of one or two settings"),
        ({}, "over: {} is not allowed"),
        ({"loss.temperature": [1, 2], "student.width": [2, 4], "loss.alpha": [0, 1]}, "one or two settings"),
        ({"loss.temperature": 4}, "over.loss.temperature: 4 is not allowed; allowed is a list of at least two values"),
        ({"loss.temperature": [4]}, "at least two values"),
        ({"loss.temperature": [4, 4.0]}, "it means the same as {'loss.temperature': 4}"),
        ({"loss.temperature": [4, 400]}, "loss.temperature: 400 is not allowed; allowed is a number from 0.5 to 50"),
        ({"loss.heat": [1, 2]}, "heat"),
        ({"losses.temperature": [1, 2]}, "no such field"),
        ({"train.epochs": list(range(1, MOST_CELLS + 2))}, f"allowed are at most {MOST_CELLS} runs"),
    ],
)
def test_a_wrong_request_is_told_in_a_sentence(over: Any, told: str) -> None:
    with pytest.raises(SpecError) as error:
        parse_sweep(sweep(over))
    assert told in str(error.value)


def test_an_unknown_field_and_a_missing_base_are_told() -> None:
    with pytest.raises(SpecError, match="a sweep has the fields base, over"):
        parse_sweep(sweep({"loss.temperature": [1, 2]}, seeds=[0]))
    with pytest.raises(SpecError, match="allowed is a JSON object"):
        parse_sweep({"kind": "sweep", "over": {"loss.temperature": [1, 2]}})
