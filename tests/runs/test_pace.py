"""What predictions learn from finished runs."""

import pytest

from compression.runs.pace import Pace
from compression.runs.records import Run
from tests.pages.stored_runs import model

CNN, WIDE, RESNET = {"name": "cnn", "width": 2}, {"name": "cnn", "width": 32}, {"name": "resnet", "depth": 8}


def ended(ratio: float, architecture: dict, *, dataset: str = "digits", seconds: float = 10.0, device: str = "cpu") -> Run:
    result = {
        "models": {"student": {**model(0.9, 10), "architecture": architecture}},
        "timing": {"student": {"predicted_s": seconds / ratio, "seconds": seconds}},
    }
    spec = {"dataset": {"name": dataset}}
    told = {"spec": spec, "hash": "", "state": "finished", "device": device, "created": 0.0, "started": 0.0, "finished": 1.0}
    rest = {"seconds": seconds, "stage": "", "fraction": 1.0, "seconds_left": None, "cancelling": False, "error": None}
    return Run(id="r", owner="ada", kind="distill", title="", **told, **rest, result=result)


def test_without_runs_a_prediction_stays_as_it_is() -> None:
    assert Pace([])(CNN, "digits") == 1


def test_a_slow_machine_is_slow_for_every_network() -> None:
    pace = Pace([ended(3.0, CNN)] * 20)
    assert pace(CNN, "digits") == pytest.approx(3, rel=0.05)
    assert 2 < pace(RESNET, "mnist") < 3


def test_the_same_network_counts_most_then_its_family() -> None:
    pace = Pace([ended(1.0, RESNET), ended(4.0, CNN)] * 10)
    assert pace(CNN, "digits") > pace(WIDE, "digits") > pace(RESNET, "digits")
    assert pace(CNN, "digits") > 3
    assert pace(RESNET, "digits") < 1.5


def test_what_is_newer_counts_more() -> None:
    newest_first = [ended(2.0, CNN)] * 10 + [ended(1.0, CNN)] * 10
    assert Pace(newest_first)(CNN, "digits") > Pace(newest_first[::-1])(CNN, "digits")


def test_other_devices_and_trainings_of_a_moment_hardly_count() -> None:
    assert Pace([ended(9.0, CNN, device="cuda:0")])(CNN, "digits") == 1
    assert Pace([ended(9.0, CNN, seconds=0.001)])(CNN, "digits") < 1.1


@pytest.mark.parametrize("timing", [None, [], {"student": {}}, {"student": {"seconds": 1, "predicted_s": 0}}, {"other": 1}])
def test_a_result_that_tells_nothing_is_passed_over(timing: object) -> None:
    run = ended(1.0, CNN)
    run.result["timing"] = timing
    assert Pace([run])(CNN, "digits") == 1


def test_a_run_in_another_precision_tells_nothing_of_float32() -> None:
    run = ended(5.0, CNN)
    run.result["precision"] = {"asked": "bfloat16", "used": "bfloat16"}
    assert Pace([run])(CNN, "digits") == 1
