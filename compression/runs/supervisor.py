"""The supervisor: one process a home folder that starts a worker for each run whose turn it is, and notices when one dies."""

import gc
import importlib
import math
import os
import secrets
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from filelock import Timeout

from compression import settings
from compression.errors import LabError
from compression.runs import heartbeat, worker
from compression.runs.children import CONTEXT, Children
from compression.runs.devices import available, slots
from compression.runs.launch import code_version, start_supervisor, supervisor_lock
from compression.runs.leases import Leases
from compression.runs.records import INTERRUPTED, QUEUED
from compression.runs.rows import DEVICES_OF
from compression.runs.store import Store
from compression.texts import gettext as _
from compression.texts import timestamp

BUSY_POLL_S = 0.04
QUIET_POLL_S = 0.15
QUIET_AFTER_S = 60.0
IDLE_S = 600
LOOK_S = 1.0
LOCK_PATIENCE_S = 5.0
PROBE_PATIENCE_S = 30.0


def warm(spec: Mapping[str, Any] | None = None) -> None:
    """Import what every worker needs or, of a spec, the libraries that its run needs beside.

    No tensor operation runs here: a process forked after one hangs.
    """
    import torch  # noqa: F401

    import compression.execute  # noqa: F401
    from compression.spec import libraries, load_methods

    load_methods()
    for library in libraries(spec or {}):
        with suppress(Exception):  # the worker meets the same trouble, and can say so
            importlib.import_module(library)
    gc.freeze()


def probe_devices() -> list[str]:
    """Return this machine's devices, asked in a child: a process that touched the GPU driver cannot fork workers that use it."""
    ours, theirs = CONTEXT.Pipe(duplex=False)
    child = CONTEXT.Process(target=_send_devices, args=(theirs,), daemon=True)
    child.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(PROBE_PATIENCE_S) else ["cpu"]
    except EOFError:
        return ["cpu"]
    finally:
        child.kill()
        child.join()


def _send_devices(connection: Connection) -> None:
    connection.send(available())


class Supervisor:
    """Claims queued runs and forks (or, where that is not safe, spawns) a worker for each.

    Guarantees: one a home folder; a queued run starts within 50 ms while the lab is in use and a slot is free; a worker that
    dies or stops answering leaves its run `interrupted` within the lease, whether or not anyone submits another, and a stall of
    the store, the machine or the clock interrupts none; a worker that does not obey is killed; a supervisor whose code is older
    than the files starts no run and makes room for a new one. Killed, it leaves its workers at work: their leases go on, and
    the next supervisor counts them. What keeps it from working stands in its heartbeat.

    Args:
        engine: what workers execute runs with.
        warm: imports what all workers need and, called with a spec before its run starts, what that one needs beside.
        probe: returns the devices.
        idle_s: how long it stays with nothing to do and nobody who wants it; what the settings say by default.
    """

    def __init__(
        self,
        *,
        engine: worker.Engine = worker.engine,
        warm: Callable[..., None] = warm,
        probe: Callable[[], list[str]] = probe_devices,
        idle_s: float | None = None,
    ) -> None:
        self._warm, self._probe, self._idle_s = warm, probe, idle_s
        self._children = Children(engine)
        self._version = code_version()
        self._leaving = False
        self._slots: dict[str, int] = {}
        self._last_work = self._last_look = 0.0
        self._wanted, self._problem = 0, None

    def serve(self) -> None:
        """Work until there has been nothing to do for a while; returns at once where another supervisor already serves.

        Raises:
            LabError: a setting is not allowed, or the store cannot be used; the heartbeat says so, too.
        """
        self._lock = supervisor_lock()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._leave)
        if not self._take_lock(LOCK_PATIENCE_S):
            return
        try:
            self._prepare()
        except Exception as error:
            heartbeat.tell(problem=worker.sentence(error))
            raise
        while True:
            successor = self._loop()
            if self._ousted():
                return self._part_from_workers()
            self._lock.release()
            if successor and not self._leaving:
                start_supervisor()
            # Whoever submitted just before the release saw the lock held and relies on us.
            elif not self._leaving and QUEUED in self._store.active_states() and self._take_lock(0):
                continue
            return None

    def _take_lock(self, patience_s: float) -> bool:
        try:
            self._lock.acquire(timeout=patience_s)
        except Timeout:
            return False
        self._place = _identity(self._lock.lock_file)
        return True

    def _prepare(self) -> None:
        heartbeat.beat()
        if self._idle_s is None:
            self._idle_s = settings.limit("LAB_SUPERVISOR_IDLE_SECONDS", IDLE_S)
        settings.gpu_slots(), settings.cpu_slots(), settings.threads()  # refused now, not by the first run
        self._store = Store()
        self._leases = Leases(self._store, machine=settings.machine() if settings.shares_store() else None)
        heartbeat.tell(starting=True)
        self._warm()
        self._slots = slots(self._probe())
        self._store.set_room_setting(f"{DEVICES_OF}{settings.machine()}", self._slots)
        heartbeat.tell()
        self._last_work, self._last_look = time.monotonic(), -math.inf

    def _loop(self) -> bool:
        """Tick until it is time to go; return whether a supervisor with newer code should follow."""
        while not self._leaving:
            if self._ousted():
                return False
            try:
                outdated = self._tick()
                self._tell(None)
            except Exception as error:
                outdated = False
                self._tell(error)
                time.sleep(LOOK_S)
            if outdated and not self._children:
                return True
            quiet = time.monotonic() - self._last_work
            if not self._children and quiet > self._idle_s:
                return False
            time.sleep(BUSY_POLL_S if self._children or quiet < QUIET_AFTER_S else QUIET_POLL_S)
        self._part_from_workers()
        return False

    def _ousted(self) -> bool:
        """Tell whether the home folder, and our lock in it, was removed or replaced."""
        return _identity(self._lock.lock_file) != self._place

    def _tell(self, error: Exception | None) -> None:
        problem = None if error is None else worker.sentence(error)
        if problem != self._problem:
            self._problem = problem
            heartbeat.tell(problem=problem)
            unexpected = error is not None and not isinstance(error, LabError)
            _say("".join(traceback.format_exception(error)) if unexpected else problem or "The store can be used again.")

    def _tick(self) -> bool:
        look = time.monotonic() - self._last_look > LOOK_S
        if look:
            self._last_look = time.monotonic()
            heartbeat.beat()
            if (wanted := heartbeat.wanted()) != self._wanted:
                self._wanted, self._last_work = wanted, time.monotonic()
            awake = self._children.awake()
        self._reap()
        if look:
            self._judge_leases(awake)
        active = self._store.active_states()
        if active:
            self._last_work = time.monotonic()
        if QUEUED not in active or not self._store.has_turn(self._slots):
            return False
        if code_version() != self._version:
            return True
        token = secrets.token_hex(16)
        run = self._store.claim(token, self._slots)
        if run is not None:
            self._warm(run.spec)
            self._store.close()
            self._children.start(run.id, token)
        return False

    def _judge_leases(self, awake: Collection[str]) -> None:
        standings, abandoned = self._leases.look(awake)
        for standing in abandoned:
            if self._store.abandon(standing):
                _say(f"Run {standing.run} of {standing.host} was interrupted: its lease was not renewed.")
        self._children.see_that_they_obey({(standing.run, standing.token) for standing in standings if not standing.cancel})

    def _reap(self) -> None:
        for (run_id, token), code in self._children.ended():
            error = _("The process of this run ended ({code}); resume it to go on where it was.").format(code=code)
            self._store.finish(run_id, token, INTERRUPTED, error=error)
            self._last_work = time.monotonic()

    def _leave(self, *_signal: object) -> None:
        self._leaving = True

    def _part_from_workers(self) -> None:
        self._children.part()
        with suppress(LabError):  # else their leases run out
            self._reap()


def _say(text: str) -> None:
    with suppress(OSError):  # a full disk takes no log
        print(timestamp(), text, file=sys.stderr, flush=True)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def main() -> None:
    """Serve the home folder that the environment names; a failed start ends with exit code 1."""
    try:
        Supervisor().serve()
    except LabError as error:
        sys.exit(f"{timestamp()} {error}")


if __name__ == "__main__":
    main()
