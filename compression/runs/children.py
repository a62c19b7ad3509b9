"""The worker processes of a supervisor: started, watched, and ended where they do not obey or do not come back."""

import multiprocessing
import signal
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from multiprocessing.process import BaseProcess

import psutil

from compression.runs import worker

OBEY_S = 5.0
FROZEN_S = 20.0
LONGEST_GAP_S = 3.0
FAREWELL_S = 5.0
CONTEXT = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")

Key = tuple[str, str]  # the run's id and the token under which the child works on it


class Children:
    """The workers that this process started and that have not been reaped.

    Args:
        engine: what they execute runs with.
    """

    def __init__(self, engine: worker.Engine) -> None:
        self._engine = engine
        self._processes: dict[Key, BaseProcess] = {}
        self._disobeying: dict[Key, float] = {}
        self._frozen: dict[Key, float] = {}
        self._looked = time.monotonic()

    def __len__(self) -> int:
        return len(self._processes)

    def start(self, run_id: str, token: str) -> None:
        """Start the worker of a run that was claimed. No connection to the store may be open: the child would share it."""
        child = CONTEXT.Process(target=_work, args=(run_id, token, self._engine), name=f"run {run_id}")
        child.start()
        self._processes[run_id, token] = child

    def ended(self) -> Iterator[tuple[Key, int | None]]:
        """Yield each child that ended and its exit code; it is forgotten once the caller is done with it."""
        for key, child in list(self._processes.items()):
            if not child.is_alive():
                yield key, child.exitcode
                del self._processes[key]

    def awake(self) -> set[str]:
        """Return the tokens of those that live and are not frozen (by SIGSTOP, say); kill what has been frozen for long.

        A frozen process may hold the store's lock, so this asks nothing of the store.
        """
        now = time.monotonic()
        passed, self._looked = min(now - self._looked, LONGEST_GAP_S), now
        frozen = [key for key, child in self._processes.items() if _is_frozen(child)]
        self._frozen = {key: self._frozen.get(key, 0.0) + passed for key in frozen}
        for key, seconds in self._frozen.items():
            if seconds > FROZEN_S:
                self._processes[key].kill()
        return {token for run_id, token in self._processes if (run_id, token) not in self._frozen}

    def see_that_they_obey(self, may_work: Collection[Key]) -> None:
        """Kill those that should have ended some seconds ago: their run is no longer theirs, or is to be cancelled.

        Args:
            may_work: the leases that are held and not to be cancelled.
        """
        now = time.monotonic()
        self._disobeying = {key: self._disobeying.get(key, now) for key in self._processes if key not in may_work}
        for key, since in self._disobeying.items():
            if now - since > OBEY_S:
                self._processes[key].kill()

    def part(self) -> None:
        """Ask all to end, wait for a few seconds, and kill the others."""
        for child in self._processes.values():
            child.terminate()
        deadline = time.monotonic() + FAREWELL_S
        for child in self._processes.values():
            child.join(max(0.0, deadline - time.monotonic()))
            child.kill()
        for child in self._processes.values():
            child.join()


def _is_frozen(child: BaseProcess) -> bool:
    with suppress(psutil.Error):
        return psutil.Process(child.pid).status() == psutil.STATUS_STOPPED
    return False


def _work(run_id: str, token: str, engine: worker.Engine) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    worker.work(run_id, token, engine)
