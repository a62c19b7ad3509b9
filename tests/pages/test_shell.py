"""The frame around every page, and Home."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from compression import spec
from compression.runs import store
from tests.pages.conftest import PATIENCE_S, ROOT, Visit
from ui.frame import machine, pages
from ui.run import example
from ui.server import identity, preload, signed_in

NAMES = [place.name for group in pages.SECTIONS.values() for place in group]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_draws_its_title_within_the_frame(name: str, visit: Visit) -> None:
    app = visit(name)
    assert not app.exception
    assert not app.error
    assert len(app.title) == 1
    assert any("Queue: idle" in caption.value for caption in app.sidebar.caption)


def test_every_page_but_home_waits_for_the_engine(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[str] = []
    for name in NAMES:
        monkeypatch.setattr(preload, "load", lambda name=name: waits.append(name))
        visit(name)
    drawn = list(dict.fromkeys(waits))  # Compress draws itself again once its first points are there
    assert drawn == [name for name in NAMES if name != "home"]


def test_the_queue_counts_what_everybody_waits_for(visit: Visit) -> None:
    wanted = spec.parse({"kind": "distill"})
    for owner in ("first", "second"):
        store().submit(wanted.to_json(), wanted.hash, wanted.kind, owner=owner)
    app = visit("home")
    assert any("Queue: 0 running, 2 waiting" in caption.value for caption in app.sidebar.caption)


def test_home_tells_what_its_kept_run_found(visit: Visit) -> None:
    app = visit("home")
    kept = json.loads((example.FOLDER / "run.json").read_text())
    verdict = kept["result"]["verdict"]
    assert verdict["answer"] == "yes"
    assert f"{100 * verdict['difference']:.1f} points better" in app.subheader[0].value
    low, high = (f"{100 * edge:+.1f}" for edge in verdict["interval"])
    assert f"{low} to {high} points" in app.caption[1].value


def test_homes_kept_run_is_a_run_of_the_spec_beside_it() -> None:
    kept = json.loads((example.FOLDER / "run.json").read_text())
    beside = json.loads((example.FOLDER / "spec.json").read_text())
    assert spec.parse(beside).to_json() == kept["spec"]
    assert {row["role"] for row in kept["metrics"]} == {"teacher", "baseline", "student"}


def broken_page(kind: str) -> None:
    """Stand for a page that fails."""
    from compression.errors import LabError
    from ui.server import script_errors

    assert script_errors.show_failure(LabError("The data is gone.") if kind == "expected" else ZeroDivisionError("secret detail"))


@pytest.mark.parametrize(("kind", "sentence"), [("expected", "The data is gone."), ("unexpected", "Something went wrong")])
def test_a_failure_is_one_sentence(kind: str, sentence: str) -> None:
    app = AppTest.from_function(broken_page, args=(kind,)).run()
    assert len(app.error) == 1
    assert app.error[0].value.startswith(sentence)
    assert "secret" not in app.error[0].value
    assert not app.exception


def who() -> None:
    """Stand for a page that asks who is looking."""
    import streamlit as st

    from ui.server import identity

    st.write(identity.owner())


def test_without_cookies_a_tab_keeps_its_own_identity() -> None:
    app = AppTest.from_function(who).run()
    first = app.markdown[0].value
    assert app.run().markdown[0].value == first
    assert AppTest.from_function(who).run().markdown[0].value != first


def test_the_owner_does_not_give_the_cookie_away(monkeypatch: pytest.MonkeyPatch) -> None:
    value = identity.new_value()
    monkeypatch.setattr(identity.st, "context", type("Context", (), {"cookies": {identity.COOKIE: value}}))
    person = identity.owner()
    assert person == identity.owner()
    assert value not in person
    assert identity.display_name(person) == f"Guest {person[6:10].upper()}"
    assert identity.display_name("someone") == "someone"


@pytest.mark.parametrize(
    ("headers", "user"),
    [
        ({}, {"is_logged_in": True, "iss": "https://issuer", "sub": "17", "name": "Ada Lovelace", "email": "ada@lab.org"}),
        ({"X-User": "id", "X-Name": "name"}, {"id": "ada", "name": "Ada Lovelace"}),
        ({"X-Name": "name"}, {"name": "Ada Lovelace"}),
    ],
    ids=["login", "headers", "a header alone"],
)
def test_whoever_signed_in_is_the_same_person_everywhere(
    headers: dict[str, str], user: dict[str, object], visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"server.trustedUserHeaders": headers}
    monkeypatch.setattr(signed_in.st, "get_option", options.get)
    apps = [AppTest.from_function(who) for _tab in range(3)]
    for app, other in zip(apps, ({}, {}, {"sub": "18", "id": "b", "name": "Bob"}), strict=True):
        app.user = user | other
        app.run()
    first, second, another = (app.markdown[0].value for app in apps)
    assert first == second != another
    assert first.startswith("user-")
    assert "ada" not in first.lower()


def test_what_nobody_vouches_for_is_not_who_one_is() -> None:
    app = AppTest.from_function(who)
    app.user = {"is_logged_in": False, "sub": "17", "email": "ada@lab.org"}
    assert app.run().markdown[0].value.startswith("guest-")


def test_others_read_the_name_of_whoever_signed_in(visit: Visit, lab_home: Path) -> None:
    app = AppTest.from_file(ROOT / "ui" / "shell.py", default_timeout=PATIENCE_S)
    app.user = {"is_logged_in": True, "iss": "https://issuer", "sub": "17", "name": "Jörg".encode().decode("latin-1")}
    app.run()
    ((owner, person),) = store().people().items()
    assert person.name == "Jörg"
    assert identity.display_name(owner) == "Jörg"
    store().name_person(owner, "Georg", person.colour)  # what one chose oneself stays
    app = AppTest.from_file(ROOT / "ui" / "shell.py", default_timeout=PATIENCE_S)
    app.user = {"is_logged_in": True, "iss": "https://issuer", "sub": "17", "name": "Jörg"}
    app.run()
    assert store().person(owner).name == "Georg"


@pytest.mark.parametrize(
    ("answer", "visible", "expected"),
    [("NVIDIA H200\nNVIDIA H200\n", None, "NVIDIA H200"), ("NVIDIA H200\n", "", ""), (None, None, "")],
)
def test_the_gpu_is_named_without_torch(
    answer: str | None, visible: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answer is not None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\nprintf '{answer}'\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin" if answer else str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    machine.gpu_name.cache_clear()
    try:
        assert machine.gpu_name() == expected
    finally:
        machine.gpu_name.cache_clear()


def test_a_broken_store_is_told_in_the_sidebar(visit: Visit, lab_home: Path) -> None:
    (lab_home / "lab.db").write_bytes(b"no database at all " * 100)
    app = visit("home")
    assert not app.exception
    assert any("database" in caption.value.lower() or "lab.db" in caption.value for caption in app.sidebar.caption)
