"""A network that two runs want at the same time is trained by one of them; the other waits for it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from compression import lab, networks
from compression.events import Event
from compression.execute import execute
from compression.networks import Workspace
from compression.recipe import teacher_recipe
from compression.spec import parse

SPEC = parse(
    {
        "kind": "distill",
        "dataset": {"name": "digits", "train_images": 100},
        "teacher": {"name": "mlp", "hidden": [8]},
        "student": {"name": "mlp", "hidden": [4]},
        "train": {"epochs": 1},
        "teacher_train": {"epochs": 3},
        "baseline": False,
        "seeds": [0],
    }
)
HOLD = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The roles that were trained, in order."""
    roles: list[str] = []
    own = lab.Lab.train

    def noting(self: lab.Lab, model: nn.Module, recipe: Any, *, role: str, **options: Any) -> Iterator[Event]:
        roles.append(role)
        return own(self, model, recipe, role=role, **options)

    monkeypatch.setattr(lab.Lab, "train", noting)
    return roles


def run(root: Path, name: str) -> Iterator[Event]:
    return execute(SPEC, Workspace(root / "runs" / name, root / "models", root / "runs"))


def until(events: Iterator[Event], **wanted: Any) -> Event:
    """Carry a run on to the next event that has these values."""
    return next(event for event in events if wanted.items() <= event.items())


def waits(events: Iterator[Event]) -> None:
    """Carry a run on to where it waits for its teacher."""
    until(events, text="Waiting for the teacher, which another run trains now")
    assert [next(events)["type"] for _beat in range(2)] == ["progress", "progress"]


def test_the_second_run_waits_for_the_first_and_takes_its_network(tmp_path: Path, trained: list[str]) -> None:
    first, second = run(tmp_path, "first"), run(tmp_path, "second")
    until(first, type="metric", role="teacher")
    waits(second)
    until(first, type="artifact", role="teacher")
    until(second, type="artifact", role="teacher")
    assert trained == ["teacher"]
    files = [(tmp_path / "runs" / name / "teacher-seed0.safetensors").read_bytes() for name in ("first", "second")]
    assert files[0] == files[1]
    until(second, type="artifact", role="student")


def test_where_the_first_run_is_cancelled_the_second_trains(tmp_path: Path, trained: list[str]) -> None:
    first, second = run(tmp_path, "first"), run(tmp_path, "second")
    until(first, type="metric", role="teacher")
    waits(second)
    first.close()
    until(second, type="artifact", role="teacher")
    assert trained == ["teacher", "teacher"]


def test_a_run_that_is_cancelled_while_it_waits_holds_nothing(tmp_path: Path, trained: list[str]) -> None:
    first, second = run(tmp_path, "first"), run(tmp_path, "second")
    until(first, type="metric", role="teacher")
    waits(second)
    second.close()
    until(first, type="artifact", role="teacher")
    until(run(tmp_path, "third"), type="artifact", role="teacher")
    assert trained == ["teacher"]


def test_a_killed_process_holds_nothing(tmp_path: Path, trained: list[str]) -> None:
    recipe = teacher_recipe(SPEC.dataset, SPEC.teacher_train)
    key = networks.cache_key(SPEC.dataset, SPEC.teacher, recipe, 0)
    (tmp_path / "models").mkdir()
    command = [sys.executable, "-c", HOLD, str(tmp_path / "models" / f"{key}.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        events = run(tmp_path, "second")
        waits(events)
        assert trained == []
        holder.kill()
        holder.wait()
        until(events, type="artifact", role="teacher")
    assert trained == ["teacher"]
