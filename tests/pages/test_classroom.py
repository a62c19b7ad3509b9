"""Names that people choose, and what the lecturer's key opens."""

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from compression import settings
from compression.runs import store
from compression.runs.records import CANCELLED, RUNNING
from compression.runs.rows import PAUSED, TIME_LIMIT
from compression.spec import parse
from tests.pages.conftest import Visit
from tests.pages.stored_runs import started
from ui.server.identity import COOKIE

SPEC = parse({"kind": "distill"})


@pytest.fixture
def lecture(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Open a page as the lecturer."""
    monkeypatch.setenv("LAB_LECTURER_KEY", "chalk")

    def enter(page: str, **query: str) -> AppTest:
        app = visit(page, **query)
        field(app, "Lecturer's key").set_value("chalk")
        button(app, "Open").click().run()
        assert not app.exception
        return app

    return enter


def queued(owner: str = "grace") -> str:
    return store().submit(SPEC.to_json(), SPEC.hash, "distill", owner=owner)


def button(app: AppTest, label: str) -> Any:
    (found,) = [button for button in app.button if button.label == label]
    return found


def labels(app: AppTest) -> set[str]:
    return {button.label for button in app.button}


def field(app: AppTest, label: str) -> Any:
    (found,) = [field for field in app.text_input if field.label == label]
    return found


def test_a_name_and_a_colour_that_one_chooses_are_what_others_read(visit: Visit) -> None:
    app = visit("runs")
    field(app, "Your name, for everybody to read").set_value("Ada")
    app.button_group[0].set_value("violet")
    button(app, "Keep").click().run()
    assert not app.exception
    (me,) = store().people().values()
    assert (me.name, me.colour) == ("Ada", "violet")
    queued(me.owner)
    other = visit("runs")
    assert other.dataframe[0].value["owner"].str[0].tolist() == ["Ada"]
    field(other, "Your name, for everybody to read").set_value("ada")
    button(other, "Keep").click().run()
    assert "Somebody else is called ada already" in other.error[0].value
    assert len(store().people()) == 1


def test_without_a_key_or_with_a_wrong_one_nobody_is_the_lecturer(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_LECTURER_KEY", raising=False)
    run = queued()
    app = visit("runs", run=run)
    assert "Lecturer's key" not in {field.label for field in app.text_input}
    monkeypatch.setenv("LAB_LECTURER_KEY", "chalk")
    app.run()
    field(app, "Lecturer's key").set_value("cheese")
    button(app, "Open").click().run()
    assert app.error[0].value == "This is not the lecturer's key of this lab."
    assert not labels(app) & {"Cancel", "Move to the front", "Pause the queue", "Clear it"}


def test_the_lecturer_looks_after_everybodys_runs(lecture: Callable[..., AppTest]) -> None:
    working, first, last = started("ada"), queued(), queued("alan")
    app = lecture("runs", run=last)
    button(app, "Move to the front").click().run()
    assert store().run(last).priority > store().run(first).priority
    button(app, "Pause the queue").click().run()
    assert store().room_setting(PAUSED)
    button(app, "Let the queue go on").click().run()
    assert not store().room_setting(PAUSED)
    app.number_input(key="lecturer-limit").set_value(5).run()
    button(app, "Set").click().run()
    assert store().room_setting(TIME_LIMIT) == 300
    button(app, "Cancel").click().run()
    assert store().run(last).state == CANCELLED
    button(app, "Clear it").click().run()
    assert [store().run(run).state for run in (working, first)] == [RUNNING, CANCELLED]
    assert not app.exception


def test_a_reload_and_another_tab_of_the_lecturer_ask_for_no_key_again(lecture: Callable[..., AppTest], visit: Visit) -> None:
    entered = lecture("runs", run=queued())
    tab = visit("home")
    assert "Leave" not in labels(tab)
    tab.session_state[COOKIE] = entered.session_state[COOKIE]
    assert "Leave" in labels(tab.run())
    button(tab, "Leave").click().run()
    assert "Leave" not in labels(tab) | labels(entered.run())


def test_a_key_that_was_changed_opens_nothing_any_more(lecture: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch) -> None:
    app = lecture("runs", run=queued())
    assert "Cancel" in labels(app)
    monkeypatch.setenv("LAB_LECTURER_KEY", "sponge")
    app.run()
    assert "Cancel" not in labels(app)


def test_a_lab_is_shared_or_not_by_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_LONG_RUN_SECONDS", raising=False)
    for text, longest in (("yes", 300), ("no", None)):
        monkeypatch.setenv("LAB_SHARED", text)
        assert settings.long_run_s() == longest
