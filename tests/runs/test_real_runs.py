"""The whole chain with the real engine: submit, supervisor, forked worker, kill, resume."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from compression import runs, settings
from compression.errors import SpecError
from compression.runs.launch import supervisor_alive
from compression.runs.records import CANCELLED, FINISHED, INTERRUPTED, RUNNING, Run
from compression.spec import parse
from tests.runs.conftest import fresh_home, wait_for, wait_until

DISTILL = {
    "kind": "distill",
    "dataset": {"name": "digits", "train_images": 200},
    "teacher": {"name": "mlp", "hidden": [16]},
    "student": {"name": "mlp", "hidden": [4]},
    "train": {"epochs": 200},
    "teacher_train": {"epochs": 2},
    "seeds": [0, 1],
}
COMPRESS = {
    "kind": "compress",
    "dataset": {"name": "digits", "train_images": 200},
    "model": {"name": "mlp", "hidden": [16]},
    "train": {"epochs": 2},
    "steps": [{"name": "prune", "sparsity": 0.5}, {"name": "finetune", "epochs": 200}],
    "seeds": [0, 1],
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a LAB_HOME whose supervisor serves several tests, since each that starts has to load torch; end it after them."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        home = fresh_home(tmp_path_factory.mktemp("real") / "home", monkeypatch)
        yield home
        for process in _ours(home):
            process.terminate()
        wait_until(lambda: not _ours(home))


def _ours(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            if "compression.runs.supervisor" in (process.info["cmdline"] or []) and process.environ().get("LAB_HOME") == str(
                home
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _undisturbed(spec: dict) -> Run:
    return wait_for(runs.store(), runs.submit(parse(spec), owner="ada"), FINISHED, patience_s=200)


def test_submitting_checks_the_device_before_anything_is_queued(home: Path) -> None:
    with pytest.raises(SpecError, match="device: 'tpu' is not allowed"):
        runs.submit(parse(DISTILL), owner="ada", device="tpu")
    assert runs.store().runs() == []
    assert not supervisor_alive()


@pytest.mark.parametrize(("spec", "role"), [(DISTILL, "student"), (COMPRESS, "compressed")])
def test_a_worker_killed_mid_run_resumes_to_the_same_numbers(served: Path, spec: dict, role: str) -> None:
    store = runs.store()
    run_id = runs.submit(parse(spec), owner="ada")

    def in_the_second_seed() -> bool:
        return any(event.payload["role"] == role and event.payload["seed"] == 1 for event in metrics())

    def metrics() -> list[runs.Event]:
        return [event for event in store.events(run_id) if event.type == "metric"]

    wait_until(in_the_second_seed, patience_s=120)
    assert store.run(run_id).state == RUNNING
    worker = next(process for process in _ours(served) if process.parent() in _ours(served))
    worker.kill()
    wait_for(store, run_id, INTERRUPTED, patience_s=10)
    told = len(store.events(run_id))
    runs.resume(run_id)
    resumed = wait_for(store, run_id, FINISHED, patience_s=200)
    undisturbed = _undisturbed(spec)
    assert set(resumed.result["models"]) == set(undisturbed.result["models"])
    for name, model in undisturbed.result["models"].items():
        assert resumed.result["models"][name]["per_seed"] == model["per_seed"]
    assert resumed.result["verdict"] == undisturbed.result["verdict"]
    # What the killed worker had not stored yet is told first; the engine begins with a stage.
    again = list(itertools.dropwhile(lambda event: event.type != "stage", store.events(run_id)[told:]))
    assert 0 < len(again) < len(store.events(undisturbed.id))


def test_a_run_from_the_queue_is_cancelled_and_leaves_a_log_without_errors(served: Path) -> None:
    store = runs.store()
    run_id = runs.submit(parse(DISTILL), owner="ada")
    wait_until(lambda: any(event.type == "metric" for event in store.events(run_id)), patience_s=60)
    store.cancel(run_id)
    wait_for(store, run_id, CANCELLED)
    assert "Traceback" not in (settings.runs_folder() / run_id / "log.txt").read_text()
    assert "Traceback" not in (served / "supervisor.log").read_text()
