"""Try several values: what is asked for, what a link brings back, and what the runs show together."""

import json
import re
from typing import Any

import pytest
from sqlalchemy import delete, update
from streamlit.testing.v1 import AppTest

from compression.runs import store
from compression.runs.records import CANCELLED, FAILED, INTERRUPTED, QUEUED
from compression.runs.schema import RUNS
from compression.spec import parse
from tests.pages.conftest import Visit
from tests.pages.stored_runs import distilled, finished, model
from ui.run import forecast

TEMPERATURE = {"several": "loss.temperature", "several.values": "1, 4, 8"}


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave submitted runs in the queue."""
    monkeypatch.setattr("compression.runs.ensure_alive", lambda: None)
    monkeypatch.setattr("compression.runs.sweeping.ensure_alive", lambda: None)
    monkeypatch.setattr("ui.run.sweep_view.ensure_alive", lambda: None)


def button(app: AppTest, label: str) -> Any:
    (found,) = [button for button in app.button if button.label.startswith(label)]
    return found


def words(app: AppTest) -> str:
    groups = (app.markdown, app.caption, app.warning, app.error)
    return "\n".join(element.value for group in groups for element in group).replace("\\", "")


def shown(app: AppTest) -> str:
    """Return the sweep in the address."""
    given = app.query_params["sweep"]
    return given if isinstance(given, str) else given[0]


def figure(app: AppTest) -> dict[str, Any]:
    (found,) = [element for element in app.main.get("bidi_component") if "sweep-chart" in element.proto.id]
    return json.loads(json.loads(found.proto.json or found.proto.mixed.json)["figure"])


def cell(accuracy: float, temperature: float) -> None:
    """Put a finished run of the default distillation at a temperature into the store."""
    rows = [{"seed": seed, "accuracy": accuracy, "validation_accuracy": accuracy - seed / 1000} for seed in range(5)]
    result = distilled(accuracy)
    result["models"] = {role: {**model(accuracy, 3_864), "per_seed": rows} for role in ("baseline", "student")}
    finished("someone", result={**result, "images": {"validation": 259}}, loss={"name": "kd", "temperature": temperature})


def test_a_choice_of_setting_suggests_values_and_runs_them_all(visit: Visit) -> None:
    app = visit("distill")
    app.selectbox(key="distill-several").set_value("loss.temperature").run()
    values = app.text_input(key="distill-several.values").value
    assert "4" in values.split(", ")
    app.text_input(key="distill-several.values").set_value("1 to 8 in 4").run()
    alone = forecast.seconds(parse({"kind": "distill"}), "cpu")
    assert alone < forecast.seconds_together([parse({"kind": "distill", "train": {"lr": lr}}) for lr in (0.1, 0.2, 0.3)], "cpu")
    assert re.search(r"About \d+ s here, for all together\.", words(app))
    button(app, "Run all 4 settings").click().run()
    assert not app.exception
    sweep = store().sweep(shown(app))
    assert [round(held["at"]["loss.temperature"], 1) for held in sweep.cells] == [1.0, 2.0, 4.0, 8.0]
    assert {run.state for run in store().runs()} == {QUEUED}
    assert "0 of 4 runs finished" in app.main.get("progress")[0].proto.text
    button(app, "Cancel all").click().run()
    assert {run.state for run in store().runs()} == {CANCELLED}
    assert "0 of 4 runs finished, 4 cancelled." in words(app)
    button(app, "Resume 4 runs").click().run()
    assert {run.state for run in store().runs()} == {QUEUED}


def test_the_link_of_a_sweep_brings_back_its_settings_and_what_it_shows(visit: Visit) -> None:
    for accuracy, temperature in ((0.6, 1.0), (0.93, 4.0), (0.95, 8.0)):
        cell(accuracy, temperature)
    app = visit("distill", **TEMPERATURE)
    assert "3 runs finished before and are not run again." in words(app)
    button(app, "Run all 3").click().run()
    assert len(store().runs()) == 3
    other = visit("distill", sweep=shown(app))
    assert not other.exception
    assert other.text_input(key="distill-several.values").value == "1, 4, 8"
    told = "Best at Temperature T = 8: 94.8 % on 259 validation images. But 4 cannot be told apart from it with 5 seeds."
    assert told in words(other)
    (student,) = [trace for trace in figure(other)["data"] if trace["meta"].startswith("student")]
    assert student["x"] == [1, 4, 8]
    assert student["y"] == pytest.approx([0.598, 0.928, 0.948])
    assert student["error_y"]["array"][0] > 0


def test_a_click_on_a_point_opens_its_run_and_sets_the_controls(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    for accuracy, temperature in ((0.6, 1.0), (0.93, 4.0), (0.95, 8.0)):
        cell(accuracy, temperature)
    app = visit("distill", **TEMPERATURE)
    button(app, "Run all 3").click().run()
    wanted = next(run for run in store().runs() if run.spec["loss"]["temperature"] == 8.0)
    clicks = iter([wanted.id])
    monkeypatch.setattr("ui.run.sweep_view.live_chart", lambda *given, **looks: next(clicks, None))
    app.run()
    assert not app.exception
    assert app.query_params["run"] == wanted.id
    assert "sweep" not in app.query_params
    assert app.number_input(key="distill-loss.temperature").value == 8.0


def test_cells_of_two_settings_tell_their_intervals_under_the_pointer(visit: Visit) -> None:
    cell(0.95, 8.0)
    app = visit("distill", several="loss.temperature", **{"several.and": "loss.alpha"})
    for name, text in (("several.values", "4, 8"), ("several.and.values", "0.5, 0.9")):
        app.text_input(key=f"distill-{name}").set_value(text).run()
    button(app, "Run all 4").click().run()
    (trace,) = figure(app)["data"]
    assert [text for line in trace["text"] for text in line if text != "…"] == ["94.8 %"]
    (told,) = [text for line in trace["hovertext"] for text in line if text != "…"]
    low, high = map(float, re.fullmatch(r"94\.8 % \((\d+\.\d) % to (\d+\.\d) %\)", told).groups())
    assert low < 94.8 < high


def test_two_settings_are_a_heat_map(visit: Visit) -> None:
    app = visit("compress", several="steps.0.sparsity", **{"several.and": "steps.1.bits"})
    for name, text in (("several.values", "0.5, 0.9"), ("several.and.values", "2, 4, 8")):
        app.text_input(key=f"compress-{name}").set_value(text).run()
    button(app, "Run all 6").click().run()
    (trace,) = figure(app)["data"]
    assert (trace["type"], trace["y"], trace["x"]) == ("heatmap", ["0.5", "0.9"], ["2", "4", "8"])
    assert trace["text"] == [["…"] * 3] * 2


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("1", "allowed are at least two values"),
        ("one, two", "allowed is a list of numbers, such as 1, 2, 4"),
        ("1, 400", "loss.temperature: 400 is not allowed"),
        ("1 to 8 in 99", "allowed are 2 to 64 values"),
        ("4, 4", "it means the same as"),
    ],
)
def test_values_that_cannot_be_are_told_and_nothing_runs(visit: Visit, values: str, told: str) -> None:
    app = visit("distill", **{**TEMPERATURE, "several.values": values})
    assert told in words(app)
    assert button(app, "Run").disabled


def test_a_choice_is_swept_by_its_names(visit: Visit) -> None:
    app = visit("distill", several="loss.name", **{"several.values": "kd, logit_difference"})
    button(app, "Run all 2").click().run()
    assert {run.spec["loss"]["name"] for run in store().runs()} == {"kd", "logit_difference"}
    assert "there is no warmth" in words(visit("distill", several="loss.name", **{"several.values": "kd, warmth"}))


def test_a_run_takes_the_place_of_a_sweep_and_an_unknown_sweep_is_told(visit: Visit) -> None:
    app = visit("distill", **TEMPERATURE)
    button(app, "Run all 3").click().run()
    app.selectbox(key="distill-several").set_value("").run()
    button(app, "Run").click().run()
    assert "sweep" not in app.query_params
    assert store().runs()[0].spec == parse({"kind": "distill"}).to_json()
    assert "There is no sweep “nothing” to show here." in words(visit("distill", sweep="nothing"))


def test_a_run_leads_to_its_sweep(visit: Visit) -> None:
    app = visit("distill", **TEMPERATURE)
    button(app, "Run all 3").click().run()
    opened = visit("runs", run=store().runs()[0].id)
    links = [link for link in opened.main.get("page_link") if link.proto.label == "Open its sweep"]
    assert [shown(app) in link.proto.query_string for link in links] == [True]


def ends(sweep: str, *states: str | None) -> None:
    """Let the runs of a sweep end in these states; None deletes one."""
    for held, state in zip(store().sweep(sweep).cells, states, strict=True):
        with store()._write() as connection:
            chosen = RUNS.c.id == held["run"]
            reason = "The loss is not a number." if state == FAILED else None
            change = update(RUNS).values(state=state, error=reason) if state else delete(RUNS)
            connection.execute(change.where(chosen))


def test_a_sweep_that_ended_badly_says_how_its_runs_ended_and_why(visit: Visit) -> None:
    app = visit("distill", **{**TEMPERATURE, "several.values": "1, 4, 8, 16"})
    button(app, "Run all 4").click().run()
    ends(shown(app), FAILED, CANCELLED, INTERRUPTED, None)
    app.run()
    assert "0 of 4 runs finished, 1 failed, 1 cancelled, 1 interrupted, 1 deleted." in words(app)
    assert "Run all settings again to replace what was deleted" in words(app)
    assert words(app).count("The loss is not a number.") == 1
    table = app.dataframe[0].value
    assert table["State"].tolist() == ["✖ Failed", "■ Cancelled", "❙❙ Interrupted", "Deleted"]
    assert table["Reason"][0] == "The loss is not a number."
    assert not [element for element in app.main.get("bidi_component") if "sweep-chart" in element.proto.id]
    button(app, "Resume 3 runs").click().run()
    assert [run.state for run in store().runs()] == [QUEUED] * 3


def test_runs_are_narrowed_to_a_sweep_that_its_owner_deletes(visit: Visit) -> None:
    cell(0.9, 8.0)
    app = visit("distill", **TEMPERATURE)
    button(app, "Run all 3").click().run()
    sweep = shown(app)
    other = visit("runs", sweep=sweep)
    assert not other.exception
    assert len(other.dataframe[0].value) == 3
    assert not [one for one in other.button if one.key == "sweep-delete-sure"]
    app.switch_page("../pages/runs.py").run()
    finished("someone")
    app.selectbox(key="runs-sweep").set_value(sweep).run()
    assert len(app.dataframe[0].value) == 3
    told = "Delete this sweep and the 2 runs that it started, with their curves and files? They cannot be brought back."
    assert f"{told} 1 run stays, which had finished before or which another sweep shows." in words(app)
    button(app, "Delete for good").click().run()
    assert not app.exception
    assert store().sweeps() == []
    assert len(store().runs()) == len(app.dataframe[0].value) == 2
    assert "sweep" not in app.query_params
    gone = visit("runs", sweep=sweep)
    assert f"There is no sweep “{sweep}”; it may have been deleted." in words(gone)
