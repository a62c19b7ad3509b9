"""The supervisor: one process a home folder that starts a worker for each run whose turn it is, and notices when one dies."""

import gc
import multiprocessing
import secrets
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from filelock import Timeout

from compression import settings
from compression.errors import LabError
from compression.runs import worker
from compression.runs.devices import available, slots
from compression.runs.launch import code_version, start_supervisor, supervisor_lock
from compression.runs.records import INTERRUPTED, QUEUED
from compression.runs.store import LEASE_S, Store
from compression.texts import gettext as _

BUSY_POLL_S = 0.04
QUIET_POLL_S = 0.15
QUIET_AFTER_S = 60.0
IDLE_S = 600
EXPIRY_S = 1.0
LOCK_PATIENCE_S = 5.0
PROBE_PATIENCE_S = 30.0
FAREWELL_S = 5.0
CONTEXT = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def warm() -> None:
    """Import what a worker needs, every method included, and run no tensor operation: a process forked after one hangs."""
    import torch  # noqa: F401

    import compression.execute  # noqa: F401
    from compression.spec import load_methods

    load_methods()
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
    dies or stops answering leaves its run `interrupted` within the lease, whether or not anyone submits another; a supervisor
    whose code is older than the files starts no run and makes room for a new one. Killed, it leaves its workers at work: their
    leases go on, and the next supervisor counts them.

    Args:
        engine: what workers execute runs with.
        warm: imports what workers need.
        probe: returns the devices.
        idle_s: how long it stays with nothing to do.
    """

    def __init__(
        self,
        *,
        engine: worker.Engine = worker.engine,
        warm: Callable[[], None] = warm,
        probe: Callable[[], list[str]] = probe_devices,
        idle_s: float | None = None,
    ) -> None:
        self._engine, self._warm, self._probe = engine, warm, probe
        self._idle_s = settings.limit("LAB_SUPERVISOR_IDLE_SECONDS", IDLE_S) if idle_s is None else idle_s
        self._children: dict[tuple[str, str], BaseProcess] = {}
        self._version = code_version()
        self._leaving = False
        self._slots: dict[str, int] = {}
        self._last_work = self._last_tick = self._last_expiry = self._patient_until = 0.0

    def serve(self) -> None:
        """Work until there has been nothing to do for a while; returns at once where another supervisor already serves."""
        lock = supervisor_lock()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._leave)
        try:
            lock.acquire(timeout=LOCK_PATIENCE_S)
        except Timeout:
            return
        self._store = Store()
        self._warm()
        self._slots = slots(self._probe())
        self._last_work, self._last_tick = time.monotonic(), time.time()
        while True:
            successor = self._loop()
            lock.release()
            if successor and not self._leaving:
                start_supervisor()
            # Whoever submitted just before the release saw the lock held and relies on us.
            elif not self._leaving and settings.home().exists() and QUEUED in self._store.active_states():
                try:
                    lock.acquire(timeout=0)
                    continue
                except Timeout:
                    pass
            return

    def _loop(self) -> bool:
        """Tick until it is time to go; return whether a supervisor with newer code should follow."""
        while not self._leaving:
            try:
                outdated = self._tick()
            except Exception as error:
                print(time.strftime("%Y-%m-%d %H:%M:%S"), error, file=sys.stderr, flush=True)
                if not isinstance(error, LabError):
                    traceback.print_exc()
                outdated = False
                time.sleep(EXPIRY_S)
            if outdated and not self._children:
                return True
            quiet = time.monotonic() - self._last_work
            if not self._children and (quiet > self._idle_s or not settings.home().exists()):
                return False
            time.sleep(BUSY_POLL_S if self._children or quiet < QUIET_AFTER_S else QUIET_POLL_S)
        self._part_from_workers()
        return False

    def _tick(self) -> bool:
        self._reap()
        self._expire()
        active = self._store.active_states()
        if active:
            self._last_work = time.monotonic()
        if QUEUED not in active:
            return False
        if code_version() != self._version:
            return True
        token = secrets.token_hex(16)
        run = self._store.claim(token, self._slots)
        if run is not None:
            self._start_worker(run.id, token)
        return False

    def _start_worker(self, run_id: str, token: str) -> None:
        self._store.close()
        child = CONTEXT.Process(target=_run_child, args=(run_id, token, self._engine), name=f"run {run_id}")
        child.start()
        self._children[run_id, token] = child

    def _reap(self) -> None:
        for (run_id, token), child in list(self._children.items()):
            if not child.is_alive():
                error = _("The process of this run ended ({code}); resume it to go on where it was.").format(code=child.exitcode)
                self._store.finish(run_id, token, INTERRUPTED, error=error)
                del self._children[run_id, token]
                self._last_work = time.monotonic()

    def _expire(self) -> None:
        now = time.time()
        if now - self._last_tick > LEASE_S:
            # The whole machine slept: its workers need a moment to renew their leases.
            self._patient_until = now + LEASE_S
        self._last_tick = now
        if now - self._last_expiry > EXPIRY_S and now > self._patient_until:
            self._last_expiry = now
            self._store.expire()

    def _leave(self, *_signal: object) -> None:
        self._leaving = True

    def _part_from_workers(self) -> None:
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + FAREWELL_S
        for child in self._children.values():
            child.join(max(0.0, deadline - time.monotonic()))
            child.kill()
        for child in self._children.values():
            child.join()
        self._reap()


def _run_child(run_id: str, token: str, engine: worker.Engine) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    worker.work(run_id, token, engine)


def main() -> None:
    """Serve the home folder that the environment names."""
    Supervisor().serve()


if __name__ == "__main__":
    main()
