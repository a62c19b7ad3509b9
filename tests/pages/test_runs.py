"""Runs: the table, one run in full, and what its owner and others can do."""

import json
import os
import re
import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from compression import cli, settings
from compression.runs import heartbeat, store
from compression.runs.launch import supervisor_lock
from compression.runs.records import FINISHED, INTERRUPTED
from compression.runs.worker import Worker
from compression.spec import parse
from tests.pages.conftest import Visit
from tests.pages.stored_runs import TOKEN, distilled, failed, finished, started, told
from ui.address.link_of_run import page_with_settings
from ui.history import detail, free_space
from ui.history import list as runs_list
from ui.run import words
from ui.run.feed import watch
from ui.server import identity
from ui.server.identity import COOKIE, new_value

ACTIONS = {"run-cancel", "run-resume", "run-again", "run-delete-sure"}


@pytest.fixture
def me(lab_home: object, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who visits the pages in this test, as the store knows them."""
    value = new_value()
    monkeypatch.setattr(identity.st, "context", type("Context", (), {"cookies": {COOKIE: value}, "theme": NoTheme()}))
    return identity.owner()


@pytest.fixture(autouse=True)
def supervisors(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Note that a supervisor was asked for instead of starting one."""
    asked: list[bool] = []
    monkeypatch.setattr("compression.runs.ensure_alive", lambda: asked.append(True))
    return asked


class NoTheme:
    """The theme of a browser that says nothing about it."""

    type = "light"


def queued(owner: str = "ada", **spec: object) -> str:
    """Put a waiting run into the store and return its id."""
    wanted = parse({"kind": "distill", **spec})
    return store().submit(wanted.to_json(), wanted.hash, wanted.kind, owner=owner)


def interrupted(owner: str) -> str:
    """Put an interrupted run into the store and return its id."""
    run_id = started(owner)
    store().finish(run_id, TOKEN, INTERRUPTED, error="It stopped.")
    return run_id


def table(app: AppTest) -> pd.DataFrame:
    """Return the table of runs."""
    return next(frame.value for frame in app.dataframe if frame.key == runs_list.KEY)


def actions(app: AppTest) -> set[str]:
    """Return the keys of the actions that the page offers."""
    return {button.key for button in app.button} & ACTIONS


def press(app: AppTest, key: str) -> AppTest:
    """Press one of the page's buttons."""
    return app.button(key=key).click().run()


def test_a_run_with_a_title_is_called_by_it_alone_in_the_table(visit: Visit) -> None:
    finished(title="Deep compression of LeNet-300-100")
    assert visit("runs").dataframe[0].value["what"].tolist() == ["Deep compression of LeNet-300-100"]


def test_without_runs_it_says_how_to_start_one(visit: Visit) -> None:
    app = visit("runs")
    assert not app.exception
    assert [title.value for title in app.subheader] == ["No runs yet"]
    assert not app.dataframe


def test_the_queue_stands_in_its_order_before_the_history(me: str, visit: Visit) -> None:
    old = finished("ada")
    first = queued("guest-beef000000000000")
    second = queued(me)
    running = started(me)
    new = failed("command line", error="There is no network.")
    told(running, {"type": "progress", "fraction": 0.42, "seconds_left": 65})
    told(running, {"type": "stage", "stage": "student", "text": "Student, seed 1 of 5"})
    app = visit("runs")
    assert not app.exception
    found = table(app)
    assert [run.id for run in runs_list.read()] == [running, first, second, new, old]
    assert found["state"].str[0].str.split(" ", n=1).str[1].tolist() == ["Running", "Queued", "Queued", "Failed", "Finished"]
    assert found["owner"].str[0].tolist() == ["you", "Guest BEEF", "you", "command line", "ada"]
    assert found["progress"].iloc[0] == pytest.approx(42)
    assert found["progress"].iloc[3:].isna().all()
    assert found["now"].iloc[0] == "Student, seed 1 of 5, 1 min 5 s left"
    assert found["now"].iloc[3] == "There is no network."
    assert set(found["age"]) == {"just now"}


def test_mine_leaves_everybody_elses_out(me: str, visit: Visit) -> None:
    finished("ada")
    finished(me)
    app = visit("runs", show="mine")
    assert table(app)["owner"].tolist() == ["you"]
    app.segmented_control(key="runs-show").set_value("all").run()
    assert len(table(app)) == 2
    assert app.query_params["show"] == "all"
    assert len(table(visit("runs", show="nonsense"))) == 2


def test_runs_of_the_same_networks_say_what_differs_and_how_they_came_out(visit: Visit) -> None:
    for temperature, accuracy in ((1, 0.94), (20, 0.97)):
        finished(loss={"name": "kd", "temperature": temperature}, result=distilled(accuracy))
    finished(student={"name": "cnn", "width": 8})
    finished(kind="compress")
    finished(result={"models": {"student": 3}, "verdict": "yes"}, teacher={"name": "cnn", "width": 16})
    found = table(visit("runs"))
    assert found["settings"].tolist()[3:] == ["temperature 20", "temperature 1"]
    assert found["settings"].iloc[2] == "KD (Hinton, temperature 4, alpha 0.9)"
    assert found["settings"].iloc[1].startswith("Prune (sparsity 80 %")
    assert found["now"].iloc[3].startswith("Yes, +4.0 points · took")
    assert found["accuracy"].tolist()[1:] == pytest.approx([97, 96, 97, 94])
    assert pd.isna(found["accuracy"].iloc[0])


def test_the_table_sorts_and_filters_and_its_link_says_how(visit: Visit) -> None:
    for temperature, accuracy in ((1, 0.94), (20, 0.97), (4, 0.96)):
        finished(loss={"name": "kd", "temperature": temperature}, result=distilled(accuracy))
    waiting, lost = queued(), failed()
    app = visit("runs", sort="accuracy")
    assert table(app)["settings"].tolist()[:1] == ["temperature 4"]  # the one that waits
    assert table(app)["accuracy"].dropna().tolist() == pytest.approx([97, 96, 94])
    app.selectbox(key="runs-sort").set_value("what").run()
    app.multiselect(key="runs-state").set_value(["finished"]).run()
    assert table(app)["settings"].tolist() == ["temperature 1", "temperature 4", "temperature 20"]
    app.text_input(key="runs-find").set_value("temperature 2").run()
    assert [told.value for told in app.info] == ["No run matches this filter."]
    link = {name: value if isinstance(value, str) else value[-1] for name, value in dict(app.query_params).items()}
    assert link == {"show": "all", "find": "temperature 2", "state": "finished", "sort": "what"}
    assert table(visit("runs", **{**link, "find": "temperature 20"}))["settings"].tolist() == ["temperature 20"]
    (warning,) = visit("runs", state="sleeping").warning
    assert "interrupted" in warning.value
    assert {waiting, lost} <= {run.id for run in runs_list.read()}


def test_several_marked_runs_go_to_compare_and_the_last_marked_is_open(visit: Visit) -> None:
    first, second, third = (finished(loss={"name": "kd", "temperature": value}) for value in (1, 4, 20))

    def link(app: AppTest) -> tuple[str, str]:
        (found,) = [link for link in app.get("page_link") if link.label.startswith("Compare")]
        return found.label, found.proto.query_string

    app = visit("runs")
    assert link(app) == ("Compare these 3 runs", f"runs={third}%2C{second}%2C{first}")
    app.session_state[runs_list.MARKED] = [third, first]
    app.session_state["runs-run"] = first
    app.run()
    assert link(app) == ("Compare the 2 marked runs", f"runs={third}%2C{first}")
    assert sorted(app.session_state[runs_list.KEY]["selection"]["rows"]) == [0, 2]
    assert app.query_params["run"] == first
    app = visit("runs", run=second)
    assert app.session_state[runs_list.MARKED] == [second]


def test_mine_without_any_says_so(me: str, visit: Visit) -> None:
    finished("ada")
    app = visit("runs", show="mine")
    assert "You have no runs yet" in app.info[0].value
    assert not app.exception


def test_a_finished_run_shows_its_verdict_its_files_and_its_settings(visit: Visit) -> None:
    run = finished(loss={"name": "kd", "temperature": 8})
    app = visit("runs", run=run)
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert any("+3.0 points" in text.value.replace("\\", "") for text in app.markdown)
    labels = {button.label for button in app.get("download_button")}
    assert {"Settings (JSON)", "Curves (CSV)", "Student, seed 0 (3.86 KB)"} <= labels
    command, spec, log = (block.value for block in app.code)
    assert parse(json.loads(spec)).to_json()["loss"]["temperature"] == 8
    assert "Student, seed 1 of 1" in log
    assert "Finished" in log
    assert command.endswith("| python -m compression run -")


def test_the_command_line_runs_the_same_spec(lab_home: object) -> None:
    spec = parse({"kind": "compress"}).to_json()
    parts = shlex.split(words.command_line(spec))
    assert parts[0] == "echo"
    assert parts[2:4] == ["|", "python"]
    assert parse(json.loads(parts[1])).to_json() == spec
    assert cli.build_parser().parse_args(parts[6:]).spec == "-"


@pytest.mark.parametrize("name", ["nosuchrun", "../../etc/passwd", "<b>x</b>", "a" * 500])
def test_an_unknown_run_is_one_sentence(name: str, visit: Visit) -> None:
    finished()
    app = visit("runs", run=name)
    assert not app.exception
    (warning,) = app.warning
    assert warning.value.startswith("There is no run “")
    assert len(warning.value) < 120
    assert "<b>" not in warning.value
    assert len(table(app)) == 1


def test_a_run_whose_files_are_gone_still_shows(visit: Visit) -> None:
    run = finished()
    shutil.rmtree(settings.runs_folder() / run)
    app = visit("runs", run=run)
    assert not app.exception
    assert not app.error
    assert any("1 of its 1 model files are no longer there" in caption.value for caption in app.caption)
    assert {button.label for button in app.get("download_button")} == {"Settings (JSON)", "Curves (CSV)"}


@pytest.mark.parametrize(
    "result", [{"models": 3, "verdict": "x"}, {}, {"models": {"student": {}}, "verdict": {"answer": "maybe"}}]
)
def test_a_result_that_makes_no_sense_breaks_nothing(result: dict, visit: Visit) -> None:
    run = finished(result=result or {"nothing": 1})
    app = visit("runs", run=run)
    assert not app.exception
    assert not app.error
    assert len(app.code) == 3


def test_a_files_name_never_leaves_the_runs_folder(visit: Visit) -> None:
    run = started()
    (settings.home() / "secret").write_text("secret")
    (settings.runs_folder() / run).mkdir(parents=True)
    told(run, {"type": "artifact", "role": "student", "seed": 0, "name": "../../secret", "size_bytes": 6})
    app = visit("runs", run=run)
    assert not app.exception
    assert not [button for button in app.get("download_button") if "seed" in button.label]


def test_beside_the_files_stands_how_to_use_them_elsewhere(visit: Visit) -> None:
    assert any("def predict(model, facts, pixels)" in text.value for text in visit("runs", run=finished()).markdown)
    run = finished()
    shutil.rmtree(settings.runs_folder() / run)
    assert not any("def predict" in text.value for text in visit("runs", run=run).markdown)


def test_a_failed_run_says_why(visit: Visit) -> None:
    app = visit("runs", run=failed(error="There is *no* network."))
    (error,) = app.error
    assert error.value.replace("\\", "") == "There is *no* network."
    assert "\\*no\\*" in error.value


@pytest.mark.parametrize(
    ("make", "offered"),
    [
        (queued, {"run-cancel", "run-delete-sure"}),
        (started, {"run-cancel"}),
        (finished, {"run-again", "run-delete-sure"}),
        (failed, {"run-resume", "run-again", "run-delete-sure"}),
        (interrupted, {"run-resume", "run-again", "run-delete-sure"}),
    ],
)
def test_owners_act_and_others_do_not(make: object, offered: set[str], me: str, visit: Visit) -> None:
    own, others = make(me), make("guest-beef000000000000")
    assert actions(visit("runs", run=own)) == offered
    app = visit("runs", run=others)
    assert actions(app) == offered & {"run-again"}
    assert any("belongs to Guest BEEF" in caption.value for caption in app.caption)


def test_a_run_of_the_command_line_says_where_it_can_be_changed(me: str, visit: Visit) -> None:
    app = visit("runs", run=finished("command line"))
    assert actions(app) == {"run-again"}
    assert any("started on the command line; there it can be" in caption.value for caption in app.caption)


def test_cancel_ends_a_waiting_run_at_once(me: str, visit: Visit) -> None:
    run = queued(me)
    app = press(visit("runs", run=run), "run-cancel")
    assert not app.exception
    assert store().run(run).state == "cancelled"
    assert table(app)["state"].tolist() == [["■ Cancelled"]]
    assert actions(app) == {"run-resume", "run-again", "run-delete-sure"}


def test_cancel_asks_the_worker_of_a_running_one(me: str, visit: Visit) -> None:
    run = started(me)
    app = press(visit("runs", run=run), "run-cancel")
    assert store().run(run).cancelling
    button = app.button(key="run-cancel")
    assert button.disabled
    assert button.label == "Cancelling …"


def test_resume_queues_it_again_and_wakes_a_supervisor(me: str, supervisors: list[bool], visit: Visit) -> None:
    run = failed(me)
    press(visit("runs", run=run), "run-resume")
    assert store().run(run).state == "queued"
    assert supervisors


def test_run_again_makes_a_run_of_ones_own_and_opens_it(me: str, supervisors: list[bool], visit: Visit) -> None:
    original = finished("ada", title="Good one", loss={"name": "kd", "temperature": 8})
    app = press(visit("runs", run=original), "run-again")
    assert not app.exception
    (again,) = store().runs(owner=me)
    assert again.id != original
    assert (again.spec, again.title, again.state) == (store().run(original).spec, "Good one", "queued")
    assert app.query_params["run"] in (again.id, [again.id])
    assert supervisors


def test_a_run_that_ends_while_the_page_is_drawn_is_drawn_once(me: str, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(me)
    as_it_was = runs_list.read()
    store().finish(run, TOKEN, INTERRUPTED)
    monkeypatch.setattr(runs_list, "read", lambda fresh_s=0.0: as_it_was)
    app = visit("runs", run=run)
    assert not app.exception
    assert not app.error
    assert [heading.value for heading in app.subheader] == [words.as_text("CNN (width 4) learns from CNN (width 32)")]


def test_delete_asks_and_then_removes_run_and_files(me: str, visit: Visit) -> None:
    run, other = finished(me), finished(me)
    app = visit("runs", run=run)
    assert store().run(run)
    press(app, "run-delete-sure")
    assert [left.id for left in store().runs()] == [other]
    assert not (settings.runs_folder() / run).exists()
    assert (settings.runs_folder() / other).exists()
    assert "run" not in app.query_params
    assert not app.warning


def test_a_button_of_an_outdated_page_is_refused_in_one_sentence(me: str, visit: Visit) -> None:
    run = finished(me)
    app = visit("runs", run=run)
    store().delete(run)
    press(app, "run-delete-sure")
    assert not app.exception
    assert not app.error
    (warning,) = app.warning
    assert "no run" in warning.value


@pytest.mark.parametrize(
    ("make", "button"), [(queued, "run-cancel"), (started, "run-cancel"), (failed, "run-resume"), (finished, "run-delete-sure")]
)
def test_a_button_pressed_by_someone_else_changes_nothing(
    make: Callable[[str], str], button: str, me: str, monkeypatch: pytest.MonkeyPatch, visit: Visit
) -> None:
    run = make(me)
    before = store().run(run)
    app = visit("runs", run=run)
    someone_else = type("Context", (), {"cookies": {COOKIE: new_value()}, "theme": NoTheme()})
    monkeypatch.setattr(identity.st, "context", someone_else)  # the page was drawn for its owner, who has left since
    app = press(app, button)
    assert store().run(run) == before
    assert any("belongs to someone else" in error.value for error in app.error)
    assert actions(app) <= {"run-again"}


@pytest.mark.parametrize("page", ["runs", "distill"])
def test_where_a_run_waits_it_says_why_none_can_start(
    page: str, me: str, lab_home: Path, monkeypatch: pytest.MonkeyPatch, visit: Visit
) -> None:
    run = queued(me)
    app = visit(page, run=run)
    assert not app.warning
    heartbeat.tell(problem="LAB_GPU_SLOTS is set to 'abc'; a whole number of at least 1 is allowed.")
    with supervisor_lock():
        warnings = [warning.value.replace("\\", "") for warning in visit(page, run=run).warning]
    sentence = "No run can start now: LAB_GPU_SLOTS is set to 'abc'; a whole number of at least 1 is allowed."
    assert warnings == [sentence, sentence]  # in the sidebar, and where the run waits


def test_all_times_of_a_log_are_of_one_named_zone(me: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        run = started(me)
        told(run, {"type": "stage", "stage": "student", "text": "Training"})
        folder = settings.runs_folder() / run
        folder.mkdir(parents=True)
        Worker(store(), store().run(run), TOKEN)._log("something\n")
        log = detail.log_text(store().run(run), store().events(run))
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    stamps = re.findall(r"(\S+ \S+)\s+(?:Training|something)", log)
    assert len(stamps) == 2
    assert all(stamp.endswith("+05:30") for stamp in stamps)


def test_the_limit_of_a_person_is_told(me: str, monkeypatch: pytest.MonkeyPatch, visit: Visit) -> None:
    monkeypatch.setenv("LAB_RUNS_PER_PERSON", "1")
    queued(me)
    app = press(visit("runs", run=finished(me)), "run-again")
    assert "already have 1 runs" in app.error[0].value
    assert len(store().runs()) == 2


def test_a_run_that_stopped_answering_is_shown_as_interrupted(me: str, visit: Visit) -> None:
    run = started(me)
    store().finish(run, TOKEN, INTERRUPTED, error="The run stopped answering; resume it to go on where it was.")
    app = visit("runs", run=run)
    assert table(app)["state"].tolist() == [["❙❙ Interrupted"]]
    assert "run-resume" in actions(app)
    assert "stopped answering" in app.warning[0].value


@pytest.mark.parametrize(
    ("seconds", "age"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (3_600, "1 h ago"),
        (86_399, "23 h ago"),
        (86_400, "1 d ago"),
        (-5, "just now"),
    ],
)
def test_ages(seconds: float, age: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    assert words.age_text(1_000_000.0 - seconds) == age


def test_names_of_networks_and_runs(lab_home: object) -> None:
    taken = {"run": "abc", "role": "student", "seed": 0}
    assert words.network(taken) == "Student of run abc"
    assert words.what(store().run(finished(title="Mine"))) == "Mine: CNN (width 4) learns from CNN (width 32)"
    assert words.what(store().run(finished(kind="compress"))) == "CNN (width 16), compressed"
    assert words.network({"name": "resnet", "depth": 20, "width": 16}) == "ResNet (CIFAR, depth 20, width 16)"
    assert words.network({"name": "mlp", "hidden": [32, 16]}) == "MLP (hidden 32-16)"
    assert words.network({"name": "lenet300"}) == "LeNet-300-100"
    assert words.network({"name": "gone", "width": 2}) == "gone (width 2)"
    assert words.network(None) == "?"


def test_settings_in_words() -> None:
    two_losses = [{"name": "kd", "temperature": 2.0}, {"name": "x"}]
    assert words.settings_text({"kind": "distill", "loss": two_losses}) == "KD (Hinton, temperature 2) · x"
    steps = [{"name": "prune", "sparsity": 0.8, "scope": "global"}, {"name": "finetune", "epochs": 5, "lr": 0.01}]
    wanted = "Prune (sparsity 80 %) · Fine-tune (epochs 5, learning rate 0.01)"
    assert words.settings_text({"kind": "compress", "steps": steps}) == wanted
    others = [
        {"name": "prune", "criterion": {"name": "taylor", "images": 64}, "sparsity": 0.5},
        {"name": "quantize", "method": "kmeans"},
    ]
    wanted = "Prune (Taylor, sparsity 50 %) · Quantize (k-means codebook)"
    assert words.settings_text({"kind": "compress", "steps": others}) == wanted
    assert words.settings_text({}) == ""


def test_time_left_is_told_while_there_is_some(lab_home: object) -> None:
    run = store().run(started())
    assert words.time_left(replace(run, seconds_left=65.0)) == "1 min 5 s left"
    assert words.time_left(replace(run, seconds_left=0.0)) == ""
    assert words.time_left(replace(run, seconds_left=None)) == ""


def test_text_that_markdown_leaves_alone() -> None:
    assert words.as_text("*a* <b> [c](d) $e$") == r"\*a\* \<b\> \[c\]\(d\) \$e\$"


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"loss": {"name": "kd", "temperature": 8.5, "alpha": 0.35}, "baseline": False, "seeds": [0, 1]},
        {
            "student": {"name": "mlp", "hidden": [32, 16]},
            "loss": {"name": "logit_difference"},
            "dataset": {"name": "digits", "train_images": 500},
            "train": {"epochs": 7, "lr": 0.02, "schedule": "constant", "weight_decay": 0.0},
        },
        {"kind": "compress"},
        {
            "kind": "compress",
            "model": {"name": "mlp", "hidden": [32, 16]},
            "train": {"epochs": 3, "optimizer": "adam", "lr": 0.002},
            "steps": [
                {"name": "prune", "sparsity": 0.35, "granularity": "channel", "scope": "layer"},
                {"name": "quantize", "bits": 3, "scheme": "asymmetric", "group": "tensor"},
                {"name": "finetune", "epochs": 2, "lr": 0.02, "loss": {"name": "kd", "temperature": 2.0, "alpha": 0.5}},
            ],
            "seeds": [0],
        },
        {"kind": "compress", "steps": [{"name": "prune", "sparsity": 0.5}, {"name": "quantize", "bits": 8}], "seeds": [0]},
    ],
)
def test_the_settings_of_a_run_come_back_on_the_controls(spec: dict, visit: Visit) -> None:
    run = store().run(finished(**spec))
    place, query = page_with_settings(run)
    app = visit(place.name, **query)
    assert not app.exception
    assert not app.warning
    shown = next(caption.value for caption in app.caption if "learns from" in caption.value or ", compressed" in caption.value)
    assert "have changed" not in shown


def test_a_teacher_from_an_earlier_run_comes_back_on_the_controls(visit: Visit) -> None:
    run = store().run(finished(teacher={"run": finished(), "role": "teacher", "seed": 0}))
    place, query = page_with_settings(run)
    app = visit(place.name, **query)
    assert not app.exception
    assert not app.warning
    shown = next(caption.value for caption in app.caption if "learns from" in caption.value)
    assert "have changed" not in shown


@pytest.mark.parametrize(
    "spec",
    [
        {"seeds": [3]},
        {"dataset": {"name": "digits", "split_seed": 1}},
        {"kind": "compress", "steps": [{"name": "quantize", "bits": 4}]},
    ],
)
def test_settings_that_no_controls_can_say_are_told(spec: dict, visit: Visit) -> None:
    place, query = page_with_settings(store().run(finished(**spec)))
    app = visit(place.name, **query)
    assert not app.exception
    (warning,) = app.warning
    assert f"had other settings for {next(name for name in spec if name != 'kind')} than" in warning.value


def test_old_runs_show_what_they_hold_and_free_it_at_a_second_click(me: str, visit: Visit) -> None:
    mine, theirs = finished(me), finished("grace")
    for run in (mine, theirs):
        with store()._write() as connection:
            connection.exec_driver_sql(f"UPDATE runs SET finished = finished - 40 * 86400 WHERE id = '{run}'")
    app = visit("runs")
    app.session_state[free_space.KEY] = True
    app.run()
    assert "Model files of finished runs (1): 7 bytes" in [text.value for text in app.markdown]
    network = "student-seed0.safetensors"
    assert (settings.runs_folder() / mine / network).exists()
    app.button(key=f"{free_space.KEY}-sure").click().run()
    assert not app.exception
    assert not (settings.runs_folder() / mine / network).exists()
    assert (settings.runs_folder() / theirs / network).exists()
    assert [toast.value for toast in app.toast] == ["7 bytes freed."]


def test_own_images_and_weights_that_no_run_uses_are_shown_and_freed_once_a_day_old(me: str, visit: Visit) -> None:
    images, weights = (
        settings.home() / "datasets" / f"own-{'a' * 24}.safetensors",
        settings.weights_folder() / f"{'b' * 32}.safetensors",
    )
    young = weights.with_name(f"{'c' * 32}.safetensors")
    for path, content, days in ((images, b"12345", 2), (weights, b"123", 2), (young, b"1", 0)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (time.time() - days * 86_400,) * 2)
    app = visit("runs")
    app.session_state[free_space.KEY] = True
    app.session_state[f"{free_space.KEY}-days"] = 0
    app.run()
    told = [text.value for text in app.markdown]
    assert "Own images that no run uses (1): 5 bytes" in told
    assert "Own weights that no run uses (1): 3 bytes" in told
    app.button(key=f"{free_space.KEY}-sure").click().run()
    assert [path.exists() for path in (images, weights, young)] == [False, False, True]
    assert [toast.value for toast in app.toast] == ["8 bytes freed."]


def test_runs_of_others_and_young_runs_offer_nothing_to_free(me: str, visit: Visit) -> None:
    finished("grace")
    assert not [popover for popover in visit("runs").get("popover") if popover.proto.popover.label == "Free space"]
    finished(me)
    app = visit("runs")
    app.session_state[free_space.KEY] = True
    app.run()
    assert "They hold nothing that could be freed." in [text.value for text in app.caption]


def test_a_run_of_ten_hours_keeps_its_curves_files_and_log(visit: Visit) -> None:
    run, epochs = started(), 400
    beat = {"type": "progress", "seconds_left": 60.0, "role": "student", "seed": 0, "epochs": epochs}
    told(run, {"type": "stage", "stage": "student", "text": "The first stage"})
    for epoch in range(epochs):
        values = {"val_accuracy": epoch / epochs, "val_loss": 1.0}
        metric = {"type": "metric", "role": "student", "seed": 0, "epoch": epoch + 1, "values": values}
        told(run, *[{**beat, "fraction": epoch / epochs, "epoch": epoch + part / 90} for part in range(90)], metric)
    file = {"type": "artifact", "role": "student", "seed": 0, "name": "student-seed0.safetensors", "size_bytes": 7}
    told(run, file, {"type": "stage", "stage": "measure", "text": "The last stage"})
    (settings.runs_folder() / run).mkdir(parents=True)
    (settings.runs_folder() / run / file["name"]).write_bytes(b"weights")
    store().finish(run, TOKEN, FINISHED, result=distilled())
    app = visit("runs", run=run)
    assert not app.exception
    assert watch(run).frame["epoch"].max() == epochs
    assert len(watch(run).frame) == 2 * epochs
    log = app.code[-1].value
    assert "The first stage" in log
    assert "The last stage" in log
    assert "Student, seed 0 (7 bytes)" in [element.proto.label for element in app.get("download_button")]


def test_the_list_says_what_a_difference_is_from_where_it_is_no_baseline(visit: Visit) -> None:
    result = distilled()
    result["models"]["noise"] = result["models"]["baseline"]
    finished(result={**result, "verdict": {**result["verdict"], "against": "noise"}}, scheme="data_free")
    finished(result=distilled())
    usual, against_noise = visit("runs").dataframe[0].value["now"]
    assert against_noise.startswith("Yes, +3.0 points against “On noise” · ")
    assert usual.startswith("Yes, +3.0 points · ")
