"""What a worker's journal holds, whenever its process is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compression.runs.journal import Journal

REPLACING = """
import sys
from pathlib import Path
from compression.runs.journal import Journal
journal = Journal(Path(sys.argv[1]))
while True:
    journal.replace([{"type": "metric", "payload": {"epoch": number}} for number in range(100)])
"""


def metric(epoch: int) -> dict[str, object]:
    return {"type": "metric", "payload": {"epoch": epoch}}


def test_it_holds_metrics_and_artifacts_in_order_until_they_are_replaced(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    artifact = {"type": "artifact", "payload": {"name": "student"}}
    for event in (metric(0), {"type": "progress", "payload": {}}, artifact, metric(1)):
        journal.add(event)
    assert journal.left() == [metric(0), artifact, metric(1)]
    journal.replace([metric(1)])
    journal.add(metric(2))
    assert journal.left() == [metric(1), metric(2)]
    journal.replace([{"type": "progress", "payload": {}}])
    assert journal.left() == []
    assert not list(tmp_path.iterdir())


def test_an_unfinished_line_and_a_missing_folder_are_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.add(metric(0))
    with (tmp_path / "journal").open("a") as file:
        file.write('{"type": "metric", "payl')
    assert journal.left() == [metric(0)]
    nowhere = Journal(tmp_path / "gone" / "journal")
    nowhere.add(metric(0))
    nowhere.replace([metric(0)])
    assert nowhere.left() == []


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.003, 0.007])
def test_a_process_killed_while_it_replaces_leaves_the_old_events_or_the_new(tmp_path: Path, after_s: float) -> None:
    path = tmp_path / "journal"
    Journal(path).replace([metric(number) for number in range(100)])
    replacing = subprocess.Popen([sys.executable, "-c", REPLACING, str(path)])
    try:
        first = path.stat().st_ino
        while path.stat().st_ino == first:
            assert replacing.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            replacing.wait(after_s)
    finally:
        os.kill(replacing.pid, signal.SIGKILL)
        replacing.wait()
    assert Journal(path).left() == [metric(number) for number in range(100)]
