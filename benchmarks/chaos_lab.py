"""A lab in a folder of its own whose processes can be stopped, frozen and killed, and whose clocks can be set."""

import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from safetensors.numpy import load_file

from compression.runs import heartbeat
from compression.runs.frames import metrics_frame
from compression.runs.leases import LEASE_S
from compression.runs.records import ACTIVE, FINISHED, INTERRUPTED, RUNNING, TERMINAL, Run
from compression.runs.store import Store
from compression.spec import parse

MODULE = "benchmarks.chaos_process"
OWNER = "chaos"
POLL_S = 0.2
PATIENCE_S = 400.0
LONGEST_VALUE = 40  # characters


class Lab:
    """A server, a supervisor and workers over one home folder.

    Args:
        home: the folder; it must not exist or be empty.
        slots: how many runs work at a time.
        database: the store's URL; SQLite in the home by default.
        lease_s: after how many seconds without renewal a lease counts as abandoned.
    """

    def __init__(self, home: Path, *, slots: int, database: str | None = None, lease_s: float = LEASE_S) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home, self._clocks = home, home / "clocks"
        self.set_clocks(0, 0)
        settings = {"LAB_HOME": home, "CHAOS_CLOCKS": self._clocks, "CHAOS_SLOTS": slots, "LAB_THREADS": 1}
        settings |= {"CHAOS_LEASE_SECONDS": lease_s}
        settings |= {"LAB_RUNS_PER_PERSON": 1000, "LAB_DATABASE_URL": database or f"sqlite:///{home / 'lab.db'}"}
        os.environ |= {name: str(value) for name, value in settings.items()}
        self.store = Store()
        self._server: subprocess.Popen[bytes] | None = None
        self.start_server()

    def start_server(self) -> None:
        """Start the server, unless it lives."""
        if self._server is None or self._server.poll() is not None:
            with (self.home / "server.log").open("ab") as log:
                command = [sys.executable, "-m", MODULE, "server"]
                self._server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def set_clocks(self, wall_s: float, steady_s: float) -> None:
        """Set by how much the clock on the wall and the monotonic clock are wrong."""
        partial = self._clocks.with_suffix(".partial")
        partial.write_text(f"{wall_s} {steady_s}")
        partial.replace(self._clocks)

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Return the living processes by what they are: server, supervisor, worker."""
        told = heartbeat.read()
        found: dict[str, list[psutil.Process]] = {"server": [], "supervisor": [], "worker": []}
        for process in psutil.process_iter(["cmdline", "status"]):
            with suppress(psutil.Error):
                command = process.info["cmdline"] or []
                if MODULE in command and process.info["status"] != psutil.STATUS_ZOMBIE and self._ours(process):
                    is_supervisor = told is not None and told.pid == process.pid
                    found["server" if "server" in command else "supervisor" if is_supervisor else "worker"].append(process)
        return found

    def _ours(self, process: psutil.Process) -> bool:
        return process.environ().get("LAB_HOME") == str(self.home)

    def everything(self) -> list[psutil.Process]:
        """Return all living processes, the server first, so that nobody starts what is being killed."""
        found = self.processes()
        return [*found["server"], *found["supervisor"], *found["worker"]]

    def kill(self, kind: str, chance: random.Random) -> bool:
        """Kill a process of a kind, or all of them, and tell whether there was one."""
        victims = self.everything() if kind == "all" else self.processes()[kind]
        if kind == "worker" and victims:
            victims = [chance.choice(victims)]
        for victim in victims:
            with suppress(psutil.Error):
                victim.kill()
        return bool(victims)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze all processes; when they wake, the supervisor comes first and the workers two seconds later."""
        asleep = self.everything()
        for process in asleep:
            process.suspend()
        yield
        for process in asleep:
            with suppress(psutil.Error):
                process.resume()
            if process == asleep[1]:
                time.sleep(2)

    def submit(self, raw: Mapping[str, Any]) -> str:
        """Queue a run and return its id."""
        spec = parse(dict(raw))
        return self.store.submit(spec.to_json(), spec.hash, spec.kind, owner=OWNER)

    def wait(self, ids: Sequence[str], *, states: Sequence[str] = (FINISHED,), go_on: bool = False) -> list[Run]:
        """Return the runs once all are in one of the states; interrupted ones go on where that is asked for.

        Raises:
            RuntimeError: it took too long, or a run was interrupted or failed that must not.
        """
        until = time.monotonic() + PATIENCE_S
        while True:
            found = [self.store.run(run_id) for run_id in ids]
            if all(run.state in states for run in found):
                return found
            if go_on:
                self.go_on()
            elif odd := [run for run in found if run.state not in (*states, *ACTIVE)]:
                raise RuntimeError(f"Run {odd[0].id} is {odd[0].state}: {odd[0].error}")
            if time.monotonic() > until:
                raise RuntimeError(f"After {PATIENCE_S:.0f} s: {[(run.id, run.state, run.error) for run in found]}")
            time.sleep(POLL_S)

    def wait_for_curves(self, ids: Sequence[str]) -> None:
        """Return once every run has told something of what it learns, so that all are at work."""
        until = time.monotonic() + PATIENCE_S
        while not all(self.store.events(run_id, types=("metric",), limit=1) for run_id in ids):
            if time.monotonic() > until:
                raise RuntimeError("The runs did not start.")
            time.sleep(POLL_S)

    def go_on(self) -> int:
        """Do what a person does: start the server where it is gone, resume what was interrupted. Return how many were."""
        self.start_server()
        interrupted = self.store.runs(states=[INTERRUPTED], limit=None)
        for run in interrupted:
            self.store.resume(run.id)
        return len(interrupted)

    def at_work(self) -> int:
        """Return how many runs are at work."""
        return len(self.store.runs(states=[RUNNING], limit=None))

    def close(self) -> None:
        """End all processes and forget the home."""
        until = time.monotonic() + PATIENCE_S
        while (left := self.everything()) and time.monotonic() < until:
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
            time.sleep(POLL_S)
        if self._server is not None:
            self._server.wait()
        self.store.close()
        os.environ.pop("LAB_DATABASE_URL")


def outcome(run: Run, home: Path, store: Store) -> dict[str, Any]:
    """Return what of a finished run must not depend on what happened meanwhile: numbers, curves, weights, one last event.

    Teacher and baseline may have been trained by an earlier run, which tells their curves and files otherwise: of them, the
    numbers count.
    """
    models = (run.result or {}).get("models", {})
    curves = metrics_frame(store.events(run.id)).query("role in ['student', 'compressed']")
    files = [path for role in ("student", "compressed") for path in (home / "runs" / run.id).glob(f"{role}-*.safetensors")]
    return {
        "numbers": {role: (model["per_seed"], model["size_bytes"]) for role, model in models.items()},
        "curves": curves.to_csv(index=False),
        "weights": {path.name: _digest(path) for path in files},
        "last": [event.type for event in store.events(run.id) if event.type in TERMINAL],
    }


def differences(found: Any, whole: Any, place: str = "") -> list[str]:
    """Return where two outcomes differ, with both values where these are short."""
    if isinstance(found, Mapping) and isinstance(whole, Mapping):
        names = dict.fromkeys([*found, *whole])
        return [told for name in names for told in differences(found.get(name), whole.get(name), f"{place}.{name}".strip("."))]
    if isinstance(found, list | tuple) and isinstance(whole, list | tuple) and len(found) == len(whole):
        pairs = enumerate(zip(found, whole, strict=True))
        return [told for index, pair in pairs for told in differences(*pair, f"{place}.{index}")]
    values = [text if len(text := str(value)) <= LONGEST_VALUE else "…" for value in (found, whole)]
    return [] if found == whole else [f"{place} {values[0]} for {values[1]}"]


def _digest(path: Path) -> str:
    """Return a fingerprint of a file's tensors; beside them it tells when and where it was made."""
    digest = hashlib.sha256()
    for name, tensor in sorted(load_file(path).items()):
        digest.update(name.encode() + tensor.tobytes())
    return digest.hexdigest()
