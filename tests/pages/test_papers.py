"""The page Papers: figures come from records and runs alone, and its links set the controls to what the card runs."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from compression import card_records
from compression.card_records import asked_for, record
from compression.cards import CPU, Card, cards, find_card
from tests.pages.conftest import Visit
from tests.pages.stored_runs import distilled, finished
from ui.papers import view, words
from ui.papers.found import known
from ui.run import start
from ui.run.words import as_text

CARD = "hinton-2015-mnist"
PAPERS = [card for card in cards().values() if card.source]


@pytest.fixture(autouse=True)
def no_records(lab_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Begin without what is recorded of the cards."""
    monkeypatch.setattr(card_records, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def hinton() -> Card:
    return find_card(CARD)[0]


def result(student: float, baseline: float = 0.985) -> dict[str, Any]:
    told = distilled(student)
    told["models"]["baseline"]["accuracy"] = baseline
    told["verdict"] |= {"difference": student - baseline, "interval": [student - baseline - 0.001, student - baseline + 0.001]}
    return {**told, "images": {"train": 55_000, "validation": 5_000, "test": 10_000}}


def recorded(card: Card, student: float) -> None:
    spec = asked_for(card, "").to_json()
    record(card, "", CPU, {"result": result(student), "spec": spec, "seconds": 600.0, "device": "cpu"})


def shown(app: AppTest) -> str:
    return "\n".join([element.proto.body for element in app.main.get("html")] + [text.value for text in app.main.markdown])


def captions(app: AppTest) -> list[str]:
    return [caption.value for caption in app.main.caption]


def test_every_card_of_a_paper_is_there_and_not_run_where_nothing_is_recorded(visit: Visit) -> None:
    app = visit("papers")
    assert not app.exception
    text = shown(app)
    assert [as_text(card.title) in text for card in PAPERS] == [True] * len(PAPERS)
    assert "digits-distill" not in "".join(captions(app))
    assert f"None of {len(PAPERS)} claims was tested on the paper's own task yet. {len(PAPERS)} have not been run yet." in text
    assert "This lab</th>" not in text
    assert [title.value for title in app.main.subheader] == ["Not run yet"]


def test_what_was_measured_on_the_papers_task_stands_first_then_other_tasks(visit: Visit, hinton: Card) -> None:
    recorded(hinton, 0.9915)
    recorded(find_card("reversed-teacher")[0], 0.97)
    app = visit("papers")
    assert [title.value for title in app.main.subheader] == ["On the paper's own task", "Tried on another task", "Not run yet"]
    titles = [line.value for line in app.main.markdown if "-badge[" in line.value]
    assert [as_text(hinton.title) in titles[0], "A small network teaches a large one" in titles[1]] == [True, True]
    sentence = "1 of {} claims was tested on the paper's own task: 1 reached. 1 was tried on another, smaller task"
    assert sentence.format(len(PAPERS)) in shown(app)


def test_a_card_says_how_long_its_runs_take_here_before_it_is_opened(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.run.forecast.seconds_together", lambda specs, device: 600.0 * len(specs))
    app = visit("papers")
    takes = [text for text in captions(app) if text.startswith("**On a CPU:**")]
    assert "**On a CPU:** 20 epochs on MNIST, with each of 3 seeds; about 10 min here; not run yet." in takes
    assert (
        "**On a CPU:** 40 epochs on Digits \\(8×8\\), with each of 5 seeds, in each of 4 runs; about 40 min here; not run yet."
        in takes
    )
    links = [link.proto.label for link in app.main.get("page_link")]
    assert "Open on Distill (about 10 min)" in links
    assert "Open on Distill: Attention transfer (about 10 min)" in links


@pytest.mark.parametrize(("student", "word"), [(0.9915, "Reached"), (0.9880, "Not reached")])
def test_a_recorded_card_says_whether_it_is_reached_by_its_figures(visit: Visit, hinton: Card, student: float, word: str) -> None:
    recorded(hinton, student)
    found = known(hinton)
    assert words.badge(found)[0] == word
    row = words.row(hinton.figures[2], found)
    errors = round(10_000 * (1 - student))
    assert (row.paper, row.ours) == ("74 errors", f"{errors} errors")
    assert row.gap == f"+{errors - 74}"
    app = visit("papers")
    assert f"on the paper's own task: 1 {word.lower()}. {len(PAPERS) - 1} have not been run yet." in shown(app)
    assert any("10 min 0 s" in caption for caption in captions(app))


def test_a_record_of_other_settings_is_no_figure_and_said(hinton: Card, no_records: Path) -> None:
    recorded(hinton, 0.9915)
    path = no_records / f"{CARD}.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told[CPU][""]["hash"] = "0" * 64
    path.write_text(json.dumps(told), encoding="utf-8")
    found = known(hinton)
    assert words.badge(found) == words.OUTDATED
    assert words.row(hinton.figures[0], found).ours == "not run"


def test_a_run_that_finished_here_is_shown_beside_the_record(visit: Visit, hinton: Card) -> None:
    spec = {key: value for key, value in asked_for(hinton, "").to_json().items() if key != "kind"}
    run = finished(result=result(0.9901), **spec)
    assert known(hinton).runs == {"": run}
    assert words.row(hinton.figures[2], known(hinton)).here == "99 errors"
    assert "99 errors" in shown(visit("papers"))


def test_what_was_recorded_of_a_sweep_is_drawn_as_a_map(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    card, drawn = find_card("logit-standardization")[0], {}
    asked = asked_for(card, "plain")
    rows = [{"seed": seed, "accuracy": 0.9, "validation_accuracy": 0.9} for seed in (0, 1)]
    cells = [{"at": cell.at, "state": "finished", "run": "gone", **result(0.9)} for cell in asked.cells()]
    for cell in cells:
        cell["images"] = {"validation": 50, "test": 100}
        cell["models"]["student"] = {**cell["models"]["student"], "per_seed": rows}
    cells[0]["models"]["student"]["accuracy"] = 0.2
    record(card, "plain", CPU, {"result": {"cells": cells}, "spec": asked.to_json(), "seconds": 1.0, "device": "cpu"})
    monkeypatch.setattr(view, "live_chart", lambda figure, *, key, label: drawn.update({label: figure.data[0]}))
    app = visit("papers")
    assert not app.exception
    assert [*drawn] == ["Test accuracy: Logits as they are"]
    heat = drawn["Test accuracy: Logits as they are"]
    assert (heat.zmin, heat.zmax) == (0.2, 0.9)
    assert any(as_text("not run: Standardized logits") in caption for caption in captions(app))


def test_what_was_tried_on_another_task_neither_reaches_nor_misses_the_claim() -> None:
    card = find_card("reversed-teacher")[0]
    recorded(card, 0.97)
    assert words.badge(known(card))[0] == "Tried on another task"
    seen = "Gained: −1.5 points (95 %: −1.6 to −1.4), not what the paper claims of its own task"
    assert words.criterion(known(card)) == ("Seen on the other task", [("≠", seen)])


def test_figures_of_another_task_have_no_gap() -> None:
    card = find_card("reversed-teacher")[0]
    recorded(card, 0.97)
    rows = [words.row(figure, known(card)) for figure in card.figures]
    assert [row.gap for row in rows[:3]] == ["other task"] * 3
    assert rows[3].gap.endswith("points")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (CARD, ""),
        ("hinton-missing-digit", ""),
        ("repdistiller-vgg13-mobilenetv2", "attention"),
        ("logit-standardization", "standardized"),
        ("mutual-learning", ""),
        ("high-temperature-3-bit", "t5"),
    ],
)
def test_a_link_sets_the_controls_to_what_the_card_runs(
    name: str, part: str, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def note(address: Any, spec: Any, device: str, label: str, sweep: Any, **limit: Any) -> None:
        asked.append((sweep or spec).to_json())

    monkeypatch.setattr(start, "run_bar", note)
    monkeypatch.setattr("ui.compress.preview.show", lambda *_given: None)
    card = find_card(name)[0]
    place, query = view._settings(card, part)
    app = visit(place.name, **query)
    assert not app.exception
    assert not app.warning
    assert asked[-1] == asked_for(card, part).to_json()


def test_a_card_that_its_page_cannot_run_is_for_the_command_line(visit: Visit) -> None:
    assert [card.name for card in PAPERS if any(view._repeats_a_step(card, part) for part in card.parts)] == [
        "han-2016-lenet300",
        "han-2016-lenet5",
    ]
    assert captions(visit("papers")).count("It repeats a step, which only the command line can:") == 2


def test_amounts_have_their_units_and_signs() -> None:
    assert words.amount(74.4, "errors") == "74 errors"
    assert words.amount(0.8, "%") == "0.80 %"
    assert words.amount(97.28, "%") == "97.3 %"
    assert words.amount(-0.3, "points") == "−0.3 points"
    assert words.amount(-0.01, "points") == "0.0 points"
    assert words.amount(27, "KB") == "27.0 KB"
    assert words.amount(40, "times") == "40.0×"
