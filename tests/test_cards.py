"""Cards: their runs parse, what is measured of them comes from results alone, and records say of which settings they are."""

import json
from pathlib import Path
from typing import Any

import pytest

from compression import card_records, cli
from compression.card_figures import MISSED, NOT_RUN, OTHER_TASK, REACHED, UNCLEAR, answer, figure_of, measure, standing, unit_of
from compression.card_records import hash_of, is_stale, record, records
from compression.cards import CPU, FULL, Card, Condition, Figure, Part, cards, find_card
from compression.errors import LabError, SpecError
from compression.runs import launch
from compression.spec import parse
from compression.sweep import is_sweep, parse_sweep

TINY = {
    "kind": "distill",
    "dataset": {"name": "digits", "train_images": 200},
    "teacher": {"name": "mlp", "hidden": [16]},
    "student": {"name": "mlp", "hidden": [4]},
    "train": {"epochs": 1},
    "teacher_train": {"epochs": 1},
    "seeds": [0, 1],
}


def card(**changes: Any) -> Card:
    given = {"parts": {"": Part()}, "figures": [], "criterion": [], "spec": TINY, **changes}
    return Card(name="tiny", title="Tiny", source="", says="", differs="", **given)


def result(student: float = 0.9, baseline: float = 0.8, *, half: float = 0.05, images: int = 1000) -> dict[str, Any]:
    """Return as much of a result as figures are read from."""
    gain = student - baseline
    models = {
        role: {"accuracy": value, "accuracy_interval": [value - half, value + half], "size_bytes": 4000}
        for role, value in {"student": student, "baseline": baseline}.items()
    }
    return {"models": models, "images": {"test": images}, "verdict": {"difference": gain, "interval": [gain - half, gain + half]}}


def test_every_card_is_a_valid_spec_in_every_budget_and_a_paper_card_says_what_differs() -> None:
    assert {"digits-distill", "digits-compress", "hinton-2015-mnist"} <= set(cards())
    for found in cards().values():
        for budget in found.budgets:
            for part in found.parts:
                raw = found.spec_of(part, budget)
                parse_sweep(raw) if is_sweep(raw) else parse(raw)
        assert found.says
        assert bool(found.source) == bool(found.differs) == bool(found.figures) == bool(found.criterion)


def test_what_a_card_names_exists() -> None:
    for found in cards().values():
        for named in (*found.figures, *found.criterion):
            assert {named.run, named.against or named.run} <= set(found.parts)
            assert unit_of(named)
        assert all((one.at_least is None) != (one.at_most is None) for one in found.criterion)


def test_an_unknown_card_or_run_or_budget_is_refused() -> None:
    with pytest.raises(SpecError, match="digits-distill"):
        find_card("../spec")
    with pytest.raises(SpecError, match="digits-distill/other"):
        find_card("digits-distill/other")
    with pytest.raises(SpecError, match="full"):
        card().spec_of("", FULL)


def test_a_run_of_a_card_and_the_full_budget_change_single_fields_and_methods_as_a_whole() -> None:
    changed = {"loss": {"name": "attention"}, "train": {"epochs": 9}}
    many = card(parts={"a": Part("a", "A", changed)}, full={"train": {"batch_size": 64}, "student": {"name": "cnn"}})
    assert many.spec_of("a")["train"] == {"epochs": 9}
    assert many.spec_of("a", FULL) == {
        **TINY,
        "loss": {"name": "attention"},
        "train": {"epochs": 9, "batch_size": 64},
        "student": {"name": "cnn"},
    }
    assert "loss" not in TINY


def test_figures_are_those_of_the_result_in_their_units() -> None:
    found = result(0.9906, 0.985, half=0.001, images=10_000)
    assert measure(found, "student.accuracy") == pytest.approx((99.06, 98.96, 99.16))
    assert measure(found, "student.error") == pytest.approx((0.94, 0.84, 1.04))
    assert measure(found, "student.errors") == pytest.approx((94, 84, 104))
    assert measure(found, "gain") == pytest.approx((0.56, 0.46, 0.66))
    assert measure(found, "fewer_errors") == pytest.approx((56, 46, 66))
    assert measure(found, "student.size") == (4, None, None)
    assert measure(found, "teacher.accuracy") is None
    found["models"]["teacher"] = {"accuracy": 0.992}
    assert measure(found, "gap_closed") == (pytest.approx(80), None, None)
    found["models"]["noise"], found["verdict"]["against"] = {"accuracy": 0.9766}, "noise"
    assert measure(found, "gap_closed") == (pytest.approx(100 * 0.0056 / (0.992 - 0.9766)), None, None)
    compressed = {"models": {"original": {"size_bytes": 4000}, "compressed": {"size_bytes": 100}}, "verdict": None}
    assert measure(compressed, "times_smaller") == (40, None, None)
    assert measure(compressed, "gain") is None


def test_a_difference_of_two_runs_has_the_interval_of_two_independent_figures() -> None:
    results = {"a": result(0.9, half=0.03), "b": result(0.7, half=0.04)}
    figure = Figure("A over B", "student.accuracy", run="a", against="b")
    assert figure_of(figure, results) == pytest.approx((20, 15, 25))
    assert unit_of(figure) == "points"
    assert figure_of(figure, {"a": results["a"]}) is None


def test_a_sweep_is_read_at_the_setting_that_is_best_and_worst_on_validation_images_once_all_have_run() -> None:
    cells = [
        {"at": {"loss.temperature": at}, "verdict": None, "images": {"test": 100, "validation": 50}, "models": {"student": {}}}
        for at in (1, 4)
    ]
    for cell, accuracy, validation in zip(cells, (0.7, 0.6), (0.5, 0.9), strict=True):
        rows = [{"seed": seed, "validation_accuracy": validation} for seed in (0, 1)]
        cell["models"]["student"] = {"accuracy": accuracy, "accuracy_interval": [0.5, 0.8], "per_seed": rows}
    assert measure({"cells": cells}, "best.student.accuracy").value == pytest.approx(60)
    assert measure({"cells": cells}, "worst.student.accuracy").value == pytest.approx(70)
    assert measure({"cells": [cells[0], {"at": {}, "models": None}]}, "best.student.accuracy") is None


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"at_least": 9}, REACHED),
        ({"at_least": 11}, MISSED),
        ({"at_least": 9, "sure": True}, UNCLEAR),
        ({"at_least": 4, "sure": True}, REACHED),
        ({"at_least": 16, "sure": True}, MISSED),
        ({"at_most": 11}, REACHED),
        ({"at_most": 0, "sure": True}, MISSED),
    ],
)
def test_a_condition_asks_for_the_figure_or_for_its_whole_interval(condition: dict[str, Any], expected: str) -> None:
    assert answer(Condition("Gain", "gain", **condition), {"": result()}) == expected


def test_a_claim_is_reached_where_all_of_its_conditions_are_and_not_run_where_one_is_not() -> None:
    gain, other = Condition("Gain", "gain", at_least=9), Condition("Gain", "gain", at_least=99, run="other")
    assert standing(card(criterion=[gain]), {"": result()}) == REACHED
    assert standing(card(criterion=[gain, other]), {"": result()}) == NOT_RUN
    assert standing(card(criterion=[gain, other]), {"": result(), "other": result()}) == MISSED
    assert standing(card(), {"": result()}) == ""


def test_runs_on_another_task_neither_reach_nor_miss_a_claim_and_those_of_the_papers_size_do() -> None:
    other = Figure("Student", "student.accuracy", 70, comparable=False)
    for least in (9, 99):
        one = card(figures=[other], criterion=[Condition("Gain", "gain", at_least=least)], full={})
        assert standing(one, {"": result()}) == OTHER_TASK
        assert standing(one, {}) == NOT_RUN
        assert standing(one, {"": result()}, FULL) == (REACHED if least == 9 else MISSED)


def test_every_record_belongs_to_a_card_and_one_of_its_runs() -> None:
    for path in card_records.RESULTS.glob("*.json"):
        found = cards()[path.stem]
        for budget, told in json.loads(path.read_text(encoding="utf-8")).items():
            assert budget in found.budgets
            assert set(told) <= set(found.parts)
            for part, one in told.items():
                assert not is_stale(found, part, one, budget), f"{path.name}: {part} was recorded with other settings"
                assert one["made"]
                assert one["device"]
                assert one["seconds"] > 0


@pytest.fixture
def recorded_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(card_records, "RESULTS", tmp_path / "results")
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LAB_DATABASE_URL", raising=False)
    return tmp_path / "results"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Card:
    one = card(
        figures=[Figure("Student", "student.accuracy", 90)],
        parts={"a": Part("a", "A"), "b": Part("b", "B", {"loss": {"name": "dkd"}})},
    )
    monkeypatch.setattr("compression.cards._cards", lambda: {"tiny": one})
    return one


def test_a_record_of_other_settings_than_todays_is_stale(recorded_in: Path) -> None:
    spec = parse(TINY).to_json()
    spec["dataset"]["name"] = "mnist"
    outcome = {"result": {**result(), "models": {}}, "spec": spec, "seconds": 1.25, "device": "cpu"}
    record(card(), "", CPU, outcome)
    found = records(card())[""]
    assert found["hash"] == hash_of(card(), "")
    assert found["dataset"]["title"] == "MNIST"
    assert not is_stale(card(), "", found)
    assert is_stale(card(spec={**TINY, "seeds": [0]}), "", found)
    assert records(card(), FULL) == {}


def test_a_card_of_several_runs_is_run_and_recorded_as_the_command_line_asks(
    recorded_in: Path, tiny: Card, capsys: pytest.CaptureFixture
) -> None:
    with launch.supervisor_lock():
        assert cli.main(["run", "--card", "tiny", "--record"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [*told["runs"]] == ["a", "b"]
    kept = records(tiny)
    for part in ("a", "b"):
        assert kept[part]["result"]["models"]["student"]["accuracy"] == told["runs"][part]["models"]["student"]["accuracy"]
        assert not is_stale(tiny, part, kept[part])
    assert cli.main(["cards", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)[0]["figures"][0]
    assert (row["paper"], row["measured"]) == (90, None)


def test_only_the_cards_own_settings_are_recorded_and_only_of_a_card(tiny: Card) -> None:
    for arguments in (["--card", "tiny", "--record", "--set", "train.epochs=1"], ["spec.json", "--record"]):
        assert cli.main(["run", *arguments]) == 2
    with pytest.raises(LabError, match=r"tiny/a, tiny/b"):
        find_card("tiny/c")
