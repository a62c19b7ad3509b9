"""Tidying frees what old runs hold, says how much it is before, and nothing that is still of use."""

import os
import time
from pathlib import Path

import pytest

from compression import settings
from compression.runs import tidy as tidying
from compression.runs.records import FAILED, FINISHED, INTERRUPTED
from compression.runs.store import Store
from compression.runs.tidy import CACHE, DELETED_RUNS, FINISHED_RUNS, IMAGES, UNFINISHED_RUNS, WEIGHTS, survey, tidy
from tests.runs.conftest import start, submit

OLD = time.time() - 40 * 86_400
METRIC = {"type": "metric", "role": "student", "seed": 0, "epoch": 1, "values": {"train_loss": 1.0}}


def ended(store: Store, state: str = FINISHED, *, owner: str = "ada", when: float = OLD, **spec: object) -> str:
    """Return a run that ended long ago, with an event, a network, a checkpoint and a log."""
    run_id = start(store, "t", owner=owner, **spec)
    store.append(run_id, "t", [METRIC])
    store.finish(run_id, "t", state, result={"models": {}} if state == FINISHED else None)
    with store._write() as connection:
        connection.exec_driver_sql(f"UPDATE runs SET finished = {when} WHERE id = '{run_id}'")
    for name, content in {"student-seed0.safetensors": run_id * 100, "a.checkpoint": "state" * 100, "log.txt": "words"}.items():
        _write(settings.runs_folder() / run_id / name, content, when)
    return run_id


def _write(path: Path, content: str, when: float = OLD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (when, when))
    return path


def files(run_id: str) -> set[str]:
    return {path.name for path in (settings.runs_folder() / run_id).glob("*")}


def everything(home: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file() and path.suffix != ".db"}


def test_a_survey_changes_nothing_and_tidying_frees_what_it_said(store: Store, home: Path) -> None:
    old, broken = ended(store), ended(store, FAILED)
    young = ended(store, when=time.time())
    before = everything(home)
    found = survey(store)
    assert everything(home) == before
    assert [part.count for part in found.parts.values()] == [1, 1, 0, 0, 0, 0]
    assert found.parts[FINISHED_RUNS].bytes == 1_000 + 500
    assert found.parts[UNFINISHED_RUNS].bytes > 1_000 + 500
    size = sum(map(len, before.values()))
    freed = tidy(store)
    assert freed.bytes == found.bytes
    assert size - sum(map(len, everything(home).values())) == found.parts[FINISHED_RUNS].bytes + 1_500
    assert (files(old), files(broken)) == ({"log.txt"}, {"log.txt"})
    assert files(young) == {"student-seed0.safetensors", "a.checkpoint", "log.txt"}
    assert [event.type for event in store.events(old)] == ["metric", "finished"]
    assert store.events(broken) == []
    assert store.run(old).result == {"models": {}}
    assert survey(store).bytes == 0


def test_runs_that_wait_or_work_keep_everything(store: Store) -> None:
    waiting = submit(store)
    working = ended(store, INTERRUPTED)
    resumed = ended(store, INTERRUPTED)
    store.resume(resumed)
    store.resume(working, device="cpu", token="u")
    _write(settings.runs_folder() / waiting / "a.checkpoint", "state")
    tidy(store, older_than_days=0)
    assert files(working) == files(resumed) == {"student-seed0.safetensors", "a.checkpoint", "log.txt"}
    assert files(waiting) == {"a.checkpoint"}
    assert len(store.events(working)) == 1


def test_a_network_that_another_run_takes_stays(store: Store) -> None:
    taken, other = ended(store), ended(store)
    ended(store, FAILED, teacher={"run": taken, "role": "student", "seed": 0})
    tidy(store)
    assert "student-seed0.safetensors" in files(taken)
    assert files(other) == {"log.txt"}


def test_one_person_frees_only_what_is_theirs(store: Store) -> None:
    mine, theirs = ended(store, owner="ada"), ended(store, owner="grace")
    stranger = _write(settings.runs_folder() / "0123456789" / "student.safetensors", "left")
    cached = _write(settings.models_folder() / "a.safetensors", "cached")
    found = tidy(store, owner="ada")
    assert (found.parts[DELETED_RUNS].count, found.parts[CACHE].count) == (0, 0)
    assert files(mine) == {"log.txt"}
    assert len(files(theirs)) == 3
    assert stranger.exists()
    assert cached.exists()


def test_what_deleted_runs_left_behind_is_freed(store: Store, tmp_path: Path) -> None:
    gone = ended(store)
    with store._write() as connection:
        connection.exec_driver_sql(f"DELETE FROM runs WHERE id = '{gone}'")
    young = _write(settings.runs_folder() / "9876543210" / "student.safetensors", "new", time.time())
    outside = _write(tmp_path / "elsewhere" / "precious.txt", "precious")
    (settings.runs_folder() / "1111111111").symlink_to(outside.parent)
    not_a_run = _write(settings.runs_folder() / "My notes" / "notes.txt", "notes")
    assert survey(store).parts[DELETED_RUNS].count == 1
    tidy(store)
    assert not (settings.runs_folder() / gone).exists()
    assert store.events(gone) == []
    assert young.exists()
    assert outside.exists()
    assert not_a_run.exists()


def test_cached_networks_stay_while_a_run_uses_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = ended(store, when=time.time())
    network = settings.runs_folder() / run_id / "student-seed0.safetensors"
    os.utime(network, (OLD, OLD))
    settings.models_folder().mkdir()
    linked = settings.models_folder() / "linked.safetensors"
    os.link(network, linked)
    copied = _write(settings.models_folder() / "copied.safetensors", network.read_text())
    same_size = _write(settings.models_folder() / "other.safetensors", "x" * network.stat().st_size)
    young = _write(settings.models_folder() / "young.safetensors", "young", time.time())
    found = tidy(store)
    assert (found.parts[CACHE].count, found.parts[CACHE].bytes) == (1, 1_000)
    assert (linked.exists(), copied.exists(), same_size.exists(), young.exists()) == (True, True, False, True)
    start(store, "w")
    store.delete(run_id)
    found = tidy(store)
    assert found.cache_in_use
    assert copied.exists()


def test_own_images_stay_while_they_are_young_or_a_run_names_them(store: Store) -> None:
    folder, names = settings.home() / "datasets", {name: "own-" + 24 * name for name in "abcde"}
    paths = {name: _write(folder / f"{names[name]}.safetensors", "images") for name in "abce"}
    os.utime(paths["b"])
    ended(store, scheme={"name": "another_task", "teacher_dataset": names["e"]})
    ended(store, dataset={"name": names["c"], "train_images": None, "split_seed": 0})
    half, other = _write(folder / f"{names['d']}.77.partial", "half"), _write(folder / "notes.txt", "words")
    found = tidy(store)
    assert (found.parts[IMAGES].count, found.parts[IMAGES].bytes) == (2, len("images") + len("half"))
    assert [path.exists() for path in (*paths.values(), half, other)] == [False, True, True, True, False, True]
    assert tidy(store, owner="ada").parts[IMAGES].count == 0


def test_a_file_with_two_names_is_counted_with_its_last(store: Store) -> None:
    run_id = ended(store)
    network = settings.runs_folder() / run_id / "student-seed0.safetensors"
    settings.models_folder().mkdir()
    os.link(network, settings.models_folder() / "linked.safetensors")
    assert survey(store, owner="ada").bytes == 500
    found = survey(store)
    assert (found.parts[FINISHED_RUNS].bytes, found.parts[CACHE].bytes) == (500, 1_000)
    tidy(store)
    assert list(settings.models_folder().iterdir()) == []


def test_a_run_resumed_meanwhile_keeps_its_events(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = ended(store, FAILED)
    found = survey(store)
    store.resume(run_id)
    monkeypatch.setattr(tidying, "survey", lambda *_given, **_more: found)
    tidy(store)
    assert [event.type for event in store.events(run_id)] == ["metric"]


def test_own_weights_stay_while_they_are_young_or_a_run_names_them(store: Store) -> None:
    folder, names = settings.weights_folder(), [32 * digit for digit in "abcd"]
    folder.mkdir(parents=True)
    for name in names:
        (folder / f"{name}.safetensors").write_bytes(b"x" * 100)
    for name in names[:3]:
        os.utime(folder / f"{name}.safetensors", (OLD, OLD))
    ended(store, teacher={"name": "cnn", "width": 4, "weights": names[0]})
    ended(store, model={"name": "cnn", "width": 4, "weights": names[1]})
    mine = survey(store, owner="ada", older_than_days=0).parts[WEIGHTS]
    assert [file.path.stem for file in mine.files] == [names[2]]  # the last is of today: somebody may be about to use it
    assert tidy(store).parts[WEIGHTS].count == 1
    assert {path.stem for path in folder.iterdir()} == {names[0], names[1], names[3]}
