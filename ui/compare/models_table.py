"""Every finished model in one table; marking rows puts their runs side by side."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.numbers import format_bytes, format_count, format_milliseconds, format_percent, scale
from compression.charts.style import ROLES, role_title
from compression.charts.tradeoff import evidence_title
from compression.runs.frames import models_frame, models_of
from compression.runs.records import Run
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.run.differences import OUTCOMES
from ui.run.words import kind_title, network, owner_text, settings_text
from ui.widgets import row_selection
from ui.widgets.table_height import table_height

KEY = "compare-models"
SIGNS = {"teacher": "■", "baseline": "▲", "student": "●", "original": "■", "compressed": "◆"}
MOST_ROWS_SHOWN = 10


def models(runs: Sequence[Run], viewer: str) -> pd.DataFrame:
    """Return the models frame of finished runs in words: their networks, their run's settings and its owner."""
    frame = models_frame(runs)
    settings = {run.id: settings_text(run.spec) for run in runs}
    made = {(run.id, role): network(model.get("architecture")) for run in runs for role, model in models_of(run).items()}
    return frame.assign(
        model=[made[key] for key in zip(frame["run"], frame["role"], strict=True)],
        settings=frame["run"].map(settings),
        who=[owner_text(person, viewer) for person in frame["owner"]],
    )


def columns() -> dict[str, tuple[str, Callable[[Any], str] | None]]:
    """Return the columns of the table: their titles and how their values are shown."""
    return {
        "role": (_("Role"), lambda role: f"{SIGNS.get(role, '')} {role_title(role)}".strip()),
        "model": (_("Network"), None),
        "dataset": (_("Dataset"), None),
        "accuracy": (_("Accuracy"), _or_dash(format_percent)),
        "interval": (_("95 % interval"), None),
        "size_bytes": (_("File size"), _or_dash(format_bytes)),
        "latency_ms": (_("Latency"), _or_dash(format_milliseconds)),
        "macs": (_("MACs"), _or_dash(lambda macs: " ".join(scale(macs)).rstrip())),
        "parameters": (_("Parameters"), _or_dash(format_count)),
        "nonzero": (_("Non-zero"), _or_dash(format_count)),
        "settings": (_("Settings"), None),
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


def show(address: Address, frame: pd.DataFrame, chosen: Sequence[str]) -> None:
    """Draw the table with the chosen runs marked; whoever marks others chooses them."""
    frame = frame.reset_index(drop=True)
    runs = frame["run"].tolist()
    row_selection.hold(KEY, runs, chosen, lambda run: _main_row(frame, run))

    def keep() -> None:
        hidden = [run for run in chosen if run not in runs]
        st.session_state[address.key("runs")] = list(dict.fromkeys([*hidden, *row_selection.marked(KEY, runs)]))

    shown = columns()
    st.dataframe(
        _styled(frame),
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


def _styled(frame: pd.DataFrame) -> Any:
    intervals = [
        "–" if pd.isna(low) or pd.isna(high) else f"{100 * low:.1f} – {100 * high:.1f} %"
        for low, high in zip(frame["low"], frame["high"], strict=True)
    ]
    table = frame.assign(interval=intervals)[list(columns())]
    formats = {name: shown for name, (_title, shown) in columns().items() if shown is not None}
    colours = {role: f"color: {style.colour}; font-weight: 600" for role, style in ROLES.items()}
    return table.style.format(formats).map(lambda role: colours.get(role, ""), subset=["role"])


def _main_row(frame: pd.DataFrame, run: str) -> int:
    rows = frame.index[frame["run"] == run]
    return next((row for row in rows if frame["role"][row] in OUTCOMES), rows[-1])


def csv(frame: pd.DataFrame) -> str:
    """Return the models as a file for a spreadsheet, numbers unrounded, without who owns them."""
    return frame.drop(columns=["owner", "who"]).to_csv(index=False)
