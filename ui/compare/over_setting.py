"""Accuracy over a setting that differs between the runs side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.over_setting import HEIGHT, accuracy_over
from compression.charts.style import enlarged
from compression.roles import role_title
from compression.runs.frames import models_of
from compression.runs.records import Run
from compression.texts import gettext as _
from ui.address.settings import Address, refused
from ui.compare.names import MOST_SETTINGS, names
from ui.frame.pages import RUNS
from ui.run.differences import MISSING, flatten, is_logarithmic, leaves, numbers, setting_title, settings_rows
from ui.run.words import as_text, titles
from ui.widgets.live_chart import live_chart


def points(runs: Sequence[Run], path: str) -> pd.DataFrame:
    """Return the models of runs as `accuracy_over` takes them; runs without the setting or without an accuracy are left out."""
    rows = settings_rows(runs)
    values = [leaves(run.spec).get(path) for run in runs]
    as_numbers = numbers(value for value in values if value is not None)
    frame = []
    for index, run in enumerate(runs):
        told = {name: texts[index] for name, texts in rows.items() if name != path}
        others = [f"{setting_title(name)} {text}" for name, text in told.items() if text != MISSING]
        at = values[index] if as_numbers else flatten(run.spec).get(path)
        for role, model in models_of(run).items():
            if at is not None and isinstance(model.get("accuracy"), int | float):
                low, high = (model.get("accuracy_interval") or [None, None])[:2]
                called = role_title(role, titles(run.spec))
                frame.append((run.id, at, ", ".join(others), role, called, model["accuracy"], low, high))
    found = pd.DataFrame(frame, columns=["run", "at", "series", "role", "called", "accuracy", "low", "high"])
    if len(rows) <= MOST_SETTINGS + 1:
        return found
    alike = found.groupby("series")["run"].unique()
    named = names(runs)
    return found.assign(series=found["series"].map({told: ", ".join(named[run] for run in alike[told]) for told in alike.index}))


def settings_to_choose(runs: Sequence[Run]) -> list[str]:
    """Return the settings that at least two of the runs have with different values, the numbers first."""
    found = {path: {value for value in told if value != MISSING} for path, told in settings_rows(runs).items() if path != "kind"}
    paths = [path for path, values in found.items() if len(values) > 1]
    all_leaves = [leaves(run.spec) for run in runs]
    return sorted(paths, key=lambda path: not numbers(flat[path] for flat in all_leaves if path in flat))


def show(address: Address, runs: Sequence[Run], named: Mapping[str, str], picture: Mapping[str, Any]) -> None:
    """Draw accuracy over a setting, with a choice of the setting where several differ; a click on a point opens its run.

    Args:
        picture: the title and the notes of a saved picture.
    """
    paths = settings_to_choose(runs)
    if not paths:
        return
    path = _choose(address, paths)
    frame = points(runs, path)
    shown = set(frame["run"])
    if frame["at"].nunique() > 1:
        logarithmic = is_logarithmic(path, frame["at"].drop_duplicates().tolist())
        figure = enlarged(accuracy_over(frame, setting_title(path), logarithmic=logarithmic, revision=path))
        label = _("Test accuracy over {setting}").format(setting=setting_title(path))
        run = live_chart(figure, key="compare-chart-setting", label=label, height=HEIGHT, clickable=True, **picture)
        if run is not None:
            st.switch_page(RUNS.page(), query_params={"run": str(run)})
    if absent := [run for run in runs if run.id not in shown]:
        sentence = _("Not in this chart, for want of this setting or of an accuracy: {runs}.")
        st.caption(as_text(sentence.format(runs="; ".join(named[run.id] for run in absent))))


def _choose(address: Address, paths: Sequence[str]) -> str:
    def understand(text: str) -> str:
        if text not in paths:
            allowed = _("allowed is one of {names}").format(names=", ".join(paths))
            raise refused(_("accuracy over"), text, allowed, paths[0])
        return text

    if address.read("over", paths[0], understand) not in paths:
        st.session_state[address.key("over")] = paths[0]
    path = paths[0]
    if len(paths) > 1:
        looks = {"format_func": setting_title, "persist_state": "session"}
        path = st.selectbox(_("Accuracy over"), paths, key=address.key("over"), **looks)
    address.keep("over", path)
    return path
