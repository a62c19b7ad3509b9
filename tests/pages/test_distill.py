"""Distill: what the controls ask for, what a run shows while it works and when it has ended."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.runtime.state.query_params_proxy import QueryParamsProxy
from streamlit.testing.v1 import AppTest

from compression import networks, settings
from compression.charts.numbers import format_parameters
from compression.data.load import load_present
from compression.distillation import DISTILLATION
from compression.export import weights
from compression.runs import store
from compression.runs.records import CANCELLED, FAILED, INTERRUPTED
from compression.spec import parse
from tests.pages.conftest import Visit
from tests.pages.stored_runs import TOKEN, compressed, distilled, finished, started, told
from ui.run.differences import told_apart
from ui.server.identity import COOKIE

DEFAULT = parse({"kind": "distill"}).to_json()


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave submitted runs in the queue."""
    monkeypatch.setattr("compression.runs.ensure_alive", lambda: None)


def visitor(app: AppTest) -> str:
    """Return who visits the page, as the store knows them."""
    return "guest-" + hashlib.sha256(app.session_state[COOKIE].encode()).hexdigest()[:16]


def button(app: AppTest, label: str) -> Any:
    (found,) = [button for button in app.button if button.label == label]
    return found


def labels(app: AppTest) -> set[str]:
    return {button.label for button in app.button}


def charts_drawn(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the charts that a page draws from now on, in a list that grows."""
    drawn: list[dict[str, Any]] = []
    monkeypatch.setattr("ui.distill.result.live_chart", lambda figure, **looks: drawn.append(json.loads(figure)))
    return drawn


def words(app: AppTest) -> str:
    """Return the text of the page, without the signs that keep Markdown from reading it."""
    texts = [element.value for group in (app.markdown, app.caption, app.warning, app.error) for element in group]
    texts += [element.proto.text for element in app.main.get("progress")]
    return "\n".join(texts).replace("\\", "")


def save_student(run: str) -> None:
    """Put a file of the network that a run of the store tells of into its folder."""
    digits = load_present({"name": "digits", "train_images": 50, "split_seed": 0}, settings.data_root())
    architecture, path = {"name": "cnn", "width": 2}, settings.runs_folder() / run / networks.artifact_name("student", 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    weights.save(path, networks.build(architecture, digits, seed=0), networks.facts_of(architecture, digits))


def test_before_a_run_the_page_says_what_to_do_and_what_the_networks_are(visit: Visit) -> None:
    app = visit("distill")
    assert not app.exception
    assert "Press Run." in words(app)
    assert "94,410 parameters · 5.92 M MACs · 381 KB · trained already" in words(app)
    assert "1,730 parameters (54.6× fewer) · 94.6 k MACs · 9.06 KB" in words(app)
    assert "Example, not your run" in words(app)
    assert len(app.main.get("bidi_component")) == 1


def test_before_a_run_the_nearest_finished_one_is_shown_with_what_differs_and_opens(visit: Visit) -> None:
    loss = {"name": "kd", "temperature": 8.0, "alpha": 0.9}
    finished(loss=loss, train={"epochs": 7}, title="two settings differ")
    near = finished(owner="grace", loss=loss)
    finished(dataset={"name": "digits", "train_images": 100}, transfer={"images": 50}, loss={**loss, "alpha": 0.1})
    app = visit("distill")
    assert "Nearest finished run" in words(app)
    assert "A finished run with temperature 8 in place of 4." in words(app)
    assert "Example, not your run" not in words(app)
    assert "run" not in app.query_params
    app.number_input(key="distill-loss.temperature").set_value(8.0).run()
    assert "A finished run of these settings." in words(app)
    app.number_input(key="distill-loss.temperature").set_value(4.0).run()
    button(app, "Open this run").click().run()
    assert not app.exception
    assert app.query_params["run"] == near
    assert app.number_input(key="distill-loss.temperature").value == 8.0


def test_what_differs_from_the_nearest_run_is_told_in_the_words_of_the_lists(visit: Visit) -> None:
    finished()
    told = words(visit("distill", scheme="mutual"))
    assert "scheme Offline: a trained teacher in place of Mutual learning" in told
    assert "loss KD (Hinton) in place of Mutual learning" in told
    finished(dataset={"name": "mnist"}, student={"name": "mlp"})
    assert "student MLP in place of CNN" in words(visit("distill", dataset="mnist"))


def test_a_choice_that_is_refused_is_told_with_what_a_link_may_say_and_its_titles(visit: Visit) -> None:
    told = words(visit("distill", loss="warmth"))
    assert "allowed is one of kd (Answers: KD (Hinton)), " in told
    assert "; Answers: KD (Hinton) is used instead" in told


def test_to_open_the_nearest_run_is_one_step_of_the_history_so_that_back_restores_the_settings(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = finished(loss={"name": "kd", "temperature": 8.0, "alpha": 0.9})
    app = visit("distill", **{"train.epochs": "7"})
    written: list[dict[str, str]] = []
    monkeypatch.setattr(QueryParamsProxy, "from_dict", lambda params, address: written.append(dict(address)))
    button(app, "Open this run").click().run()
    assert [(address["run"], address["loss.temperature"], address["train.epochs"]) for address in written] == [(near, "8", "40")]


def test_a_finished_run_is_never_marked_as_an_example_and_pale_only_where_settings_differ(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = charts_drawn(monkeypatch)
    app = visit("distill")
    assert drawn[-1]["layout"]["annotations"][0]["text"] == "Example"
    finished()
    app.run()
    assert "annotations" not in drawn[-1]["layout"]
    assert {trace["opacity"] for trace in drawn[-1]["data"] if "name" in trace} == {1.0}
    app.number_input(key="distill-loss.temperature").set_value(8.0).run()
    assert "annotations" not in drawn[-1]["layout"]
    assert {trace["opacity"] for trace in drawn[-1]["data"] if "name" in trace} == {0.7}


def test_a_run_of_another_dataset_is_no_example(visit: Visit) -> None:
    finished()
    app = visit("distill", dataset="mnist")
    assert "Example, not your run" in words(app)


def test_settings_that_cannot_run_leave_the_example_on_screen_and_say_so(visit: Visit) -> None:
    app = visit("distill", loss="review", student="mlp")
    assert not app.exception
    assert button(app, "Run").disabled
    assert "These settings cannot run" in words(app)
    assert "Example, not your run" in words(app)


def test_a_network_of_an_earlier_run_can_teach(visit: Visit) -> None:
    earlier = [finished(title=f"number {number}", result=distilled()) for number in range(4)][-1]
    save_student(earlier)
    app = visit("distill", teacher_from="run")
    choice = app.selectbox(key="distill-teacher.made")
    assert choice.options[0].startswith("number 3 · Teacher · CNN (width 2) · 99.0 % on test")
    choice.set_value(f"{earlier}.student").run()
    assert not app.exception
    assert "no fewer than the teacher" in words(app)
    assert [app.query_params[f"teacher.{part}"] for part in ("run", "role", "seed")] == [earlier, "student", "0"]
    button(app, "Run").click().run()
    assert store().runs(limit=1)[0].spec["teacher"] == {"run": earlier, "role": "student", "seed": 0}


@pytest.mark.parametrize(
    "teacher", [{"teacher.run": "gone00", "teacher.role": "teacher"}, {"teacher_from": "run", "teacher_made": "gone00.teacher"}]
)
def test_a_network_that_is_gone_is_told_and_never_replaced(teacher: dict[str, str], visit: Visit) -> None:
    there = finished(result=distilled())
    app = visit("distill", **teacher)
    assert not app.exception
    assert "There is no teacher of a finished run gone00; it may have been deleted." in app.error[0].value
    assert button(app, "Run").disabled
    assert "Run is off: There is no teacher" in words(app)
    assert [app.query_params[f"teacher.{part}"] for part in ("run", "role")] == ["gone00", "teacher"]
    app.run()
    assert button(app, "Run").disabled
    app.selectbox(key="distill-teacher.made").set_value(f"{there}.teacher").run()
    assert not app.error
    assert not button(app, "Run").disabled


def test_a_network_past_the_newest_is_found_by_its_id(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    old = finished(result=distilled())
    save_student(old)
    finished(result=distilled())
    monkeypatch.setattr("ui.form.network_source.MOST_RUNS_OFFERED", 1)
    app = visit("distill", **{"teacher.run": old, "teacher.role": "student"})
    assert not app.error
    assert not app.warning
    button(app, "Run").click().run()
    assert store().runs(limit=1)[0].spec["teacher"] == {"run": old, "role": "student", "seed": 0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"teacher.seed": "7"}, "not trained with this seed"),
        ({"teacher.role": "villain"}, "There is no villain"),
        ({"dataset": "mnist"}, "learned digits, not mnist"),
    ],
)
def test_a_network_that_does_not_fit_is_told_and_never_replaced(change: dict[str, str], said: str, visit: Visit) -> None:
    run = finished(result=distilled())
    app = visit("distill", **{"teacher.run": run, **change})
    assert not app.exception
    assert said in app.error[0].value
    assert button(app, "Run").disabled
    assert {name: app.query_params[name] for name in change} == change


def test_another_dataset_does_not_exchange_the_chosen_network(visit: Visit) -> None:
    run, other = finished(result=distilled()), finished(dataset={"name": "mnist"}, result=distilled())
    app = visit("distill", **{"teacher.run": run})
    app.selectbox(key="distill-dataset").set_value("mnist").run()
    assert "learned digits, not mnist" in app.error[0].value
    assert app.selectbox(key="distill-teacher.made").value == f"{run}.student"
    app.selectbox(key="distill-teacher.made").set_value(f"{other}.student").run()
    assert [told.value for told in app.error] == []


def test_without_an_earlier_run_there_is_nothing_to_choose(visit: Visit) -> None:
    app = visit("distill", teacher_from="run")
    assert "No run on Digits" in app.error[0].value
    assert button(app, "Run").disabled


def test_a_red_field_turns_run_off_and_stays_in_the_link(visit: Visit) -> None:
    app = visit("distill", student="mlp")
    app.text_input(key="distill-student.hidden").set_value("abc").run()
    assert button(app, "Run").disabled
    assert "Run is off: Hidden units: allowed is a list" in words(app)
    again = visit("distill", **app.query_params)
    assert again.text_input(key="distill-student.hidden").value == "abc"
    assert button(again, "Run").disabled
    app.text_input(key="distill-student.hidden").set_value("32").run()
    assert not button(app, "Run").disabled


def test_run_untouched_asks_for_exactly_the_default_spec(visit: Visit) -> None:
    app = visit("distill")
    button(app, "Run").click().run()
    assert not app.exception
    (run,) = store().runs()
    assert (run.kind, run.spec, run.owner, run.state) == ("distill", DEFAULT, visitor(app), "queued")
    assert app.query_params["run"] == run.id
    assert "Waiting for its turn" in words(app)


def test_what_the_controls_say_is_what_runs(visit: Visit) -> None:
    app = visit("distill")
    app.selectbox(key="distill-student").set_value("mlp").run()
    app.text_input(key="distill-student.hidden").set_value("16,8").run()
    app.selectbox(key="distill-loss").set_value("logit_difference").run()
    app.slider(key="distill-loss.alpha").set_value(0.5).run()
    app.number_input(key="distill-train.epochs").set_value(3).run()
    app.slider(key="distill-seeds").set_value(2).run()
    app.checkbox(key="distill-baseline").uncheck().run()
    app.number_input(key="distill-dataset.train_images").set_value(150).run()
    app.selectbox(key="distill-device").set_value("cpu").run()
    app.selectbox(key="distill-train.optimizer").set_value("adam").run()
    button(app, "Run").click().run()
    expected = parse(
        {
            "kind": "distill",
            "dataset": {"name": "digits", "train_images": 150},
            "student": {"name": "mlp", "hidden": [16, 8]},
            "loss": {"name": "logit_difference", "alpha": 0.5},
            "train": {"epochs": 3, "optimizer": "adam"},
            "baseline": False,
            "seeds": [0, 1],
        }
    )
    (run,) = store().runs()
    assert run.spec == expected.to_json()
    assert run.device == "cpu"


def submitted(app: AppTest) -> dict[str, Any]:
    """Press Run and return the spec that it submits."""
    assert not app.exception
    button(app, "Run").click().run()
    assert not app.exception
    return store().runs(limit=1)[0].spec


def test_the_student_sees_what_its_dataset_offers_some_or_all(visit: Visit) -> None:
    app = visit("distill")
    sees = app.number_input(key="distill-transfer.images")
    assert (sees.value, sees.label) == (200, "Student sees, of 1,038 images")
    button(app, "All").click().run()
    assert app.query_params["transfer.images"] == "all"
    assert submitted(app)["transfer"] == {"images": None}
    app.number_input(key="distill-transfer.images").set_value(500).run()
    assert submitted(visit("distill", **app.query_params))["transfer"] == {"images": 500}
    app.selectbox(key="distill-dataset").set_value("mnist").run()
    usual = parse({"kind": "distill", "dataset": {"name": "mnist"}}).transfer["images"]
    assert app.number_input(key="distill-transfer.images").value == usual != 200


def test_the_student_cannot_see_more_than_its_teacher(visit: Visit) -> None:
    app = visit("distill", **{"transfer.images": "500", "dataset.train_images": "150"})
    assert ["allowed is a whole number from 50 to 150" in warning.value for warning in app.warning] == [True]
    assert submitted(app)["transfer"] == {"images": 150}


def test_a_fair_fight_tries_rates_in_place_of_one(visit: Visit) -> None:
    app = visit("distill")
    assert "distill-tune.lr" not in {field.key for field in app.text_input}
    app.toggle(key="distill-tune").set_value(True).run()
    assert "distill-train.lr" not in {field.key for field in app.number_input}
    spec = submitted(app)
    assert spec == DEFAULT | {"tune": {"lr": [0.05, 0.1, 0.2, 0.4, 0.8]}}
    app.text_input(key="distill-tune.lr").set_value("0.1,0.3").run()
    assert submitted(visit("distill", **app.query_params))["tune"] == {"lr": [0.1, 0.3]}
    app.text_input(key="distill-tune.lr").set_value("0.1,fast").run()
    assert button(app, "Run").disabled
    assert "Learning rates to try: allowed is a list" in app.error[0].value
    app.toggle(key="distill-tune").set_value(False).run()
    assert submitted(app) == DEFAULT


@pytest.mark.parametrize("query", [{"tune": "yes"}, {"tune.lr": "0.05,0.1,0.2,0.4,0.8"}])
def test_a_link_can_ask_for_a_fair_fight(query: dict[str, str], visit: Visit) -> None:
    app = visit("distill", **query)
    assert not app.warning
    assert app.toggle(key="distill-tune").value
    assert submitted(app)["tune"] == {"lr": [0.05, 0.1, 0.2, 0.4, 0.8]}


@pytest.mark.parametrize("tolerance", [0.0, 0.02, 0.037])
def test_the_margin_to_the_teacher_is_chosen_and_kept_in_the_link(tolerance: float, visit: Visit) -> None:
    app = visit("distill", tolerance=f"{tolerance:g}")
    assert not app.warning
    assert submitted(visit("distill", **app.query_params))["tolerance"] == tolerance


def test_the_run_of_an_address_fills_transfer_fair_fight_and_margin(visit: Visit) -> None:
    asked = {"transfer": {"images": None}, "tune": {"lr": [0.1, 0.3]}, "tolerance": 0.02}
    run = finished(result=distilled(), **asked)
    app = visit("distill", run=run)
    assert not app.warning
    assert submitted(app) == parse({"kind": "distill", **asked}).to_json()


def test_the_temperature_has_a_slider_of_equal_ratios_and_a_box(visit: Visit) -> None:
    app = visit("distill")
    slider = app.select_slider(key="distill-loss.temperature-slider")
    stops = [float(stop) for stop in slider.options]
    assert (stops[0], stops[-1], slider.value) == (0.5, 50, 4)
    assert stops.index(4.0) > 0.35 * len(stops)
    slider.set_value(20.0).run()
    assert app.number_input(key="distill-loss.temperature").value == 20
    app.number_input(key="distill-loss.temperature").set_value(7.3).run()
    assert app.select_slider(key="distill-loss.temperature-slider").value == 7.3
    assert submitted(app)["loss"]["temperature"] == 7.3


def test_whether_a_teacher_is_trained_depends_on_its_images(visit: Visit) -> None:
    assert "381 KB · trained already" in words(visit("distill"))
    assert "381 KB · trained first, once" in words(visit("distill", **{"dataset.train_images": "150"}))


def test_a_link_reopens_its_settings(visit: Visit) -> None:
    app = visit("distill", loss_temperature="8", student_width="3", epochs="7")
    assert not app.warning
    button(app, "Run").click().run()
    (run,) = store().runs()
    wanted = {"kind": "distill", "loss": {"name": "kd", "temperature": 8}, "student": {"name": "cnn", "width": 3}}
    assert run.spec == parse({**wanted, "train": {"epochs": 7}}).to_json()


def test_another_architecture_keeps_a_number_that_it_allows_too(visit: Visit) -> None:
    app = visit("distill", student="resnet", **{"student.width": "38"})
    app.selectbox(key="distill-student").set_value("cnn").run()
    assert (app.slider(key="distill-student.width").value, app.query_params["student.width"]) == (38, "38")
    button(app, "Run").click().run()
    assert store().runs()[0].spec["student"] == {"name": "cnn", "width": 38}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("temperature", "loss.temperature"),
        ("student.widht", "student.width"),
        ("width", "teacher.width or student.width"),
        ("qqq", None),
    ],
)
def test_an_unknown_name_in_the_address_is_told_with_the_nearest(name: str, near: str | None, visit: Visit) -> None:
    app = visit("distill", **{name: "3"})
    (warning,) = app.warning
    assert f"“{name}”, which is no setting" in warning.value
    assert (f"Did you mean {near}?" in warning.value) if near else ("Did you mean" not in warning.value)
    assert name not in app.query_params
    assert app.run().warning
    app.slider(key="distill-seeds").set_value(3).run()
    assert not app.warning


def test_the_specs_own_names_are_taken(visit: Visit) -> None:
    names = {
        "student.name": "cnn",
        "student.width": "3",
        "loss.temperature": "8",
        "train.epochs": "7",
        "dataset.train_images": "150",
    }
    app = visit("distill", **names)
    assert not app.warning
    button(app, "Run").click().run()
    wanted = {"student": {"name": "cnn", "width": 3}, "loss": {"name": "kd", "temperature": 8}, "train": {"epochs": 7}}
    wanted["dataset"] = {"name": "digits", "train_images": 150}
    assert store().runs()[0].spec == parse({"kind": "distill", **wanted}).to_json()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"loss_temperature": "-3"}, "a number from 0.5 to 50"),
        ({"teacher": "bert"}, "allowed is one of"),
        ({"epochs": "many"}, "a whole number from 1 to 300"),
        ({"run": "nosuchrun"}, "There is no run"),
    ],
)
def test_nonsense_in_the_address_is_said_and_the_defaults_hold(query: dict[str, str], said: str, visit: Visit) -> None:
    app = visit("distill", **query)
    assert not app.exception
    assert [said in warning.value for warning in app.warning] == [True]
    button(app, "Run").click().run()
    assert store().runs()[0].spec == DEFAULT


def test_the_formula_has_the_present_numbers(visit: Visit) -> None:
    app = visit("distill", loss_temperature="8", loss_alpha="0.75")
    (formula,) = (latex.value for latex in app.latex)
    assert "1-{0.75}" in formula
    assert r"{0.75} \cdot {8}^2" in formula
    assert r"\alpha" not in formula


def test_a_feature_loss_is_offered_by_its_declaration_and_says_which_layers_it_compares(visit: Visit) -> None:
    app = visit("distill", loss="fitnets", **{"loss.stage": "3"})
    assert not app.exception
    assert "stage 3, 16×8×8 and 128×8×8." in words(app)
    (formula,) = (latex.value for latex in app.latex)
    assert r"\mathrm{CE}(z_s, y) \\ &+ {100}\,\overline{\left(r(f_s^{({3})})" in formula
    button(app, "Run").click().run()
    assert store().runs()[0].spec["loss"] == {"name": "fitnets", "hint_weight": 100.0, "stage": 3}
    app.selectbox(key="distill-student").set_value("mlp").run()
    assert "it compares feature maps, and the student has none" in app.error[0].value
    assert button(app, "Run").disabled


def test_a_run_at_work_says_where_it_is_and_its_owner_may_cancel(visit: Visit) -> None:
    app = visit("distill")
    run = started(visitor(app))
    stage = {"type": "stage", "stage": "student", "role": "student", "seed": 1, "text": "Student, seed 2 of 5"}
    progress = {"type": "progress", "fraction": 0.4, "seconds_left": 2.1, "role": "student", "seed": 1}
    told(run, stage, progress | {"epoch": 14.0, "epochs": 20})
    app.run()
    assert "Student, seed 2 of 5 · epoch 14 of 20 · 2.1 s left" in words(app)
    app.button(key="run-cancel").click().run()
    assert store().run(run).cancelling
    assert app.button(key="run-cancel").disabled


def test_a_run_that_ended_before_it_trained_shows_its_reason_without_empty_charts(visit: Visit) -> None:
    run = started("ada")
    assert visit("distill", run=run).main.get("bidi_component")
    store().finish(run, TOKEN, FAILED, error="CIFAR-10 is not there.")
    app = visit("distill", run=run)
    assert [error.value.replace("\\", "") for error in app.error] == ["CIFAR-10 is not there."]
    assert not app.main.get("bidi_component")
    assert {element.proto.label for element in app.main.get("download_button")} == {"Settings (JSON)"}


def test_somebody_elses_run_can_be_watched_and_not_cancelled(visit: Visit) -> None:
    run = started("ada")
    app = visit("distill", run=run)
    assert app.main.get("progress")
    assert "run-cancel" not in {button.key for button in app.button}


def test_without_data_the_invitation_says_who_learns_from_what(visit: Visit) -> None:
    told = words(visit("distill", scheme="data_free"))
    assert "learns without an image, from its teacher's answers to what the generator makes" in told
    assert "Your student learns twice" not in told


def test_a_finished_run_shows_verdict_cards_and_what_to_take_along(visit: Visit) -> None:
    run = finished(result=distilled())
    app = visit("distill", run=run)
    assert not app.exception
    assert "Test accuracy 96.0 % with the teacher, 93.0 % without: +3.0 points (95 % interval +0.9 to +3.3; 5 seeds)." in words(
        app
    )
    cards = [element.proto.body for element in app.main.get("html") if "role-card" in element.proto.body]
    assert [any(name in card for card in cards) for name in ("Teacher", "Baseline", "Student")] == [True] * 3
    assert {element.proto.label for element in app.main.get("download_button")} == {
        "Download seed 0",
        "Curves (CSV)",
        "Settings (JSON)",
    }
    assert "--set" not in words(app)
    assert any("python -m compression run -" in code.value for code in app.code)


def test_a_finished_run_of_the_same_settings_is_offered(visit: Visit) -> None:
    done = finished(result=distilled())
    app = visit("distill")
    (offer,) = [label for label in labels(app) if label.startswith("Show the result of these settings")]
    assert "Press Run." in words(app)
    button(app, offer).click().run()
    assert app.query_params["run"] == done
    assert "Does the teacher help?" in words(app)
    assert offer not in labels(app)


def test_changed_controls_are_told_from_the_run_on_screen(visit: Visit) -> None:
    run = finished(result=distilled())
    app = visit("distill", run=run)
    assert "controls have changed" not in words(app)
    app.number_input(key="distill-loss.temperature").set_value(8.0).run()
    assert "controls have changed" in words(app)
    assert "Does the teacher help?" in words(app)


@pytest.mark.parametrize(
    ("state", "error", "said", "offer"),
    [
        (FAILED, "There is no network.", "There is no network.", "Try again"),
        (CANCELLED, None, "This run was cancelled", "Resume"),
        (INTERRUPTED, None, "This run was interrupted", "Resume"),
    ],
)
def test_a_run_that_did_not_finish_says_why_and_can_go_on(
    state: str, error: str | None, said: str, offer: str, visit: Visit
) -> None:
    app = visit("distill")
    run = started(visitor(app))
    store().finish(run, TOKEN, state, error=error)
    app.session_state["distill-run"] = run
    app.run()
    assert said in words(app)
    button(app, offer).click().run()
    assert store().run(run).state == "queued"


def test_past_the_limit_one_sentence_says_so(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_RUNS_PER_PERSON", "1")
    app = visit("distill")
    button(app, "Run").click().run()
    button(app, "Run").click().run()
    assert not app.exception
    assert len(app.error) == 1
    assert len(store().runs()) == 1


def test_a_compression_does_not_open_here(visit: Visit) -> None:
    run = finished(kind="compress")
    app = visit("distill", run=run)
    assert ["There is no run" in warning.value for warning in app.warning] == [True]
    assert "Press Run." in words(app)


def test_mutual_learning_shows_its_knobs_and_neither_a_loss_nor_a_trained_teacher(visit: Visit) -> None:
    app = visit("distill", **{"scheme": "mutual", "scheme.temperature": "3", "scheme.weight": "0.5"})
    assert not app.exception
    assert not app.warning
    assert {"Scheme", "Peer"} <= {box.label for box in app.selectbox}
    assert not {"Loss", "Teacher", "Teacher from"} & {box.label for box in app.selectbox}
    assert "with a peer that starts from scratch" in words(app)
    assert "trained anew with each student" in words(app)
    assert "{0.5} \\cdot {3}^2" in app.latex[0].value
    button(app, "Run").click().run()
    spec = store().runs(limit=1)[0].spec
    assert spec == parse({"kind": "distill", "scheme": {"name": "mutual", "temperature": 3, "weight": 0.5}}).to_json()
    assert "CNN (width 4) and CNN (width 32) learn together · Mutual learning" in words(app)


def test_the_projector_of_simkd_counts_before_anything_runs(visit: Visit) -> None:
    query = {"teacher": "cnn", "teacher.width": "32", "student": "cnn", "student.width": "4"}

    def student(**scheme: str) -> str:
        captions = [caption.value for caption in visit("distill", **query, **scheme).caption]
        return next(text for text in captions if "fewer" in text)

    shared = 4 * 9 + 4 + 8 * 4 * 9 + 8 + 16 * 8 * 9 + 16 + 2 * (4 + 8 + 16)
    projector, classifier = 16 * 64 + 64 * 64 + 64 * 128 + 2 * (64 + 64 + 128), 128 * 10 + 10
    assert student().startswith(format_parameters(shared + 16 * 10 + 10))
    assert student(scheme="simkd").startswith(format_parameters(shared + projector + classifier))


def test_a_loss_in_a_link_to_mutual_learning_is_told(visit: Visit) -> None:
    app = visit("distill", **{"scheme": "mutual", "loss.temperature": "9"})
    assert "The link sets “loss.temperature”, which is no setting of this page as it stands" in words(app)


def test_choosing_mutual_learning_and_back_brings_the_loss_back(visit: Visit) -> None:
    app = visit("distill", **{"loss": "kd", "loss.temperature": "9"})
    app.selectbox(key="distill-scheme").set_value("mutual").run()
    assert "loss" not in app.query_params
    app.selectbox(key="distill-scheme").set_value("offline").run()
    assert not app.exception
    assert app.query_params["loss.temperature"] == "9"


def test_the_precision_is_chosen_among_more_settings_and_is_in_the_link(visit: Visit) -> None:
    app = visit("distill")
    assert app.selectbox(key="distill-train.precision").value == "float32"
    app.selectbox(key="distill-train.precision").set_value("bfloat16").run()
    assert app.query_params["train.precision"] == "bfloat16"
    assert submitted(app)["train"]["precision"] == "bfloat16"


@pytest.mark.parametrize("kind", ["distill", "compress"])
def test_a_result_says_in_which_precision_its_networks_trained(kind: str, visit: Visit) -> None:
    found = {"asked": "automatic", "used": "bfloat16", "native": True, "speedup": 1.638}
    result = {**(distilled() if kind == "distill" else compressed()), "precision": found}
    app = visit(kind, run=finished(kind=kind, result=result))
    assert not app.exception
    assert "Training in bfloat16: steps were 1.64 times as fast as in float32." in words(app)


def test_runs_in_two_precisions_are_told_apart(lab_home: Path) -> None:
    plain, reduced = finished(), finished(train={"precision": "bfloat16"})
    told = told_apart(store().runs())
    assert (told[plain], told[reduced]) == ("precision float32", "precision bfloat16")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"scheme": "assistant"}, "one more network: Assistant, CNN \\(width 11\\)"),
        ({"scheme": "born_again"}, "2 more networks: Generation 1, CNN \\(width 4\\); Generation 2, CNN \\(width 4\\)"),
        ({"scheme": "ensemble", "scheme.teachers": "4"}, "4 teachers are trained"),
        ({"scheme": "online"}, "with a co-trained teacher that starts from scratch"),
        ({"scheme": "early_exits"}, "No teacher is trained: the student has 2 early exits while it trains"),
        ({"scheme": "another_task"}, "is shown the images of Digits (8×8) resized from 8×8 to 28×28 pixels"),
    ],
)
def test_a_scheme_says_which_networks_it_trains(visit: Visit, query: dict[str, str], expected: str) -> None:
    app = visit("distill", **query)
    assert not app.exception
    assert expected.replace("\\", "") in words(app).replace("\\", "")
    button(app, "Run").click().run()
    assert store().runs(limit=1)[0].spec["scheme"]["name"] == query["scheme"]


def test_with_a_teacher_of_another_task_only_losses_on_features_are_offered_and_its_dataset_is_chosen(visit: Visit) -> None:
    app = visit("distill", scheme="another_task", loss="kd", **{"scheme.teacher_dataset": "fashion_mnist"})
    assert not app.exception
    assert "“kd”" in words(app), "what the link asked for is told"
    offered = app.selectbox(key="distill-loss").options
    assert len(offered) == sum(bool(entry.traits.get("needs")) for entry in DISTILLATION.values())
    assert "of another task, Fashion-MNIST" in words(app)
    button(app, "Run").click().run()
    spec = store().runs(limit=1)[0].spec
    assert spec["scheme"] == {"name": "another_task", "teacher_dataset": "fashion_mnist"}
    app.selectbox(key="distill-dataset").set_value("fashion_mnist").run()
    assert "another dataset than the student's" in words(app)
    assert button(app, "Run").disabled


def test_a_result_has_a_teacher_of_another_task_apart_from_the_networks_that_are_compared(visit: Visit) -> None:
    result = distilled()
    teacher = result["models"].pop("teacher")
    found = {"role": "source", "dataset": "mnist", "images": {"test": 10_000}, "model": {**teacher, "accuracy": 0.9876}}
    more = {"scheme": {"name": "another_task", "teacher_dataset": "mnist"}, "loss": {"name": "pkt"}}
    app = visit("distill", run=finished(result={**result, "teacher_verdict": None, "other_task": found}, **more))
    assert not app.exception
    told = words(app)
    assert "Does the other task's teacher help?" in told
    assert "Other task's teacher: CNN" in told
    assert "right on 98.8 % of the 10,000 test images of MNIST" in told
    assert "learns from CNN (width 32) of another task, mnist" in told
    assert "within 1 point" not in told


def test_a_student_between_whom_and_the_teacher_nothing_stands_cannot_run(visit: Visit) -> None:
    app = visit("distill", scheme="assistant", student="mlp")
    assert not app.exception
    assert "both must be of one family" in words(app) + " ".join(error.value for error in app.error)
    assert button(app, "Run").disabled
