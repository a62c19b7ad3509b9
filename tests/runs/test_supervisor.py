"""Supervisors and workers as real processes, and what their deaths leave behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from compression import settings
from compression.runs import launch, supervisor
from compression.runs.launch import supervisor_alive
from compression.runs.records import CANCELLED, FAILED, FINISHED, INTERRUPTED, QUEUED, RUNNING
from compression.runs.store import Store
from compression.runs.supervisor import Supervisor
from tests.runs.conftest import start, submit, wait_for, wait_until
from tests.runs.engines import counted, counting

Serve = Callable[..., subprocess.Popen]
SHORT_LEASE = {"LEASE_S": 3.0}


def worker_of(process: subprocess.Popen) -> psutil.Process:
    wait_until(lambda: psutil.Process(process.pid).children())
    return psutil.Process(process.pid).children()[0]


def test_runs_are_worked_on_in_turn_in_processes_of_their_own(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_CPU_SLOTS", "1")
    process = serve()
    ids = [submit(store, epochs=3, pause=0.1), submit(store, epochs=4)]
    ended = [wait_for(store, run_id, FINISHED) for run_id in ids]
    assert [run.result["models"]["student"]["accuracy"] for run in ended] == [counted(3), counted(4)]
    assert ended[0].finished <= ended[1].started
    assert len({process.pid, os.getpid(), *(run.result["pid"] for run in ended)}) == 4
    assert os.getsid(process.pid) != os.getsid(0)


def test_small_runs_share_the_cores(store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CPU_SLOTS", "2")
    ids = [submit(store, epochs=500, pause=0.1) for _run in range(3)]
    serve()
    wait_until(lambda: [store.run(run_id).state for run_id in ids].count(RUNNING) == 2)
    wait_until(lambda: all(len(store.events(run_id)) > 2 for run_id in ids if store.run(run_id).state == RUNNING))
    assert [store.run(run_id).state for run_id in ids].count(QUEUED) == 1
    for run_id in ids:
        store.cancel(run_id)
    assert all(wait_for(store, run_id, CANCELLED) for run_id in ids)


def test_there_is_one_supervisor_a_home(store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    first = serve()
    wait_until(supervisor_alive)
    assert serve(LOCK_PATIENCE_S=0.1).wait(30) == 0
    assert first.poll() is None
    monkeypatch.setattr(launch, "start_supervisor", lambda: pytest.fail("one is already there"))
    launch.ensure_alive()


def test_it_goes_away_when_there_is_nothing_to_do_but_not_before(store: Store, serve: Serve) -> None:
    run_id = submit(store, epochs=2, pause=0.5)
    process = serve(idle_s=0.3)
    wait_for(store, run_id, FINISHED)
    assert process.wait(20) == 0
    assert not supervisor_alive()


def test_a_killed_worker_leaves_its_run_interrupted_and_it_resumes_to_the_same_numbers(store: Store, serve: Serve) -> None:
    process = serve()
    run_id = submit(store, epochs=6, pause=0.2)
    wait_until(lambda: len(store.events(run_id)) > 2)
    worker_of(process).kill()
    run = wait_for(store, run_id, INTERRUPTED)
    assert run.error == "The process of this run ended (-9); resume it to go on where it was."
    store.resume(run_id)
    assert wait_for(store, run_id, FINISHED).result["models"]["student"]["accuracy"] == counted(6)
    assert [event.type for event in store.events(run_id)].count("finished") == 1


def test_what_a_killed_worker_had_not_stored_yet_is_stored_by_the_next(store: Store, serve: Serve) -> None:
    serve()
    run_id = submit(store, epochs=6, die_at=4)  # within the first quarter of a second, and past its checkpoint
    wait_for(store, run_id, INTERRUPTED)
    store.resume(run_id)
    wait_for(store, run_id, FINISHED)
    told = [event.payload["epoch"] for event in store.events(run_id) if event.type == "metric"]
    assert list(dict.fromkeys(told)) == list(range(6))
    assert sorted(path.name for path in (settings.runs_folder() / run_id).iterdir()) == ["checkpoint.json", "log.txt"]


def test_a_frozen_worker_is_interrupted_by_its_lease_and_stops_when_it_wakes(store: Store, serve: Serve) -> None:
    process = serve(**SHORT_LEASE)
    run_id = submit(store, epochs=200, pause=0.1)
    wait_until(lambda: len(store.events(run_id)) > 2)
    frozen = worker_of(process)
    frozen.suspend()
    wait_for(store, run_id, INTERRUPTED)
    seen = store.events(run_id)
    frozen.resume()
    wait_until(lambda: not frozen.is_running() or frozen.status() == psutil.STATUS_ZOMBIE)
    assert store.run(run_id).state == INTERRUPTED
    assert store.events(run_id) == seen


def test_a_killed_supervisor_does_not_take_its_worker_along(store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CPU_SLOTS", "1")
    first = serve()
    run_id, following = submit(store, epochs=15, pause=0.2), submit(store, epochs=2)
    wait_until(lambda: len(store.events(run_id)) > 2)
    worker = worker_of(first)
    first.kill()
    first.wait()
    assert not supervisor_alive()
    serve()
    wait_until(supervisor_alive)
    time.sleep(0.5)
    assert worker.is_running()
    assert (store.run(run_id).state, store.run(following).state) == (RUNNING, QUEUED)
    assert wait_for(store, run_id, FINISHED).result["pid"] == worker.pid
    assert wait_for(store, following, FINISHED).started >= store.run(run_id).finished


def test_when_all_die_whoever_comes_next_interrupts_the_run(store: Store, serve: Serve) -> None:
    first = serve()
    run_id = submit(store, epochs=200, pause=0.2)
    wait_until(lambda: len(store.events(run_id)) > 2)
    worker = worker_of(first)
    first.kill()
    worker.kill()
    first.wait()
    assert store.run(run_id).state == RUNNING
    serve(**SHORT_LEASE)
    wait_for(store, run_id, INTERRUPTED)


def test_a_run_of_a_killed_command_line_is_interrupted_before_the_supervisor_leaves(store: Store, serve: Serve) -> None:
    run_id = start(store, "gone", owner="command line")
    process = serve(idle_s=1, **SHORT_LEASE)
    wait_for(store, run_id, INTERRUPTED)
    assert process.wait(20) == 0


def test_a_supervisor_told_to_stop_interrupts_its_runs(store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CPU_SLOTS", "1")
    process = serve()
    run_id, waiting = submit(store, epochs=200, pause=0.2), submit(store)
    wait_until(lambda: len(store.events(run_id)) > 1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert (store.run(run_id).state, store.run(waiting).state) == (INTERRUPTED, QUEUED)


@pytest.mark.parametrize(("engine", "obey_s", "killed"), [("stuck", 60.0, False), ("deaf", 1.0, True)])
def test_cancelling_reaches_a_worker_that_does_not_come_back(
    engine: str, obey_s: float, killed: bool, store: Store, serve: Serve
) -> None:
    serve(engine, OBEY_S=obey_s)
    run_id = submit(store)
    wait_until(lambda: store.events(run_id) != [])
    store.cancel(run_id)
    wait_for(store, run_id, CANCELLED)
    assert store.events(run_id)[-1].type == "cancelled"
    reserve = settings.runs_folder() / run_id / ".reserve"  # freed by a worker that has the last word
    assert reserve.exists() == killed


def test_one_failing_run_leaves_the_others_alone(store: Store, serve: Serve) -> None:
    serve()
    bad, dying, good = submit(store, raise_at=1), submit(store, die_at=1), submit(store, epochs=3)
    assert "RuntimeError" in wait_for(store, bad, FAILED).error
    assert "a planted bug" in (settings.runs_folder() / bad / "log.txt").read_text()
    wait_for(store, dying, INTERRUPTED)
    assert wait_for(store, good, FINISHED).result["models"]["student"]["accuracy"] == counted(3)


def test_outdated_code_starts_nothing_and_makes_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = []
    monkeypatch.setattr(signal, "signal", lambda *_arguments: None)
    monkeypatch.setattr(supervisor, "start_supervisor", lambda: followed.append(supervisor_alive()))
    old = Supervisor(engine=counting, warm=lambda *spec: None, probe=lambda: ["cpu"], idle_s=60)
    monkeypatch.setattr(supervisor, "code_version", lambda: "newer")
    run_id = submit(store)
    old.serve()
    assert followed == [False]
    assert store.run(run_id).state == QUEUED


def test_what_a_run_needs_is_imported_once_before_it_starts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_arguments: None)
    asked: list[tuple[Any, ...]] = []
    run_id = submit(store, epochs=1)

    def warm(*spec: Any) -> None:
        asked.append((*spec, store.run(run_id).state))

    Supervisor(engine=counting, warm=warm, probe=lambda: ["cpu"], idle_s=0.2).serve()
    run = store.run(run_id)
    assert run.state == FINISHED
    assert asked == [(QUEUED,), (run.spec, RUNNING)]


def test_the_fingerprint_of_the_code_changes_with_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").mkdir()
    monkeypatch.setattr(launch, "__file__", str(tmp_path / "runs" / "launch.py"))
    (tmp_path / "training.py").write_text("a = 1")
    before = launch.code_version()
    assert launch.code_version() == before
    (tmp_path / "training.py").write_text("a = 12")
    assert launch.code_version() != before


def test_a_run_submitted_as_the_supervisor_leaves_is_not_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_arguments: None)
    leaving = Supervisor(engine=counting, warm=lambda *spec: None, probe=lambda: ["cpu"], idle_s=0.2)
    loops = []

    def loop(self: Supervisor) -> bool:
        successor = original(self)
        loops.append(submit(store, epochs=1) if not loops else None)
        return successor

    original = Supervisor._loop
    monkeypatch.setattr(Supervisor, "_loop", loop)
    leaving.serve()
    assert store.run(loops[0]).state == FINISHED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_real_supervisor_outlives_the_process_that_submitted(store: Store, home: Path, number: int) -> None:
    script = "import time; from compression.runs import ensure_alive; ensure_alive(); print('on', flush=True); time.sleep(600)"
    server = subprocess.Popen([sys.executable, "-c", script], start_new_session=True, stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "on\n"
    wait_until(supervisor_alive)
    found = [child for child in psutil.Process(server.pid).children() if "compression.runs.supervisor" in child.cmdline()]
    assert len(found) == 1
    try:
        os.killpg(server.pid, number)
        server.wait(20)
        time.sleep(0.3)
        assert found[0].is_running()
        assert found[0].status() != psutil.STATUS_ZOMBIE
        assert supervisor_alive()
    finally:
        found[0].kill()
        wait_until(lambda: not supervisor_alive())
