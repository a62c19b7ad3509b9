"""A PostgreSQL server of the benchmark's own, which can go away and come back."""

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

BINARIES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
USER = "postgres"  # PostgreSQL refuses to run as root


def missing() -> str | None:
    """Return in one sentence what is missing for a server here, or None."""
    if _binaries() is None:
        return "There is no PostgreSQL on this machine (initdb was not found)."
    if importlib.util.find_spec("psycopg") is None:
        return 'PostgreSQL\'s driver is not installed (`pip install "psycopg[binary]"`).'
    return None


def _binaries() -> Path | None:
    if (found := shutil.which("initdb")) and not Path(found).is_symlink():
        return Path(found).parent
    places = [place for pattern in BINARIES for place in sorted(Path("/").glob(pattern[1:])) if (place / "initdb").exists()]
    return places[-1] if places else None


class Server:
    """A server in a folder; within `with` it runs.

    Args:
        folder: an empty folder; it is given to the user who runs the server where this process is root.
    """

    def __init__(self, folder: Path) -> None:
        self._data, self._binaries = folder / "data", _binaries()
        self._as = {"user": USER, "group": USER} if hasattr(os, "geteuid") and os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(folder, USER, USER)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"postgresql+psycopg://lab@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> "Server":
        self._run("initdb", "-A", "trust", "-U", "lab")
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._run("pg_ctl", "-m", "immediate", "stop")

    def away(self, seconds: float) -> None:
        """Stop the server as a crash would, and start it again after some time."""
        self._run("pg_ctl", "-m", "immediate", "stop")
        time.sleep(seconds)
        self._start()

    def _start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._data}"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self._data / "log"), "start")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), "-D", str(self._data), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._data.parent, **self._as)
