"""Durable background runs: the store, the supervisor and its workers.

Nothing here imports torch, so that a web page can submit and follow runs before it is loaded.
"""

import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from compression import settings
from compression.charts.numbers import format_seconds
from compression.errors import LabError, LimitError
from compression.runs.devices import named
from compression.runs.devices import slots as device_slots
from compression.runs.launch import ensure_alive, supervisor_problem
from compression.runs.records import FINISHED, Event, Run, number
from compression.runs.rows import DEVICES_OF, TIME_LIMIT
from compression.runs.snapshot import Snapshot
from compression.runs.store import Store
from compression.texts import gettext as _

if TYPE_CHECKING:
    from compression.networks import Workspace
    from compression.spec import Spec

__all__ = ["Event", "Run", "Store", "ensure_alive", "forecast_of", "newest", "resume", "store", "submit", "supervisor_problem"]

PACE_FRESH_S = 5.0


def store() -> Store:
    """Return this process's store of the home folder that the environment names now."""
    return _store(settings.database_url(), os.getpid())


@functools.lru_cache(maxsize=8)
def _store(url: str, _process: int) -> Store:
    return Store(url, begin_anew=True)


def newest(limit: int | None = None, *, states: tuple[str, ...] | None = None, fresh_s: float = 0.0) -> list[Run]:
    """Return the newest runs, the newest first, read once for all threads of this process.

    Args:
        limit: how many at most; all of them by default.
        states: only runs in these states.
        fresh_s: how many seconds old what is returned may be.
    """
    return _snapshot(settings.database_url(), os.getpid(), limit, states).look(fresh_s)


@functools.lru_cache(maxsize=8)
def _snapshot(url: str, process: int, limit: int | None, states: tuple[str, ...] | None) -> Snapshot:
    return Snapshot(_store(url, process), limit, states)


def submit(spec: "Spec", *, owner: str, device: str = "auto", title: str = "", time_limit_s: float | None = None) -> str:
    """Queue a run, make sure that a supervisor is there to start it, and return its id.

    Args:
        time_limit_s: seconds after which it is stopped, to be resumed; at most what the settings say, which is the default.

    Raises:
        SpecError: the device is none.
        LabError: a setting of the lab is not what is allowed.
        LimitError: the owner already has as many runs waiting or at work as one person may have, or the run would take longer
            than the settings allow.
    """
    settings.check()
    raw = spec.to_json()
    expected, most = forecast_of(spec, device), settings.long_run_s()
    if most is not None and (expected["expected_s"] or 0.0) > most:
        sentence = _("This run is expected to take {time}, and {most} is allowed here: ask for fewer epochs, images or seeds.")
        raise LimitError(sentence.format(time=format_seconds(expected["expected_s"]), most=format_seconds(most)))
    told = {"title": title, **expected, "time_limit_s": shorter(time_limit_s, settings.time_limit_s())}
    run_id = store().submit(raw, spec.hash, raw["kind"], owner=owner, device=named(device), **told)
    ensure_alive()
    return run_id


def shorter(*limits: float | None) -> float | None:
    """Return the shortest of several time limits, in seconds; None where there is none."""
    return min((limit for limit in limits if limit is not None), default=None)


def longest_s() -> float | None:
    """Return after how many seconds a run is stopped that has no limit of its own: the settings' limit or the lecturer's."""
    return shorter(settings.time_limit_s(), number(store().room_setting(TIME_LIMIT)))


def forecast_of(spec: "Spec", device: str = "auto") -> dict[str, Any]:
    """Return what is known of a run beforehand: the seconds that it will take, `expected_s`, and the `cores` it computes with.

    The seconds are None where they cannot be told, as when a network of an earlier run is gone.
    """
    from compression import estimate

    workspace, known, _slots = _known_beforehand(device)
    try:
        expected = estimate.predict_seconds(spec, workspace, **known)
        return {"expected_s": expected, "cores": estimate.cores(spec, workspace, settings.threads())}
    except LabError:
        return {"expected_s": None, "cores": 1}


def forecast_together(specs: Sequence["Spec"], device: str = "auto") -> float | None:
    """Return the seconds until the last of several runs ends that start now on a machine with nothing else to do.

    None where it cannot be told, as when a network of an earlier run is gone.
    """
    from compression.estimate_side_by_side import predict_together

    workspace, known, slots = _known_beforehand(device)
    try:
        return predict_together(specs, workspace, slots=slots, threads=settings.threads(), **known)
    except LabError:
        return None


def _known_beforehand(device: str) -> "tuple[Workspace, dict[str, Any], int]":
    """Return where runs find cached networks, the device and the pace of their trainings, and the slots of the device."""
    from compression.networks import Workspace
    from compression.runs.pace import MOST_RUNS, Pace

    slots = store().room_setting(f"{DEVICES_OF}{settings.machine()}") or {}
    if device == "auto":
        device = next((name for name in slots if name != "cpu"), "cpu")
    folder = settings.runs_folder()
    workspace = Workspace(folder / "none yet", settings.models_folder(), folder)
    pace = Pace(newest(MOST_RUNS, states=(FINISHED,), fresh_s=PACE_FRESH_S), device.partition(":")[0])
    return workspace, {"device": device, "pace": pace}, slots.get(device) or device_slots([device])[device]


def resume(run_id: str, *, owner: str | None = None) -> Run:
    """Queue an ended run again, to go on where it was, and make sure that a supervisor is there to start it.

    Raises:
        LabError: as `Store.resume`.
    """
    run = store().resume(run_id, owner=owner)
    ensure_alive()
    return run
