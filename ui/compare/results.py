"""What came out of runs, in words, as far as it differs between them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from compression.charts.numbers import (
    format_bytes,
    format_count,
    format_macs,
    format_milliseconds,
    format_percent,
    format_points,
    format_seconds,
)
from compression.charts.style import ROLES, role_title
from compression.runs.records import Run
from compression.texts import gettext as _
from ui.run.differences import MISSING, OUTCOMES, Rows, differing


def results_rows(runs: Sequence[Run]) -> Rows:
    """Return the results that differ, a value a run; what came out of runs of different kinds stands in the same rows."""
    mixed = len({run.kind for run in runs}) > 1
    return differing([_results(run, mixed=mixed) for run in runs])


def _results(run: Run, *, mixed: bool) -> dict[str, str]:
    result = run.result or {}
    models, verdict = result.get("models"), result.get("verdict")
    told = {}
    if isinstance(verdict, Mapping) and verdict.get("difference") is not None:
        told[_("Difference in points")] = _with_interval(verdict["difference"], verdict.get("interval"), format_points)
    told[_("Time taken")] = format_seconds(run.seconds)
    for role in ROLES:
        model = models.get(role) if isinstance(models, Mapping) else None
        if isinstance(model, Mapping):
            title = _("Result") if mixed and role in OUTCOMES else role_title(role)
            told |= {f"{title}: {name}": text for name, text in _model_results(model).items()}
    return told


def _model_results(model: Mapping[str, Any]) -> dict[str, str]:
    latency = model.get("latency_ms")
    told = {_("test accuracy"): _with_interval(model.get("accuracy"), model.get("accuracy_interval"), format_percent)}
    for name, key, show in (
        (_("file size"), "size_bytes", format_bytes),
        (_("computation"), "macs", format_macs),
        (_("parameters"), "parameters", format_count),
        (_("non-zero"), "nonzero", format_count),
    ):
        if model.get(key) is not None and (key != "nonzero" or model[key] != model.get("parameters")):
            told[name] = show(model[key])
    if isinstance(latency, Mapping) and latency.get("median") is not None:
        shown = format_milliseconds(latency["median"])
        told[_("latency")] = _("{number}, simulated").format(number=shown) if latency.get("simulated") else shown
    return told


def _with_interval(value: Any, interval: Any, show: Callable[[float], str]) -> str:
    if value is None:
        return MISSING
    if not isinstance(interval, list) or len(interval) != 2 or None in interval:
        return show(value)
    return _("{value} ({low} to {high})").format(value=show(value), low=show(interval[0]), high=show(interval[1]))
