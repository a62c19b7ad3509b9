"""Links: whatever is on screen comes back from the address alone, for another person."""

import contextlib
import random
import re
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import (
    ButtonGroup,
    Checkbox,
    Multiselect,
    NumberInput,
    Selectbox,
    Slider,
    TextInput,
    Toggle,
)

from compression.runs import store
from compression.runs.records import CANCELLED, FINISHED, Run
from tests.pages.conftest import ROOT, Visit
from tests.pages.stored_runs import TOKEN, distilled, failed, finished, started
from ui.address.settings import RUN
from ui.run import start

STATES, MOST_STATES = 40, 120
MOST_CHANGES = 6
LISTING = ("add-loss", "remove-loss-0", "remove-loss-1")
OFTEN = (".from", ".made", "-dataset", "-teacher", "-model", ".hidden")  # what decides which other controls there are
TYPED = {
    "values": ["1, 2", "kd, logit_difference", "0.5 to 1 in 3", "many", ""],
    "find": ["", "cnn", "temperature 4", "ada", "a title & more", "100 %", "nothing is called so"],
    "lr": ["0.05,0.1", "0.2", "fast", ""],
    "hidden": ["64", "32,16", "8, 8", "abc", ""],
}
SEEDS = [{"seed": seed, "accuracy": 0.9 + seed / 100} for seed in range(3)]

Walker = random.Random


class Label(str):
    """The label of a choice, which is what a browser sends: nothing takes it for the choice itself and labels it again."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __format__(self, *_: str) -> str:
        raise TypeError

    __str__ = __format__


@pytest.fixture(autouse=True)
def only_what_the_address_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave submitted runs in the queue, leave out what Compress computes from its settings, and let nothing grow older."""
    now = time.time()
    monkeypatch.setattr("ui.run.words.time", SimpleNamespace(time=lambda: now))
    monkeypatch.setattr("compression.runs.ensure_alive", lambda: None)
    monkeypatch.setattr("ui.compress.preview.show", lambda *given: None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the Run buttons that were drawn would start: the spec, the device and why it is off."""
    noted: list[Any] = []
    draw = start.run_bar

    def note(address: Any, spec: Any, device: str, label: str, sweep: Any, **limit: Any) -> None:
        noted.append(((sweep or spec) and (sweep or spec).to_json(), device, list(address.blocks)))
        draw(address, spec, device, label, sweep, **limit)

    monkeypatch.setattr(start, "run_bar", note)
    return noted


def a_lab_with_a_past() -> list[Run]:
    """Fill the store with runs of each kind and state, and return them."""
    result = distilled()
    for model in result["models"].values():
        model["per_seed"] = SEEDS
    finished(result=result)
    finished(dataset={"name": "mnist"})
    finished(kind="compress", title="for Ada's birthday")
    finished("grace", student={"name": "mlp", "hidden": [32]}, loss={"name": "logit_difference"})
    finished(loss=[{"name": "kd", "weight": 0.7}, {"name": "fitnets", "stage": 1}], label_weight=0.3)
    failed()
    store().finish(started(), TOKEN, CANCELLED)
    started("grace", kind="compress")
    return store().runs()


def open_link(app: AppTest, page: str) -> AppTest:
    """Open the address that a visitor has before them as somebody else, in a session of their own."""
    other = AppTest.from_file(ROOT / "ui" / "shell.py", default_timeout=app.default_timeout)
    other.query_params.update({name: value if isinstance(value, str) else value[-1] for name, value in app.query_params.items()})
    other._registered_pages = app._registered_pages  # what the server knows before anybody comes
    return other.switch_page(f"../pages/{page}.py").run()


def controls(app: AppTest) -> dict[str, Any]:
    """Return the widgets of the page's settings, by their keys; a card's choice of a file and a time limit are none."""
    groups = (app.selectbox, app.slider, app.number_input, app.text_input, app.checkbox, app.multiselect, app.toggle)
    groups += (app.segmented_control, app.pills)
    return {
        widget.key: widget for group in groups for widget in group if not re.match("seed-|.*-time_limit", widget.key or "seed-")
    }


def change(walker: Walker, widget: Any) -> None:
    """Move one widget to a random place that a visitor can move it to."""
    match widget:
        case Selectbox() if widget.options:
            widget.set_value(Label(walker.choice(widget.options)))
        case Multiselect():
            widget.set_value([Label(option) for option in widget.options if walker.random() < 0.4])
        case ButtonGroup() if widget._is_single_select:
            widget.set_value(Label(walker.choice(widget.options)))
        case ButtonGroup():
            widget.set_value([Label(option) for option in widget.options if walker.random() < 0.6])
        case Checkbox() | Toggle():
            widget.set_value(walker.random() < 0.5)
        case TextInput():
            widget.set_value(walker.choice(TYPED[widget.key.split("-")[-1].split(".")[-1]]))
        case Slider() | NumberInput():
            steps = round((widget.max - widget.min) / widget.step)
            value = widget.min + widget.step * walker.randint(0, min(steps, 200))
            widget.set_value(type(widget.min)(min(value, widget.max)))


def put(app: AppTest, settings: Mapping[str, Any]) -> None:
    """Set a page's state; what a list does not offer as it is drawn waits until the other settings have redrawn it."""
    later = {}
    for key, value in settings.items():
        before = app.session_state.to_dict().get(key)
        app.session_state[key] = value
        if not offered(app, key):
            app.session_state[key], later[key] = before, value
    if later:
        app.run()
        for key, value in later.items():
            app.session_state[key] = value


def offered(app: AppTest, key: str) -> bool:
    """Tell whether the list of a setting, if one is drawn, has the value that its state has."""
    with contextlib.suppress(KeyError):
        try:
            return app.selectbox(key).index is not None
        except ValueError:
            return False
    return True


def screen(app: AppTest) -> dict[str, Any]:
    """Return what a page shows that its address has to bring back; without words that depend on who looks, such as “you”."""
    tables = {}
    for frame in app.dataframe:
        shown = frame.value.drop(columns=["who", "owner", "age", "created"], errors="ignore")
        tables[frame.key or "differences"] = shown.to_json()
    return {
        "controls": {key: widget.value for key, widget in controls(app).items()},
        "options": {key: widget.options for key, widget in controls(app).items() if hasattr(widget, "options")},
        "tables": tables,
        "titles": [title.value for title in app.subheader],
        "formula": [formula.value for formula in app.latex],
        "errors": [error.value for error in app.error],
        "settings": [code.value for code in app.code if "kind" in code.value],
        "address": app.query_params,
    }


def compare(mine: AppTest, other: AppTest, asked: list[Any]) -> None:
    """Check that two visitors see the same and would run the same, and that nothing had to be told about the link."""
    assert not mine.exception
    assert not other.exception
    found = screen(other)
    for part, shown in screen(mine).items():
        assert found[part] == shown, part
    assert [warning.value for warning in other.warning] == [warning.value for warning in mine.warning]
    if asked:
        assert asked[-1] == asked[-2]


def walk(
    page: str,
    app: AppTest,
    asked: list[Any],
    moves: Callable[[Walker], dict[str, Any]],
    missing: Callable[[], str] = str,
) -> set[str]:
    """Go to random states of a page, open the link of each as somebody else, and return the states that were seen.

    The walk goes on for as long as a kind of state is `missing`, up to a limit.
    """
    walker, seen, states = Walker(page), set(), 0
    while states < STATES or (missing() and states < MOST_STATES):
        states += 1
        widgets = controls(app)
        chosen = walker.sample(sorted(widgets), min(len(widgets), walker.randint(1, MOST_CHANGES)))
        chosen += [key for key in widgets if key.endswith(OFTEN) and walker.random() < 0.15]
        for key in chosen:
            change(walker, widgets[key])
        if (buttons := [button for button in app.button if button.key in LISTING]) and walker.random() < 0.3:
            walker.choice(buttons).click()
        if walker.random() < 0.4:
            put(app, moves(walker))
        compare(app.run(), open_link(app, page), asked)
        seen.add(str(screen(app)))
    return seen


@pytest.mark.parametrize("page", ["distill", "compress"])
def test_what_would_run_comes_back_from_its_link(page: str, visit: Visit, asked: list[Any]) -> None:
    runs = [run.id for run in a_lab_with_a_past() if run.kind == page]

    def moves(walker: Walker) -> dict[str, Any]:
        # Chance alone seldom leads to what can run: a network of an earlier run, or a scheme without one.
        listed = {"distill-losses": walker.choice([0, 2]), "distill-loss": "kd", "distill-loss.1": "logit_difference"}
        runnable = {"distill-tune": False, "distill-dataset": "digits", **listed}
        wanted = [
            {"distill-scheme": "offline", "distill-teacher.from": "run", **runnable},
            {"distill-scheme": "mutual", **runnable},
        ]
        return {f"{page}-{RUN}": walker.choice([*runs, None]), **(walker.choice([*wanted, {}]) if page == "distill" else {})}

    def missing() -> str:
        alone = [spec.get("base", spec) for spec, _device, _blocks in asked if spec]
        kinds = {
            "a blocked one": any(blocks for _spec, _device, blocks in asked),
            "one that may run": any(not blocks for _spec, _device, blocks in asked),
            "a network of a run": any("run" in spec["teacher" if page == "distill" else "model"] for spec in alone),
            "a list of losses": any(isinstance(spec.get("loss"), list) for spec in alone) or page == "compress",
            "mutual learning": any(spec.get("scheme", {}).get("name") == "mutual" for spec in alone) or page == "compress",
            "a sweep": any(spec and spec["kind"] == "sweep" for spec, _device, _blocks in asked),
        }
        return ", ".join(kind for kind, found in kinds.items() if not found)

    seen = walk(page, visit(page), asked, moves, missing)
    assert len(seen) > STATES / 2
    assert missing() == ""


def test_what_is_compared_comes_back_from_its_link(visit: Visit) -> None:
    runs = [run.id for run in a_lab_with_a_past() if run.state == FINISHED]
    marks = lambda walker: {"compare-runs": walker.sample(runs, walker.randint(0, len(runs)))}  # noqa: E731
    assert len(walk("compare", visit("compare"), [], marks)) > STATES / 2


def test_the_run_that_is_looked_at_comes_back_from_its_link(visit: Visit) -> None:
    runs = [run.id for run in a_lab_with_a_past()]
    assert len(walk("runs", visit("runs"), [], lambda walker: {"runs-run": walker.choice([*runs, None])})) > len(runs)


@pytest.mark.parametrize(("page", "role"), [("distill", "teacher"), ("compress", "model")])
def test_a_network_that_is_gone_is_told_and_never_replaced(page: str, role: str, visit: Visit, asked: list[Any]) -> None:
    run = next(
        run.id for run in a_lab_with_a_past() if run.kind == page and run.result and run.spec["dataset"]["name"] == "digits"
    )
    app, walker = visit(page, **{f"{role}.run": run}), Walker(page)
    store().delete(run)
    for _state in range(STATES // 2):
        widgets = controls(app)
        # A scheme without a teacher trained before has no choice of one.
        for key in walker.sample(
            sorted(key for key in widgets if f"{page}-{role}" not in key and "-scheme" not in key), MOST_CHANGES
        ):
            change(walker, widgets[key])
        compare(app.run(), open_link(app, page), asked)
        assert (asked[-1][0], app.query_params[f"{role}.run"]) == (None, run)
        assert any(f"of a finished run {run}; it may have been deleted." in error.value for error in app.error)


def test_a_link_shows_the_same_to_somebody_with_a_run_at_work(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.run.current.owner", lambda: "ada")
    mine = started("ada")
    assert visit("distill").query_params["run"] == mine
    linked = visit("distill", seeds="2")
    assert "run" not in linked.query_params
    assert "run" not in linked.run().query_params
    gone = visit("distill", run="gone00")
    assert "There is no run “gone00” to show here" in gone.warning[0].value
    assert "run" not in gone.query_params


@pytest.mark.parametrize("page", ["distill", "compress", "compare", "runs"])
def test_names_that_a_page_does_not_know_are_told(page: str, visit: Visit) -> None:
    a_lab_with_a_past()
    (warning,) = visit(page, temprature="8").warning
    assert "sets “temprature”, which is no setting of this page" in warning.value
