"""The store's guarantees, with real processes and threads where they are about those."""

import multiprocessing
import os
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event

from compression import runs, settings
from compression.errors import LabError, LimitError, NotFoundError, NotYoursError, StoreError
from compression.runs.records import ACTIVE, CANCELLED, FAILED, FINISHED, INTERRUPTED, QUEUED, RUNNING
from compression.runs.store import Store
from tests.runs.conftest import sqlite_only, submit, wait_until

CPU = {"cpu": 1}
FORK = multiprocessing.get_context("fork")


def claimed(store: Store, token: str = "t", **spec: object) -> str:
    run_id = submit(store, **spec)
    assert store.claim(token, {"cpu": 100}).id == run_id
    return run_id


def types(store: Store, run_id: str) -> list[str]:
    return [event.type for event in store.events(run_id)]


def test_a_run_goes_from_queue_to_result(store: Store) -> None:
    run_id = submit(store, temperature=4.0)
    assert (store.run(run_id).state, store.run(run_id).spec["temperature"]) == (QUEUED, 4.0)
    run = store.claim("t", CPU)
    assert (run.id, run.state, run.device) == (run_id, RUNNING, "cpu")
    assert store.append(
        run_id, "t", [{"type": "stage", "text": "Training"}, {"type": "progress", "fraction": 0.5, "seconds_left": 3}]
    ).held
    run = store.run(run_id)
    assert (run.stage, run.fraction, run.seconds_left) == ("Training", 0.5, 3)
    assert store.finish(run_id, "t", FINISHED, result={"models": {}}, events=[{"type": "metric", "values": {"loss": 1.0}}])
    run = store.run(run_id)
    assert (run.state, run.fraction, run.result, run.seconds_left) == (FINISHED, 1.0, {"models": {}}, None)
    assert types(store, run_id) == ["stage", "metric", "finished"]


def test_events_are_numbered_and_read_from_a_cursor(store: Store) -> None:
    run_id = claimed(store)
    for index in range(5):
        store.append(
            run_id, "t", [{"type": "metric", "values": {"loss": index}}, {"type": "metric", "values": {"loss": index + 0.5}}]
        )
    events = store.events(run_id)
    assert [event.seq for event in events] == list(range(1, 11))
    assert [event.payload["values"]["loss"] for event in store.events(run_id, after=7)] == [3.5, 4, 4.5]
    assert [event.seq for event in store.events(run_id, after=2, limit=3)] == [3, 4, 5]
    assert store.events("unknown") == []


def test_events_are_read_by_type_and_without_a_limit(store: Store) -> None:
    run_id = claimed(store)
    metrics = [{"type": "metric", "values": {"loss": 1.0}}] * 21_000
    store.append(run_id, "t", [{"type": "stage", "text": "a"}, *metrics, {"type": "artifact", "name": "b"}])
    assert len(store.events(run_id)) == 21_002
    assert [(event.seq, event.type) for event in store.events(run_id, types=["artifact", "stage"])] == [
        (1, "stage"),
        (21_002, "artifact"),
    ]
    assert [event.seq for event in store.events(run_id, after=1, types=["artifact", "stage"])] == [21_002]


def test_progress_is_a_part_of_the_run_and_never_an_event(store: Store) -> None:
    run_id = claimed(store)
    training = {"role": "student", "seed": 1, "epoch": 5, "epochs": 10}
    progress = {"type": "progress", "fraction": 0.5, "seconds_left": 30, **training}
    store.append(run_id, "t", [{"type": "metric", "values": {}}, {**progress, "fraction": 0.25, "epoch": 2.5}, progress])
    run = store.run(run_id)
    assert (run.fraction, run.seconds_left) == (0.5, 30)
    assert run.progress == training
    store.append(run_id, "t", [progress])
    store.append(run_id, "t", [{"type": "stage", "text": "Measuring"}])
    store.finish(run_id, "t", FINISHED, result={}, events=[progress])
    assert [(event.seq, event.type) for event in store.events(run_id)] == [(1, "metric"), (2, "stage"), (3, "finished")]


def test_ten_hours_of_progress_take_no_room(store: Store) -> None:
    run_id = claimed(store)
    progress = {"type": "progress", "seconds_left": None, "role": "student", "seed": 0, "epochs": 120}
    for epoch in range(120):
        beats = [{**progress, "fraction": epoch / 120, "epoch": epoch + beat / 1_200} for beat in range(1_200)]
        metric = {"type": "metric", "role": "student", "seed": 0, "epoch": epoch + 1, "values": {"train_loss": 1.0}}
        store.append(run_id, "t", [*beats, metric])
    store.finish(run_id, "t", FINISHED, result={}, events=[{"type": "artifact", "name": "student.safetensors"}])
    events = store.events(run_id)
    assert [event.payload["epoch"] for event in events if event.type == "metric"] == list(range(1, 121))
    assert [event.type for event in events[120:]] == ["artifact", "finished"]


def test_numbers_that_are_not_finite_are_stored_as_missing(store: Store) -> None:
    run_id = claimed(store)
    store.append(run_id, "t", [{"type": "metric", "values": {"loss": float("nan"), "other": [float("inf"), 1.0]}}])
    assert store.events(run_id)[0].payload["values"] == {"loss": None, "other": [None, 1.0]}


def test_a_stale_token_changes_nothing(store: Store) -> None:
    run_id = claimed(store, "old")
    store.finish(run_id, "old", INTERRUPTED)
    store.resume(run_id)
    assert store.claim("new", CPU).id == run_id
    before = store.run(run_id)
    assert not store.append(run_id, "old", [{"type": "metric", "values": {}}]).held
    assert not store.check(run_id, "old").held
    assert not store.finish(run_id, "old", FAILED, error="late")
    assert store.run(run_id) == before
    assert store.events(run_id) == []
    assert store.check(run_id, "new").held


def _claim_all(barrier: multiprocessing.Barrier, found: multiprocessing.Queue, name: str) -> None:
    store, taken = Store(), []
    barrier.wait()
    for attempt in range(40):
        run = store.claim(f"{name}-{attempt}", {"cpu": 1000})
        if run is not None:
            taken.append(run.id)
    found.put(taken)


def test_each_run_is_claimed_once_whoever_asks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_RUNS_PER_PERSON", "100")
    ids = {submit(store) for _index in range(30)}
    store.close()
    barrier, found = FORK.Barrier(4), FORK.Queue()
    children = [FORK.Process(target=_claim_all, args=(barrier, found, str(index))) for index in range(4)]
    for child in children:
        child.start()
    taken = [run_id for _child in children for run_id in found.get(timeout=60)]
    for child in children:
        child.join()
    assert Counter(taken) == Counter(ids)


def test_slots_are_never_overfilled(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_RUNS_PER_PERSON", "100")
    for _index in range(10):
        submit(store)
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda index: store.claim(str(index), {"cpu": 3}), range(16)))
    assert sum(run is not None for run in runs) == 3
    assert len(store.runs(states=[RUNNING])) == 3


def test_whoever_works_on_a_run_itself_waits_for_its_turn_like_everybody(store: Store) -> None:
    first = submit(store)
    own = store.start({"kind": "distill"}, "hash", "distill", owner="command line", device="cpu", token="c")
    assert (store.run(own).state, store.take(own, "c", CPU).state) == (QUEUED, QUEUED)  # `first` has waited longer
    assert not store.append(own, "c", [{"type": "metric", "values": {}}]).held  # whoever waits is not at work
    assert not store.finish(own, "c", FAILED)
    assert store.claim("a", CPU).id == first
    later = submit(store)
    assert store.take(own, "c", CPU).state == QUEUED
    store.finish(first, "a", FINISHED, result={})
    assert store.claim("b", CPU) is None  # it is the other's turn, and nobody else works on that run
    assert store.take(own, "wrong", CPU).state == QUEUED
    run = store.take(own, "c", CPU)
    assert (run.id, run.state, run.device) == (own, RUNNING, "cpu")
    assert store.check(own, "c").held
    assert store.claim("b", CPU) is None
    store.finish(own, "c", FINISHED, result={})
    assert store.claim("b", CPU).id == later


def test_whoever_waits_to_work_on_a_run_itself_holds_a_lease(store: Store) -> None:
    own = store.start({"kind": "distill"}, "hash", "distill", owner="command line", device="cpu", token="c")
    seen = store.standings()
    assert [(standing.run, standing.token) for standing in seen] == [(own, "c")]
    busy = {"cpu": 0}
    store.take(own, "c", busy)
    assert not store.abandon(seen[0])
    assert store.abandon(store.standings()[0])
    assert (store.run(own).state, store.take(own, "c", CPU).state) == (INTERRUPTED, INTERRUPTED)
    store.resume(own, device="cpu", token="d")
    assert store.cancel(own).state == CANCELLED
    assert store.take(own, "d", CPU).state == CANCELLED


def test_the_limit_a_person_holds_when_all_submit_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_RUNS_PER_PERSON", "3")

    def attempt(_index: int) -> bool:
        try:
            return bool(submit(store))
        except LimitError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(12))) == 3
    ended = store.claim("t", CPU)
    assert not attempt(0)  # a run at work counts, too
    store.finish(ended.id, "t", INTERRUPTED)
    submit(store, owner="grace")
    submit(store)
    with pytest.raises(LimitError, match="already have 3"):
        store.resume(ended.id)
    assert store.run(ended.id).state == INTERRUPTED


def test_only_an_unchanged_lease_is_abandoned(store: Store) -> None:
    live, late, cancelling = claimed(store, "a"), claimed(store, "b"), claimed(store, "c")
    store.cancel(cancelling)
    seen = {standing.run: standing for standing in store.standings()}
    assert set(seen) == {live, late, cancelling}
    assert [seen[run_id].cancel for run_id in (live, late, cancelling)] == [False, False, True]
    assert store.append(live, "a", []).held
    assert [store.abandon(seen[run_id]) for run_id in (live, late, cancelling)] == [False, True, True]
    assert [store.run(run_id).state for run_id in (live, late, cancelling)] == [RUNNING, INTERRUPTED, CANCELLED]
    assert (types(store, late), types(store, cancelling)) == ([], ["cancelled"])
    assert not store.abandon(seen[late])
    assert not store.append(late, "b", []).held
    store.delete(late)
    assert not store.abandon(seen[late])


def test_cancelling_is_immediate_in_the_queue_and_harmless_twice(store: Store) -> None:
    run_id = submit(store)
    assert store.cancel(run_id).state == CANCELLED
    assert store.cancel(run_id).state == CANCELLED
    assert types(store, run_id) == ["cancelled"]
    assert store.claim("t", CPU) is None


def test_cancelling_a_working_run_asks_its_worker(store: Store) -> None:
    run_id = claimed(store)
    assert not store.check(run_id, "t").cancel
    assert store.cancel(run_id).cancelling
    assert store.cancel(run_id).state == RUNNING
    assert store.check(run_id, "t").cancel
    assert store.append(run_id, "t", []).cancel
    store.finish(run_id, "t", INTERRUPTED, error="killed")
    assert (store.run(run_id).state, store.run(run_id).error) == (CANCELLED, None)


@pytest.mark.parametrize("state", [INTERRUPTED, FAILED, CANCELLED])
def test_an_ended_run_goes_on_and_has_one_last_word(store: Store, state: str) -> None:
    run_id = claimed(store)
    store.append(run_id, "t", [{"type": "metric", "values": {"loss": 1}}])
    store.finish(run_id, "t", state, error="why")
    assert (store.resume(run_id).state, store.run(run_id).error) == (QUEUED, None)
    store.claim("u", CPU)
    store.append(run_id, "u", [{"type": "metric", "values": {"loss": 2}}])
    store.finish(run_id, "u", FINISHED, result={})
    events = store.events(run_id)
    assert [event.type for event in events] == ["metric", "metric", "finished"]
    assert len({event.seq for event in events}) == 3
    assert events[1].seq > (2 if state != INTERRUPTED else 1)
    with pytest.raises(LabError, match="is finished"):
        store.resume(run_id)


def test_time_worked_is_what_the_worker_says_whatever_the_clock_does(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = claimed(store)
    store.append(run_id, "t", [], seconds=1.5)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    store.finish(run_id, "t", INTERRUPTED)
    assert store.run(run_id).seconds == 1.5
    store.resume(run_id, device="cpu", token="u")
    assert store.take(run_id, "u", CPU).seconds == 1.5
    store.finish(run_id, "u", FINISHED, result={}, seconds=4.0)
    assert store.run(run_id).seconds == 4.0


def test_people_look_after_their_own_runs(store: Store) -> None:
    run_id = submit(store, owner="ada")
    for action in (store.cancel, store.resume, store.delete):
        with pytest.raises(NotYoursError, match="belongs to someone else"):
            action(run_id, owner="grace")
        with pytest.raises(NotFoundError, match="no run"):
            action("../../etc", owner="ada")
    assert store.run(run_id).state == QUEUED
    assert [run.id for run in store.runs(owner="ada")] == [run_id]
    assert store.runs(owner="grace") == []


def test_deleting_removes_rows_and_folder_but_never_under_a_worker(store: Store) -> None:
    run_id = claimed(store)
    folder = settings.runs_folder() / run_id
    folder.mkdir(parents=True)
    (folder / "student.safetensors").write_bytes(b"weights")
    with pytest.raises(LabError, match="cancel it before"):
        store.delete(run_id, owner="ada")
    assert folder.exists()
    store.finish(run_id, "t", FINISHED, result={})
    store.delete(run_id, owner="ada")
    assert not folder.exists()
    assert store.events(run_id) == []
    with pytest.raises(NotFoundError):
        store.run(run_id)


def test_the_latest_finished_run_of_a_spec_is_found(store: Store) -> None:
    assert store.find_finished("hash") is None
    first, second, failed = claimed(store, "a"), claimed(store, "b"), claimed(store, "c")
    store.finish(first, "a", FINISHED, result={"models": {"student": {}}})
    assert store.find_finished("hash").id == first
    store.finish(second, "b", FINISHED, result={"models": {}})
    store.finish(failed, "c", FAILED, error="why")
    assert store.find_finished("hash").id == second
    assert store.find_finished("other") is None


def _edit(home: Path, *statements: tuple[str, tuple]) -> None:
    with sqlite3.connect(home / "lab.db") as connection:
        for statement, values in statements:
            connection.execute(statement, values)
    connection.close()


@sqlite_only
def test_torn_and_foreign_rows_never_make_the_store_unreadable(store: Store, home: Path) -> None:
    good, torn, odd, waiting = claimed(store), submit(store), submit(store), submit(store)
    store.append(good, "t", [{"type": "metric", "values": {"loss": 1}}])
    event = "INSERT INTO events (run, seq, time, type, payload) VALUES (?, ?, ?, ?, ?)"
    _edit(
        home,
        ("UPDATE runs SET spec = ?, created = 'yesterday', fraction = 'half' WHERE id = ?", ('{"kind": "dist', torn)),
        ("UPDATE runs SET state = 'pondering', started = ?, error = ?, result = '[1' WHERE id = ?", (b"\xff", b"\xff\xfe", odd)),
        ("UPDATE runs SET spec = CAST(x'ff7b' AS TEXT) WHERE id = ?", (waiting,)),
        (event, (good, 100, "now", "metric", '{"values": {"loss"')),
        (event, (good, 101, 1.0, b"\xff", b"\x00\xff")),
        (event, (good, 102, 1.0, "metric", '{"values": {"loss": 2}}')),
        ("CREATE TABLE stranger (anything)", ()),
    )
    assert {run.id for run in store.runs()} == {good, torn, odd, waiting}
    assert [store.run(run_id).state for run_id in (good, torn, odd, waiting)] == [RUNNING, FAILED, FAILED, FAILED]
    assert [event.payload["values"]["loss"] for event in store.events(good)] == [1, 2]
    assert store.claim("u", {"cpu": 9}).id in (torn, waiting)
    store.find_finished("hash")
    store.standings()
    store.delete(odd)
    assert odd not in {run.id for run in store.runs()}


@pytest.mark.parametrize(
    "content", [b"this is not a database, but a long enough text to be looked at" * 100, b"SQLite format 3\x00torn"]
)
@sqlite_only
def test_a_file_that_is_no_store_is_refused_in_a_sentence(home: Path, content: bytes) -> None:
    home.mkdir()
    (home / "lab.db").write_bytes(content)
    with pytest.raises(LabError, match=r"^The store cannot be opened: .*\.$"):
        Store()


@sqlite_only
def test_a_store_that_is_damaged_later_says_what_to_do(store: Store, home: Path) -> None:
    (home / "lab.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(LabError, match=r"move .*lab\.db away, and a new store is made"):
        Store().runs()


@pytest.mark.parametrize("url", ["postgresql+nodriver://x", "nonsense", "sqlite:////proc/nowhere/lab.db"])
def test_a_database_that_cannot_be_opened_is_a_sentence(home: Path, url: str) -> None:
    with pytest.raises(LabError, match="The store cannot be opened"):
        Store(url)


@sqlite_only
@pytest.mark.parametrize("replaced", [False, True])
def test_a_home_that_is_removed_under_a_server_is_begun_anew(
    home: Path, caplog: pytest.LogCaptureFixture, replaced: bool
) -> None:
    kept, other = runs.store(), None
    gone = submit(kept)
    shutil.rmtree(home)
    if replaced:
        other = submit(Store())
    assert [run.id for run in kept.runs()] == ([other] if replaced else [])
    assert "was removed or replaced" in caplog.text
    new = submit(kept)
    assert kept.run(new).state == QUEUED
    assert new in {run.id for run in Store().runs()}
    with pytest.raises(NotFoundError):
        kept.run(gone)


@sqlite_only
def test_a_worker_does_not_bring_a_removed_home_back(home: Path) -> None:
    store = Store()
    submit(store)
    shutil.rmtree(home)
    with pytest.raises(StoreError):
        submit(store)
    assert not home.exists()


@sqlite_only
def test_sqlite_keeps_its_rollback_journal_and_full_synchronisation(store: Store) -> None:
    with store._read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@sqlite_only
def test_a_write_waits_for_another_process_instead_of_failing(store: Store, home: Path) -> None:
    blocker = sqlite3.connect(home / "lab.db", isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(submit, store)
        time.sleep(0.5)
        assert not pending.done()
        blocker.execute("COMMIT")
        assert store.run(pending.result(30)).state == QUEUED
    blocker.close()


def _append_for_ever(run_id: str) -> None:
    store = Store()
    while True:
        store.append(run_id, "t", [{"type": "metric", "values": {"loss": 1.0}}] * 3)


def _has_more_events(store: Store, run_id: str, than: int) -> bool:
    return len(store.events(run_id)) > than


def test_a_writer_killed_at_any_moment_leaves_whole_batches(store: Store) -> None:
    run_id, numbers = claimed(store), []
    for attempt in range(6):
        store.close()
        child = FORK.Process(target=_append_for_ever, args=(run_id,))
        child.start()
        wait_until(partial(_has_more_events, store, run_id, len(numbers)))
        child.join(attempt * 0.007)  # another moment of its next write each time
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        numbers = [event.seq for event in store.events(run_id)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) % 3 == 0
    assert store.append(run_id, "t", [{"type": "metric", "values": {}}]).held
    assert store.events(run_id)[-1].seq == len(numbers) + 1


def finished(store: Store, **values: object) -> str:
    run_id = submit(store, **values)
    store.claim("t", {"cpu": 1000})
    assert store.finish(run_id, "t", FINISHED, result={"models": {}})
    return run_id


def test_pages_of_runs_follow_one_another_and_are_counted(store: Store) -> None:
    ids = [finished(store, owner="ada" if index % 2 else "grace") for index in range(7)]
    newest = ids[::-1]
    first = store.runs(limit=3)
    second = store.runs(limit=3, before=first[-1])
    assert [run.id for run in [*first, *second, *store.runs(before=second[-1])]] == newest
    assert [run.id for run in store.runs(owner="ada", limit=2)] == [ids[5], ids[3]]
    assert (store.count(), store.count(owner="ada"), store.count(states=[QUEUED]), store.count(kind="compress")) == (7, 3, 0, 0)
    assert store.runs(limit=None, spec_hash="other") == []


def test_a_limit_counts_after_everything_else(store: Store) -> None:
    wanted = store.submit({"kind": "compress"}, "hash", "compress", owner="ada")
    for _index in range(3):
        submit(store)
    assert [run.id for run in store.runs(kind="compress", limit=1)] == [wanted]


@sqlite_only
def test_questions_about_a_spec_an_owner_or_a_state_use_an_index(store: Store) -> None:
    questions = {
        "runs_by_hash": lambda: store.find_finished("hash"),
        "runs_by_state": store.active_states,
        "runs_by_owner": lambda: store.runs(owner="ada", states=[FINISHED]),
        "runs_by_kind": lambda: store.runs(kind="compress", states=[FINISHED]),
        "runs_by_created": lambda: store.runs(limit=10),
        "events_by_type": lambda: store.events("some", types=["artifact"]),
    }
    for index, ask in questions.items():
        assert index in _plan(store, ask)


def _plan(store: Store, ask: Callable[[], object]) -> str:
    """Return how SQLite carries out the one query that a question comes to."""
    asked = []

    def note(_connection: object, _cursor: object, statement: str, parameters: tuple, *_more: object) -> None:
        asked.append((statement, parameters))

    event.listen(store._engine, "before_cursor_execute", note)
    ask()
    event.remove(store._engine, "before_cursor_execute", note)
    with store._read() as connection:
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1][0]}", asked[-1][1]).all())


def test_people_have_names_and_the_room_has_settings(store: Store) -> None:
    assert (store.person("ada"), store.people(), store.room_setting("paused")) == (None, {}, None)
    before = time.time()
    store.name_person("ada", "Ada", "#0072B2")
    store.name_person("grace", "Grace", "#D55E00")
    person = store.name_person("ada", "Countess", "#009E73")
    assert store.person("ada") == person
    assert (person.name, person.colour) == ("Countess", "#009E73")
    assert before <= person.seen <= time.time()
    assert {owner: person.name for owner, person in store.people().items()} == {"ada": "Countess", "grace": "Grace"}
    store.set_room_setting("paused", True)
    store.set_room_setting("limits", {"minutes": 5})
    store.set_room_setting("paused", {"by": "ada"})
    assert (store.room_setting("paused"), store.room_setting("limits")) == ({"by": "ada"}, {"minutes": 5})
    store.set_room_setting("paused", None)
    assert store.room_setting("paused") is None


def test_active_states_are_those_that_occur(store: Store) -> None:
    assert store.active_states() == set()
    run_id = submit(store)
    assert store.active_states() == {QUEUED}
    store.claim("t", CPU)
    submit(store)
    assert store.active_states() == set(ACTIVE)
    store.finish(run_id, "t", FINISHED, result={})
    assert store.active_states() == {QUEUED}
