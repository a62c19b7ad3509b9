"""What the runs of a sweep have found by now, as rows, as charts and in a sentence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from compression.charts.numbers import byte_unit, format_bytes, format_milliseconds, format_percent
from compression.charts.over_setting import HEIGHT, accuracy_over
from compression.charts.plane import outcome_over_two
from compression.charts.style import axis, layout, percent_axis
from compression.measure.best import best_cell, spread
from compression.roles import role_title, roles_in_order
from compression.runs.records import CANCELLED, FAILED, FINISHED, INTERRUPTED, QUEUED, RUNNING
from compression.texts import gettext as _
from compression.texts import mark, ngettext
from ui.form.try_several import value_text
from ui.run.differences import is_logarithmic, numbers, setting_title
from ui.run.words import STATES, latency_text

OUTCOMES = {
    "validation_accuracy": mark("Validation accuracy"),
    "accuracy": mark("Test accuracy"),
    "agreement": mark("Agreement, test"),
    "size_bytes": mark("File size"),
    "latency_ms": mark("Latency"),
}
SHARES = ("validation_accuracy", "accuracy", "agreement")
FORMATS = {**dict.fromkeys(SHARES, format_percent), "size_bytes": format_bytes, "latency_ms": format_milliseconds}


@dataclass(frozen=True)
class Found:
    """A sweep's cells and what they found: rows as `runs.sweeping.outcomes` gives them, its settings with their values, and
    names of roles that are not the usual ones.
    """

    cells: Sequence[Mapping[str, Any]]
    over: Mapping[str, Sequence[Any]]
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def best(self) -> dict[str, Any] | None:
        """Return which cell is best, and which cannot be told apart from it."""
        return best_cell(self.cells)


def main_role(cell: Mapping[str, Any]) -> str:
    """Return the role that a sweep is about."""
    return "student" if "student" in (cell.get("models") or {}) else "compressed"


def value(model: Mapping[str, Any], outcome: str, images: int) -> tuple[float, float, float] | None:
    """Return an outcome of a role with its interval (not a number where there is none), or None where it is not known."""
    if outcome == "validation_accuracy":
        found = [row["validation_accuracy"] for row in model["per_seed"] if row.get("validation_accuracy") is not None]
        return spread(found, images) if found and images else None
    told = (model.get("latency_ms") or {}).get("median") if outcome == "latency_ms" else model.get(outcome)
    if told is None:
        return None
    low, high = model["accuracy_interval"] if outcome == "accuracy" else (float("nan"), float("nan"))
    return float(told), low, high


def figure(found: Found, outcome: str, revision: str) -> go.Figure:
    """Return the chart of an outcome over the swept settings: a line for one setting, a heat map for two."""
    return _line(found, outcome, revision) if len(found.over) == 1 else _plane(found, outcome, revision)


def _line(found: Found, outcome: str, revision: str) -> go.Figure:
    ((path, values),) = found.over.items()
    unit, name = _unit(found, outcome)
    rows = []
    for cell in found.cells:
        for role in roles_in_order(cell.get("models") or {}):
            told = value(cell["models"][role], outcome, (cell.get("images") or {}).get("validation", 0))
            if told is not None:
                at = cell["at"][path] if numbers(values) else value_text(cell["at"][path])
                number, low, high = (part / unit for part in told)
                text = _told(outcome, told, cell, role)
                rows.append((cell["run"], at, "", role, role_title(role, found.titles), number, low, high, text))
    frame = pd.DataFrame(rows, columns=["run", "at", "series", "role", "called", "accuracy", "low", "high", "told"])
    upwards = percent_axis(name) if outcome in SHARES else axis(name, rangemode="tozero")
    if frame.empty:
        across = axis(setting_title(path), showticklabels=False)
        looks = layout("", uirevision=revision, height=HEIGHT, xaxis=across, yaxis={**upwards, "showticklabels": False})
        return go.Figure(layout={**looks, "title": None})
    return accuracy_over(frame, setting_title(path), logarithmic=is_logarithmic(path, values), revision=revision, upwards=upwards)


def _plane(found: Found, outcome: str, revision: str) -> go.Figure:
    first, second = found.over
    as_good = (found.best or {}).get("as_good", [])
    unit, name = _unit(found, outcome)
    name = _(OUTCOMES[outcome]) if outcome in SHARES else name
    rows = []
    for cell in found.cells:
        role = main_role(cell)
        model = (cell.get("models") or {}).get(role)
        told = value(model, outcome, (cell.get("images") or {}).get("validation", 0)) if model else None
        texts = [value_text(cell["at"][path]) for path in (first, second)]
        shown = _told(outcome, (told[0], *[float("nan")] * 2), cell, role) if told else _state(cell)
        whole = _told(outcome, told, cell, role) if told else shown
        rows.append((*texts, told[0] / unit if told else None, shown, whole, cell["at"] in as_good, cell["run"]))
    frame = pd.DataFrame(rows, columns=["first", "second", "value", "told", "hover", "as_good", "run"])
    places = tuple([value_text(each) for each in found.over[path]] for path in (first, second))
    return outcome_over_two(
        frame, (setting_title(first), setting_title(second)), places, name, revision, shares=outcome in SHARES
    )


def _state(cell: Mapping[str, Any]) -> str:
    state = cell["state"]
    return {None: _("deleted"), FINISHED: "", QUEUED: "…", RUNNING: "…"}.get(state) or (
        _(STATES[state].title).lower() if state in STATES else ""
    )


def _unit(found: Found, outcome: str) -> tuple[float, str]:
    """Return by what values are divided for an axis, and what the axis is called."""
    name = _(OUTCOMES[outcome])
    if outcome in ("accuracy", "validation_accuracy"):
        return 1.0, _("{name}, 95 % interval").format(name=name)
    if outcome == "size_bytes":
        sizes = [model["size_bytes"] for cell in found.cells for model in (cell.get("models") or {}).values()]
        unit, title = byte_unit(max(sizes, default=1))
        return float(unit), f"{name} ({title})"
    if outcome == "latency_ms":
        models = (model for cell in found.cells for model in (cell.get("models") or {}).values())
        partly = any((model.get("latency_ms") or {}).get("simulated") for model in models)
        return 1.0, _("{name} (ms), partly simulated").format(name=name) if partly else f"{name} (ms)"
    return 1.0, name


def _told(outcome: str, told: tuple[float, float, float], cell: Mapping[str, Any], role: str) -> str:
    number, low, high = told
    if outcome == "latency_ms":
        return latency_text(cell["models"][role], [*cell["models"].values()])
    show = FORMATS[outcome]
    if math.isnan(low):
        return show(number)
    return _("{value} ({low} to {high})").format(value=show(number), low=show(low), high=show(high))


def sentence(found: Found) -> str:
    """Return what the sweep shows: which setting is best on validation images, and which cannot be told apart from it."""
    best = found.best
    if best is None:
        return ""
    cell = next(cell for cell in found.cells if cell["at"] == best["at"])
    accuracy = FORMATS["validation_accuracy"](value(cell["models"][main_role(cell)], "validation_accuracy", best["images"])[0])
    head = _("Best at {at}: {accuracy} on {images} validation images.")
    head = head.format(at=_at(best["at"]), accuracy=accuracy, images=best["images"])
    if best["seeds"] < 2:
        return f"{head} " + _("One seed cannot tell settings apart: run more seeds.")
    whole = best["finished"] == len(found.cells)
    others = [at for at in best["as_good"] if at != best["at"]]
    seeds = ngettext("{count} seed", "{count} seeds", best["seeds"]).format(count=best["seeds"])
    if not others:
        other = _("No other value that was tried is as good, with {seeds}.")
        return f"{head} " + (other if whole else _("No other that has finished is as good, with {seeds}.")).format(seeds=seeds)
    if len(others) == best["finished"] - 1:
        none = _("But no value that was tried can be told apart from it with {seeds}.")
        if not whole:
            none = _("But no other that has finished can be told apart from it with {seeds}.")
        return f"{head} {none.format(seeds=seeds)}"
    told = _("But {others} cannot be told apart from it with {seeds}.")
    return f"{head} " + told.format(others=_several(others, found), seeds=seeds)


def standing_text(found: Found) -> str:
    """Return how the runs of a sweep ended of which not all have finished, and why where none did."""
    states = [cell["state"] for cell in found.cells]
    parts = [_("{done} of {count} runs finished").format(done=states.count(FINISHED), count=len(states))]
    words = {FAILED: _("{count} failed"), CANCELLED: _("{count} cancelled"), INTERRUPTED: _("{count} interrupted")}
    words |= {None: _("{count} deleted")}
    told = ", ".join([*parts, *(words[state].format(count=states.count(state)) for state in words if state in states)]) + "."
    if None in states:
        told += " " + _("Run all settings again to replace what was deleted; what finished is not run again.")
    errors = {cell["error"] for cell in found.cells if cell.get("error")}
    return f"{told} {errors.pop()}" if FINISHED not in states and len(errors) == 1 else told


def _at(at: Mapping[str, Any]) -> str:
    return ", ".join(f"{setting_title(path)} = {value_text(given)}" for path, given in at.items())


def _several(others: Sequence[Mapping[str, Any]], found: Found) -> str:
    if len(found.over) > 1:
        return ngettext("{count} other", "{count} others", len(others)).format(count=len(others))
    return ", ".join(value_text(given) for at in others for given in at.values())
