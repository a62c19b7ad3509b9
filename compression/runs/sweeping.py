"""Asking for a sweep, and what its runs have found by now."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from compression import settings
from compression.charts.numbers import format_seconds
from compression.errors import LimitError
from compression.runs.devices import named
from compression.runs.launch import ensure_alive
from compression.runs.records import Run, StoredSweep
from compression.texts import gettext as _

if TYPE_CHECKING:
    from compression.sweep import Sweep


def submit_sweep(sweep: "Sweep", *, owner: str, device: str = "auto", title: str = "", time_limit_s: float | None = None) -> str:
    """Queue the runs of a sweep and return its id; a cell whose run finished before, whoever asked for it, is not run again.

    Args:
        time_limit_s: seconds after which each run is stopped, as for `runs.submit`.

    Raises:
        SpecError: the device is none.
        LimitError: the owner already has as many runs or sweeps waiting or at work as one person may have, or all runs together
            would take longer than the settings allow.
    """
    from compression import runs

    settings.check()
    store, most = runs.store(), settings.long_run_s()
    cells: list[dict[str, Any]] = []
    for cell in sweep.cells():
        found = store.find_finished(cell.spec.hash)
        if found is not None:
            cells.append({"at": cell.at, "run": found.id})
            continue
        raw, limit = cell.spec.to_json(), {"time_limit_s": runs.shorter(time_limit_s, settings.time_limit_s())}
        asked = {"spec": raw, "spec_hash": cell.spec.hash, "kind": raw["kind"], "title": title_of(cell.at)}
        cells.append({"at": cell.at, **asked, **runs.forecast_of(cell.spec, device), **limit})
    to_run = [cell.spec for cell, asked in zip(sweep.cells(), cells, strict=True) if "run" not in asked]
    expected = runs.forecast_together(to_run, device) if most is not None else None
    if expected is not None and expected > most:
        sentence = _(
            "These runs are expected to take {time} together, and {most} is allowed here: try fewer values, epochs or seeds."
        )
        raise LimitError(sentence.format(time=format_seconds(expected), most=format_seconds(most)))
    sweep_id = store.submit_sweep(sweep.to_json(), cells, owner=owner, device=named(device), title=title)
    ensure_alive()
    return sweep_id


def title_of(at: Mapping[str, Any]) -> str:
    """Return the title of a cell's run: the last part of each swept setting's path, and its value."""
    return ", ".join(f"{path.rpartition('.')[2]} {_shown(value)}" for path, value in at.items())


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name", value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def outcomes(sweep: StoredSweep, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return for each cell `at`, `run`, its `state` (None: deleted), `error`, and once finished `models`, `verdict`, `images`."""
    by_id = {run.id: run for run in runs}
    rows = []
    for cell in sweep.cells:
        run = by_id.get(cell["run"])
        result = (run.result if run else None) or {}
        found = {name: result.get(name) for name in ("models", "verdict", "images")}
        rows.append({**cell, "state": run.state if run else None, "error": run.error if run else None, **found})
    return rows
