"""The layers of a network before and after compression, side by side."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.numbers import format_bytes, format_count, format_ratio
from compression.runs.records import Event
from compression.texts import gettext as _
from ui.widgets.table_height import table_height

MOST_ROWS_SHOWN = 12
SUFFIXES = ("_before", "_after")


def layers(events: Iterable[Event]) -> pd.DataFrame | None:
    """Return a row a layer of the first seed that has both tables, before and after; None before that.

    Columns: layer, kind, shape (as text), parameters, macs, and each of nonzero, bits, bytes with `_before` and `_after`.
    """
    told: dict[tuple[str, Any], Sequence[Mapping[str, Any]]] = {
        (event.payload["role"], event.payload.get("seed")): event.payload["rows"] for event in events if event.type == "layers"
    }
    for role, seed in told:
        if role == "original" and ("compressed", seed) in told:
            before, after = (pd.DataFrame(told[part, seed]) for part in ("original", "compressed"))
            both = before.merge(after.drop(columns=["kind", "shape", "parameters", "macs"]), on="layer", suffixes=SUFFIXES)
            both["shape"] = ["×".join(map(str, shape)) for shape in both["shape"]]
            return both
    return None


def show(events: Iterable[Event], name: str) -> None:
    """Draw the table with its sums and its file.

    Args:
        name: of the file, without its ending.
    """
    table = layers(events)
    if table is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(_("**Layers before and after**"))
        looks = {"icon": ":material/download:", "on_click": "ignore", "type": "tertiary"}
        st.download_button(_("Layers (CSV)"), lambda: table.to_csv(index=False), f"{name}-layers.csv", "text/csv", **looks)
    st.dataframe(_shown(table), column_config=_columns(), hide_index=True, height=table_height(len(table), MOST_ROWS_SHOWN))
    st.caption(in_all(table))


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as people read it: what changes as `before → after`."""
    shown = table[["layer", "shape", "parameters", "macs"]].copy()
    shown["layer"] = table["layer"] + " " + table["kind"]
    for place, name in enumerate(("nonzero", "bits", "bytes"), 3):
        pairs = zip(table[f"{name}_before"], table[f"{name}_after"], strict=True)
        shown.insert(place, name, [f"{before:,} → {after:,}" if before != after else f"{after:,}" for before, after in pairs])
    return shown


def _columns() -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "layer": text(_("Layer"), pinned=True),
        "shape": text(_("Shape")),
        "parameters": number(_("Parameters"), format="localized"),
        "nonzero": text(_("Non-zero"), alignment="right"),
        "bits": text(_("Bits"), alignment="right"),
        "bytes": text(_("Bytes"), alignment="right"),
        "macs": number(_("MACs"), format="compact", help=_("Multiply-accumulates an example; zeros count like any weight")),
    }


def in_all(table: pd.DataFrame) -> str:
    """Return the sums of the table in a sentence."""
    sums = table[["parameters", "nonzero_after", "bytes_before", "bytes_after"]].sum()
    sentence = _(
        "In all {kept} of {parameters} parameters are not zero, and the tensors take {after} instead of {before} ({ratio} less); "
        "the file adds a header. Biases and norms stay at 32 bits."
    )
    return sentence.format(
        kept=format_count(sums["nonzero_after"]),
        parameters=format_count(sums["parameters"]),
        after=format_bytes(sums["bytes_after"]),
        before=format_bytes(sums["bytes_before"]),
        ratio=format_ratio(sums["bytes_before"] / max(sums["bytes_after"], 1)),
    )
