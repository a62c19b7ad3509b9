"""The supervisor's sign of life, in a file of the home folder: who it is, whether it beats, and what keeps it from working."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from compression import settings
from compression.runs.records import decode


@dataclass(frozen=True)
class Heartbeat:
    """What the supervisor says of itself: its process, whether it still starts, and its problem as a sentence."""

    pid: int
    starting: bool
    problem: str | None


def tell(*, starting: bool = False, problem: str | None = None) -> None:
    """Write this process's heartbeat; a disk that takes nothing is no reason to stop."""
    with suppress(OSError):
        partial = place("json.partial")
        partial.write_text(json.dumps(asdict(Heartbeat(os.getpid(), starting, problem))), encoding="utf-8")
        partial.replace(_file())


def beat() -> None:
    """Show that this process lives. It changes the file's time alone, which a full disk allows."""
    with suppress(OSError):
        os.utime(_file())


def read() -> Heartbeat | None:
    """Return the last heartbeat that was told, or None."""
    try:
        told = decode(_file().read_text(encoding="utf-8"))
        return None if told is None else Heartbeat(int(told["pid"]), bool(told["starting"]), told["problem"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def pulse() -> int:
    """Return a number that changes with every beat; 0 where there is none."""
    return _time_of(_file())


def want() -> None:
    """Say that somebody wants a supervisor to be there: one that has nothing to do then stays."""
    _wanted().touch()


def wanted() -> int:
    """Return a number that changes whenever somebody wants a supervisor to be there."""
    return _time_of(_wanted())


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def place(kind: str) -> Path:
    """Return the supervisor's file of a kind (lock, log …); machines that share a store may share the home, too."""
    name = f"supervisor-{settings.machine()}" if settings.shares_store() else "supervisor"
    return settings.home() / f"{name}.{kind}"


def _file() -> Path:
    return place("json")


def _wanted() -> Path:
    return place("wanted")
