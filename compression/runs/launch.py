"""How a supervisor comes to life: started, detached, by whoever needs it first."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from filelock import FileLock, Timeout

from compression import settings

STARTING_S = 5.0
_guard = threading.Lock()
_started: dict[str, tuple[float, subprocess.Popen[bytes]]] = {}


def supervisor_lock() -> FileLock:
    """Return the lock that the supervisor of this home folder holds while it lives."""
    home = settings.home()
    home.mkdir(parents=True, exist_ok=True)
    return FileLock(home / "supervisor.lock", thread_local=False)


def supervisor_alive() -> bool:
    """Tell whether a supervisor holds the lock; takes well under a millisecond."""
    lock = supervisor_lock()
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def ensure_alive() -> None:
    """Start a supervisor unless one lives; cheap enough to call at every poll. Two that start at once sort it out by the lock."""
    with _guard:
        home = str(settings.home())
        since, _process = _started.get(home, (-STARTING_S, None))
        if time.monotonic() - since > STARTING_S and not supervisor_alive():
            _started[home] = (time.monotonic(), start_supervisor())


def start_supervisor() -> subprocess.Popen[bytes]:
    """Start a supervisor in a session of its own, so that no signal meant for this process or its terminal reaches it."""
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    detached = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    with (settings.home() / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "compression.runs.supervisor"],
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
