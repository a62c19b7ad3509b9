"""Every finished model in one table; marking rows puts their runs side by side."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.numbers import format_bytes, format_count, format_milliseconds, format_percent, scale
from compression.charts.style import role_look
from compression.charts.tradeoff import evidence_title
from compression.roles import role_title
from compression.runs.frames import models_frame, models_of
from compression.runs.records import Run
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.run.differences import OUTCOMES, columns_of, settings_rows
from ui.run.words import kind_title, network, owner_text, settings_text, titles
from ui.widgets import row_selection
from ui.widgets.table_height import table_height

MADE_FROM = {  # the parts of a spec that decide over a role's network; over those that are not here, all of them
    "teacher": ("dataset", "teacher", "teacher_train"),
    "baseline": ("dataset", "transfer", "student", "train", "seeds", "tune"),
    "original": ("dataset", "model", "train"),
}
MOST_SETTINGS = 8  # as columns
KEY = "compare-models"
SIGNS = {  # of the markers in charts
    **{"square": "■", "triangle-up": "▲", "circle": "●", "diamond": "◆"},
    **{"pentagon": "⬟", "hexagon": "⬢", "star": "★", "cross": "✚"},
}
MOST_ROWS_SHOWN = 10

Columns = dict[str, tuple[str, Callable[[Any], str] | None]]


def models(runs: Sequence[Run], viewer: str) -> pd.DataFrame:
    """Return the models frame of finished runs in words: their networks, their run's settings and its owner."""
    frame = models_frame(runs)
    runs_by_id = {run.id: run for run in runs}
    settings = {run.id: settings_text(run.spec) for run in runs}
    made = {(run.id, role): network(model.get("architecture")) for run in runs for role, model in models_of(run).items()}
    called = {run.id: titles(run.spec) for run in runs}
    return frame.assign(
        called=[role_title(role, called[run]) for run, role in zip(frame["run"], frame["role"], strict=True)],
        model=[made[key] for key in zip(frame["run"], frame["role"], strict=True)],
        settings=frame["run"].map(settings),
        network=[_identity(runs_by_id[run], role) for run, role in zip(frame["run"], frame["role"], strict=True)],
        who=[owner_text(person, viewer) for person in frame["owner"]],
    )


def _identity(run: Run, role: str) -> str:
    """Return what tells whether two rows are the same network: what it was made from, and what came out."""
    model = models_of(run)[role]
    parts = _made_from(run, role) or run.spec
    found = [model.get(name) for name in ("accuracy", "size_bytes", "nonzero", "per_seed")]
    return json.dumps([role, run.kind, {part: run.spec.get(part) for part in parts}, found], sort_keys=True, default=str)


def _made_from(run: Run, role: str) -> Sequence[str]:
    """Return the parts of a run's spec that decide over a role's network; nothing where all of them do."""
    return () if models_of(run)[role].get("beside") else MADE_FROM.get(role, ())


def one_per_network(frame: pd.DataFrame, marked: Sequence[str]) -> pd.DataFrame:
    """Return each network once, as the newest run has it that made or used it; a marked run keeps its own main network.

    The column `runs` says how many runs have it.
    """
    is_marked = frame["run"].isin(list(marked))
    first = frame.loc[is_marked.sort_values(ascending=False, kind="stable").index]
    again = first.duplicated("network") & ~(first["run"].isin(list(marked)) & first["role"].isin(OUTCOMES))
    return first[~again].sort_index().assign(runs=lambda kept: kept["network"].map(frame["network"].value_counts()))


def columns() -> Columns:
    """Return the columns of the table: their titles and how their values are shown."""
    return {
        "role": (_("Role"), None),
        "model": (_("Network"), None),
        "dataset": (_("Dataset"), None),
        "accuracy": (_("Accuracy"), _or_dash(format_percent)),
        "interval": (_("95 % interval"), None),
        "settings": (_("Method"), None),
        "size_bytes": (_("File size"), _or_dash(format_bytes)),
        "latency_ms": (_("Latency"), _or_dash(format_milliseconds)),
        "macs": (_("MACs"), _or_dash(lambda macs: " ".join(scale(macs)).rstrip())),
        "parameters": (_("Parameters"), _or_dash(format_count)),
        "nonzero": (_("Non-zero"), _or_dash(format_count)),
        "runs": (_("Runs"), None),
        "title": (_("Title"), None),
        "kind": (_("Kind"), kind_title),
        "seeds": (_("Seeds"), None),
        "accuracy_evidence": (_("Accuracy is"), evidence_title),
        "latency_evidence": (_("Latency is"), evidence_title),
        "device": (_("Device"), None),
        "who": (_("Owner"), None),
        "created": (_("Made"), None),
    }


def _or_dash(show: Callable[[float], str]) -> Callable[[Any], str]:
    return lambda value: "–" if pd.isna(value) else show(value)


def with_settings(frame: pd.DataFrame, runs: Mapping[str, Run]) -> tuple[pd.DataFrame, list[str]]:
    """Return the models with a column for each setting in which their runs differ, and the titles of these columns.

    A setting that decides over no network of a role, such as a teacher's temperature, is empty there; so is the method.
    """
    told: dict[str, dict[str, Any]] = {}
    paths: dict[str, str] = {}
    for kind in dict.fromkeys(frame["kind"]):
        there = [runs[run] for run in dict.fromkeys(frame.loc[frame["kind"] == kind, "run"])]
        for path, (title, values) in zip(settings_rows(there), columns_of(there).items(), strict=True):
            paths[title] = path
            told.setdefault(title, {}).update(zip((run.id for run in there), values, strict=True))
    rows = list(zip(frame["run"], frame["role"], strict=True))
    parts = {(run, role): _made_from(runs[run], role) for run, role in rows}
    columns = {
        title: [values.get(row[0]) if not parts[row] or paths[title].partition(".")[0] in parts[row] else None for row in rows]
        for title, values in told.items()
        if title not in frame
    }
    methods = [text if not parts[row] else "" for text, row in zip(frame["settings"], rows, strict=True)]
    shown = [title for title, values in columns.items() if any(value is not None for value in values)]
    return frame.assign(**columns, settings=methods), shown


def show(address: Address, frame: pd.DataFrame, chosen: Sequence[str], settings: Sequence[str]) -> None:
    """Draw the table with the chosen runs marked; whoever marks others chooses them.

    Args:
        settings: the columns of settings, of which the first are shown.
    """
    frame = frame.reset_index(drop=True)
    runs = frame["run"].tolist()
    row_selection.hold(KEY, runs, chosen, lambda run: _main_row(frame, run))

    def keep() -> None:
        hidden = [run for run in chosen if run not in runs]
        st.session_state[address.key("runs")] = list(dict.fromkeys([*hidden, *row_selection.marked(KEY, runs)]))

    shown = _with_columns(columns(), settings[:MOST_SETTINGS])
    st.dataframe(
        _styled(frame, shown),
        key=KEY,
        height=table_height(len(runs), MOST_ROWS_SHOWN),
        hide_index=True,
        on_select=keep,
        selection_mode="multi-row",
        column_order=list(shown),
        column_config={
            **{name: st.column_config.Column(title) for name, (title, _show) in shown.items()},
            "created": st.column_config.DatetimeColumn(shown["created"][0], format="distance"),
        },
    )


def _with_columns(shown: Columns, settings: Sequence[str]) -> Columns:
    """Return the columns with those of settings after the accuracy and its interval."""
    told: Columns = {title: (title, setting_cell) for title in settings}
    place = list(shown).index("interval") + 1
    return dict([*list(shown.items())[:place], *told.items(), *list(shown.items())[place:]])


def setting_cell(value: Any) -> str:
    """Return a setting as a table shows it: empty where there is none, since a missing number would be shown as None."""
    return f"{value:g}" if isinstance(value, float) and not pd.isna(value) else "" if pd.isna(value) else str(value)


def _styled(frame: pd.DataFrame, shown: Columns) -> Any:
    intervals = [
        "–" if pd.isna(low) or pd.isna(high) else f"{100 * low:.1f} – {100 * high:.1f} %"
        for low, high in zip(frame["low"], frame["high"], strict=True)
    ]
    table = frame.assign(interval=intervals)[list(shown)]
    for name in (name for name, (_title, told) in shown.items() if told is setting_cell and table[name].isna().any()):
        table[name] = [setting_cell(value) for value in table[name]]
    formats = {name: told for name, (_title, told) in shown.items() if told is not None}
    colours = {role: f"color: {role_look(role).colour}; font-weight: 600" for role in set(frame["role"])}
    styled = table.style.format(formats).map(lambda role: colours[role], subset=["role"])
    for (role, called), rows in frame.groupby(["role", "called"]).groups.items():
        text = f"{SIGNS[role_look(role).symbol]} {called}"
        styled = styled.format(lambda _role, text=text: text, subset=(rows, ["role"]))
    return styled


def _main_row(frame: pd.DataFrame, run: str) -> int:
    rows = frame.index[frame["run"] == run]
    return next((row for row in rows if frame["role"][row] in OUTCOMES), rows[-1])


def csv(frame: pd.DataFrame) -> str:
    """Return the models as a file for a spreadsheet, numbers unrounded, without who owns them."""
    return frame.drop(columns=["owner", "who", "network"]).to_csv(index=False)
