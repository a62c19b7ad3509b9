"""How a supervisor comes to life: started, detached, by whoever needs it first, and replaced where it no longer answers."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from compression import settings
from compression.runs import heartbeat
from compression.texts import gettext as _

MODULE = "compression.runs.supervisor"
STARTING_S, LONGEST_BACK_OFF_S = 5.0, 60.0
SILENT_S, GIVE_UP_S, GIVE_UP_STARTING_S = 20.0, 90.0, 600.0
LONGEST_GAP_S = 15.0
_guard = threading.RLock()


@dataclass
class _Known:
    """What this process knows of a home's supervisor: when it last started one, and how long the pulse has been the same."""

    started: float | None = None
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    pulse: int = 0
    since: float = 0.0
    looked: float = 0.0


_known: dict[str, _Known] = {}


def supervisor_lock() -> FileLock:
    """Return the lock that the supervisor of this home folder holds while it lives."""
    settings.home().mkdir(parents=True, exist_ok=True)
    return FileLock(heartbeat.place("lock"), thread_local=False)


def supervisor_alive() -> bool:
    """Tell whether a supervisor holds the lock; takes well under a millisecond."""
    lock = supervisor_lock()
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def supervisor_problem() -> str | None:
    """Return in one sentence why no run starts now; None while all is well. Cheap enough to call at every poll."""
    try:
        with _guard:
            alive, known, told = supervisor_alive(), _here(), heartbeat.read()
            failed = known.failures > 0 or (known.process is not None and known.process.poll() not in (None, 0))
            silent = _silence() > SILENT_S
    except OSError as error:
        return _("No run can start: the lab may not write to {home} ({reason}).").format(
            home=settings.home(), reason=error.strerror
        )
    if alive and silent and told is not None:
        return _("Process {pid}, which starts the runs, does not answer; it is replaced unless it does soon.").format(
            pid=told.pid
        )
    if told is not None and told.problem and (alive or failed):
        return _("No run can start now: {problem}").format(problem=told.problem)
    if known.failures and not alive:
        log = heartbeat.place("log")
        return _("No run can start: the process that starts them ends at once; {log} says why.").format(log=log)
    return None


def ensure_alive() -> None:
    """Start a supervisor unless one lives; cheap enough to call at every poll. Two that start at once sort it out by the lock.

    After a start that failed it waits longer each time before the next; a supervisor that has not answered for long is killed,
    which leaves its workers at work.
    """
    with _guard:
        known = _here()
        if known.started is not None and time.monotonic() - known.started < _back_off(known.failures):
            return
        if supervisor_alive():
            known.failures = 0
            heartbeat.want()
            _end_if_stuck()
            return
        if known.process is not None:
            if known.process.poll() is None and time.monotonic() - known.started < LONGEST_BACK_OFF_S:
                return
            known.failures = 0 if known.process.returncode == 0 else known.failures + 1
        known.started, known.process = time.monotonic(), start_supervisor()


def _back_off(failures: int) -> float:
    return min(STARTING_S * 2**failures, LONGEST_BACK_OFF_S)


def _here() -> _Known:
    return _known.setdefault(str(settings.home()), _Known())


def _silence() -> float:
    """Return for how many seconds the supervisor has not beaten, as far as this process was awake to see it."""
    known, now, pulse = _here(), time.monotonic(), heartbeat.pulse()
    if pulse != known.pulse or now - known.looked > LONGEST_GAP_S:
        known.pulse, known.since = pulse, now
    known.looked = now
    return now - known.since


def _end_if_stuck() -> None:
    told, silence = heartbeat.read(), _silence()
    if told is None or silence < (GIVE_UP_STARTING_S if told.starting else GIVE_UP_S):
        return
    with suppress(psutil.Error):
        process = psutil.Process(told.pid)
        if process.exe() == psutil.Process().exe():
            process.kill()
            process.wait(STARTING_S)


def start_supervisor() -> subprocess.Popen[bytes]:
    """Start a supervisor in a session of its own, so that no signal meant for this process or its terminal reaches it."""
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    detached = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    with heartbeat.place("log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **detached,
        )


def code_version() -> str:
    """Return a fingerprint of the engine's files, which changes when any of them does."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        status = path.stat()
        digest.update(f"{path}:{status.st_mtime_ns}:{status.st_size};".encode())
    return digest.hexdigest()
