"""One worker in this process: what it reports, when, and how it ends."""

import errno
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compression import settings
from compression.errors import DataError, StoreError
from compression.runs import reporter, worker
from compression.runs.journal import Journal
from compression.runs.records import CANCELLED, FAILED, FINISHED, INTERRUPTED, RUNNING, Lease, Run
from compression.runs.reporter import Reporter
from compression.runs.store import Store
from compression.runs.worker import STALE, Engine, Worker
from tests.runs import engines
from tests.runs.conftest import submit, wait_until

METRIC = {"type": "metric", "role": "student", "seed": 0, "epoch": 1, "values": {"loss": 1.0}}


def claim(store: Store, **spec: object) -> Run:
    submit(store, **spec)
    return store.claim("t", {"cpu": 1})


def work(store: Store, run: Run, engine: Engine, **options: Any) -> str:
    return Worker(store, run, "t", engine=engine, **options).work()


def raising(error: Exception) -> Engine:
    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        yield METRIC
        raise error

    return engine


def endless(spec: dict, folder: Path, device: str) -> Iterator[dict]:
    while True:
        time.sleep(0.02)
        yield {"type": "progress", "fraction": 0.5, "seconds_left": None}


def test_a_run_is_told_from_first_event_to_result(store: Store) -> None:
    run, heard = claim(store, epochs=4), []
    assert work(store, run, engines.counting, listen=heard.append) == FINISHED
    assert store.run(run.id).result["models"]["student"]["accuracy"] == engines.counted(4)
    assert [event.type for event in store.events(run.id)] == ["stage", *["metric"] * 4, "result", "finished"]
    assert [event["type"] for event in heard] == ["stage", *["metric"] * 4, "result"]
    assert sorted(path.name for path in (settings.runs_folder() / run.id).iterdir()) == ["checkpoint.json"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DataError("The files of MNIST are missing."), "The files of MNIST are missing."),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full: free some space in "),
        (PermissionError(errno.EACCES, "Permission denied", "/models"), "The lab may not write to /models: "),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/runs/a"), "A file is where the lab needs the folder /runs/a: "),
        (MemoryError(), "The run needs more memory than its device has"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), "The run needs more memory than its device has"),
        (KeyError("weights"), "Something went wrong inside the lab (KeyError); the run's log has the details."),
    ],
)
def test_a_failure_is_one_sentence_and_a_traceback_in_the_log(store: Store, error: Exception, sentence: str) -> None:
    run = claim(store)
    assert work(store, run, raising(error)) == FAILED
    ended = store.run(run.id)
    assert (ended.state, ended.result) == (FAILED, None)
    assert ended.error.startswith(sentence)
    assert "\n" not in ended.error
    assert "Traceback" in (settings.runs_folder() / run.id / "log.txt").read_text()
    events = store.events(run.id)
    assert [event.type for event in events] == ["metric", "failed"]
    assert events[-1].payload == {"error": ended.error}


def test_a_run_whose_folder_is_removed_says_so(store: Store) -> None:
    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        yield METRIC
        shutil.rmtree(folder)
        (folder / "checkpoint").write_bytes(b"")

    run = claim(store)
    assert work(store, run, engine) == FAILED
    assert store.run(run.id).error == "The folder of this run was removed while it was at work: run it again."


def test_an_unknown_spec_fails_in_a_sentence(store: Store) -> None:
    run = claim(store)
    assert Worker(store, run, "t").work() == FAILED
    assert store.run(run.id).error.startswith("epochs: 5 is not allowed")


def test_an_absent_device_fails_in_a_sentence(store: Store) -> None:
    store.submit({"kind": "distill"}, "h", "distill", owner="ada", device="cuda:99")
    run = store.claim("t", {"cpu": 1})
    assert Worker(store, run, "t").work() == FAILED
    assert store.run(run.id).error.startswith("This machine has no device cuda:99")


def test_the_first_point_of_a_curve_does_not_wait_for_the_next_tick(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter, "TICK_S", 3600)
    run = claim(store)

    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        yield {"type": "stage", "text": "Training"}
        yield {**METRIC, "role": "teacher", "epoch": None}
        yield METRIC
        wait_until(lambda: any(event.payload.get("epoch") == 1 for event in store.events(run.id)), patience_s=20)
        yield {"type": "result", "result": {}}

    assert work(store, run, engine) == FINISHED


def test_what_has_no_epoch_is_no_point_of_a_curve(store: Store, tmp_path: Path) -> None:
    told = Reporter(store, claim(store).id, "t", lambda lease: None, journal=Journal(tmp_path / "journal"))
    told.add({**METRIC, "role": "teacher", "epoch": None})
    assert not told._wake.is_set()
    told.add(METRIC)
    assert told._wake.is_set()


class Spy(Store):
    """A store that counts writes, and fails those that it is told to fail."""

    def __init__(self, fail: Callable[[int], bool] = lambda attempt: False) -> None:
        super().__init__()
        self.writes: list[int] = []
        self.attempts, self._fail = 0, fail

    def append(self, run_id: str, token: str, events: Sequence, **rest: Any) -> Lease:
        self.attempts += 1
        if self._fail(self.attempts):
            time.sleep(0.2)
            raise StoreError("The store cannot be used: database or disk is full.")
        self.writes.append(len(events))
        return super().append(run_id, token, events, **rest)


def test_many_events_become_few_writes(home: Path) -> None:
    store = Spy()

    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        for epoch in range(200):
            time.sleep(0.01)
            yield {**METRIC, "epoch": epoch}
            yield {"type": "progress", "fraction": epoch / 200, "seconds_left": 1.0}
            yield {"type": "progress", "fraction": epoch / 200, "seconds_left": 0.5}
        yield {"type": "result", "result": {}}

    run = claim(store)
    assert work(store, run, engine) == FINISHED
    assert len(store.writes) <= store.run(run.id).seconds / reporter.TICK_S + 2
    told = store.events(run.id)
    assert [event.payload["epoch"] for event in told if event.type == "metric"] == list(range(200))
    assert len(told) == 202
    assert store.run(run.id).fraction == 1.0


def test_nothing_is_lost_while_the_store_is_out_of_reach(home: Path) -> None:
    store = Spy(fail=lambda attempt: 2 <= attempt <= 5)
    run = claim(store)

    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        epoch = 0
        while store.attempts < 7:
            time.sleep(0.05)
            epoch += 1
            yield {**METRIC, "epoch": epoch}
        yield {"type": "result", "result": {"epochs": epoch}}

    assert work(store, run, engine) == FINISHED
    epochs = [event.payload["epoch"] for event in store.events(run.id) if event.type == "metric"]
    assert epochs == list(range(1, store.run(run.id).result["epochs"] + 1))


def test_what_is_no_json_is_told_all_the_same(store: Store) -> None:
    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        yield {"type": "metric", "values": {"loss": np.float32(0.5), "nothing": np.float64("nan"), "path": folder}}
        yield {"type": "result", "result": {"accuracy": np.float64(0.25)}}

    run = claim(store)
    assert work(store, run, engine) == FINISHED
    values = store.events(run.id)[0].payload["values"]
    assert (values["loss"], values["nothing"], values["path"]) == (0.5, None, str(settings.runs_folder() / run.id))
    assert store.run(run.id).result == {"accuracy": 0.25}


@pytest.mark.parametrize("engine", [endless, engines.stuck])
def test_cancelling_stops_an_engine_whether_or_not_it_comes_back(store: Store, engine: Engine) -> None:
    run, handlers = claim(store), [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    threading.Timer(0.4, lambda: store.cancel(run.id)).start()
    assert work(store, run, engine) == CANCELLED
    assert (store.run(run.id).state, store.events(run.id)[-1].type) == (CANCELLED, "cancelled")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.mark.parametrize(
    ("number", "interrupt", "state"),
    [(signal.SIGTERM, CANCELLED, INTERRUPTED), (signal.SIGINT, CANCELLED, CANCELLED), (signal.SIGINT, INTERRUPTED, INTERRUPTED)],
)
@pytest.mark.parametrize("engine", [endless, engines.stuck])
def test_signals_end_a_run_in_order(store: Store, engine: Engine, number: int, interrupt: str, state: str) -> None:
    run = claim(store)
    threading.Timer(0.3, lambda: os.kill(os.getpid(), number)).start()
    assert work(store, run, engine, interrupt=interrupt) == state
    assert store.run(run.id).state == state


def test_an_engine_that_comes_back_in_time_is_closed_and_not_interrupted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PATIENCE_S", 60.0)
    ended = []

    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        yield METRIC
        store.cancel(run.id)
        try:
            yield from endless(spec, folder, device)
        except BaseException as end:
            ended.append(type(end))
            raise

    run = claim(store)
    assert work(store, run, engine) == CANCELLED
    assert ended == [GeneratorExit]


def test_a_worker_that_lost_its_lease_stops_and_leaves_the_run_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PATIENCE_S", 60.0)
    run, told_by_then = claim(store), []

    def take_over() -> None:
        store.finish(run.id, "t", INTERRUPTED)
        store.resume(run.id)
        store.claim("other", {"cpu": 1})
        told_by_then.extend(store.events(run.id))

    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        yield METRIC
        wait_until(lambda: store.events(run.id) != [])
        take_over()
        for event in endless(spec, folder, device):
            yield {**METRIC, "time": time.monotonic()}
            yield event

    assert work(store, run, engine) == STALE
    assert store.run(run.id).state == RUNNING
    assert store.check(run.id, "other").held
    assert told_by_then
    assert store.events(run.id) == told_by_then
    assert Journal(settings.runs_folder() / run.id / ".journal").left()  # another worker's, by now


def test_the_lease_is_renewed_again_and_again_while_the_engine_is_silent(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter, "RENEWAL_S", 0.1)
    run, renewals = claim(store), set()

    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        def renewed_often() -> bool:
            renewals.update(store.standings())
            return len(renewals) > 4

        wait_until(renewed_often, patience_s=20)
        yield {"type": "result", "result": {}}

    assert work(store, run, engine) == FINISHED
    assert {standing.token for standing in renewals} == {"t"}


def test_what_comes_while_events_are_stored_stays_in_the_journal(home: Path, tmp_path: Path) -> None:
    class Slow(Store):
        attempts = 0

        def append(self, *given: Any, **rest: Any) -> Lease:
            self.attempts += 1
            if self.attempts > 1:
                raise StoreError("The store cannot be used: the server closed the connection.")
            told.add({**METRIC, "epoch": 2})
            return super().append(*given, **rest)

    store, journal = Slow(), Journal(tmp_path / "journal")
    told = Reporter(store, claim(store).id, "t", lambda lease: None, journal=journal)
    told.add({**METRIC, "epoch": 1})
    told.start()
    wait_until(lambda: store.attempts > 1)
    assert told.close() == journal.left() == [{**METRIC, "epoch": 2}]


def test_a_lost_lease_leaves_the_journal_to_the_next_worker(store: Store, tmp_path: Path) -> None:
    heard, journal = [], Journal(tmp_path / "journal")
    told = Reporter(store, claim(store).id, "another", heard.append, journal=journal)
    told.add(METRIC)
    told.start()
    wait_until(lambda: heard != [])
    told.close()
    assert heard[0] == Lease(False)
    assert journal.left() == [METRIC]


class Absent(Store):
    """A store that ends a run only at the given attempt, and counts the attempts."""

    def __init__(self, until: int) -> None:
        super().__init__()
        self.attempts, self._until = 0, until

    def finish(self, *given: Any, **last: Any) -> bool:
        self.attempts += 1
        if self.attempts < self._until:
            raise StoreError("The store cannot be used: the server closed the connection.")
        return super().finish(*given, **last)


def test_the_last_word_is_tried_until_the_store_takes_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LONGEST_PAUSE_S", 0.01)
    store = Absent(until=30)
    run = claim(store, epochs=3)
    assert work(store, run, engines.counting) == FINISHED
    assert store.attempts == 30
    assert store.run(run.id).result["models"]["student"]["accuracy"] == engines.counted(3)
    log = (settings.runs_folder() / run.id / "log.txt").read_text()
    assert log.count("the server closed the connection") == 1


def test_the_last_word_is_not_tried_for_ever(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Absent(until=10**9)
    run = claim(store)
    monkeypatch.setattr(worker, "LAST_WORD_PATIENCE_S", 0.3)
    assert work(store, run, engines.counting) == STALE
    assert store.attempts > 1


def test_the_last_word_is_not_tried_for_a_home_that_is_gone(home: Path) -> None:
    store = Absent(until=10**9)
    run = claim(store)

    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        yield {"type": "result", "result": {}}
        shutil.rmtree(home)

    assert work(store, run, engine) == STALE


def test_room_for_the_last_words_is_kept_while_the_engine_works(store: Store) -> None:
    run, reserves = claim(store), []

    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        reserves.append(sum(path.stat().st_blocks * 512 for path in folder.iterdir() if path.name.startswith(".")))
        yield {"type": "result", "result": {}}

    assert work(store, run, engine) == FINISHED
    assert reserves[0] >= 128 * 1024
    assert [path.name for path in (settings.runs_folder() / run.id).iterdir()] == []


ODD = "folder/\udcff\x00"


def test_odd_characters_end_up_in_the_store_and_the_run_ends(store: Store) -> None:
    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        yield {"type": "stage", "text": f"Reading {ODD}"}
        yield METRIC
        raise DataError(f"{ODD} is missing.")

    run = claim(store)
    assert work(store, run, engine) == FAILED
    ended = store.run(run.id)
    assert (ended.stage, ended.error) == ("Reading folder/?", "folder/? is missing.")
    assert [event.type for event in store.events(run.id)] == ["stage", "metric", "failed"]


class Indigestible:
    """A value that no event can hold."""

    def __str__(self) -> str:
        raise ValueError("a planted bug")


def test_an_event_that_cannot_be_stored_is_left_out_and_the_others_are_not(home: Path) -> None:
    store = Spy()

    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        yield {**METRIC, "epoch": 1}
        yield {**METRIC, "epoch": 2, "bad": Indigestible()}
        yield {**METRIC, "epoch": 3}
        wait_until(lambda: len(store.events(run.id)) == 2)
        yield {**METRIC, "epoch": 4}
        yield {"type": "result", "result": {}}

    run = claim(store)
    assert work(store, run, engine) == FINISHED
    told = [event.payload["epoch"] for event in store.events(run.id) if event.type == "metric"]
    assert told == [1, 3, 4]
    log = (settings.runs_folder() / run.id / "log.txt").read_text()
    assert "An event of type 'metric' cannot be stored and is left out." in log
    assert "a planted bug" in log


def test_a_result_that_cannot_be_stored_fails_the_run(store: Store) -> None:
    def engine(spec: dict, folder: Path, device: str) -> Iterator[dict]:
        yield {"type": "stage", "text": "Measuring"}
        yield {"type": "result", "result": {"accuracy": Indigestible()}}

    run = claim(store)
    assert work(store, run, engine) == FAILED
    assert store.run(run.id).error.startswith("Something went wrong inside the lab (ValueError)")


def test_the_log_names_the_zone_of_its_times(store: Store) -> None:
    run = claim(store)
    assert work(store, run, raising(KeyError("weights"))) == FAILED
    log = (settings.runs_folder() / run.id / "log.txt").read_text()
    stamp = re.match(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d) Traceback", log).group(1)
    assert datetime.fromisoformat(stamp).tzinfo is not None


def test_an_interrupted_run_goes_on_to_the_same_numbers(store: Store) -> None:
    run = claim(store, epochs=8, pause=0.1)
    threading.Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
    assert work(store, run, engines.counting) == INTERRUPTED
    assert 0 < len([event for event in store.events(run.id) if event.type == "metric"]) < 8
    store.resume(run.id)
    assert work(store, store.claim("t", {"cpu": 1}), engines.counting) == FINISHED
    assert store.run(run.id).result["models"]["student"]["accuracy"] == engines.counted(8)
