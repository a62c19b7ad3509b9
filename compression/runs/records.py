"""What the store holds, as plain values: runs and their events, read so that a torn or foreign row never raises."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compression.texts import gettext as _

QUEUED, RUNNING, FINISHED = "queued", "running", "finished"
FAILED, CANCELLED, INTERRUPTED = "failed", "cancelled", "interrupted"
ACTIVE = (QUEUED, RUNNING)
TERMINAL = (FINISHED, FAILED, CANCELLED)
RESUMABLE = (INTERRUPTED, FAILED, CANCELLED)
COMMAND_LINE = "command line"  # the owner of what runs there
STATES = (*ACTIVE, *TERMINAL, INTERRUPTED)


@dataclass(frozen=True)
class Run:
    """One run as it stands in the store; times are seconds since 1970, `seconds` is the time worked on it so far.

    Attributes:
        progress: role, seed, epoch and epochs of the training at work, where known.
        host: the machine that works on it, or worked last.
        expected_s: how many seconds it was predicted to take.
        priority: runs of a higher number start first.
        time_limit_s: seconds after which it is stopped; none without a limit.
        cores: how many CPU cores it computes with.
        sweep: the sweep that asked for it.
    """

    id: str
    owner: str
    kind: str
    title: str
    spec: dict[str, Any]
    hash: str
    state: str
    device: str
    created: float
    started: float | None
    finished: float | None
    seconds: float
    stage: str
    fraction: float
    seconds_left: float | None
    cancelling: bool
    error: str | None
    result: dict[str, Any] | None
    progress: dict[str, Any] = field(default_factory=dict)
    host: str | None = None
    expected_s: float | None = None
    priority: int = 0
    time_limit_s: float | None = None
    cores: int = 1
    sweep: str | None = None

    @property
    def active(self) -> bool:
        """Tell whether the run still waits or works."""
        return self.state in ACTIVE


@dataclass(frozen=True)
class Event:
    """One event of a run: its number within the run, when it was stored, its type and what it says."""

    seq: int
    time: float
    type: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class StoredSweep:
    """A sweep as it stands in the store: its request, and for each cell the settings' values, `at`, and the id of its `run`."""

    id: str
    owner: str
    title: str
    spec: dict[str, Any]
    cells: list[dict[str, Any]]
    created: float


@dataclass(frozen=True)
class Person:
    """Someone with a name of their own: who, how they are called, their colour, and when they were last seen."""

    owner: str
    name: str
    colour: str
    seen: float


@dataclass(frozen=True)
class Lease:
    """What a worker hears from the store: whether the run is still its own, whether it should cancel, after how long to stop."""

    held: bool
    cancel: bool = False
    time_limit_s: float | None = None


@dataclass(frozen=True)
class Standing:
    """A lease as the store has it: each renewal changes it, so between two that are equal there was none.

    Attributes:
        lease_until: when it was renewed, by the clock of its holder; only told apart, never compared with a time.
        host: the machine of its holder.
        cancel: someone asked to cancel the run.
    """

    run: str
    token: str | None
    lease_until: float | None
    host: str | None = None
    cancel: bool = field(default=False, compare=False)


def encode(value: Any) -> str:
    """Return strict JSON; numbers that are not finite become null, an array's number becomes plain, anything else its text."""
    try:
        return json.dumps(value, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, default=str)


def text(value: Any) -> str:
    """Return a value's text as every database takes it: without lone surrogates, as in odd paths, and without zero bytes."""
    return str(value).encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def _finite(value: Any) -> Any:
    value = _plain(value) if hasattr(value, "item") else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def decode(text: Any) -> dict[str, Any] | None:
    """Return the object that a column holds, or None where it holds no JSON object."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def number(value: Any) -> float | None:
    """Return a finite number, or None."""
    try:
        converted = float(value)
    except (TypeError, ValueError):
        return None
    return converted if math.isfinite(converted) else None


def read_run(row: Mapping[str, Any]) -> Run:
    """Return the run of a row; a row that makes no sense reads as a failed run, which can be deleted."""
    return _run(row, decode(row["spec"]), decode(row["result"]))


def read_again(run: Run, row: Mapping[str, Any]) -> Run:
    """Return a run as a row without spec and result has it now, with those that it had."""
    return _run(row, run.spec or None, run.result)


def _run(row: Mapping[str, Any], spec: dict[str, Any] | None, result: dict[str, Any] | None) -> Run:
    state, error = row["state"], row["error"]
    if spec is None or state not in STATES:
        spec, state, error = spec or {}, FAILED, _("This entry of the store cannot be read; delete it.")
    return Run(
        id=str(row["id"]),
        owner=str(row["owner"]),
        kind=str(row["kind"]),
        title=str(row["title"] or ""),
        spec=spec,
        hash=str(row["hash"]),
        state=state,
        device=str(row["device"] or row["wanted_device"]),
        created=number(row["created"]) or 0.0,
        started=number(row["started"]),
        finished=number(row["finished"]),
        seconds=number(row["seconds"]) or 0.0,
        stage=str(row["stage"] or ""),
        fraction=min(max(number(row["fraction"]) or 0.0, 0.0), 1.0),
        seconds_left=number(row["seconds_left"]),
        cancelling=state == RUNNING and bool(row["cancel"]),
        error=None if error is None else str(error),
        result=result,
        progress=decode(row["progress"]) or {},
        host=None if row["host"] is None else str(row["host"]),
        expected_s=number(row["expected_s"]),
        priority=int(number(row["priority"]) or 0),
        time_limit_s=number(row["time_limit_s"]),
        cores=max(1, int(number(row["cores"]) or 1)),
        sweep=None if row["sweep"] is None else str(row["sweep"]),
    )


def read_sweep(row: Mapping[str, Any]) -> StoredSweep:
    """Return the sweep of a row; one that makes no sense has no cells."""
    held = decode(row["cells"]) or {}
    cells = [cell for cell in held.get("cells", []) if isinstance(cell, dict) and {"at", "run"} <= cell.keys()]
    created = number(row["created"]) or 0.0
    return StoredSweep(str(row["id"]), str(row["owner"]), str(row["title"]), decode(row["spec"]) or {}, cells, created)


def read_event(row: Mapping[str, Any]) -> Event | None:
    """Return the event of a row, or None where the row makes no sense."""
    payload, seq = decode(row["payload"]), number(row["seq"])
    if payload is None or seq is None:
        return None
    return Event(int(seq), number(row["time"]) or 0.0, str(row["type"]), payload)


def read_person(row: Mapping[str, Any]) -> Person:
    """Return the person of a row."""
    return Person(str(row["owner"]), str(row["name"]), str(row["colour"]), number(row["seen"]) or 0.0)
