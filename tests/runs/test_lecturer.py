"""The lecturer's key opens what nobody else may do."""

import pytest

from compression import settings
from compression.errors import LabError, NotYoursError
from compression.runs import lecturer
from compression.runs.lecturer import Lecturer
from compression.runs.records import CANCELLED, FAILED, QUEUED, Lease
from compression.runs.store import Store
from compression.runs.worker import Worker
from tests.runs.conftest import start, submit
from tests.runs.engines import counting

SLOTS = {"cpu": 1}


@pytest.fixture
def known(store: Store, monkeypatch: pytest.MonkeyPatch) -> Lecturer:
    monkeypatch.setenv("LAB_LECTURER_KEY", "chalk")
    return Lecturer(store, " chalk ")


@pytest.mark.parametrize("given", ["", "chal", "chalk!", "Kreide ü"])
def test_a_wrong_key_opens_nothing(store: Store, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_LECTURER_KEY", "chalk")
    with pytest.raises(NotYoursError, match="not the lecturer's key"):
        Lecturer(store, given)


@pytest.mark.parametrize("given", ["", "chalk"])
def test_without_a_key_nobody_is_the_lecturer(store: Store, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_LECTURER_KEY", " ")
    with pytest.raises(NotYoursError, match="set LAB_LECTURER_KEY"):
        Lecturer(store, given)
    assert Lecturer(store, lecturer.make_key()).paused is False


def test_what_is_moved_to_the_front_starts_first_even_before_what_was_moved_earlier(store: Store, known: Lecturer) -> None:
    first, second, third = (submit(store, owner=owner) for owner in ("ada", "grace", "alan"))
    known.move_to_front(second)
    known.move_to_front(third)
    assert [store.claim(f"t{index}", {"cpu": 9}).id for index in range(3)] == [third, second, first]
    with pytest.raises(LabError, match="does not wait"):
        known.move_to_front(first)


def test_a_paused_queue_starts_nothing_until_it_goes_on(store: Store, known: Lecturer) -> None:
    store.set_room_setting(f"devices of {settings.machine()}", SLOTS)
    run_id = submit(store)
    assert store.starts()[run_id].place == 1
    known.pause(True)
    assert known.paused
    assert not store.has_turn(SLOTS)
    assert store.claim("t", SLOTS) is None
    assert store.starts() == {}
    known.pause(False)
    assert store.claim("t", SLOTS).id == run_id


def test_clearing_cancels_what_waits_and_leaves_what_works(store: Store, known: Lecturer) -> None:
    working = start(store, "t")
    waiting = [submit(store, owner=owner) for owner in ("ada", "grace")]
    assert known.clear_queue() == 2
    assert {store.run(run_id).state for run_id in waiting} == {CANCELLED}
    assert store.check(working, "t").held
    assert known.cancel(working).cancelling


def test_the_shorter_of_ones_own_limit_and_everybodys_counts_and_can_be_lifted(store: Store, known: Lecturer) -> None:
    run_id = start(store, "t")
    assert store.check(run_id, "t") == Lease(True)
    known.limit_time(30.0)
    assert store.check(run_id, "t").time_limit_s == store.append(run_id, "t", []).time_limit_s == known.time_limit_s == 30
    known.limit_time(None)
    assert store.check(run_id, "t").time_limit_s is None
    with pytest.raises(LabError, match="positive"):
        known.limit_time(0)


def test_a_run_past_its_limit_is_stopped_with_a_sentence_and_goes_on_when_resumed(store: Store, known: Lecturer) -> None:
    known.limit_time(0.5)
    run_id = start(store, "t", epochs=200, pause=0.05)
    assert Worker(store, store.run(run_id), "t", engine=counting).work() == FAILED
    run = store.run(run_id)
    assert run.error.startswith("The run passed the time limit of 0.5 s: resume it to go on")
    assert 0.5 < run.seconds < 30
    assert store.resume(run_id).state == QUEUED


def test_a_chosen_name_is_short_and_nobody_elses(store: Store) -> None:
    assert store.choose_name("guest-1", "  Ada   Lovelace ", "blue").name == "Ada Lovelace"
    assert store.choose_name("guest-1", "Ada lovelace", "red").colour == "red"
    for name in ("", "  ", "x" * 31, "a\u202eb", "ADA LOVELACE"):
        with pytest.raises(LabError):
            store.choose_name("guest-2", name, "blue")
    assert set(store.people()) == {"guest-1"}
