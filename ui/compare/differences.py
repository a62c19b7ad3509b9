"""What differs between runs: their settings as dotted paths, their results in words, and a name for each from what differs."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from ui.run.words import kind_title

MISSING = "–"
LABEL_PARTS = 3
ID_DIGITS = 4
OUTCOMES = ("student", "compressed")

Rows = dict[str, list[str]]


def flatten(value: Any, path: str = "") -> dict[str, str]:
    """Return the leaves of a spec by dotted path, as text: `{"student.width": "2", "steps.0.name": "prune"}`."""
    if isinstance(value, Mapping) and value:
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        items = enumerate(value)
    else:
        return {path: _leaf(value)}
    return {leaf: text for key, item in items for leaf, text in flatten(item, f"{path}.{key}" if path else str(key)).items()}


def _leaf(value: Any) -> str:
    if value is None:
        return _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_leaf(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def differing(columns: Sequence[Mapping[str, str]]) -> Rows:
    """Return the rows in which the columns are not all the same; what belongs together stays together."""
    longest_first = sorted(columns, key=len, reverse=True)
    names = list(dict.fromkeys(name for column in longest_first for name in column))
    groups = list(dict.fromkeys(_group(name) for name in names))
    names.sort(key=lambda name: groups.index(_group(name)))
    rows = {name: [column.get(name, MISSING) for column in columns] for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _group(name: str) -> str:
    return re.split("[.:]", name)[0]


def settings_rows(runs: Sequence[Run]) -> Rows:
    """Return the settings that differ, by dotted path, a value a run; without those that merely come with another kind of run."""
    kinds = [run.kind for run in runs]

    def tells(values: Sequence[str]) -> bool:
        return MISSING not in values or len(set(zip(kinds, values, strict=True))) > len(set(kinds))

    rows = differing([flatten(run.spec) for run in runs])
    return {path: values for path, values in rows.items() if tells(values)}


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


def labels(runs: Sequence[Run]) -> dict[str, str]:
    """Return a name for each run, made of what differs: `temperature 8`; runs of the same settings are told apart by their id."""
    parts = _label_parts(runs)
    return {run.id: ", ".join(_enough(parts, run.id)) for run in runs}


def _label_parts(runs: Sequence[Run]) -> dict[str, list[str]]:
    kinds = {run.kind for run in runs}
    parts = {}
    for kind in kinds:
        alike = [run for run in runs if run.kind == kind]
        rows = settings_rows(alike)
        names = _short_names(rows)
        for index, run in enumerate(alike):
            told = [f"{name} {rows[path][index]}" for path, name in names.items() if rows[path][index] != MISSING]
            parts[run.id] = ([kind_title(kind)] if len(kinds) > 1 else []) + told
    return parts


def _enough(parts: Mapping[str, list[str]], run_id: str) -> list[str]:
    own, others = parts[run_id], [told for other, told in parts.items() if other != run_id]
    for count in range(LABEL_PARTS, max(LABEL_PARTS, len(own)) + 1):
        if own and all(told[:count] != own[:count] for told in others):
            return own[:count]
    return [*own, _("run {digits}").format(digits=run_id[:ID_DIGITS])]


def _short_names(paths: Iterable[str]) -> dict[str, str]:
    paths = [path for path in paths if path != "kind"]
    last = [_tail(path, 1) for path in paths]
    return {path: short if last.count(short) == 1 else _tail(path, 2) for path, short in zip(paths, last, strict=True)}


def _tail(path: str, length: int) -> str:
    parts = [part for part in path.split(".") if part != "name"] or [path]
    numbered = [_("step {number}").format(number=int(part) + 1) if part.isdigit() else part for part in parts]
    return " ".join(numbered[-length:])
