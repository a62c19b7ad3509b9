"""The table of runs side by side: a row a run, its settings that differ and its results as columns; and the files."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.numbers import format_bytes, format_macs, format_milliseconds, format_percent, format_seconds
from compression.measure.speed import latency_evidence
from compression.roles import role_title, roles_in_order
from compression.runs.frames import models_of
from compression.runs.records import Run
from compression.texts import gettext as _
from compression.texts import mark
from ui.compare.models_table import setting_cell
from ui.frame.pages import RUNS
from ui.run.decimals import interval_points
from ui.run.differences import MISSING, OUTCOMES, columns_of, in_common, leaves
from ui.run.outcome import outcome
from ui.run.verdicts import verdicts_of
from ui.run.words import kind_title, latency_text, owner_text, titles, what
from ui.widgets.table_height import table_height

MOST_ROWS_SHOWN = 12
COSTS: dict[str, tuple[str, Callable[[float], str]]] = {
    "size_bytes": (mark("File size"), format_bytes),
    "latency_ms": (mark("Latency"), format_milliseconds),
    "macs": (mark("Computation"), format_macs),
}


def show(runs: Sequence[Run], names: Mapping[str, str], viewer: str) -> None:
    """Draw the table, its file, and below it the links to the runs."""
    st.dataframe(table(runs, names, viewer), hide_index=True, height=table_height(len(runs), MOST_ROWS_SHOWN))
    with st.container(horizontal=True, vertical_alignment="center"):
        as_file = {"mime": "text/csv", "icon": ":material/download:", "on_click": "ignore"}
        st.download_button(_("This comparison as CSV"), lambda: csv(runs, names), "comparison.csv", **as_file)
        with st.popover(_("Open a run"), icon=":material/open_in_new:"):
            for run in runs:
                st.page_link(RUNS.page(), label=names[run.id], query_params={"run": run.id})


def table(runs: Sequence[Run], names: Mapping[str, str], viewer: str) -> pd.DataFrame:
    """Return the runs in words: settings that differ, accuracy with its interval a role, the verdict, costs that differ."""
    columns: dict[str, list[Any]] = {_("Run"): [names[run.id] for run in runs]}
    columns |= {
        title: [*map(setting_cell, values)] if None in values else values
        for title, values in columns_of(runs).items()
        if title != "Kind"
    }
    if len({run.kind for run in runs}) > 1:
        columns[_("Kind")] = [kind_title(run.kind) for run in runs]
    there = roles_in_order(role for run in runs for role in models_of(run))
    for role in sorted(there, key=lambda role: role not in OUTCOMES):
        told = [_accuracy(models_of(run).get(role)) for run in runs]
        if any(told):
            columns[_("{role}: test accuracy").format(role=role_called(role, runs))] = [text or MISSING for text in told]
    columns[_("Verdict")] = [verdict_sentence(run) or MISSING for run in runs]
    for key, (title, shown) in COSTS.items():
        values = [_cost(run, key) for run in runs]
        if key == "latency_ms":
            told = zip(runs, values, strict=True)
            columns[_(title)] = [
                MISSING if value is None else latency_text(_made(run), [*models_of(run).values()]) for run, value in told
            ]
        elif len(set(values)) > 1:
            columns[_(title)] = [MISSING if value is None else shown(value) for value in values]
    columns[_("Time taken")] = [format_seconds(run.seconds) for run in runs]
    columns[_("Owner")] = [owner_text(run.owner, viewer) for run in runs]
    return pd.DataFrame(columns)


def role_called(role: str, runs: Sequence[Run]) -> str:
    """Return what runs call a role, each name once."""
    having = [run for run in runs if role in models_of(run)] or runs
    return " / ".join(dict.fromkeys(role_title(role, titles(run.spec)) for run in having))


def verdict_sentence(run: Run) -> str:
    """Return the verdict of a run with its interval: `Yes, +3.6 points (1.4 to 5.9)`."""
    interval = _verdict(run).get("interval")
    sentence = outcome(run).sentence
    if not sentence or not interval:
        return sentence
    low, high = interval_points(interval, -_verdict(run).get("tolerance", 0.0))
    return _("{sentence} ({low} to {high})").format(sentence=sentence, low=low, high=high)


def _verdict(run: Run) -> Mapping[str, Any]:
    found = (run.result or {}).get("verdict")
    return found if isinstance(found, Mapping) else {}


def _accuracy(model: Mapping[str, Any] | None) -> str | None:
    if model is None or not isinstance(model.get("accuracy"), int | float):
        return None
    interval = model.get("accuracy_interval")
    if not isinstance(interval, list) or len(interval) != 2 or None in interval:
        return format_percent(model["accuracy"])
    low, high = (f"{100 * bound:.1f}" for bound in interval)
    return _("{value} ({low} to {high})").format(value=format_percent(model["accuracy"]), low=low, high=high)


def _cost(run: Run, key: str) -> float | None:
    model = _made(run)
    value = (model.get(key) or {}).get("median") if key == "latency_ms" else model.get(key)
    return value if isinstance(value, int | float) else None


def _made(run: Run) -> Mapping[str, Any]:
    """Return the network that a run is about."""
    return next((models_of(run)[role] for role in OUTCOMES if role in models_of(run)), {})


def csv(runs: Sequence[Run], names: Mapping[str, str]) -> str:
    """Return the comparison as a file for a spreadsheet: a row a run and role, with all settings and the verdict."""
    rows = []
    for run in runs:
        found = _verdict(run)
        low, high = found.get("interval") or (None, None)
        answers = verdicts_of(run) if run.result and found else []
        verdict = {"answer": found.get("answer"), "difference": found.get("difference"), "difference_low": low}
        verdict |= {"difference_high": high, "verdict": f"{answers[0].question} {answers[0].word}" if answers else None}
        roles = [*models_of(run).values()]
        for role, model in models_of(run).items():
            bounds = model.get("accuracy_interval") or [None, None]
            numbers = {"accuracy": model.get("accuracy"), "accuracy_low": bounds[0], "accuracy_high": bounds[-1]}
            latency = model.get("latency_ms") if isinstance(model.get("latency_ms"), Mapping) else {}
            costs = {name: model.get(name) for name in ("size_bytes", "macs", "parameters", "nonzero")}
            about = {
                "name": names[run.id],
                "run": run.id,
                "what": what(run),
                "role": role,
                "called": role_title(role, titles(run.spec)),
            }
            rows.append(
                about
                | numbers
                | costs
                | {"latency_ms": latency.get("median"), "latency_evidence": latency_evidence(model, roles)}
                | verdict
                | leaves(run.spec)
            )
    return pd.DataFrame(rows).to_csv(index=False)


def curves_csv(runs: Sequence[Run], names: Mapping[str, str], frame: pd.DataFrame) -> str:
    """Return curves as a file for a spreadsheet: beside each value its run's name, settings and verdict."""
    places = {run.id: index for index, run in enumerate(runs)}
    told = {title: [values[places[run]] for run in frame["run"]] for title, values in columns_of(runs).items()}
    about = {"name": frame["run"].map(names).tolist(), **told, "in_common": in_common(runs)}
    verdicts = {run.id: verdict_sentence(run) for run in runs}
    return frame.assign(**about, verdict=frame["run"].map(verdicts)).to_csv(index=False)
