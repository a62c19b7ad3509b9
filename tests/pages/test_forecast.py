"""How long a run will take, beside Run; past the limit Run is off, and a click makes it fit."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from compression import runs, settings
from compression.errors import LimitError
from compression.runs import store
from compression.runs.rows import DEVICES_OF, PAUSED
from compression.spec import parse
from tests.pages.conftest import Visit
from tests.pages.stored_runs import started
from ui.run import forecast, waiting


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave submitted runs in the queue."""
    monkeypatch.setattr("compression.runs.ensure_alive", lambda: None)


def button(app: AppTest, words: str) -> Any:
    (found,) = [button for button in app.button if words in button.label]
    return found


def words(app: AppTest) -> str:
    texts = [element.value for group in (app.markdown, app.caption, app.warning, app.error) for element in group]
    texts += [element.proto.text for element in app.main.get("progress")]
    return "\n".join(texts).replace("\\", "")


@pytest.mark.parametrize("page", ["distill", "compress"])
def test_a_run_is_told_how_long_it_will_take(page: str, visit: Visit) -> None:
    app = visit(page)
    assert not app.exception
    assert "About " in words(app)
    assert " s here." in words(app)
    assert not button(app, "Run").disabled


@pytest.mark.parametrize("page", ["distill", "compress"])
def test_past_the_limit_run_is_off_and_a_click_makes_it_fit(page: str, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_LONG_RUN_SECONDS", "60")
    app = visit(page, dataset="mnist")
    assert button(app, "Run").disabled
    assert "Run is off: a run may take 60 s here" in words(app)
    button(app, "Use ").click().run()
    assert not app.exception
    assert not button(app, "Run").disabled
    button(app, "Run").click().run()
    run = store().runs(limit=1)[0]
    assert 30 < run.expected_s <= 60
    assert run.time_limit_s == 180


@pytest.mark.parametrize(
    ("kind", "name", "count", "told"),
    [
        ("distill", "train.epochs", 1, "1 epoch"),
        ("distill", "train.epochs", 12, "12 epochs"),
        ("compress", "train.epochs", 5, "5 epochs of the original"),
        ("compress", "steps.2.epochs", 17, "17 epochs of fine-tuning"),
        ("compress", "seeds", 1, "1 seed"),
        ("distill", "dataset.train_images", 5000, "5,000 training images"),
    ],
)
def test_what_makes_a_run_fit_is_told_apart(kind: str, name: str, count: int, told: str) -> None:
    assert forecast.change_text(kind, name, count) == told


def test_a_network_that_never_fits_is_told(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_LONG_RUN_SECONDS", "60")
    app = visit("compress", dataset="mnist", model="resnet18")
    assert button(app, "Run").disabled
    assert "choose a smaller network" in words(app)


def test_the_engine_refuses_what_the_page_does(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SHARED", "yes")
    spec = parse({"kind": "distill", "dataset": {"name": "mnist"}, "teacher": {"name": "resnet18"}})
    with pytest.raises(LimitError, match="and 5 min 0 s is allowed here: ask for fewer epochs"):
        runs.submit(spec, owner="ada")


def test_a_run_that_waits_is_told_its_place_and_when_it_starts(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    store().set_room_setting(f"{DEVICES_OF}{settings.machine()}", {"cpu": 1})
    spec = parse({"kind": "distill"})
    for owner in ("ada", "grace"):
        store().submit(spec.to_json(), "hash", "distill", owner=owner, expected_s=1.0)
    app = visit("distill")
    button(app, "Run").click().run()
    assert "Place 3 of 3 in the queue, starts in about 2 s" in words(app)
    store().set_room_setting(PAUSED, True)
    monkeypatch.setattr(waiting, "FRESH_S", 1e-9)
    app = visit("runs", run=store().runs(limit=1)[0].id)
    assert "waiting; the lecturer has paused the queue" in words(app)


@pytest.mark.parametrize("page", ["distill", "compress"])
def test_a_run_and_a_sweep_can_have_a_time_limit_which_no_link_has(
    page: str, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compression.runs.sweeping.ensure_alive", lambda: None)
    app = visit(page)
    field = app.number_input(key=f"{page}-time_limit")
    assert (field.value, field.placeholder) == (None, "By default: none")
    before = dict(app.query_params)
    field.set_value(3).run()
    assert app.query_params == before
    next(button for button in app.button if button.label.startswith("Run")).click().run()
    assert [run.time_limit_s for run in store().runs()] == [180]
    app.number_input(key=f"{page}-time_limit").set_value(None)
    app.selectbox(key=f"{page}-several").set_value("loss.alpha" if page == "distill" else "steps.0.sparsity").run()
    app.number_input(key=f"{page}-time_limit").set_value(2).run()
    next(button for button in app.button if button.label.startswith("Run all")).click().run()
    assert not app.exception
    assert {run.time_limit_s for run in store().runs() if run.sweep} == {120}


def test_a_time_limit_is_at_most_the_labs(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_RUN_TIME_LIMIT_SECONDS", "300")
    field = visit("distill").number_input(key="distill-time_limit")
    assert (field.placeholder, field.max) == ("By default: 5 min", 5)
    run = runs.submit(parse({"kind": "distill"}), owner="ada", time_limit_s=900)
    assert store().run(run).time_limit_s == 300


def test_a_busy_machine_is_said_beside_what_is_predicted(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.getloadavg", lambda: (0.0, 0.0, 0.0))
    assert "busy" not in words(visit("distill"))
    monkeypatch.setattr("psutil.getloadavg", lambda: (1e3, 0.0, 0.0))
    assert "s here. The machine is busy now" in words(visit("distill"))


def test_no_time_is_predicted_for_the_run_that_is_at_work_on_screen(visit: Visit) -> None:
    run = started()
    app = visit("distill", run=run)
    assert "About " not in words(app)
    app.number_input(key="distill-train.epochs").set_value(7).run()
    assert "About " in words(app)
